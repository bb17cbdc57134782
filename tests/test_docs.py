"""The reference of the documentation has every public name."""

import importlib
import re
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[1] / "docs" / "api"


@pytest.mark.parametrize("package", ["genie_hf", "genie_hf.data", "genie_hf.evaluation", "genie_hf.training"])
def test_every_public_name_is_in_the_reference_once(package):
    pages = "\n".join(page.read_text() for page in REFERENCE.glob("*.md"))
    named = re.findall(rf"^::: {re.escape(package)}\.(\w+)$", pages, re.MULTILINE)
    assert sorted(named) == sorted(importlib.import_module(package).__all__)
