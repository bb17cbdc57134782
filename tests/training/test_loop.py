"""Training as a user sees it: the tiny recipe, end to end."""

import json
import os
import signal
import subprocess
import sys
import time

import datasets
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from genie_hf import GeniePipeline, GenieVideoTokenizer
from genie_hf.data import VideoDataset
from genie_hf.training import train
from genie_hf.training.alarm import sound_alarm
from genie_hf.training.cached_codes import write_codes
from genie_hf.training.checkpoints import list_checkpoints
from genie_hf.training.metrics_log import MetricsLog, read_metrics
from genie_hf.training.recipe import build_recipe

CLOCK = ("seconds", "clips_per_second", "data_wait")


def figures(run):
    """The lines of a run's metrics without what the clock says."""
    return [{k: v for k, v in line.items() if k not in CLOCK} for line in read_metrics(run / "metrics.jsonl")]


def assert_same_weights(folder, other):
    ours, theirs = load_file(folder / "model.safetensors"), load_file(other / "model.safetensors")
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_a_world_from_data_to_play(tiny_values, tmp_path):
    for stage in tiny_values["training"].values():
        stage["picture_every"] = 4
    results = train(build_recipe(tiny_values), tmp_path)
    assert [(result.stage, result.step, result.ended_by) for result in results] == [
        ("tokenizer", 6, "steps"),
        ("world", 6, "steps"),
    ]
    for stage, terms in {
        "tokenizer": {"reconstruction_loss", "codebook_loss", "commitment_loss", "perplexity", "usage", "grad_norm"},
        "world": {
            "latent_action_loss",
            "latent_action_usage",
            "latent_action_grad_norm",
            "dynamics_loss",
            "dynamics_accuracy",
        },
    }.items():
        run = tmp_path / "runs" / stage
        lines = read_metrics(run / "metrics.jsonl")
        assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
        assert terms | {"stage", "loss", "learning_rate", "clips_per_second", "seconds"} <= lines[0].keys()
        assert [p.name for p in list_checkpoints(run)] == ["checkpoint-4", "checkpoint-6"]
        assert sorted(p.name for p in (run / "pictures").iterdir()) == ["step-0000004.png", "step-0000006.png"]

    pipe = GeniePipeline.from_pretrained(tmp_path)
    pipe.set_progress_bar_config(disable=True)
    world = pipe.start(torch.rand(3, 64, 64), num_inference_steps=2)
    for action in (0, 1, 3):
        assert world.step(action).size == (64, 64)
    dynamics = load_file(tmp_path / "dynamics" / "model.safetensors")
    assert {tensor.dtype for tensor in dynamics.values()} == {torch.bfloat16}
    tokenizer = load_file(tmp_path / "video_tokenizer" / "model.safetensors")
    assert {tensor.dtype for name, tensor in tokenizer.items() if name.startswith("quantizer.codebook")} == {
        torch.float32
    }


@pytest.mark.parametrize("stage", ["tokenizer", "world"])
def test_killed_and_resumed_is_never_killed(stage, tiny_values, write_recipe, tmp_path):
    """To the bit: the killed process leaves a half-written line and a half-written checkpoint behind."""
    tiny_values["training"]["tokenizer"]["ema_decay"] = 0.9
    tiny_values["training"][stage] |= {"steps": 12, "checkpoint_every": 3, "log_every": 2, "num_workers": 1}
    tiny_values["training"][stage]["picture_every"] = 8
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    recipe = build_recipe(tiny_values)
    if stage == "world":
        for output in (whole, killed):
            torch.manual_seed(0)
            GenieVideoTokenizer(recipe.video_tokenizer).save_pretrained(output / "video_tokenizer")
    train(recipe, whole, stage)

    path = write_recipe(tiny_values)
    command = [sys.executable, "-m", "genie_hf.cli", "train", str(path), "--stage", stage, "--output", str(killed)]
    run = killed / "runs" / stage
    process = subprocess.Popen(
        command, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    )
    while not list_checkpoints(run) and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.wait()
    reached = int(list_checkpoints(run)[-1].name.removeprefix("checkpoint-"))
    assert 3 <= reached < 12
    (run / "unfinished-99").mkdir()
    (run / "unfinished-99" / "optimizer.bin").touch()
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 11, "lo')

    train(recipe, killed, stage, resume=True)
    assert figures(run) == figures(whole / "runs" / stage)
    assert_same_weights(run / "checkpoint-12", whole / "runs" / stage / "checkpoint-12")
    part = {"tokenizer": "video_tokenizer", "world": "dynamics"}[stage]
    assert_same_weights(killed / part, whole / part)
    assert not list(run.glob("unfinished-*"))


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


