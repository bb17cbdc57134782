"""Public names are there, and cost nothing until they are asked for."""

import subprocess
import sys

import pytest

import genie_hf


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_a_module_is_imported_with_its_first_name():
    code = (
        "import sys, genie_hf; print('genie_hf.frames' in sys.modules, 'torch' in sys.modules);"
        "genie_hf.MaskGITScheduler; print('torch' in sys.modules, 'MaskGITScheduler' in vars(genie_hf))"
    )
    assert run(code) == ["False", "False", "True", "True"]


def test_every_name_is_listed_and_none_is_made_up():
    assert set(genie_hf.__all__) <= set(dir(genie_hf))
    with pytest.raises(AttributeError, match="module 'genie_hf' has no attribute 'GenieModel'"):
        _ = genie_hf.GenieModel
