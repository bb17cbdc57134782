"""A world with its code: a repository that loads with `trust_remote_code=True` where this package is not installed.

transformers looks for the code of a model beside its configuration or, on the Hub, in the repository's root; diffusers
takes one file from each component's folder. So each model's code lies in both places, in one file.
"""

import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import snapshot_download
from transformers import PreTrainedModel

import genie_hf

from ..writing import check_writable, writing
from .bundle import bundle
from .errors import hub_sentences
from .files import CARD, card_in, is_replaced, module_name, read_json, world_files

INDEX = "model_index.json"


def export_remote_code(pipeline: str | Path, folder: str | Path, overwrite: bool = False) -> Path:
    """Writes what is published of a world, and the code that plays it.

    Args:
        pipeline: a saved [`GeniePipeline`]: its folder, or its name on the Hub.
        folder: what to write.
        overwrite: whether a world in the folder is replaced; what else is there stays.

    Returns:
        The folder.

    Raises:
        FileExistsError: for a folder that is not empty.
        OSError: for a folder without a pipeline, and one that cannot be written, which is left as it was.
        ValueError: for a pipeline that is none of this package's, and for a folder in its own.
    """
    source, folder = Path(pipeline), Path(folder)
    if not source.is_dir():
        with hub_sentences(str(pipeline)):
            source = Path(snapshot_download(str(pipeline)))
    if source.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise ValueError(f"{folder} lies in the pipeline itself: choose another folder.")
    if not overwrite and folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not empty: choose another folder, or --overwrite the world in it.")
    code = remote_code(source)
    check_writable(folder / INDEX)
    files = world_files(source, genie_hf.GeniePipeline.from_pretrained(source).dynamics)
    card = card_in(source) or ""
    how = f"{without_package('NAME')}\n\nNAME is this folder, or a repository with its files.\n"
    texts = {**code, CARD: card if how in card else f"{card}\n{how}"}
    there = [path for path in folder.rglob("*") if path.is_file()]
    with writing(folder), TemporaryDirectory(dir=folder) as unfinished:
        for name, path in files.items():
            Path(unfinished, name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, Path(unfinished, name))
        for name, text in texts.items():
            Path(unfinished, name).write_text(text, "utf-8")
        for path in there:
            if is_replaced(path.relative_to(folder).as_posix(), files):
                path.unlink()
        for name in {**files, **texts}:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(Path(unfinished, name), folder / name)
    return folder


def without_package(name: str) -> str:
    """The section of a card that says how the world is loaded.

    Args:
        name: of its folder or repository, as Python has it.
    """
    load = f"pipe = DiffusionPipeline.from_pretrained({name}, trust_remote_code=True)"
    return (
        "## Without genie_hf\n\nThe code that plays this world lies beside it. Where genie_hf is not installed, "
        f"diffusers loads both:\n\n```python\nfrom diffusers import DiffusionPipeline\n\n{load}\n```"
    )


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
        module = module_name(component)
        code = bundle(component.__module__)
        files[f"{name}/{module}.py"] = code
        index[name] = [module, component.__name__]
        if issubclass(component, PreTrainedModel):
            files[f"{module}.py"] = code
            config = read_json(source / name / "config.json")
            config["auto_map"] = {
                "AutoConfig": f"{module}.{component.config_class.__name__}",
                "AutoModel": f"{module}.{component.__name__}",
            }
            files[f"{name}/config.json"] = _json(config)

    module = module_name(pipeline)
    annotated = [kind for kinds in pipeline._get_signature_types().values() for kind in kinds]
    of_components = {kind.__module__ for kind in annotated if kind.__module__.startswith("genie_hf.")}
    files[f"{module}.py"] = bundle(pipeline.__module__, of_components)
    index["_class_name"] = [module, pipeline.__name__]
    files[INDEX] = _json(index)
    return files


def _json(values: dict) -> str:
    return json.dumps(values, indent=2, sort_keys=True) + "\n"
