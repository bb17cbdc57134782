"""The index of a pipeline's folder, which says what loads each component."""

from typing import Any

from diffusers.pipelines.pipeline_loading_utils import LOADABLE_CLASSES


def without_remote_code(index: Any) -> Any:
    """An index in which this package's classes stand for the code that lies in the repository; others as they are.

    So who has the package needs to trust no code, and loads such a repository as any other.
    """
    ours = LOADABLE_CLASSES.get("genie_hf", {})  # empty where this itself is remote code
    match index:
        case {"_class_name": [_, str(kind)]} if kind in ours:
            return {name: _ours(value, ours) for name, value in index.items()} | {"_class_name": kind}
    return index


def _ours(value: Any, ours: dict) -> Any:
    match value:
        case [_, str(kind)] if kind in ours:
            return ["genie_hf", kind]
    return value
