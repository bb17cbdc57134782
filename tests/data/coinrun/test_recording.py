import json
import multiprocessing
import os
import shutil
import signal
import sys
import time

import pytest
from datasets import load_dataset

from genie_hf.data import record
from genie_hf.data.coinrun import recording
from genie_hf.data.coinrun.buttons import JUMP, LEFT, LEFT_JUMP, NONE, NUM_BUTTONS, RIGHT


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(recording, "FRAMES_PER_SHARD", 80)


SETTINGS = {"levels": (0, 6), "steps": 40, "num_workers": 1}


@pytest.fixture(scope="module")
def recorded_once(tmp_path_factory):
    pytest.importorskip("procgen")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "FRAMES_PER_SHARD", 80)
        return record(tmp_path_factory.mktemp("recorded") / "out", **SETTINGS)


LONGER = {"levels": (0, 20), "steps": 40}  # so long that one can come in between, in ten shards


@pytest.fixture(scope="module")
def longer_recording(tmp_path_factory):
    """What is in the files of such a recording."""
    pytest.importorskip("procgen")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "FRAMES_PER_SHARD", 80)
        return files_of(record(tmp_path_factory.mktemp("longer") / "out", **LONGER, num_workers=1))


@pytest.fixture
def recorded(recorded_once, tmp_path):
    """A recording of its own with these settings, in three shards."""
    return shutil.copytree(recorded_once, tmp_path / "recorded")


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_recording_loads_with_datasets_and_holds_what_was_asked_for(tmp_path):
    pytest.importorskip("procgen")
    record(tmp_path / "out", levels=(5, 9), steps=100, policy="sticky", seed=1, num_workers=1)

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


def test_the_recording_says_its_frame_rate_and_what_the_buttons_do(tmp_path):
    pytest.importorskip("procgen")
    record(tmp_path / "out", levels=(0, 1), steps=4, policy="balanced", frame_skip=3)

    manifest = json.loads((tmp_path / "out" / "recording.json").read_text())
    assert (manifest["frame_skip"], manifest["frame_rate"]) == (3, 5)
    groups = [manifest["action_group_names"][group] for group in manifest["action_groups"]]
    assert len(groups) == len(manifest["action_names"]) == NUM_BUTTONS
    for button, name in {LEFT: "left", LEFT_JUMP: "left+jump", NONE: "none", JUMP: "jump", RIGHT: "right"}.items():
        assert manifest["action_names"][button] == groups[button] == name
    assert groups[0] == "left" and groups[3] == groups[14] == "none"
    card = (tmp_path / "out" / "README.md").read_text()
    assert "frame_skip 3" in card and "5 frames a second" in card and "| 8 | right+jump | 5 right+jump |" in card


def test_a_recording_of_an_older_version_is_continued(recorded):
    old = {"levels": [0, 6], "steps": 40, "mode": "hard", "policy": "random", "seed": 0}
    (recorded / "recording.json").write_text(json.dumps(old))

    record(recorded, **SETTINGS)
    with pytest.raises(ValueError, match="holds a recording with frame_skip=1, not 3"):
        record(recorded, **SETTINGS, frame_skip=3)


def test_a_damaged_shard_is_recorded_again(recorded, caplog):
    before = files_of(recorded)
    zeros, foreign, whole = sorted((recorded / "data").glob("*.parquet"))
    zeros.write_bytes(bytes(zeros.stat().st_size))
    foreign.write_bytes(whole.read_bytes())
    written = whole.stat().st_mtime_ns

    record(recorded, **SETTINGS)

    assert files_of(recorded) == before
    assert whole.stat().st_mtime_ns == written
    assert [f"{path} is damaged: recording it again." for path in (zeros, foreign)] == caplog.messages


def test_two_recordings_into_one_folder(tmp_path, longer_recording):
    settings = LONGER | {"num_workers": 1}
    process = multiprocessing.get_context("fork").Process(target=record, args=(tmp_path / "out",), kwargs=settings)
    process.start()
    while not (tmp_path / "out" / "data").exists():
        time.sleep(0.002)
    with pytest.raises(ValueError, match="another process is recording into"):
        record(tmp_path / "out", **settings)
    process.join()
    assert process.exitcode == 0 and files_of(tmp_path / "out") == longer_recording


def test_ctrl_c_stops_every_process_and_leaves_a_recording_that_continues(tmp_path):
    pytest.importorskip("procgen")

    def record_in_a_terminal():
        signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores Ctrl-C
        record(tmp_path / "out", levels=(0, 4), steps=10**6, num_workers=2)

    process = multiprocessing.get_context("fork").Process(target=record_in_a_terminal)
    process.start()
    try:
        while len(list((tmp_path / "out" / "data").glob(".*.tmp"))) < 2:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGINT)
        process.join(10)
        assert process.exitcode == 1
    finally:
        process.kill()
    with pytest.raises(
        ValueError, match="holds a recording with levels"
    ):  # and not: another process is recording into
        record(tmp_path / "out", levels=(0, 5))


@pytest.mark.skipif(sys.platform == "win32", reason="kills a forked process")
def test_killed_and_resumed_is_the_same_as_never_killed(tmp_path, longer_recording):
    settings = LONGER | {"num_workers": 2}
    killed = tmp_path / "killed"
    process = multiprocessing.get_context("fork").Process(target=record, args=(killed,), kwargs=settings)
    process.start()
    while process.is_alive() and len(list((killed / "data").glob("*.parquet"))) < 2:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    recorded_before = {path: path.stat().st_mtime_ns for path in (killed / "data").glob("*.parquet")}
    assert 2 <= len(recorded_before) < 10 and not (killed / "README.md").exists()

    record(killed, **settings)

    assert files_of(killed) == longer_recording
    assert all(path.stat().st_mtime_ns == time for path, time in recorded_before.items())


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    pytest.importorskip("procgen")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file/out cannot be written \(Not a directory\). Make room, .* another place"):
        record(tmp_path / "file" / "out", **SETTINGS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"levels": (5, 5)}, "levels must be a range A:B .* got 5:5"),
        ({"levels": (-1, 5)}, "got -1:5"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"mode": "exploration"}, "mode must be 'easy' or 'hard', got 'exploration'"),
        ({"policy": "genius"}, "policy must be one of 'random', 'sticky', .* got 'genius'"),
        ({"seed": -3}, "seed must be at least 0, got -3"),
        ({"frame_skip": 0}, "frame_skip must be at least 1, got 0"),
        ({"num_workers": 0}, "num_workers must be at least 1, got 0"),
    ],
)
def test_impossible_settings(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        record(tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_else_is_left_alone(recorded, tmp_path):
    before = files_of(recorded)
    with pytest.raises(ValueError, match=r"holds a recording with levels=\[0, 6\], not \[0, 7\]"):
        record(recorded, levels=(0, 7), steps=40)
    assert files_of(recorded) == before

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
