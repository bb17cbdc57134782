import multiprocessing
import os
import signal
import sys
import time

import numpy as np
import pytest
from datasets import load_dataset

from genie_hf.data import coinrun
from genie_hf.data.coinrun import NUM_BUTTONS, record, sticky_buttons


@pytest.fixture(autouse=True)
def small_shards(monkeypatch, tmp_path):
    monkeypatch.setattr(coinrun, "FRAMES_PER_SHARD", 80)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_recording_loads_with_datasets_and_holds_what_was_asked_for(tmp_path):
    pytest.importorskip("procgen")
    record(tmp_path / "out", levels=(5, 9), steps=100, policy="sticky", seed=1)

    rows = load_dataset(str(tmp_path / "out"), split="train").to_list()

    assert sorted({row["level_seed"] for row in rows}) == [5, 6, 7, 8]
    for level in range(5, 9):
        assert sum(row["num_frames"] for row in rows if row["level_seed"] == level) == 100
    for row in rows:
        assert row["num_frames"] <= 64
        assert len(row["frames"]) == row["num_frames"] * row["height"] * row["width"] * 3
        assert len(row["actions"]) == row["num_frames"] and max(row["actions"]) < NUM_BUTTONS
    for before, row in zip(rows, rows[1:], strict=False):
        same = (before["level_seed"], before["episode"]) == (row["level_seed"], row["episode"])
        assert row["start"] == (before["start"] + before["num_frames"] if same else 0)


def test_every_episode_of_a_level_starts_with_the_same_frame(tmp_path):
    pytest.importorskip("procgen")
    rows = [row for level in range(12) for row in coinrun.play_level(level, 150, "hard", "sticky", 0)]

    first_frames = {}
    for row in rows:
        if row["start"] == 0:
            first_frames.setdefault(row["level_seed"], set()).add(row["frames"][: 64 * 64 * 3])
    assert max(row["episode"] for row in rows) > 0
    assert len(first_frames) == 12 and all(len(frames) == 1 for frames in first_frames.values())


def test_action_moves_the_frame_after_it(tmp_path, monkeypatch):
    pytest.importorskip("procgen")
    buttons = np.full(12, coinrun.NONE, dtype=np.uint8)
    buttons[6:] = coinrun.JUMP
    monkeypatch.setitem(coinrun.POLICIES, "jump", lambda rng, steps: buttons)

    row = coinrun.play_level(0, 12, "hard", "jump", 0)[0]

    frames = np.frombuffer(row["frames"], np.uint8).reshape(12, 64, 64, 3).astype(int)
    change = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    assert row["actions"].tolist() == buttons.tolist()
    assert change[6:8].min() > 5 * change[3:6].max()


@pytest.mark.skipif(sys.platform == "win32", reason="kills a forked process")
def test_killed_and_resumed_is_the_same_as_never_killed(tmp_path):
    pytest.importorskip("procgen")
    settings = {"levels": (0, 60), "steps": 40, "num_workers": 1}
    killed = tmp_path / "killed"
    process = multiprocessing.get_context("fork").Process(target=record, args=(killed,), kwargs=settings)
    process.start()
    while process.is_alive() and len(list((killed / "data").glob("*.parquet"))) < 2:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    recorded_before = {path: path.stat().st_mtime_ns for path in (killed / "data").glob("*.parquet")}
    assert 2 <= len(recorded_before) < 30 and not (killed / "README.md").exists()

    record(killed, **settings)
    record(tmp_path / "whole", **(settings | {"num_workers": 2}))

    assert files_of(killed) == files_of(tmp_path / "whole")
    assert all(path.stat().st_mtime_ns == time for path, time in recorded_before.items())


def test_sticky_holds_buttons_for_2_to_12_steps_and_mostly_goes_right():
    buttons = sticky_buttons(np.random.default_rng(0), 20_000)

    assert len(buttons) == 20_000
    changes = np.flatnonzero(np.diff(buttons))
    assert np.diff(changes).min() == 2
    assert np.isin(buttons, [coinrun.RIGHT, coinrun.RIGHT_JUMP]).mean() == pytest.approx(0.6, abs=0.03)
    assert set(buttons) == {1, 2, 4, 5, 7, 8}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"levels": (5, 5)}, "levels must be a range A:B .* got 5:5"),
        ({"levels": (-1, 5)}, "got -1:5"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"mode": "exploration"}, "mode must be 'easy' or 'hard', got 'exploration'"),
        ({"policy": "expert"}, "policy must be one of 'random', 'sticky', got 'expert'"),
        ({"seed": -3}, "seed must be at least 0, got -3"),
        ({"num_workers": 0}, "num_workers must be at least 1, got 0"),
    ],
)
def test_impossible_settings(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        record(tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    pytest.importorskip("procgen")
    record(tmp_path / "out", levels=(0, 2), steps=3)
    before = files_of(tmp_path / "out")
    with pytest.raises(ValueError, match=r"holds a recording with levels=\[0, 2\], not \[0, 3\]"):
        record(tmp_path / "out", levels=(0, 3), steps=3)
    assert files_of(tmp_path / "out") == before

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("precious")
    with pytest.raises(ValueError, match="is not a recording"):
        record(tmp_path / "other", levels=(0, 2), steps=3)
    assert list(files_of(tmp_path / "other")) == ["thesis.txt"]


def test_without_procgen_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "procgen", None)
    with pytest.raises(ImportError, match=r"pip install genie-hf\[coinrun\]"):
        record(tmp_path / "out")
    assert not (tmp_path / "out").exists()
