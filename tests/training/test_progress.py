"""What a line of metrics says."""

from types import SimpleNamespace

import pytest
import torch

from genie_hf.training.progress import Progress, describe

SETTINGS = SimpleNamespace(batch_size=8, steps=10)


def take_step(progress, loss, seconds=1.0, wait=0.0):
    progress.add(["loss"], torch.tensor([loss]), wait)
    progress.summed_seconds += seconds
    progress.seconds += seconds


def test_a_line_has_the_means_since_the_one_before():
    progress = Progress()
    take_step(progress, 1.0, seconds=2.0, wait=0.5)
    take_step(progress, 3.0, seconds=2.0, wait=0.5)
    assert list(progress.read()) == [(1, {"loss": 1.0}), (2, {"loss": 3.0})]
    assert list(progress.read()) == []
    line = progress.line("world", 1e-3, SETTINGS)
    assert line == {
        "step": 2,
        "stage": "world",
        "learning_rate": 1e-3,
        "loss": 2.0,
        "clips_per_second": 4.0,
        "data_wait": 0.25,
        "seconds": 4.0,
    }
    take_step(progress, 5.0)
    assert list(progress.read()) == [(3, {"loss": 5.0})]
    line = progress.line("world", 1e-3, SETTINGS)
    assert (line["step"], line["loss"], line["seconds"]) == (3, 5.0, 5.0)
    assert describe(line, SETTINGS) == "world 3/10: loss 5, 8.0 clips/s"


def test_a_copy_from_a_checkpoint_goes_on_alone():
    progress = Progress()
    take_step(progress, 1.0)
    list(progress.read())
    again = Progress()
    again.load_state_dict(progress.state_dict())
    take_step(again, 3.0)
    list(again.read())
    assert again.line("world", 0.0, SETTINGS)["loss"] == pytest.approx(2.0)
    assert progress.line("world", 0.0, SETTINGS)["loss"] == 1.0
