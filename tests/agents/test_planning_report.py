"""Plans that are followed in the real CoinRun, in small."""

import json

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("procgen")

from genie_hf.agents.planning_report import SEEN, draw_goal, report_planning
from genie_hf.data.coinrun import record
from genie_hf.data.coinrun.policies import POLICIES


def test_a_world_without_latent_actions_is_refused(tiny_pipeline, tmp_path):
    tiny_pipeline.latent_action_model = None
    with pytest.raises(ValueError, match="no latent_action_model to infer actions with"):
        report_planning(tiny_pipeline, "nowhere", tmp_path)


@pytest.mark.parametrize("distance", [1, 5])
def test_a_goal_is_where_its_player_comes_to(distance):
    goal = draw_goal(np.random.default_rng(3), 11, "easy", 3, distance)
    rng = np.random.default_rng(3)
    before = int(rng.integers(SEEN, 24))
    buttons = list(POLICIES["balanced"](rng, before + distance, goal.level))
    assert goal.distance(buttons[before:]) == 0 and (goal.level.frame == goal.picture).all()
    assert goal.frames.shape == (SEEN, 64, 64, 3)
    assert goal.distance([]) == goal.distance([]) >= 0


def test_all_planners_are_followed_and_the_figure_shows_them(tiny_pipeline, tmp_path):
    record(tmp_path / "shown", (0, 2), steps=12, mode="easy", policy="balanced", frame_skip=3, num_workers=1)
    settings = {"mode": "easy", "levels": range(5, 7), "distances": [1, 2], "num_plans": 4, "num_labels": 10}
    result = report_planning(tiny_pipeline, str(tmp_path / "shown"), tmp_path, **settings, num_inference_steps=1)
    planners = ["cross-entropy", "random shooting", "random", "nothing"]
    assert [(line["planner"], line["distance"]) for line in result["table"]] == [
        (planner, distance) for distance in (1, 2) for planner in planners
    ]
    assert all((line["ms"] > 0) == (line["planner"] in planners[:2]) for line in result["table"])
    assert json.loads((tmp_path / "planning-easy.json").read_text())["table"] == result["table"]
    assert PIL.Image.open(tmp_path / "planning-easy.png").width > 400
