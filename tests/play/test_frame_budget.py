import pytest

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
