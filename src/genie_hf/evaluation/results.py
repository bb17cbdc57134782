"""Results of minutes of computing: the folder is tried first, and they are not lost if writing fails.

They name the world that was measured, so that they are not shown beside one that was trained later.
"""

import json
import logging
import tempfile
from pathlib import Path

import PIL.Image

from ..fingerprint import fingerprint
from ..models.modeling_dynamics import GenieDynamicsModel

logger = logging.getLogger(__name__)


def check_folder(folder: str | Path) -> Path:
    """Creates a folder and checks that files can be written to it.

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


def write_results(folder: Path, files: dict[str, dict | PIL.Image.Image], dynamics: GenieDynamicsModel) -> None:
    """Writes figures as JSON, with the fingerprint of the dynamics that were measured, and pictures.

    Raises:
        OSError: that failed, although `check_folder` succeeded; the message holds the figures.
    """
    measured = {"dynamics_fingerprint": fingerprint(dynamics)}
    try:
        for name, content in files.items():
            if isinstance(content, dict):
                (folder / name).write_text(json.dumps(measured | content, indent=2) + "\n", encoding="utf-8")
            else:
                content.save(folder / name)
    except OSError as error:
        figures = json.dumps([content for content in files.values() if isinstance(content, dict)])
        raise OSError(f"{folder} can no longer be written to ({error}). The figures are: {figures}") from error


def read_results(path: Path, dynamics: GenieDynamicsModel) -> dict | None:
    """Figures that `write_results` wrote.

    None where there is no such file, and with a warning where they are those of other dynamics.

    Raises:
        ValueError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): measure again, or delete it.") from error
    measured, ours = figures.get("dynamics_fingerprint"), fingerprint(dynamics)
    if measured and ours and measured != ours:
        logger.warning(
            "%s is not shown: it was measured on a different world (dynamics %s, not %s). Measure again.",
            path,
            measured,
            ours,
        )
        return None
    return figures
