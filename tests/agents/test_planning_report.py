"""Plans that are followed in the real CoinRun, in small."""

import json
from contextlib import closing

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("procgen")

from genie_hf.agents.goals import NEAR, SEEN, Coin, Place
from genie_hf.agents.planning_report import report_planning
from genie_hf.data.coinrun import record
from genie_hf.data.coinrun.buttons import LEFT
from genie_hf.data.coinrun.game import Level
from genie_hf.data.coinrun.policies import POLICIES


def test_a_world_without_latent_actions_is_refused(tiny_pipeline, tmp_path):
    tiny_pipeline.latent_action_model = None
    with pytest.raises(ValueError, match="no latent_action_model to infer actions with"):
        report_planning(tiny_pipeline, "nowhere", tmp_path)


@pytest.mark.parametrize("distance", [1, 5])
def test_a_place_is_where_its_player_comes_to(distance):
    goal = Place.draw(np.random.default_rng(3), 11, "easy", 3, distance)
    rng = np.random.default_rng(3)
    before = int(rng.integers(SEEN, 24))
    buttons = list(POLICIES["balanced"](rng, before + distance, goal.level))
    assert goal.reached(buttons[before:]) and (goal.level.frame == goal.picture).all()
    assert goal.frames.shape == (SEEN, 64, 64, 3)
    goal.level.close()


def test_a_place_elsewhere_is_not_reached():
    goal = Place.draw(np.random.default_rng(3), 11, "easy", 3, 5)
    goal.place = (goal.place[0] + 2 * NEAR, goal.place[1])
    rng = np.random.default_rng(3)
    before = int(rng.integers(SEEN, 24))
    assert not goal.reached(list(POLICIES["balanced"](rng, before + 5, goal.level))[before:])
    goal.level.close()


def test_a_coin_is_what_its_player_gets():
    goal = Coin.draw(np.random.default_rng(3), 11, "easy", 3, 5)
    level, states, buttons = Level(11, "easy", 3), [], []
    with closing(POLICIES["expert"](np.random.default_rng(3), 0, level)) as player:
        while not states or not level.is_first:
            states.append(level.env.get_state()[0])
            buttons.append(next(player))
            level.hold(buttons[-1])
    assert goal.state == states[-5]
    assert goal.reached(buttons[-5:]) and not goal.reached(buttons[-5:-1]) and not goal.reached([LEFT] * 5)
    assert goal.frames.shape == (SEEN, 64, 64, 3)
    level.close()
    goal.level.close()


@pytest.mark.parametrize(("towards", "unplanned"), [("frame", "nothing"), ("coin", "right")])
def test_all_planners_are_followed_and_the_figure_shows_them(
    tiny_pipeline, tiny_reward_model, tmp_path, towards, unplanned
):
    tiny_pipeline.register_modules(reward_model=tiny_reward_model)
    record(tmp_path / "shown", (0, 2), steps=12, mode="easy", policy="balanced", frame_skip=3, num_workers=1)
    result = report_planning(
        tiny_pipeline, str(tmp_path / "shown"), tmp_path, towards=towards, mode="easy", levels=range(5, 7),
        distances=[1, 2], num_plans=4, num_labels=10, num_inference_steps=1,
    )  # fmt: skip
    planners = ["cross-entropy", "random shooting", "random", unplanned]
    assert [(line["planner"], line["distance"]) for line in result["table"]] == [
        (planner, distance) for distance in (1, 2) for planner in planners
    ]
    assert all((line["ms"] > 0) == (line["planner"] in planners[:2]) for line in result["table"])
    assert json.loads((tmp_path / f"planning-{towards}-easy.json").read_text())["table"] == result["table"]
    assert PIL.Image.open(tmp_path / f"planning-{towards}-easy.png").width > 400


def test_a_coin_needs_a_reward_model(tiny_pipeline, tmp_path):
    record(tmp_path / "shown", (0, 2), steps=12, mode="easy", policy="balanced", frame_skip=3, num_workers=1)
    with pytest.raises(ValueError, match="no reward_model: train one with the stage reward, or plan towards a goal"):
        report_planning(
            tiny_pipeline, str(tmp_path / "shown"), tmp_path, towards="coin", mode="easy", levels=[5], num_labels=10
        )
