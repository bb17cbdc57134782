"""A world with its code: a repository that loads with `trust_remote_code=True` where this package is not installed.

transformers looks for the code of a model beside its configuration or, on the Hub, in the repository's root; diffusers
takes one file from each component's folder. So each model's code lies in both places, in one file.
"""

import json
import shutil
from pathlib import Path

from huggingface_hub import snapshot_download
from transformers import PreTrainedModel

import genie_hf

from .bundle import bundle

INDEX = "model_index.json"
LEFT_OUT = (".*", "runs")  # of a folder that a world was trained in
HOW_TO_LOAD = """
## Without genie_hf

The code that plays this world lies beside it. Where genie_hf is not installed, diffusers loads both:

```python
from diffusers import DiffusionPipeline

pipe = DiffusionPipeline.from_pretrained(NAME, trust_remote_code=True)  # this folder, or its name on the Hub
```
"""


def export_remote_code(pipeline: str | Path, folder: str | Path, overwrite: bool = False) -> Path:
    """Writes a world and the code that plays it.

    Args:
        pipeline: a saved [`GeniePipeline`]: its folder, or its name on the Hub.
        folder: what to write.
        overwrite: whether a world in the folder is replaced; what else is there stays.

    Returns:
        The folder.

    Raises:
        FileExistsError: for a folder that is not empty.
        OSError: for a folder without a pipeline, and one that cannot be written.
        ValueError: for a pipeline that is none of this package's, and for a folder in its own.
    """
    source, folder = Path(pipeline), Path(folder)
    if not source.is_dir():
        source = Path(snapshot_download(str(pipeline)))
    files = remote_code(source)
    if source.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise ValueError(f"{folder} lies in the pipeline itself: choose another folder.")
    if not overwrite and folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not empty: choose another folder, or --overwrite the world in it.")
    for component in {name.partition("/")[0] for name in files if "/" in name}:
        shutil.rmtree(folder / component, ignore_errors=True)  # or weights in other files would stay beside these
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    card = folder / "README.md"
    known = card.read_text() if card.exists() else ""
    if HOW_TO_LOAD not in known:
        card.write_text(known + HOW_TO_LOAD)
    return folder


def remote_code(source: Path) -> dict[str, str]:
    """What makes a pipeline's folder load without this package, to be put into a copy of it.

    Args:
        source: the folder.

    Returns:
        Contents of files by their names in the folder: the code, and what names it: `model_index.json` and each
        model's `config.json`.

    Raises:
        ValueError: for a pipeline that is none of this package's.
    """
    pipeline = genie_hf.GeniePipeline
    index = pipeline.load_config(source)
    if index["_class_name"] != pipeline.__name__:
        raise ValueError(f"{source} holds a {index['_class_name']}: name the folder of a GeniePipeline.")
    components = {
        name: getattr(genie_hf, value[1])
        for name, value in index.items()
        if isinstance(value, list) and value[0] == "genie_hf"
    }
    files: dict[str, str] = {}
    for name, component in components.items():
        module = _file_name(component)
        code = bundle(component.__module__)
        files[f"{name}/{module}.py"] = code
        index[name] = [module, component.__name__]
        if issubclass(component, PreTrainedModel):
            files[f"{module}.py"] = code
            config = json.loads((source / name / "config.json").read_text())
            config["auto_map"] = {
                "AutoConfig": f"{module}.{component.config_class.__name__}",
                "AutoModel": f"{module}.{component.__name__}",
            }
            files[f"{name}/config.json"] = _json(config)

    module = _file_name(pipeline)
    annotated = [kind for kinds in pipeline._get_signature_types().values() for kind in kinds]
    of_components = {kind.__module__ for kind in annotated if kind.__module__.startswith("genie_hf.")}
    files[f"{module}.py"] = bundle(pipeline.__module__, of_components)
    index["_class_name"] = [module, pipeline.__name__]
    files[INDEX] = _json(index)
    return files


def _file_name(cls: type) -> str:
    return cls.__module__.rpartition(".")[2]


def _json(values: dict) -> str:
    return json.dumps(values, indent=2, sort_keys=True) + "\n"
