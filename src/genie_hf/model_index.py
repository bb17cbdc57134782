"""The index of a pipeline's folder, which says what loads each component."""

from diffusers.pipelines.pipeline_loading_utils import LOADABLE_CLASSES


def without_remote_code(index: dict) -> dict:
    """An index in which this package's classes stand for the code that lies in the repository; no other is changed.

    So whoever has the package needs to trust no code, and loads such a repository as any other.
    """
    ours = LOADABLE_CLASSES.get("genie_hf", {})  # nothing where this runs as remote code itself
    if not isinstance(index.get("_class_name"), list) or index["_class_name"][1] not in ours:
        return index
    components = {
        name: ["genie_hf", value[1]]
        for name, value in index.items()
        if isinstance(value, list) and len(value) == 2 and value[1] in ours
    }
    return index | components | {"_class_name": index["_class_name"][1]}
