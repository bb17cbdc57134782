"""What a run learns from, recorded actions among it."""

import json

import datasets
import numpy as np
import pytest
import torch

from genie_hf import GeniePipeline
from genie_hf.data import VideoDataset
from genie_hf.fingerprint import fingerprint
from genie_hf.training import train
from genie_hf.training.data import batches_for, check_data, describe_data, open_data
from genie_hf.training.device_clips import DeviceClips
from genie_hf.training.recipe_file import build_recipe

BUTTONS = ["nothing", "left", "right", "also left"]
GROUPS, GROUP_NAMES = [0, 1, 2, 1], ["nothing", "left", "right"]


def record(folder, moves, **notes):
    """A recording in which a bright square goes by its actions: int of shape (videos, frames)."""
    rows = []
    for level, actions in enumerate(moves):
        frames = np.full((len(actions), 64, 64, 3), 30, np.uint8)
        x = 24
        for frame, action in zip(frames, actions, strict=True):
            frame[24:40, x : x + 16] = 220
            x = int(np.clip(x + 8 * np.array([0, -1, 1, -1])[action], 0, 48))
        place = {"level_seed": level, "episode": 0, "start": 0, "actions": actions.tolist()}
        rows.append({"frames": frames.tobytes(), "num_frames": len(frames), "height": 64, "width": 64} | place)
    folder.mkdir()
    datasets.Dataset.from_list(rows).to_parquet(folder / "train.parquet")
    (folder / "recording.json").write_text(json.dumps(notes))
    return str(folder)


@pytest.fixture
def played(tmp_path):
    moves = np.random.default_rng(0).integers(4, size=(8, 20))
    return record(
        tmp_path / "played",
        moves,
        frame_rate=7.5,
        action_names=BUTTONS,
        action_groups=GROUPS,
        action_group_names=GROUP_NAMES,
    )


@pytest.fixture
def recorded_values(tiny_values, played):
    tiny_values["data"] |= {"train": [played], "action_source": "recorded"}
    del tiny_values["latent_action_model"]
    for stage in tiny_values["training"].values():
        stage |= {"initialize_from_frames": 32, "learning_rate": 5e-3}
    return tiny_values


def test_a_world_of_recorded_actions(recorded_values, tmp_path):
    recorded_values["training"]["world"]["picture_every"] = 6
    train(build_recipe(recorded_values), tmp_path / "world")
    pipe = GeniePipeline.from_pretrained(tmp_path / "world")
    assert pipe.latent_action_model is None and not (tmp_path / "world" / "latent_action_model").exists()
    assert (pipe.dynamics.config.num_actions, pipe.config.fps) == (3, 7.5)
    assert pipe.start(torch.rand(3, 64, 64), num_inference_steps=2).step(2).size == (64, 64)
    with pytest.raises(ValueError, match="action 3 is none of this world's 3"):
        pipe.start(torch.rand(3, 64, 64)).step(3)
    named = json.loads((tmp_path / "world" / "action_names.json").read_text())
    assert [(action["name"], action["tested_share"]) for action in named["actions"]] == [
        (name, 1.0) for name in GROUP_NAMES
    ]
    assert named["dynamics_fingerprint"] == fingerprint(pipe.dynamics)
    assert [button["name"] for button in named["buttons"]] == GROUP_NAMES
    assert [button["action"] for button in named["buttons"]] == [0, 1, 2]
    assert (tmp_path / "world" / "runs" / "world" / "pictures" / "step-0000006.png").exists()


@pytest.mark.parametrize("on_device", [False, True])
def test_actions_are_those_of_the_clip_by_their_effect(on_device, played):
    dataset = VideoDataset(played, 4)
    order = [[0, 5], [40, 100]]
    if on_device:
        batches = DeviceClips(dataset, torch.device("cpu")).batches(order)
    else:
        batches = [torch.utils.data.default_collate([dataset[i] for i in indices]) for indices in order]
    for indices, batch in zip(order, batches_for(batches, ("pixels", "codes", "actions"), dataset), strict=True):
        wanted = [[GROUPS[action] for action in dataset[i]["actions"]] for i in indices]
        assert batch["actions"].tolist() == wanted
        assert torch.equal(batch["pixels"], torch.stack([dataset[i]["pixels"] for i in indices]))
    latent = next(batches_for([{"pixels": batch["pixels"], "actions": batch["actions"]}], ("pixels",), dataset))
    assert latent.keys() == {"pixels"}


def test_the_actions_matter(recorded_values, tmp_path):
    """The dynamics predict better from the actions that were taken than from others."""
    recorded_values["training"]["tokenizer"] |= {"steps": 20, "checkpoint_every": 20}
    recorded_values["training"]["world"] |= {"steps": 80, "checkpoint_every": 80, "batch_size": 8}
    recorded_values["dynamics"] |= {"context": "clean"}
    train(build_recipe(recorded_values), tmp_path / "world")
    pipe = GeniePipeline.from_pretrained(tmp_path / "world", dtype=torch.float32)
    dataset = VideoDataset(recorded_values["data"]["train"], 8)
    batch = torch.utils.data.default_collate([dataset[i] for i in range(0, len(dataset), 4)])
    actions = torch.tensor(GROUPS)[batch["actions"]]
    codes = pipe.video_tokenizer.encode(batch["pixels"].float() / 255)
    losses = []
    for given in (actions, (actions + 1) % 3):
        torch.manual_seed(0)
        with torch.no_grad():
            losses.append(pipe.dynamics(**pipe.dynamics.training_inputs(codes, given)).loss.item())
    assert losses[0] < 0.9 * losses[1], losses


