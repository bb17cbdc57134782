import json

import pytest
import torch
from datasets import Dataset

from genie_hf.evaluation import calibrate
from genie_hf.evaluation.calibration import name_actions
from genie_hf.fingerprint import fingerprint


def labelled_data(folder, num_clips=12, num_frames=8):
    generator = torch.Generator().manual_seed(0)
    rows = []
    for episode in range(num_clips):
        pixels = torch.randint(256, (num_frames, 16, 16, 3), generator=generator, dtype=torch.uint8)
        row = {"frames": pixels.numpy().tobytes(), "num_frames": num_frames, "height": 16, "width": 16}
        row |= {"level_seed": 0, "episode": episode, "start": 0}
        rows.append(row | {"actions": torch.randint(3, (num_frames,), generator=generator).tolist()})
    Dataset.from_list(rows).save_to_disk(folder)
    (folder / "recording.json").write_text(json.dumps({"action_names": ["left", "none", "right"]}))
    return folder


def test_labels_name_actions_and_buttons():
    labels = torch.tensor([[6, 1, 1], [1, 1, 0], [0, 0, 0], [0, 7, 9], [0, 0, 1]])
    tests = torch.tensor([[8, 2, 0], [0, 1, 1], [2, 0, 0], [0, 0, 4], [0, 0, 0]])
    found = name_actions(labels.double(), tests.double(), ["left", "none", "right"])
    assert [action["name"] for action in found["actions"]] == ["left", "none", None, "right", "right"]
    assert found["actions"][0] == {"button": 0, "name": "left", "share": 6 / 8, "labels": 8, "tested_share": 0.8}
    assert found["actions"][1]["share"] == 1 / 2  # of equals the button that is pressed more often
    assert found["actions"][4]["tested_share"] is None
    assert found["agreement"] == (8 + 1 + 0 + 4) / 18  # action 2 counts as right, the most common button
    assert found["majority"] == 10 / 18

    left, none, right = found["buttons"]
    assert left == {"name": "left", "action": 0, "probability": 6 / 8, "coverage": 6 / 7, "labels": 7}
    assert right["action"] == 4 and right["coverage"] == 1 / 11
    assert none["action"] in (1, 3)


def test_a_button_that_no_label_shows_has_no_action():
    labels, tests = torch.tensor([[3, 0], [1, 0]]).double(), torch.tensor([[1, 1], [1, 0]]).double()
    button = name_actions(labels, tests, ["left", "right"])["buttons"][1]
    assert button == {"name": "right", "action": None, "probability": None, "coverage": None, "labels": 0}


def test_an_action_without_labels_stands_for_no_button():
    labels, tests = torch.tensor([[5, 5, 4], [0, 0, 0]]).double(), torch.ones(2, 3).double()
    buttons = name_actions(labels, tests, ["left", "none", "right"])["buttons"]
    assert [button["action"] for button in buttons] == [0, 0, 0]
    assert buttons[0]["probability"] == 5 / 14


def test_a_calibration_is_saved_and_repeatable(tiny_pipeline, tmp_path):
    data = labelled_data(tmp_path / "data")
    found = calibrate(tiny_pipeline, data, tmp_path, num_labels=20)
    saved = json.loads((tmp_path / "action_names.json").read_text())
    assert saved == {"dynamics_fingerprint": fingerprint(tiny_pipeline.dynamics)} | found
    assert calibrate(tiny_pipeline, data, num_labels=20) == found
    assert calibrate(tiny_pipeline, [{"source": data, "split": "train"}], num_labels=20) == found
    # Each episode holds two clips of 4 frames, whose third transitions are read.
    assert (found["num_labels"], found["num_tested"]) == (20, 12 * 2 - 20)
    assert len(found["actions"]) == 5 and sum(action["labels"] for action in found["actions"]) == 20
    assert [button["name"] for button in found["buttons"]] == ["left", "none", "right"]


def test_what_cannot_be_calibrated_is_said(tiny_pipeline, tmp_path):
    data = labelled_data(tmp_path / "data")
    unlabelled = Dataset.load_from_disk(data).remove_columns("actions")
    with pytest.raises(ValueError, match="num_labels is 24, and there are 24 transitions"):
        calibrate(tiny_pipeline, data, num_labels=24)
    with pytest.raises(ValueError, match="num_clips is 0; choose at least 1"):
        calibrate(tiny_pipeline, data, num_clips=0)
    with pytest.raises(ValueError, match="data has no true actions to name latent ones after"):
        calibrate(tiny_pipeline, unlabelled)
    tiny_pipeline.latent_action_model = None
    with pytest.raises(ValueError, match="no latent_action_model"):
        calibrate(tiny_pipeline, data)
