import shutil

from genie_hf.data import VideoDataset


def test_recordings_in_folders_of_equal_names_are_two(tmp_path, write_recording, levels):
    first, second = (
        write_recording(tmp_path / f"p{level}" / "data" / "train", [9], level_seed=level) for level in (1, 2)
    )
    assert levels(VideoDataset(first, 4)) == [1] and levels(VideoDataset(second, 4)) == [2]


def test_a_folder_recorded_anew_gives_the_new_frames(tmp_path, write_recording, levels):
    for level in (1, 2):
        folder = write_recording(tmp_path / "recording", [9], level_seed=level)
        assert levels(VideoDataset(folder, 4)) == [level]
        shutil.rmtree(folder)


def test_a_recording_put_in_place_of_another_with_its_old_times(tmp_path, write_recording, levels):
    folders = [write_recording(tmp_path / f"r{level}", [9], level_seed=level) for level in (1, 2)]
    for level, folder in enumerate(folders, start=1):
        shutil.copytree(folder, tmp_path / "place", dirs_exist_ok=True)
        assert levels(VideoDataset(tmp_path / "place", 4)) == [level]
