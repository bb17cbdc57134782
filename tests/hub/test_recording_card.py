"""The card of a dataset: counts, splits, the command, and a moving picture."""

import io

import PIL.Image
import PIL.ImageSequence
import pytest

from genie_hf.hub.recording_card import data_files, preview, recording_card
from genie_hf.hub.recordings import read_recording
from recorded import STEPS, record_squares


@pytest.fixture
def recording(tmp_path):
    record_squares(tmp_path / "squares" / "train", (0, 5))
    record_squares(tmp_path / "squares" / "test", (20, 22))
    return read_recording(tmp_path / "squares")


def test_counts_command_and_license(recording):
    card = recording_card(recording, "user/squares", "mit")
    assert card.data.license == "mit" and {"world-model", "coinrun"} <= set(card.data.tags)
    assert card.data.size_categories == ["n<1K"] and card.data.pretty_name == "squares"
    assert "| train | 10 | 120 | 5 |" in card.text and "| test | 4 | 48 | 2 |" in card.text
    assert f"genie-hf record coinrun train --levels 0:5 --steps {STEPS} --mode easy --policy random" in card.text
    assert "7.5 frames a second" in card.text and "![Pieces of some of its videos](preview.gif)" in card.text
    assert "| 5 | jump | 3 jump |" in card.text and "train: [user/squares]" in card.text
    assert recording_card(recording, "user/squares").data.license is None


def test_each_split_has_a_pattern_of_its_own(recording):
    assert data_files(recording) == [
        {"split": "test", "path": ["test/data/train-*.parquet"]},
        {"split": "train", "path": ["train/data/train-*.parquet"]},
    ]


def test_the_preview_shows_videos_side_by_side_at_their_pace(recording):
    image = PIL.Image.open(io.BytesIO(preview(recording)))
    assert image.size == (4 * 128, 128)
    shown = sum(frame.info["duration"] for frame in PIL.ImageSequence.Iterator(image))
    assert shown == pytest.approx(1000 * STEPS / 2 / 7.5, abs=10)
