"""Is a reward model right?"""

import json

import numpy as np
import PIL.Image
import pytest

from genie_hf.agents.reward_report import figures_of, report_rewards
from recorded import record_squares


def test_odds_that_are_right_have_no_calibration_error_and_wrong_ones_do():
    rng = np.random.default_rng(0)
    odds = rng.random(20_000)
    came = rng.random(20_000) < odds
    right, wrong, reversed_ = (figures_of(said, came) for said in (odds, odds**3, 1 - odds))
    assert right["calibration_error"] < 0.02 < 0.1 < wrong["calibration_error"]
    assert right["share"] == pytest.approx(right["predicted"], abs=0.01) and right["brier"] < wrong["brier"]
    assert right["average_precision"] == pytest.approx(wrong["average_precision"])
    assert right["average_precision"] > reversed_["average_precision"]
    assert sum(each["frames"] for each in right["bins"]) == 20_000 and len(right["bins"]) == 10
    assert figures_of(odds, odds > 2)["average_precision"] is None


def test_the_report_has_real_and_imagined_frames(tiny_pipeline, tiny_reward_model, tmp_path):
    tiny_pipeline.register_modules(reward_model=tiny_reward_model)
    squares = record_squares(tmp_path / "squares", (0, 4))  # 8 episodes of 12 frames
    found = report_rewards(tiny_pipeline, str(squares), tmp_path, num_clips=8, horizon=3, num_inference_steps=2)
    assert found["num_frames"] == 8 * 11 and found["pays"]["share"] == found["ends"]["share"] == pytest.approx(1 / 11)
    assert [found["imagined"][where]["clips"] for where in ("before_an_end", "elsewhere")] == [4, 4]
    written = json.loads((tmp_path / "rewards.json").read_text())
    assert written["ends"] == found["ends"] and PIL.Image.open(tmp_path / "rewards.png").width > 400


def test_what_is_missing_is_told(tiny_pipeline, tmp_path):
    with pytest.raises(ValueError, match="no reward_model: train one with the stage reward, or load it as well"):
        report_rewards(tiny_pipeline, "nowhere", tmp_path)
