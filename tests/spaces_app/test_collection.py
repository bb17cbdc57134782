"""What players give becomes data that worlds can be trained with, and nothing else does."""

import asyncio
import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from batch_engine import BatchEngine
from collection import Collection
from genie_hf import GeniePipeline
from genie_hf.data import VideoDataset
from genie_hf.hub.recording_card import recording_card
from genie_hf.hub.recordings import read_recording
from genie_hf.training import train
from genie_hf.training.recipe_file import RecipeLoader, build_recipe
from refusal import Refusal
from service import Service, Visits

ROOT = Path(__file__).parents[2]
NAMES = ["left", "", "right", "jump", ""]


@pytest.fixture
def collection(tiny_pipeline, tmp_path):
    return Collection(tmp_path / "given", "tiny", tiny_pipeline, NAMES)


@pytest.fixture
def service(tiny_pipeline, collection, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    gallery = {"noise": tmp_path / "noise.png"}
    return Service(tiny_pipeline, gallery, BatchEngine(tiny_pipeline), Visits(), collection)


def ask(request):
    return asyncio.run(request)


def play(service, actions, world=None):
    """Plays on and returns the token and the frames."""
    world = world or ask(service.start({"gallery": "noise", "seed": 5, "steps": 1}, "me"))["world"]
    images = [ask(service.step({"world": world, "action": action}))["image"] for action in actions]
    return world, [np.asarray(Image.open(io.BytesIO(base64.b64decode(i.partition("base64,")[2])))) for i in images]


def read(collection):
    return VideoDataset(collection.folder, num_frames=2)


def test_what_is_given_is_data_and_what_is_only_played_is_not(service, collection):
    world, frames = play(service, [1, 3, 2])
    play(service, [0, 0])
    assert ask(service.give({"world": world})) == {"frames": 4}
    data = read(collection)
    assert data.lengths.tolist() == [4] and data.frame_rate == service.pipe.config.fps
    pixels, actions = data.read_all()
    np.testing.assert_array_equal(pixels[1:].permute(0, 2, 3, 1), frames)
    assert actions[:-1].tolist() == [1, 3, 2]
    assert data.action_names == ["left", "action 1", "right", "jump", "action 4"]


def test_what_was_taken_back_is_not_given(service, collection):
    world, _ = play(service, [1, 3])
    ask(service.undo({"world": world}))
    play(service, [4], world)
    ask(service.give({"world": world}))
    assert read(collection).read_all()[1][:-1].tolist() == [1, 4]


def test_a_way_that_goes_on_takes_the_place_of_its_beginning_and_a_branch_does_not(service, collection):
    world, _ = play(service, [1, 3])
    ask(service.give({"world": world}))
    play(service, [2] * 70, world)
    ask(service.give({"world": world}))
    assert read(collection).lengths.tolist() == [73]  # longer than a row
    ask(service.give({"world": world, "frame": 1}))
    assert sorted(read(collection).lengths.tolist()) == [2, 73]
    assert len(set(read(collection).readers[0].dataset["level_seed"].to_pylist())) == 1  # they begin alike
    assert world not in "".join(path.name for path in collection.folder.rglob("*"))


def test_what_cannot_be_given_is_told(tiny_pipeline, service, collection):
    world, _ = play(service, [])
    with pytest.raises(Refusal, match="nothing to give yet. Play a little first"):
        ask(service.give({"world": world}))
    play(service, [1], world)
    collection.max_bytes = -1
    with pytest.raises(Refusal, match="given as much as it can keep"):
        ask(service.give({"world": world}))
    collection.max_bytes = 10**9
    (collection.folder / "data").rename(collection.folder / "gone")
    with pytest.raises(Refusal, match="cannot keep it now. Thank you all the same"):
        ask(service.give({"world": world}))
    service.collection = None
    with pytest.raises(Refusal, match="This page keeps nothing of what is played"):
        ask(service.give({"world": world}))


def test_a_folder_is_of_one_world(tiny_pipeline, collection, tmp_path):
    (collection.folder / "README.md").write_text("Ours")
    (collection.folder / "data" / ".train-1.parquet.tmp").touch()  # of a process that was killed
    Collection(collection.folder, "tiny", tiny_pipeline, [])  # the same world goes on, with other names
    assert json.loads((collection.folder / "recording.json").read_text())["action_names"][0] == "action 0"
    assert (collection.folder / "README.md").read_text() == "Ours" and not any(collection.folder.glob("data/.*"))
    tiny_pipeline.register_to_config(fps=3)
    with pytest.raises(ValueError, match="has ways of another world, or of this one before: name another"):
        Collection(collection.folder, "tiny", tiny_pipeline, NAMES)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(ValueError, match="holds something else: name another folder to collect in"):
        Collection(tmp_path / "full", "tiny", tiny_pipeline, NAMES)
    with pytest.raises(ValueError, match="nothing can be collected in"):
        Collection(tmp_path / "full" / "thesis.txt" / "here", "tiny", tiny_pipeline, NAMES)
    assert json.loads((collection.folder / "recording.json").read_text())["world"] == "tiny"


def test_a_world_learns_from_what_was_given_and_it_can_be_shared(service, collection, tmp_path):
    for actions in ([1, 3, 2, 0, 1, 2, 3, 4], [2] * 9):
        world, _ = play(service, actions)
        ask(service.give({"world": world}))
    recipe = yaml.load((ROOT / "pipelines" / "tiny" / "recipe.yaml").read_text(), Loader=RecipeLoader)
    recipe["data"] = {"train": [str(collection.folder)], "action_source": "recorded"}
    recipe.pop("latent_action_model")
    for stage in recipe["training"].values():
        stage |= {"steps": 1, "picture_every": None}
    train(build_recipe(recipe), tmp_path / "world")
    assert GeniePipeline.from_pretrained(tmp_path / "world").num_actions == 5
    card = recording_card(read_recording(collection.folder), "me/given")
    assert "| train | 2 | 19 | 2 |" in str(card) and "gave it to train worlds with" in str(card)
