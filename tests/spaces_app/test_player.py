"""The parts of the page's script that need no page, in Node's own test runner: see player/."""

import shutil
import subprocess
from pathlib import Path

import pytest

import script

TESTS = sorted(map(str, (Path(__file__).parent / "player").glob("*.test.js")))


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node 20 or newer on the PATH")
def test_the_script():
    run = subprocess.run(["node", "--test", *TESTS], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_modules_and_their_loader_are_part_of_the_page():
    assert "main.js" in script.SOURCES and "load.js" not in script.SOURCES
    assert script.ON_LOAD.endswith(script.LOADER)