def test_a_time_limit_ends_each_stage_with_a_pipeline(tiny_values, tmp_path):
    results = train(build_recipe(tiny_values), tmp_path, max_minutes=1e-6)
    assert [(result.step, result.ended_by) for result in results] == [(1, "time"), (1, "time")]
    GeniePipeline.from_pretrained(tmp_path)
    (result,) = train(build_recipe(tiny_values), tmp_path, resume=True)
    assert (result.stage, result.step, result.ended_by) == ("world", 6, "steps")


def test_a_non_finite_loss_stops_the_run_and_keeps_the_good_checkpoint(tiny_values, tmp_path):
    tiny_values["training"]["tokenizer"] |= {
        "steps": 40,
        "learning_rate": 1e30,
        "warmup_steps": 2,
        "max_grad_norm": None,
    }
    tiny_values["training"]["tokenizer"] |= {"min_learning_rate": None, "checkpoint_every": 1}
    with pytest.raises(FloatingPointError, match=r"is (nan|inf) at step (\d+), so training has stopped") as error:
        train(build_recipe(tiny_values), tmp_path, "tokenizer")
    last = list_checkpoints(tmp_path / "runs" / "tokenizer")[-1]
    assert str(last) in str(error.value)
    assert all(tensor.isfinite().all() for tensor in load_file(last / "model.safetensors").values())
    assert not (tmp_path / "video_tokenizer").exists()


def test_the_loss_falls_on_a_single_clip(tiny_values, recording, tmp_path):
    for stage in tiny_values["training"].values():
        stage |= {"steps": 60, "log_every": 10, "checkpoint_every": 60, "batch_size": 1}
        stage |= {"learning_rate": 5e-3, "warmup_steps": 5}
    recipe = build_recipe(tiny_values)
    one_clip = tmp_path / "one-clip"
    rows = datasets.load_dataset(str(recording), split="train").select([0]).to_list()
    rows[0] |= {"num_frames": 8, "frames": rows[0]["frames"][: 8 * 64 * 64 * 3]}
    one_clip.mkdir()
    datasets.Dataset.from_list(rows).to_parquet(one_clip / "train.parquet")
    recipe.data.train = [str(one_clip)]
    train(recipe, tmp_path)
    for stage, term, part in [
        ("tokenizer", "reconstruction_loss", 0.5),
        ("world", "dynamics_loss", 0.5),
    ]:
        lines = read_metrics(tmp_path / "runs" / stage / "metrics.jsonl")
        assert lines[-1][term] < part * lines[0][term], (stage, [line[term] for line in lines])


def test_accumulated_passes_give_the_step_of_the_whole_batch(tiny_values, tmp_path):
    """With continuous latents and no batch norm a clip's gradient does not depend on its batch mates."""
    tiny_values["video_tokenizer"]["quantizer"] |= {"batch_norm": False, "continuous_steps": 99}
    tiny_values["training"]["tokenizer"] |= {"steps": 2, "warmup_steps": 0}
    lines = []
    for passes in (1, 2):
        tiny_values["training"]["tokenizer"]["gradient_accumulation"] = passes
        train(build_recipe(tiny_values), tmp_path / str(passes), "tokenizer")
        lines.append(read_metrics(tmp_path / str(passes) / "runs" / "tokenizer" / "metrics.jsonl")[-1])
    assert lines[0]["loss"] == pytest.approx(lines[1]["loss"], rel=1e-4)
    assert lines[0]["grad_norm"] == pytest.approx(lines[1]["grad_norm"], rel=1e-3)


