"""What is kept of files in the cache of the datasets library, for as long as they do not change."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from errno import EDQUOT, ENOSPC
from pathlib import Path

import datasets


def fingerprint(files: Iterable[Path]) -> str:
    """Changes whenever one of the files does."""
    content = hashlib.sha256()
    for path in files:
        stat = path.stat()
        place = str(path.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
        content.update(repr(place).encode())
    return content.hexdigest()


def own_cache(files: Iterable[Path]) -> str:
    """A folder for what the datasets library makes of these files as they are now.

    Its own cache goes by the name of their folder, and mistakes one recording for another.
    """
    return str(cache_folder() / fingerprint(files)[:32])


def found_once(kind: str, key: str, look: Callable[[], dict]) -> dict:
    """What `look` finds, as JSON can hold it.

    A second time with the same key it is not called. Its errors are not kept.
    """
    path = cache_folder() / kind / f"{key}.json"
    if path.exists():
        return json.loads(path.read_text())
    found = look()
    with contextlib.suppress(OSError):  # a cache that cannot be written
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(found))
        os.replace(unfinished, path)
    return found


def cache_folder() -> Path:
    return Path(datasets.config.HF_DATASETS_CACHE) / "genie_hf"


def check_cache(error: Exception) -> None:
    """Raises `OSError` if the error means that the cache of the datasets library cannot be written."""
    cache = Path(datasets.config.HF_DATASETS_CACHE)
    for cause in (error, error.__cause__, error.__context__):
        if not isinstance(cause, OSError):
            continue
        where = Path(cause.filename) if cause.filename else None
        concerned = where is not None and (where.is_relative_to(cache) or cache.is_relative_to(where))
        if concerned or cause.errno in (ENOSPC, EDQUOT):
            raise OSError(
                f"data are unpacked into {cache}, which cannot be written ({cause.strerror}): make room there, or set "
                "HF_HOME to another folder."
            ) from error
