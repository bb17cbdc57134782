"""Docstrings are of one form. What ruff knows of it, it checks; the rest is here."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [*sorted(ROOT.glob("src/**/*.py")), *sorted(ROOT.glob("spaces_app/*.py"))]
SECTION = re.compile(r"^(?:Args|Attributes|Raises):\n((?:    .*\n|\n)+)", re.MULTILINE)
ENTRY = re.compile(r"^    (\S.*?):(?: |$)(.*)", re.MULTILINE)


def entries(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            for section in SECTION.findall((ast.get_docstring(node) or "") + "\n"):
                yield from ENTRY.findall(section)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_an_entry_is_a_name_and_what_the_signature_does_not_say(path):
    for name, text in entries(path):
        assert re.fullmatch(r"\*{0,2}[\w.]+", name), f"{name!r} is more than a name: types belong in the signature"
        assert not re.match(r"(A|[A-Z][a-z]+)[ ,.;]", text), f"{name}: begin in lower case: {text!r}"


@pytest.mark.parametrize("package", ["genie_hf", "genie_hf.data", "genie_hf.evaluation", "genie_hf.training"])
def test_what_is_public_is_described(package):
    module = importlib.import_module(package)
    bare = []
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            members = vars(thing) if inspect.isclass(thing) else {}
            public = [
                member for member in members if not member.startswith("_") and inspect.isroutine(members[member])
            ]
            bare += [name] * (not thing.__doc__)
            bare += [f"{name}.{member}" for member in public if not inspect.getdoc(getattr(thing, member))]
    assert bare == []
