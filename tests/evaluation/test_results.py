"""Figures are kept, and shown beside no world but their own."""

import copy

import PIL.Image
import pytest
import torch

from genie_hf.evaluation.results import check_folder, read_results, write_results


def test_figures_are_read_back_for_the_world_that_was_measured(tiny_dynamics, tmp_path, caplog):
    folder = check_folder(tmp_path / "new")
    files = {"metrics.json": {"psnr": 21.5}, "picture.png": PIL.Image.new("RGB", (4, 4))}
    write_results(folder, files, tiny_dynamics)
    assert read_results(folder / "metrics.json", tiny_dynamics)["psnr"] == 21.5
    assert (folder / "picture.png").exists()
    assert read_results(folder / "none.json", tiny_dynamics) is None and not caplog.text

    other = copy.deepcopy(tiny_dynamics)
    torch.nn.init.zeros_(other.head.weight)
    assert read_results(folder / "metrics.json", other) is None
    assert "metrics.json is not shown: it was measured on a different world" in caplog.text


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"nothing can be written to .*file/folder .*: choose another output"):
        check_folder(tmp_path / "file" / "folder")


def test_figures_are_not_lost_where_the_folder_goes_away(tiny_dynamics, tmp_path):
    with pytest.raises(OSError, match=r"can no longer be written to .*The figures are: \[{\"psnr\": 21.5}\]"):
        write_results(tmp_path / "gone", {"metrics.json": {"psnr": 21.5}}, tiny_dynamics)
