"""Speed is that of play."""

import time

import pytest

from genie_hf.evaluation.speed import measure_speed


def test_the_median_step_counts_without_the_first_two(tiny_pipeline, clips, monkeypatch):
    # Each step reads the clock twice: two slow ones warm up, and one of five is disturbed.
    taken = [9.0, 9.0, 0.5, 0.5, 7.0, 0.5, 0.25]
    clock = iter([moment for index, seconds in enumerate(taken) for moment in (100 * index, 100 * index + seconds)])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    speed = measure_speed(tiny_pipeline, clips[0, 0], num_steps=5, num_inference_steps=2)
    assert speed["seconds_per_frame"] == pytest.approx(0.5) and speed["frames_per_second"] == pytest.approx(2)
    assert (speed["num_steps"], speed["num_inference_steps"], speed["dtype"]) == (5, 2, "float32")
