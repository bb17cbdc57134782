"""Makes our classes known to transformers and diffusers once somebody uses these libraries, and not before.

After `import genie_hf`, `AutoModel.from_pretrained` and `DiffusionPipeline.from_pretrained` load our folders.
Importing both libraries for that takes seconds, which a program that needs neither should not wait for. So each of
them is watched: once its module that finds classes has been imported, ours are, and register themselves.
"""

import importlib
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


class Watch(MetaPathFinder):
    """Imports our module after a library's, once nothing of the library is half imported any more.

    Args:
        library: the library's name.
        finder: its module that finds classes.
        ours: our module, which registers itself at its end.
    """

    def __init__(self, library: str, finder: str, ours: str):
        self.library, self.finder, self.ours = library, finder, ours
        self.begun = 0  # modules of the library that are being imported, one by the other
        sys.meta_path.insert(0, self)
        self.import_ours()

    def find_spec(self, name, path=None, target=None):
        """As Python's own, for modules of the library, which are counted from now on."""
        spec = PathFinder.find_spec(name, path, target) if name.startswith(f"{self.library}.") else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_count(module):
            self.begun += 1
            try:
                execute(module)
            finally:
                self.begun -= 1
            self.import_ours()

        spec.loader.exec_module = execute_and_count  # type: ignore[method-assign]
        return spec

    def import_ours(self) -> None:
        if self in sys.meta_path and not self.begun and self.finder in sys.modules:
            sys.meta_path.remove(self)
            importlib.import_module(self.ours)


def watch() -> None:
    Watch("transformers", "transformers.models.auto.configuration_auto", "genie_hf.models")
    Watch("diffusers", "diffusers.pipelines.pipeline_utils", "genie_hf.pipeline_genie")
    Watch("gymnasium", "gymnasium.envs.registration", "genie_hf.agents.registration")


def register_pipeline(pipeline: type["DiffusionPipeline"]) -> None:
    """Makes a pipeline and its components known to diffusers.

    It finds components by library and class name, and the pipeline by its name alone. These entries make "genie_hf"
    such a library: then model_index.json holds ["genie_hf", "GenieDynamicsModel"], and `DiffusionPipeline` loads it
    from a folder or from the Hub.
    """
    import diffusers
    from diffusers.pipelines import pipeline_loading_utils

    from .models import MODELS

    loadable = {
        name: ["save_pretrained", "from_pretrained"]
        for name in (*(model.__name__ for model in MODELS), "MaskGITScheduler", "GeniePipeline")
    }
    pipeline_loading_utils.LOADABLE_CLASSES["genie_hf"] = loadable
    pipeline_loading_utils.ALL_IMPORTABLE_CLASSES.update(loadable)
    diffusers.GeniePipeline = pipeline
