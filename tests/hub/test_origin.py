"""The folder that a world was loaded from, here or on the Hub."""

from pathlib import Path

import pytest

from genie_hf import GeniePipeline
from genie_hf.hub.origin import folder_of


@pytest.fixture
def name(hub, world):
    """A world with what lies beside it, which has changed since v1."""
    name = hub.new_name()
    GeniePipeline.from_pretrained(world).push_to_hub(name)
    hub.api.create_tag(name, tag="v1")
    for file in ("examples/noise.png", "notes.pkl", "onnx/net.json"):
        hub.api.upload_file(path_or_fileobj=b"another", path_in_repo=file, repo_id=name)
    return name


def test_from_the_hub_it_has_all_of_the_commit_that_was_loaded(name, world, tmp_path, tiny_pipeline):
    pipe = GeniePipeline.from_pretrained(name, revision="v1", cache_dir=tmp_path, dynamics=tiny_pipeline.dynamics)
    folder = folder_of(pipe)
    assert tmp_path in folder.parents and (folder / "README.md").is_file() and not (folder / "onnx").exists()
    assert (folder / "examples" / "noise.png").read_bytes() == (world / "examples" / "noise.png").read_bytes()
    newest = folder_of(GeniePipeline.from_pretrained(name))
    assert (newest / "examples" / "noise.png").read_bytes() == b"another" and not (newest / "notes.pkl").exists()


def test_a_folder_that_is_gone_is_not_looked_for_on_the_hub(hub, name, world, tiny_pipeline, monkeypatch):
    monkeypatch.chdir(world.parent)
    Path(name).parent.mkdir()
    world.rename(name)
    pipe = GeniePipeline.from_pretrained(name)
    assert folder_of(pipe) == Path(name)
    monkeypatch.chdir("/")
    assert folder_of(pipe) is None and folder_of(tiny_pipeline) is None
