"""Plans that are followed in the real CoinRun, in small."""

import json

import PIL.Image
import pytest

pytest.importorskip("procgen")

from genie_hf.agents import goals
from genie_hf.agents.planning_report import report_planning
from genie_hf.data.coinrun import record


def test_a_world_without_latent_actions_is_refused(tiny_pipeline, tmp_path):
    tiny_pipeline.latent_action_model = None
    with pytest.raises(ValueError, match="no latent_action_model to infer actions with"):
        report_planning(tiny_pipeline, "nowhere", tmp_path)


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


def test_what_was_found_is_kept_where_a_coin_is_too_near(tiny_pipeline, tiny_reward_model, tmp_path, monkeypatch):
    monkeypatch.setattr(goals, "TRIES", 3)
    tiny_pipeline.register_modules(reward_model=tiny_reward_model)
    record(tmp_path / "shown", (0, 2), steps=12, mode="easy", policy="balanced", frame_skip=3, num_workers=1)
    with pytest.raises(ValueError, match="coin of level 5 is within 200 decisions"):
        report_planning(
            tiny_pipeline, str(tmp_path / "shown"), tmp_path, towards="coin", mode="easy", levels=[5],
            distances=[1, 200], num_plans=2, num_labels=10, num_inference_steps=1,
        )  # fmt: skip
    table = json.loads((tmp_path / "planning-coin-easy.json").read_text())["table"]
    assert {line["distance"] for line in table} == {1}