def test_pictures_and_the_log_leave_training_as_it_is(tiny_values, tmp_path):
    for name, every in {"often": 1, "never": None}.items():
        tiny_values["training"]["tokenizer"]["picture_every"] = every
        train(build_recipe(tiny_values), tmp_path / name, "tokenizer")
    assert_same_weights(tmp_path / "often" / "video_tokenizer", tmp_path / "never" / "video_tokenizer")


def test_an_earlier_run_is_not_touched_unless_told(tiny_values, trained_tokenizer):
    recipe = build_recipe(tiny_values)
    metrics = trained_tokenizer / "runs" / "tokenizer" / "metrics.jsonl"
    before = metrics.read_text()
    with pytest.raises(ValueError, match="holds a run of 6 steps: continue it with --resume"):
        train(recipe, trained_tokenizer, "tokenizer")
    with pytest.raises(ValueError, match="holds a run of 6 steps"):
        train(recipe, trained_tokenizer)
    assert metrics.read_text() == before
    recipe.training.tokenizer.steps = 2
    train(recipe, trained_tokenizer, "tokenizer", overwrite=True)
    assert len(read_metrics(metrics)) == 2


def test_models_that_came_without_a_run_are_not_overwritten(tiny_values, tmp_path):
    recipe = build_recipe(tiny_values)
    GenieVideoTokenizer(recipe.video_tokenizer).save_pretrained(tmp_path / "video_tokenizer")
    with pytest.raises(ValueError, match="holds a trained model: replace it with --overwrite"):
        train(recipe, tmp_path)


def test_what_is_missing_is_said(tiny_values, tmp_path):
    recipe = build_recipe(tiny_values)
    with pytest.raises(ValueError, match="no trained video tokenizer: train one first with --stage tokenizer"):
        train(recipe, tmp_path, "world")
    with pytest.raises(ValueError, match="no checkpoint of tokenizer to resume; train without --resume"):
        train(recipe, tmp_path, "tokenizer", resume=True)
    with pytest.raises(ValueError, match="stage is 'wrld'; the recipe's are tokenizer, world"):
        train(recipe, tmp_path, "wrld")
    recipe.data.train = [str(tmp_path / "no-such-data")]
    with pytest.raises(ValueError, match="no-such-data"):
        train(recipe, tmp_path, "tokenizer")
    assert not (tmp_path / "runs" / "tokenizer").exists()


def test_a_tokenizer_of_another_recipe_is_refused(tiny_values, tmp_path):
    other = build_recipe(tiny_values)
    GenieVideoTokenizer(other.video_tokenizer).save_pretrained(tmp_path / "video_tokenizer")
    tiny_values["video_tokenizer"]["quantizer"]["codebook_size"] = 16
    with pytest.raises(ValueError, match="has codebook_size 32, but the recipe's has 16: train it again"):
        train(build_recipe(tiny_values), tmp_path, "world")


def test_dying_codes_raise_an_alarm(tiny_values, tmp_path, caplog):
    tiny_values["training"]["tokenizer"] |= {"steps": 2, "learning_rate": 1e-9, "min_learning_rate": None}
    tiny_values["video_tokenizer"]["quantizer"] |= {"codebook_size": 4096, "revival_threshold": 0.0}
    train(build_recipe(tiny_values), tmp_path, "tokenizer")
    alarms = [record.message for record in caplog.records if "A few codes carry nearly everything" in record.message]
    assert len(alarms) == 1 and "of the 4096 codes" in alarms[0]


