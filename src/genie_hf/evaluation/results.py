"""Results of minutes of computing: where they go is tried before, and they are not lost where that fails."""

import json
import tempfile
from pathlib import Path

import PIL.Image


def check_folder(folder: str | Path) -> Path:
    """Makes a folder and tries whether files can be written to it.

    Raises:
        ValueError: they cannot.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"nothing can be written to {folder} ({error.strerror}): choose another output.") from error
    return folder


def write_results(folder: Path, files: dict[str, dict | PIL.Image.Image]) -> None:
    """Writes figures as JSON, and pictures.

    Raises:
        OSError: that failed, although `check_folder` succeeded; the message holds the figures.
    """
    try:
        for name, content in files.items():
            if isinstance(content, dict):
                (folder / name).write_text(json.dumps(content, indent=2) + "\n")
            else:
                content.save(folder / name)
    except OSError as error:
        figures = json.dumps([content for content in files.values() if isinstance(content, dict)])
        raise OSError(f"{folder} cannot be written to any more ({error}). The figures are: {figures}") from error
