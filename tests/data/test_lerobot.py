import pytest

from genie_hf.data import VideoDataset


def test_lerobot_is_refused(tmp_path, write_video):
    write_video(tmp_path / "videos" / "camera" / "chunk-000" / "file-000.mp4", 20)
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "info.json").write_text("{}")
    for folder in (tmp_path, tmp_path / "videos", tmp_path / "videos" / "camera"):
        with pytest.raises(ValueError, match="LeRobot dataset.*save each episode"):
            VideoDataset(folder, 4)