def test_an_alarm_says_what_is_wrong(caplog):
    line = {"step": 5, "stage": "tokenizer", "usage": 0.25, "perplexity": 1.0}
    sound_alarm(line, {"": 4}, set())
    assert "Codes are dying at step 5 of stage tokenizer: 25% of the 4 codes are in use" in caplog.text
    caplog.clear()
    sound_alarm(line | {"usage": 1.0}, {"": 4}, set())
    assert "perplexity 1.00 of the 4 codes" in caplog.text and "dying" not in caplog.text


def test_metrics_of_steps_after_the_checkpoint_are_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in (1, 2, 3)) + '{"step": 4')
    MetricsLog(path, step=2).write({"step": 3, "loss": 0.5})
    assert read_metrics(path) == [{"step": 1}, {"step": 2}, {"step": 3, "loss": 0.5}]


def test_two_processes_train_one_model(tiny_values, write_recipe, recording, tmp_path):
    """Both processes see halves of each batch and encode half of the frames, and one of them writes. The codebook
    starts at the third step, and some of its codes are revived."""
    tiny_values["video_tokenizer"]["quantizer"] |= {
        "batch_norm": True,
        "continuous_steps": 2,
        "revival_threshold": 0.9,
    }
    tiny_values["save_dtype"] = "float32"
    path = write_recipe(tiny_values)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
    command += ["genie_hf.cli", "train", str(path), "--cache-codes"]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert result.returncode == 0, result.stderr[-3000:]
    train(build_recipe(tiny_values), tmp_path / "one", "tokenizer")
    one, two = (load_file(each / "video_tokenizer" / "model.safetensors") for each in (tmp_path / "one", path.parent))
    assert one.keys() == two.keys()
    # Adam makes steps of gradients that are zero but for rounding: those of biases before batch norm, and of codes in
    # the middle of their latents.
    loose = {"encoder.norm.bias", "to_latent.bias", "quantizer.batch_norm.running_mean", "quantizer.codebook"}
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=0, atol=1e-2 if name in loose else 1e-3, msg=name)
    lines = (figures(each / "runs" / "tokenizer") for each in (tmp_path / "one", path.parent))
    for ours, theirs in zip(*lines, strict=True):
        for name in ("loss", "grad_norm", "perplexity", "usage"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3), name
    for stage in ("tokenizer", "world"):
        assert [line["step"] for line in read_metrics(path.parent / "runs" / stage / "metrics.jsonl")] == [
            1,
            2,
            3,
            4,
            5,
            6,
        ]
    pipe = GeniePipeline.from_pretrained(path.parent, dtype=torch.float32)
    (cached,) = (path.parent / "runs").glob("codes-*")
    alone = write_codes(VideoDataset(recording, 8, 64), pipe.video_tokenizer, tmp_path)
    assert cached.name == alone.name and (np.load(cached) == np.load(alone)).mean() > 0.99


def test_a_decoder_trains_on_codes_that_the_data_gave(tiny_values, tmp_path):
    frozen = ["patch_embedding", "encoder", "to_latent", "quantizer"]
    weights = []
    for steps in (1, 6):
        tiny_values["training"]["tokenizer"] |= {"steps": steps, "initialize_from_frames": 16, "frozen": frozen}
        train(build_recipe(tiny_values), tmp_path / str(steps), stage="tokenizer")
        weights.append(load_file(tmp_path / str(steps) / "video_tokenizer" / "model.safetensors"))
    for name in weights[0]:
        assert torch.equal(weights[0][name], weights[1][name]) == name.startswith(tuple(frozen)), name


def test_freezing_what_there_is_not_is_refused(tiny_values, tmp_path):
    tiny_values["training"]["tokenizer"]["frozen"] = ["encoderr"]
    with pytest.raises(ValueError, match="frozen names 'encoderr'"):
        train(build_recipe(tiny_values), tmp_path, stage="tokenizer")
