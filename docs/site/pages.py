"""What the site holds: each file under its path in the repository, so that the links between files work in both."""

from pathlib import Path

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]

HELD = (
    "*.md",
    "CITATION.cff",
    "LICENSE",
    "docs/*.*",
    "docs/api/*.md",
    "docs/benchmarks/*",
    "pipelines/*/*.yaml",
    "pipelines/coinrun-gpu/*.json",
    "pipelines/coinrun-gpu/*.md",
    "pipelines/coinrun-gpu/*.png",
    "pipelines/coinrun-small/*.md",
    "spaces_app/*.md",
    "spaces_app/pictures/*",
)


def on_files(files: Files, config) -> Files:
    """The files above in place of what MkDocs found in docs/, beside those of the theme."""
    theme = [file for file in files if file.src_dir != config.docs_dir]
    paths = (path for pattern in HELD for path in sorted(ROOT.glob(pattern)))
    ours = [File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)) for path in paths]
    return Files(theme + ours)