def test_the_number_of_actions_is_counted_or_given(recorded_values, tmp_path):
    moves = np.random.default_rng(0).integers(4, size=(4, 12))
    moves[0, 0] = 3
    recorded_values["data"]["train"] = [record(tmp_path / "nameless", moves)]
    for stage in recorded_values["training"].values():
        stage["steps"] = 1
    for number, expected in ((None, 4), (6, 6)):
        recorded_values["data"]["num_actions"] = number
        recipe = build_recipe(recorded_values)
        train(recipe, tmp_path / "world", overwrite=True)
        pipe = GeniePipeline.from_pretrained(tmp_path / "world")
        assert (pipe.dynamics.config.num_actions, pipe.config.fps) == (expected, 15)
        named = json.loads((tmp_path / "world" / "action_names.json").read_text())["actions"]
        assert [action["name"] for action in named[3:]] == ["button 3", None, None][: expected - 3]
    recorded_values["data"]["num_actions"] = 3
    with pytest.raises(ValueError, match="the world has 3 actions, but the data have 4: give data.num_actions of at"):
        train(build_recipe(recorded_values), tmp_path / "world", overwrite=True)


def test_what_does_not_go_together_is_refused(recorded_values, recording, tmp_path):
    recipe = build_recipe(recorded_values)
    recipe.data.train = [str(recording)]
    with pytest.raises(ValueError, match="action_source is 'recorded', but the data have no actions"):
        train(recipe, tmp_path)
    moves = np.random.default_rng(0).integers(2, size=(2, 2, 12))
    others = [
        record(tmp_path / names, each, action_names=names) for names, each in zip(("ab", "ba"), moves, strict=True)
    ]
    recipe.data.train = others
    with pytest.raises(ValueError, match="the sources of data.train name or group their actions differently"):
        train(recipe, tmp_path)
    recipe.data.train, recipe.data.test = others[:1], others[1:]
    with pytest.raises(ValueError, match="data.test has different actions from data.train"):
        train(recipe, tmp_path)
    with pytest.raises(ValueError, match="'recorded', which has no use for latent_action_model; leave it out"):
        build_recipe(recorded_values | {"latent_action_model": {"num_actions": 4}})
    with pytest.raises(ValueError, match="the key latent_action_model is missing"):
        build_recipe(recorded_values | {"data": {"train": ["a"]}})
    with pytest.raises(ValueError, match="data.num_actions is for data.action_source 'recorded'"):
        build_recipe(recorded_values | {"data": {"train": ["a"], "num_actions": 4}})


def test_the_rate_is_the_recipes_or_that_of_the_data(recorded_values, tmp_path):
    recorded_values["fps"] = 12
    for stage in recorded_values["training"].values():
        stage["steps"] = 1
    train(build_recipe(recorded_values), tmp_path / "world")
    assert GeniePipeline.from_pretrained(tmp_path / "world").config.fps == 12


def test_rates_that_differ_are_told(tiny_values, tmp_path, caplog):
    moves = np.random.default_rng(0).integers(4, size=(2, 2, 12))
    paces = []
    for rate in (29.97, 10):
        tiny_values["data"]["train"] = [
            record(tmp_path / f"{rate}-30", moves[0], frame_rate=30),
            record(tmp_path / f"{rate}", moves[1], frame_rate=rate),
        ]
        paces.append(check_data(build_recipe(tiny_values), ["tokenizer"]).fps)
        assert ("from 10 to 30 frames a second" in caplog.text) == (rate == 10)
    assert paces == [30, 15]


def test_one_video_among_many_that_has_changed_is_told(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (20, 6, 8, 8, 3), dtype=np.uint8)

    def described():
        rows = {"frames": [video.tobytes() for video in frames], "num_frames": [6] * 20, "height": [8] * 20}
        rows |= {"width": [8] * 20, "level_seed": range(20), "episode": [0] * 20, "start": [0] * 20}
        return describe_data(VideoDataset(datasets.Dataset.from_dict(rows), 4))

    before = described()
    assert described() == before
    frames[7] = 255 - frames[7]
    assert described() != before


def test_a_cache_that_cannot_be_written_is_told(tiny_values, tmp_path, monkeypatch):
    tiny_values["data"]["train"] = [str(tmp_path / "fresh")]
    (tmp_path / "fresh").mkdir()
    datasets.Dataset.from_dict({"frames": [b"0"]}).to_parquet(tmp_path / "fresh" / "train.parquet")
    (tmp_path / "file").touch()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="unpacked into .*cache, which cannot be written .*set HF_HOME"):
        train(build_recipe(tiny_values), tmp_path / "world")


def test_weights_are_for_training_data(recorded_values, tmp_path):
    moves = np.random.default_rng(5).integers(4, size=(3, 12))
    other, held_out = record(tmp_path / "other", moves), record(tmp_path / "held-out", moves[::-1, ::-1])
    (train_source,) = recorded_values["data"]["train"]
    weighted = [{"source": train_source, "weight": 0.5}, {"source": other, "weight": 2}]
    values = recorded_values | {"data": recorded_values["data"] | {"train": weighted, "action_source": "recorded"}}
    dataset = open_data(build_recipe(values), 4)
    assert [weight for _, weight in dataset.shares] == [0.5, 2] and sum(n for n, _ in dataset.shares) == len(dataset)
    values["data"] |= {"test": [{"source": held_out, "weight": 1}]}
    with pytest.raises(ValueError, match="data.test has weights, and only training draws by them: leave them out"):
        train(build_recipe(values), tmp_path / "world")
