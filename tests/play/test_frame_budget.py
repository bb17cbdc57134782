import pytest
import torch

from genie_hf import GenieWorld
from genie_hf.play.frame_budget import FrameBudget


def test_without_a_frame_to_go_by_it_takes_one_step():
    assert FrameBudget(10.0, 25).num_steps() == 1


@pytest.mark.parametrize(("seconds", "expected"), [(0.05, 1), (0.1, 5), (0.11, 6), (0.2, 15), (9.0, 25)])
def test_it_takes_the_steps_that_fit(seconds, expected):
    budget = FrameBudget(seconds, 25)
    budget.record(num_steps=4, step_seconds=0.0396, rest_seconds=0.05)  # 9.9 ms a step and 50 ms beside them
    assert budget.num_steps() == expected


def test_it_follows_what_frames_take():
    budget = FrameBudget(0.1, 25)
    for _ in range(20):
        budget.record(5, 0.05, 0.04)
    assert budget.num_steps() in (5, 6)
    for _ in range(20):
        budget.record(5, 0.1, 0.04)  # a neighbour has come
    assert budget.num_steps() in (2, 3)


def test_a_time_budget_sets_the_number_of_steps(tiny_pipeline, clips, play, tmp_path):
    hasty = tiny_pipeline.start(clips[0, 0], num_inference_steps=6, max_frame_ms=1e-6)
    leisurely = tiny_pipeline.start(clips[0, 0], num_inference_steps=6, max_frame_ms=1e6)
    assert hasty.num_steps == 0 and len(hasty.frames) == 1  # what it did for the clock is forgotten
    for world, steps in ((hasty, 1), (leisurely, 6)):
        play(world, [0, 1])
        assert world.scheduler.num_inference_steps == steps
    assert torch.equal(leisurely.codes, play(tiny_pipeline.start(clips[0, 0], num_inference_steps=6), [0, 1]).codes)
    other = play(hasty.fork(), [2])
    assert other.num_steps == 3 and hasty.num_steps == 2
    hasty.save(tmp_path / "world")  # the budget is this machine's, the most steps are the world's
    assert GenieWorld.load(tiny_pipeline, tmp_path / "world").scheduler.num_inference_steps == 6
    with pytest.raises(ValueError, match="max_frame_ms is 0; give"):
        tiny_pipeline.start(clips[0, 0], max_frame_ms=0)
