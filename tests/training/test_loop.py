"""The loop: losses fall, or stop the run where they are not finite, and a batch may take several passes."""

import datasets
import pytest
from safetensors.torch import load_file

from genie_hf.training import train
from genie_hf.training.checkpoints import list_checkpoints
from genie_hf.training.metrics_log import read_metrics
from genie_hf.training.recipe_file import build_recipe


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
