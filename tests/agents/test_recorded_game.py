"""Which recordings can be learnt from before which levels are played."""

import json

import pytest
from datasets import Dataset

from genie_hf.agents.recorded_game import open_recording, recorded_levels


@pytest.fixture
def recording(tmp_path):
    row = {"frames": bytes(4 * 16 * 16 * 3), "num_frames": 4, "height": 16, "width": 16, "actions": [0] * 4}
    Dataset.from_list([row | {"level_seed": 7, "episode": 0, "start": 0}]).save_to_disk(tmp_path / "shown")
    (tmp_path / "shown" / "recording.json").write_text(json.dumps({"mode": "hard", "levels": [5, 8]}))
    return tmp_path / "shown"


def test_what_was_recorded_is_told(tiny_pipeline, recording):
    assert recorded_levels(open_recording(tiny_pipeline, recording, "hard", range(8, 10))) == [5, 6, 7]


def test_levels_that_were_shown_and_another_mode_are_refused(tiny_pipeline, recording):
    with pytest.raises(ValueError, match="2 of the levels to solve are in shown, the first is 6: choose others"):
        open_recording(tiny_pipeline, recording, "hard", range(6, 10))
    with pytest.raises(ValueError, match="shown was recorded in hard mode, not easy: play it in hard mode"):
        open_recording(tiny_pipeline, recording, "easy", range(8, 10))


def test_a_recording_without_actions_is_refused(tiny_pipeline, tmp_path):
    row = {"frames": bytes(4 * 16 * 16 * 3), "num_frames": 4, "height": 16, "width": 16}
    Dataset.from_list([row | {"level_seed": 7, "episode": 0, "start": 0}]).save_to_disk(tmp_path / "silent")
    with pytest.raises(ValueError, match="silent has no true actions to compare with"):
        open_recording(tiny_pipeline, tmp_path / "silent", "hard", range(2))


def test_a_world_without_latent_actions_is_refused(tiny_pipeline):
    tiny_pipeline.latent_action_model = None
    with pytest.raises(ValueError, match="no latent_action_model to infer actions with"):
        open_recording(tiny_pipeline, "nowhere", "hard", range(2))
