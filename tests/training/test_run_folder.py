"""What a run leaves in its folder, who may write there, and what may be changed between two parts of a run."""

import multiprocessing
import time

import pytest

from genie_hf import GenieVideoTokenizer
from genie_hf.training import read_recipe, train
from genie_hf.training.metrics_log import read_metrics
from genie_hf.training.recipe_file import build_recipe
from genie_hf.training.run_folder import claim


def test_a_folder_is_trained_by_one_process(tiny_values, tmp_path):
    """And it is free again when that process is killed."""
    fork = multiprocessing.get_context("fork")
    held = fork.Event()

    def hold():
        with claim(tmp_path):
            held.set()
            time.sleep(600)

    holder = fork.Process(target=hold)
    holder.start()
    try:
        assert held.wait(60)
        for options in ({}, {"overwrite": True}, {"resume": True}):
            with pytest.raises(ValueError, match="is being trained by another process: wait for it to finish"):
                train(build_recipe(tiny_values), tmp_path, **options)
    finally:
        holder.kill()
        holder.join()
    with claim(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_told_at_once(tiny_values, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="nothing can be written to .*file.world .*: choose another folder"):
        train(build_recipe(tiny_values), tmp_path / "file" / "world")


def test_a_disk_without_room_is_told_at_once(tiny_values, tmp_path):
    tiny_values["dynamics"] |= {"hidden_size": 32 * 2**15, "num_attention_heads": 2**16}
    with pytest.raises(OSError, match=r"need about [\d,]+ MB, but the disk has only [\d,]+ MB left: make room"):
        train(build_recipe(tiny_values), tmp_path)
    assert not (tmp_path / "runs" / "tokenizer").exists()


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


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("training", {"seed": 5}, "began with training.tokenizer.seed 0, which cannot be changed to 5"),
        ("training", {"ema_decay": 0.5}, "began with training.tokenizer.ema_decay None"),
        ("encoder", {"hidden_size": 48}, r"has the shape \[192\] in the recipe and \[128\] there"),
        ("encoder", {"num_hidden_layers": 2}, r"encoder.blocks.1.* has the shape \[.*\] in the recipe and None there"),
    ],
)
def test_what_a_run_cannot_change_is_refused(section, change, message, tiny_values, trained_tokenizer):
    part = tiny_values["training"]["tokenizer"] if section == "training" else tiny_values["video_tokenizer"]["encoder"]
    part |= change
    written = (trained_tokenizer / "runs" / "tokenizer" / "recipe.yaml").read_text()
    for _ in range(2):  # the first time leaves no trace
        with pytest.raises(ValueError, match=message):
            train(build_recipe(tiny_values), trained_tokenizer, "tokenizer", resume=True)
    assert (trained_tokenizer / "runs" / "tokenizer" / "recipe.yaml").read_text() == written


def test_a_run_writes_down_a_recipe(tiny_values, trained_tokenizer):
    written = read_recipe(trained_tokenizer / "runs" / "tokenizer")
    assert written.to_dict() == build_recipe(tiny_values | {"fps": 15}).to_dict()  # the data's


def test_changed_data_are_told(tiny_values, trained_tokenizer, caplog):
    tiny_values["training"]["tokenizer"]["steps"] = 7
    train(build_recipe(tiny_values), trained_tokenizer, "tokenizer", resume=True)
    assert "data have changed" not in caplog.text
    tiny_values["data"]["train"] *= 2
    tiny_values["training"]["tokenizer"]["steps"] = 8
    train(build_recipe(tiny_values), trained_tokenizer, "tokenizer", resume=True)
    assert "data have changed since the run began: 6 videos with 72 frames, now 12 with 144" in caplog.text
