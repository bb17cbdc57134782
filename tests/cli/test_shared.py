"""A world that cannot be loaded, is told in one sentence."""

import json
import shutil
import warnings

import pytest
import torch
from huggingface_hub import file_download, hf_hub_download
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import load_file, save_file

from genie_hf.cli.shared import quieten_libraries
from genie_hf.named_pipeline import check_pipeline, split_revision


def with_nan(folder):
    file = folder / "video_tokenizer" / "model.safetensors"
    weights = load_file(file)
    weights[min(weights)].mul_(torch.nan)
    save_file(weights, file, {"format": "pt"})


def set_fps(value):
    def change(folder):
        index = json.loads((folder / "model_index.json").read_text())
        (folder / "model_index.json").write_text(json.dumps(index | {"fps": value}))

    return change


def replace(name, text):
    return lambda folder: (folder / name).write_text(text)


def without(name):
    return lambda folder: shutil.rmtree(folder / name)


def cut(folder):
    file = folder / "dynamics" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:500])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (set_fps(0), "fps is 0; give the frames per second of the world's videos, more than 0."),
        (set_fps("fast"), "fps is 'fast'; give"),
        (replace("model_index.json", "{}"), "model_index.json of {world} names no pipeline: get it again."),
        (replace("model_index.json", "[]"), "model_index.json of {world} names no pipeline: get it again."),
        (replace("model_index.json", "{"), "{world}/model_index.json is damaged (it is not valid JSON): get a fresh"),
        (replace("dynamics/config.json", "{"), "{world}/dynamics/config.json is damaged (it is not valid JSON): get"),
        (without("scheduler"), "{world} lacks scheduler_config.json: get a fresh copy of the world."),
        (replace("scheduler/scheduler_config.json", "{}"), "the scheduler's config has no mask_token_id"),
        (with_nan, "The weights in {world}/video_tokenizer are not all numbers"),
        (cut, "{world}/dynamics/model.safetensors is damaged or not a safetensors file"),
    ],
)
def test_a_spoilt_world_is_one_sentence(run, world, tmp_path, spoil, message):
    spoil(world)
    arguments = ("generate", world, world / "start.png", "--actions", "1", "--output", tmp_path / "x.gif")
    status, _, err = run(*arguments)
    assert status == 2 and "Traceback" not in err
    assert err.splitlines()[-1].startswith("genie-hf: " + message.format(world=world))


@pytest.mark.parametrize("seed", [-1, 2**32])
@pytest.mark.parametrize(
    "command",
    [
        ("evaluate", "world"),
        ("legend", "world"),
        ("calibrate", "world"),
        ("generate", "world", "start.png", "--actions", "1"),
        ("record", "coinrun", "recording", "--levels", "none"),
        ("agents", "film", "world", "--expert", "recording"),
        ("agents", "plan", "world", "--data", "recording"),
        ("agents", "rewards", "world", "--data", "recording"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_seed_out_of_range_is_told_at_once(run, command, seed):
    status, _, err = run(*command, "--seed", seed)
    assert status == 2 and "Invalid value for '--seed'" in err


def test_a_folder_without_a_world_is_trained_if_it_has_a_recipe(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no trained world: name the folder of one."):
        check_pipeline(str(tmp_path))
    (tmp_path / "recipe.yaml").touch()
    with pytest.raises(FileNotFoundError, match="train one with `genie-hf train .*recipe.yaml`"):
        check_pipeline(str(tmp_path))


def test_a_full_disk_is_not_told_twice(tmp_path):
    with warnings.catch_warnings(record=True) as told:
        quieten_libraries()
        file_download._check_disk_space(10**18, tmp_path)
    assert told == []


def test_a_hub_that_is_away_is_not_told_twice(hub, monkeypatch, caplog):
    hub.server.stop()
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between attempts
    quieten_libraries()
    with pytest.raises(LocalEntryNotFoundError):
        hf_hub_download("user/squares", "recording.json", repo_type="dataset")
    assert caplog.text == ""


def test_a_name_may_say_which_revision(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "caves@home").mkdir()
    named = [split_revision(name) for name in ("me/caves@v1", "me/caves", "caves@home")]
    assert named == [("me/caves", "v1"), ("me/caves", None), ("caves@home", None)]
