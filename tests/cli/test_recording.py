"""`genie-hf record`."""

import pytest

from genie_hf.data import VideoDataset


def test_coinrun_is_recorded_as_asked(run, tmp_path):
    pytest.importorskip("procgen")
    settings = ("--levels", "3:5", "--steps", 6, "--mode", "easy", "--policy", "sticky", "--frame-skip", 2)
    status, out, err = run("record", "coinrun", tmp_path / "levels", *settings, "--workers", 1)
    assert status == 0, err
    assert f"Recorded levels 3 to 4, 6 frames each, in {tmp_path / 'levels'}." in out
    dataset = VideoDataset(tmp_path / "levels", num_frames=3)
    assert dataset.lengths.sum() == 12 and (dataset.frame_skip, dataset.frame_rate) == (2, 7.5)


@pytest.mark.parametrize("levels", ["5", "a:b", "-1:2"])
def test_levels_are_a_range(run, tmp_path, levels):
    status, _, err = run("record", "coinrun", tmp_path / "levels", f"--levels={levels}")
    assert status == 2 and f"--levels is {levels!r}: write it as A:B" in err


def test_a_recording_is_pushed_when_it_is_done(hub, run, tmp_path):
    pytest.importorskip("procgen")
    name = hub.new_name("dataset")
    folder = tmp_path / "levels"
    status, out, err = run("record", "coinrun", folder, "--levels", "3:5", "--steps", 6, "--push", name, "--private")
    assert status == 0 and f"datasets/{name}" in out, err
    files = hub.files(name, kind="dataset")
    assert files["recording.json"] == (folder / "recording.json").read_bytes()
    command = " ".join(files["README.md"].decode().replace("\\\n", "").split())
    assert "--levels 3:5 --steps 6 --mode hard --policy random --seed 0 --frame-skip 1" in command
    assert hub.api.dataset_info(name).private
