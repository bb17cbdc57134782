"""What a line of metrics says."""

from types import SimpleNamespace

import pytest

from genie_hf.training.progress import Progress, describe

SETTINGS = SimpleNamespace(batch_size=8, steps=10)


def test_a_line_has_the_means_since_the_one_before():
    progress = Progress()
    progress.add({"loss": 1.0}, seconds=2.0, wait=0.5)
    progress.add({"loss": 3.0}, seconds=2.0, wait=0.5)
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
    progress.add({"loss": 5.0}, seconds=1.0, wait=0.0)
    line = progress.line("world", 1e-3, SETTINGS)
    assert (line["step"], line["loss"], line["seconds"]) == (3, 5.0, 5.0)
    assert describe(line, SETTINGS) == "world 3/10: loss 5, 8.0 clips/s"


def test_a_copy_from_a_checkpoint_goes_on_alone():
    progress = Progress()
    progress.add({"loss": 1.0}, seconds=1.0, wait=0.0)
    again = Progress()
    again.load_state_dict(progress.state_dict())
    again.add({"loss": 3.0}, seconds=1.0, wait=0.0)
    assert again.line("world", 0.0, SETTINGS)["loss"] == pytest.approx(2.0)
    assert progress.line("world", 0.0, SETTINGS)["loss"] == 1.0
