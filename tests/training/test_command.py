"""`genie-hf train` as it is called."""

import os
import subprocess
import sys
import time

import yaml
from typer.testing import CliRunner

from genie_hf.cli import app
from genie_hf.training import train
from genie_hf.training.recipe import build_recipe


def run(*arguments):
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def written_data(folder):
    return yaml.safe_load((folder / "runs" / "tokenizer" / "recipe.yaml").read_text(encoding="utf-8"))["data"]


def test_own_data_replace_the_held_out_ones_too(tiny_values, write_recipe, recording, tmp_path):
    tiny_values["data"] |= {"train": ["no/such/data"], "test": ["no/such/data"]}
    for stage in tiny_values["training"].values():
        stage |= {"steps": 2, "picture_every": 2}
    recipe = write_recipe(tiny_values)
    result = run(recipe, "--stage", "tokenizer", "--data", recording, "--max-minutes", "1e-9")
    assert result.exit_code == 0, result.exception
    assert "--data replaces the recipe's held-out data, too, by none: name your own with --test-data." in result.output
    assert (written_data(recipe.parent)["train"], written_data(recipe.parent)["test"]) == ([str(recording)], [])
    (command,) = [line for line in result.output.splitlines() if "genie-hf train" in line]
    assert command.endswith(f"genie-hf train {recipe} --stage tokenizer --resume --data {recording}")

    arguments = recipe, "--stage", "tokenizer", "--overwrite", "--data", recording, "--test-data", recording
    assert "held-out pieces of video are training data" in str(run(*arguments).exception)
    arguments = [argument if argument != "--data" else "--test-data" for argument in arguments[:6]]
    assert "no/such/data" in str(run(*arguments).exception)


def test_a_mistyped_name_is_told_at_once():
    began = time.perf_counter()
    command = [sys.executable, "-X", "importtime", "-m", "genie_hf.cli", "train", "nosuch"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2 and result.stderr.splitlines()[-1].startswith(
        "genie-hf: There is no recipe at nosuch"
    )
    assert "torch" not in result.stderr and time.perf_counter() - began < 10


def test_recipes_are_utf8_whatever_the_locale(tiny_values, write_recipe):
    tiny_values["training"]["tokenizer"]["steps"] = 1
    recipe = write_recipe(tiny_values)
    recipe.write_text(recipe.read_text() + "# détails\n", encoding="utf-8")
    command = [sys.executable, "-m", "genie_hf.cli", "train", str(recipe), "--stage", "tokenizer"]
    environment = os.environ | {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr[-2000:]
    recipe.write_bytes("# détails\n".encode("latin-1"))
    assert "is not written in UTF-8: save it in that encoding" in str(run(recipe).exception)


def test_one_sentence_for_what_stops_a_run(tiny_values, write_recipe):
    tiny_values["training"]["tokenizer"]["steps"] = 1
    recipe = write_recipe(tiny_values)
    train(build_recipe(tiny_values), recipe.parent, "tokenizer")
    tiny_values["video_tokenizer"]["encoder"]["hidden_size"] = 48
    write_recipe(tiny_values)
    command = [sys.executable, "-m", "genie_hf.cli", "train", str(recipe), "--stage", "tokenizer", "--resume"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert "The recipe's models are not those of" in result.stderr.splitlines()[-1]
