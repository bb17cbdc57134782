"""The documentation: its reference has every public name, and its Python runs."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("package", ["genie_hf", "genie_hf.data", "genie_hf.evaluation", "genie_hf.training"])
def test_every_public_name_is_in_the_reference_once(package):
    pages = "\n".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    named = re.findall(rf"^::: {re.escape(package)}\.(\w+)$", pages, re.MULTILINE)
    assert sorted(named) == sorted(importlib.import_module(package).__all__)


def test_the_guide_to_python_runs(tmp_path, monkeypatch):
    (tmp_path / "pipelines").symlink_to(ROOT / "pipelines")
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.+?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL)
    names = {}
    exec("\n".join(code), names)
    assert len(names["first"]) == 4
    assert names["choices"] and len(names["choices"]) == names["pipe"].num_actions
    assert (tmp_path / "dusk.gif").exists()
