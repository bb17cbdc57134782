"""The processes that play."""

import subprocess
import sys
from pathlib import Path

import pytest

from genie_hf.data import coinrun, record


def test_a_process_that_plays_does_not_import_pytorch():
    code = "import sys; import coinrun.worker; print('torch' in sys.modules, 'datasets' in sys.modules)"
    folder = Path(coinrun.__file__).parents[1]
    assert subprocess.check_output([sys.executable, "-c", code], cwd=folder, text=True).split() == ["False", "False"]


def test_what_stops_a_process_that_plays_is_said(tmp_path, files_of_at_most):
    pytest.importorskip("procgen")
    said = r"out cannot be written \(File too large\). Make room, then run the command again to continue"
    with pytest.raises(OSError, match=said), files_of_at_most(20_000):
        record(tmp_path / "out", levels=(0, 4), steps=40)

    record(tmp_path / "out", levels=(0, 4), steps=40, num_workers=1)
