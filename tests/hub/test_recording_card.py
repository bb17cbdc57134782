"""The card of a dataset: counts, splits, the commands, and a moving picture."""

import io
import re
import subprocess

import numpy as np
import PIL.Image
import PIL.ImageSequence
import pytest
import yaml

from genie_hf.hub.recording_card import data_files, preview, recording_card
from genie_hf.hub.recordings import read_recording
from recorded import STEPS, record_squares


@pytest.fixture
def recording(tmp_path):
    record_squares(tmp_path / "squares" / "train", (0, 5))
    record_squares(tmp_path / "squares" / "test", (20, 22))
    return read_recording(tmp_path / "squares")


def test_counts_commands_and_license(recording):
    card = recording_card(recording, "user/squares", "mit")
    assert card.data.license == "mit" and {"world-model", "coinrun"} <= set(card.data.tags)
    assert card.data.size_categories == ["n<1K"] and card.data.pretty_name == "squares"
    assert "| train | 10 | 120 | 5 |\n| test | 4 | 48 | 2 |" in card.text
    assert "The same commands record" in card.text and 'load_dataset("user/squares", split="train")' in card.text
    assert "7.5 frames a second" in card.text and "![Pieces of some of its videos](preview.gif)" in card.text
    assert "| 5 | jump | 3 jump |" in card.text
    assert recording_card(recording, "user/squares").data.license is None


def test_commands_are_broken_so_that_a_shell_takes_them_as_they_are(recording):
    text = recording_card(recording, "user/squares").text
    (block,) = re.findall(r"```sh\n(.+?)\n```", text, re.DOTALL)
    assert max(map(len, block.splitlines())) < 80
    told = subprocess.check_output(["sh", "-c", block.replace("genie-hf", "echo genie-hf")], text=True)
    assert told.splitlines() == recording.commands


def test_a_recipe_takes_the_splits_that_there_are(recording, tmp_path):
    def data(recording):
        text = recording_card(recording, "user/squares").text
        return yaml.safe_load(re.search(r"```yaml\n(.+?)```", text, re.DOTALL)[1])["data"]

    assert data(recording) == {"train": ["user/squares"], "test": ["user/squares"]}
    assert data(read_recording(tmp_path / "squares" / "train")) == {"train": ["user/squares"]}


def test_each_split_has_a_pattern_of_its_own(recording):
    assert data_files(recording) == [
        {"split": "train", "path": ["train/data/train-*.parquet"]},
        {"split": "test", "path": ["test/data/train-*.parquet"]},
    ]


def test_the_preview_shows_videos_side_by_side_at_their_pace(recording):
    image = PIL.Image.open(io.BytesIO(preview(recording)))
    assert image.size == (4 * 128 + 3 * 8, 128)
    columns = np.asarray(image.convert("RGB")).min(axis=(0, 2))
    assert np.flatnonzero(columns > 250).tolist() == [*range(128, 136), *range(264, 272), *range(400, 408)]
    shown = sum(frame.info["duration"] for frame in PIL.ImageSequence.Iterator(image))
    assert shown == pytest.approx(1000 * STEPS / 2 / 7.5, abs=10)
