"""What cannot be written is told with its name and a remedy."""

import pytest

from genie_hf.writing import check_writable, writing


def test_a_full_disk_is_said_with_the_file(tmp_path):
    with pytest.raises(OSError, match=r"x.gif cannot be written \(No space left on device\). Make room"):
        with writing(tmp_path / "x.gif"), open("/dev/full", "wb", buffering=0) as full:
            full.write(b"frames")


def test_a_place_is_tried_and_left_as_it_was(tmp_path):
    check_writable(tmp_path / "new" / "x.gif")
    assert list((tmp_path / "new").iterdir()) == []
    for place in (tmp_path / "new", tmp_path / "file" / "x.gif"):
        (tmp_path / "file").touch()
        with pytest.raises(OSError, match=f"{place} cannot be written"):
            check_writable(place)
