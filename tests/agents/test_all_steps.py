"""What `make agents` does, in small and on a tiny world."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_every_step_of_the_script_runs(tmp_path):
    pytest.importorskip("procgen")
    genie_hf = shutil.which("genie-hf", path=Path(sys.executable).parent)
    places = {"GENIE_HF": genie_hf, "DATA": str(tmp_path / "data"), "OUTPUT": str(tmp_path / "out")}
    script = [ROOT / "benchmarks" / "agents.sh", "--short"]
    done = subprocess.run(script, cwd=ROOT, env=os.environ | places, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("rewards", "cloning-hard", "planning-frame-hard", "planning-coin-hard", "dream-hard"):
        assert json.loads((tmp_path / "out" / f"{name}.json").read_text())["dynamics_fingerprint"]
        assert (tmp_path / "out" / f"{name}.png").stat().st_size > 1_000
    assert (tmp_path / "out" / "film-hard.gif").exists()
    assert {agent["agent"] for agent in json.loads((tmp_path / "out" / "dream-hard.json").read_text())["table"]} == {
        "random", "world", "real",
    }  # fmt: skip
