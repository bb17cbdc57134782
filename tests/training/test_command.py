"""`genie-hf train` as it is called."""

import locale
import sys

import pytest
import yaml
from typer.testing import CliRunner

from genie_hf.cli import app, main
from genie_hf.training import TrainingResult, train
from genie_hf.training.recipe_file import build_recipe


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
    assert "--data also drops the recipe's held-out data: name your own with --test-data." in result.output
    assert (written_data(recipe.parent)["train"], written_data(recipe.parent)["test"]) == ([str(recording)], [])
    (command,) = [line for line in result.output.splitlines() if "genie-hf train" in line]
    again = f"--resume --data {recording} --max-minutes 2e-09"
    assert command.endswith(f"genie-hf train {recipe} --stage tokenizer {again}")

    arguments = recipe, "--stage", "tokenizer", "--overwrite", "--data", recording, "--test-data", recording
    assert "held-out pieces of video are also training data" in str(run(*arguments).exception)
    arguments = [argument if argument != "--data" else "--test-data" for argument in arguments[:6]]
    assert "no/such/data" in str(run(*arguments).exception)


def test_a_run_that_was_stopped_says_how_to_go_on(tiny_values, write_recipe, tmp_path, monkeypatch):
    stopped = TrainingResult("tokenizer", 3, "signal", tmp_path / "checkpoint-3", [])
    monkeypatch.setattr("genie_hf.training.train", lambda *args, **kwargs: [stopped])
    recipe = write_recipe(tiny_values)
    for options, again in (
        ("--max-minutes 5", "--resume --max-minutes 5"),
        ("--stage tokenizer", "--stage tokenizer --resume"),
    ):
        result = run(recipe, *options.split())
        assert result.output.rstrip().endswith(f"with: genie-hf train {recipe} {again}")


@pytest.fixture
def posix_locale():
    """Files are opened in ASCII where nothing else is said, and ASCII is all that can be printed."""
    before = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, "POSIX")
    yield
    locale.setlocale(locale.LC_ALL, before)


def test_recipes_are_utf8_whatever_the_locale(tiny_values, write_recipe, posix_locale):
    tiny_values["training"]["tokenizer"] |= {"steps": 2, "picture_every": 1}
    recipe = write_recipe(tiny_values)
    recipe.write_text(recipe.read_text() + "# détails\n", encoding="utf-8")
    with recipe.open() as file, pytest.raises(UnicodeDecodeError):
        file.read()
    for arguments in ([], ["--resume"]):
        result = run(recipe, "--stage", "tokenizer", *arguments)
        assert result.exit_code == 0, result.exception
        assert result.output.isascii()
    recipe.write_bytes("# détails\n".encode("latin-1"))
    assert "is not in UTF-8: save it in that encoding" in str(run(recipe).exception)


def test_one_sentence_for_what_stops_a_run(tiny_values, write_recipe, monkeypatch, capfd):
    tiny_values["training"]["tokenizer"]["steps"] = 1
    recipe = write_recipe(tiny_values)
    train(build_recipe(tiny_values), recipe.parent, "tokenizer")
    tiny_values["video_tokenizer"]["encoder"]["hidden_size"] = 48
    write_recipe(tiny_values)
    monkeypatch.setattr(sys, "argv", ["genie-hf", "train", str(recipe), "--stage", "tokenizer", "--resume"])
    capfd.readouterr()
    with pytest.raises(SystemExit) as end:
        main()
    errors = capfd.readouterr().err
    assert end.value.code == 2 and "Traceback" not in errors
    assert "The recipe's models do not fit" in errors.splitlines()[-1]
