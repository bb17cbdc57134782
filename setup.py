"""What pyproject.toml cannot say: two folders of the repository are parts of the package.

`genie-hf play` needs the page and the world that it plays by default. Both lie at the top of the repository, where
the Hub and people look for them, and below `genie_hf` where the package is installed.
"""

from setuptools import find_packages, setup

PAGE = "genie_hf.spaces_app"
WORLD = ("*.json", "*.md", "*.yaml", "*/config.json", "*/model.safetensors", "scheduler/*", "examples/*")

setup(
    packages=[*find_packages("src"), PAGE, f"{PAGE}.pictures", f"{PAGE}.player", "genie_hf.pipelines"],
    package_dir={"": "src", PAGE: "spaces_app", "genie_hf.pipelines": "pipelines"},
    package_data={
        PAGE: ["README.md", "requirements.txt"],
        f"{PAGE}.pictures": ["*"],
        f"{PAGE}.player": ["*"],
        "genie_hf.pipelines": [f"coinrun-gpu/{pattern}" for pattern in WORLD],
    },
)
