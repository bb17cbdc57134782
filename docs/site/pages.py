"""What the site holds: each file under its path in the repository, so that the links between files work in both.

A notebook is a page as it was stored, with its pictures beside it; nothing is run.
"""

from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[2]

HELD = (
    "*.md",
    "CITATION.cff",
    "LICENSE",
    "docs/*.*",
    "docs/api/*.md",
    "docs/benchmarks/*",
    "docs/notebooks/*.ipynb",
    "pipelines/*/*.yaml",
    "pipelines/coinrun-gpu/*.json",
    "pipelines/coinrun-gpu/*.md",
    "pipelines/coinrun-gpu/*.png",
    "pipelines/coinrun-small/*.md",
    "spaces_app/*.md",
    "spaces_app/pictures/*",
)


class NotebookPage(File):
    """Keeps the name of its notebook, so that links to the notebook lead here."""

    def is_documentation_page(self) -> bool:
        return True


def from_notebook(config: MkDocsConfig, path: Path) -> Iterator[File]:
    body, resources = MarkdownExporter().from_filename(str(path), {"unique_key": path.stem})
    yield NotebookPage.generated(config, path.relative_to(ROOT).as_posix(), content=body)
    for name, picture in resources["outputs"].items():
        yield File.generated(config, path.with_name(name).relative_to(ROOT).as_posix(), content=picture)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files above in place of what MkDocs found in docs/, beside those of the theme."""
    ours = []
    for path in (path for pattern in HELD for path in sorted(ROOT.glob(pattern))):
        if path.suffix == ".ipynb":
            ours += from_notebook(config, path)
        else:
            ours.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    return Files([file for file in files if file.src_dir != config.docs_dir] + ours)
