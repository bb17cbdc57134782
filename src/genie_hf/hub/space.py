"""A Space that plays worlds: the page, this package beside it, and which worlds it plays."""

import re
from collections.abc import Sequence
from importlib.metadata import requires
from pathlib import Path

import yaml

PACKAGE = Path(__file__).parents[1]
PAGE = ("*.py", "README.md", "requirements.txt", "pictures/*", "player/*")
WORLDS = "worlds.txt"
WORLD_LINK = "[{0}](https://huggingface.co/{0})"


def space_files(page: Path, space: str, worlds: Sequence[str]) -> dict[str, Path | bytes]:
    """What lies in a Space, by name.

    A Space installs its requirements before its files are there, so this package is not one of them: it lies beside
    `app.py`, where Python finds it, as it is here.

    Args:
        page: the folder `spaces_app`.
        space: the Space's name, as user/name.
        worlds: what it plays, as user/world@revision.
    """
    found = [path for pattern in PAGE for path in sorted(page.glob(pattern)) if path.is_file()]
    files: dict[str, Path | bytes] = {path.relative_to(page).as_posix(): path for path in found}
    files["README.md"] = readme(page / "README.md", space, worlds)
    files["requirements.txt"] = requirements(page / "requirements.txt")
    files[WORLDS] = "".join(f"{world}\n" for world in worlds).encode()
    for path in sorted(PACKAGE.rglob("*")):
        inside = path.relative_to(PACKAGE)
        if path.is_file() and inside.parts[0] not in ("spaces_app", "pipelines") and path.suffix != ".pyc":
            files[f"{PACKAGE.name}/{inside.as_posix()}"] = path
    return files


def is_replaced(name: str) -> bool:
    """Whether a file of a Space is one of an earlier state of the page, and goes if it is not among its files."""
    return name.startswith((f"{PACKAGE.name}/", "pictures/", "player/")) or re.fullmatch(r"\w+\.py", name) is not None


def readme(page: Path, space: str, worlds: Sequence[str]) -> bytes:
    """The page's README with this Space's name, links to its worlds, and the name by which a program finds it."""
    _, head, body = page.read_text(encoding="utf-8").split("---\n", 2)
    models = [world.partition("@")[0] for world in worlds]
    card = yaml.safe_load(head) | {"title": space.split("/")[1], "models": models}
    body = body.replace(WORLD_LINK.format("OWNER/genie-coinrun"), ", ".join(map(WORLD_LINK.format, models)))
    body = body.replace('Client("OWNER/genie")', f'Client("{space}")')
    return f"---\n{yaml.safe_dump(card, sort_keys=False, allow_unicode=True)}---\n{body}".encode()


def requirements(page: Path) -> bytes:
    """The page's requirements, with those of this package in its place."""
    needed = [line for line in requires("genie-hf") if "extra ==" not in line]
    return page.read_text(encoding="utf-8").replace("genie-hf\n", "\n".join(needed) + "\n").encode()
