"""The parts of the page's script that need no page, in Node's own test runner: see player/."""

import re
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


def test_every_module_is_loaded_and_imports_in_the_way_that_the_loader_knows():
    imports = {
        name: re.findall(r'^import [^;]*? from "\./(.+?)";$', text, re.M) for name, text in script.SOURCES.items()
    }
    assert {name: len(re.findall(r"^import\b", text, re.M)) for name, text in script.SOURCES.items()} == {
        name: len(found) for name, found in imports.items()
    }
    known, reached = set(imports), {"main.js"}
    while following := {other for name in reached for other in imports[name]} - reached:
        reached |= following
    assert reached == known
