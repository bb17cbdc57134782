"""A run that is asked to stop."""

import signal
import subprocess
import sys
import time

import pytest

from genie_hf.training import train
from genie_hf.training.checkpoints import list_checkpoints
from genie_hf.training.metrics_log import read_metrics
from genie_hf.training.recipe_file import build_recipe
from genie_hf.training.signals import stop_signals


def test_a_term_signal_saves_and_resume_goes_on(tiny_values, write_recipe, tmp_path):
    tiny_values["training"]["tokenizer"] |= {"steps": 100_000, "checkpoint_every": 100_000}
    path = write_recipe(tiny_values)
    command = [sys.executable, "-m", "genie_hf.cli", "train", str(path)]
    run = path.parent / "runs" / "tokenizer"
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not ((run / "metrics.jsonl").exists() and read_metrics(run / "metrics.jsonl")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "Traceback" not in err
    checkpoint = list_checkpoints(run)[-1]
    step = int(checkpoint.name.removeprefix("checkpoint-"))
    assert f"Stage tokenizer: {step} of 100000 steps, stopped as asked" in out and "--resume" in out
    assert not (path.parent / "video_tokenizer").exists()

    tiny_values["training"]["tokenizer"]["steps"] = step + 2
    (result,) = train(build_recipe(tiny_values), path.parent, "tokenizer", resume=True)
    assert (result.step, result.ended_by) == (step + 2, "steps")


def test_a_second_interrupt_is_not_waited_for():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_signals() as received:
        signal.raise_signal(signal.SIGINT)
        assert received == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_an_unforeseen_error_ends_the_process(tiny_values, write_recipe):
    """And does not leave it waiting for ever for the processes that load clips, as they ignore signals."""
    tiny_values["training"]["tokenizer"] |= {"picture_every": 1, "num_workers": 1}
    path = write_recipe(tiny_values)
    script = f"""
from genie_hf.training import read_recipe, train
from genie_hf.training.run import Run

def draw(run):
    raise RuntimeError("out of memory")

Run.draw = draw
train(read_recipe({str(path)!r}), {str(path.parent)!r})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and done.stderr.strip().endswith("RuntimeError: out of memory")
