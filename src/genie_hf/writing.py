"""Files that cannot be written are told in one sentence, before the work for them where that can be known."""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EISDIR
from pathlib import Path
from tempfile import TemporaryFile


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around what writes a file or a folder.

    Raises:
        OSError: it cannot be written; the sentence names it, and a remedy.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"{path} cannot be written ({reason}). Make room, or name another place.") from error


def check_writable(path: Path) -> None:
    """Raises `OSError` if no file can be created at `path`; creates its folder."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        with TemporaryFile(dir=path.parent):
            pass
