"""Bundling modules into one file."""

import ast
import builtins
import logging
import symtable
import sys
from textwrap import dedent

import pytest
from diffusers.utils.dynamic_modules_utils import check_imports

import genie_hf
from genie_hf.hub.bundle import bundle
from genie_hf.models import MODELS


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes the modules of a package `toy`, of which each test has its own."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "toy" / "parts").mkdir(parents=True)

    def write(**modules: str):
        for name, text in {"__init__": "", "parts/__init__": "", **modules}.items():
            (tmp_path / "toy" / f"{name.replace('__in__', '/')}.py").write_text(dedent(text))

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        del sys.modules[name]


def run(text: str) -> dict:
    names: dict = {"__name__": "bundle"}
    exec(compile(text, "bundle.py", "exec"), names)
    return names


def test_what_a_module_needs_comes_before_it_and_once(package):
    package(
        top='''
        """The top.

        Its second line.
        """

        import math

        from .parts.left import left
        from .right import right

        # above the total
        TOTAL = left() + right() + math.pi  # beside it
        ''',
        parts__in__left="from ..base import BASE\n\ndef left():\n    return BASE\n",
        right="import math\nfrom .base import BASE\n\ndef right():\n    return math.floor(BASE)\n",
        base='"""What all stand on."""\n\nBASE = 2.5\n',
    )
    text = bundle("toy.top")
    assert run(text)["TOTAL"] == 4.5 + run("import math")["math"].pi
    assert text.count("BASE = 2.5") == text.count("import math") == 1
    assert "# above the total\nTOTAL = left() + right() + math.pi  # beside it" in text
    assert "# toy.base\n# What all stand on." in text
    assert ast.get_docstring(ast.parse(text)) == "The top.\n\nIts second line."
    assert bundle("toy.top") == text


def test_what_is_not_a_definition_is_left_out_with_all_that_it_needs(package):
    package(
        top="""
        from typing import TYPE_CHECKING
        from .registry import register
        if TYPE_CHECKING:
            from .base import Base
        __all__ = ["Thing"]
        class Thing:
            def grow(self, base: "Base"): ...
        register(Thing)
        """,
        registry="import nowhere\ndef register(thing): nowhere.put(thing)\n",
    )
    text = bundle("toy.top")
    assert "Thing" in run(text) and "regist" not in text and "import" not in text.split('"""')[-1]


def test_what_a_function_imports_is_not_asked_for_before(package, tmp_path, caplog, monkeypatch):
    package(top="import nowhere\nTOP = nowhere\ndef f():\n    import elsewhere\n    return elsewhere\n")
    (tmp_path / "bundle.py").write_text(bundle("toy.top"))
    monkeypatch.setattr(logging.getLogger("diffusers"), "propagate", True)
    check_imports(tmp_path / "bundle.py")
    assert "pip install nowhere`" in caplog.text


def test_classes_that_lie_elsewhere_are_told_by_their_names(package):
    package(
        top="""
        from .parts.animal import Dog
        def greet(animal: Dog | None) -> bool:
            return isinstance(animal, Dog)
        """,
        parts__in__animal="raise RuntimeError\nclass Dog: ...\n",
    )
    greet = run(bundle("toy.top", elsewhere={"toy.parts.animal"}))["greet"]
    poodle = type("Poodle", (type("Dog", (), {}),), {})
    assert greet(poodle()) and not greet(type("Cat", (), {})()) and not greet(None)


@pytest.mark.parametrize(
    "modules, message",
    [
        (
            {"top": "from .other import f\nSIZE = 1\nSUM = f() + SIZE\n", "other": "SIZE = 2\ndef f(): return SIZE\n"},
            "SIZE means something else outside toy.top",
        ),
        (
            {
                "top": "from math import log\nfrom .other import f\nx = log(f())\n",
                "other": "def log(): ...\nf = log\n",
            },
            "log means something else outside toy.top",
        ),
        ({"top": "def sum(): ...\n"}, "sum means something else outside toy.top"),
        ({"top": "from .other import f as g\nx = g\n", "other": "f = 1\n"}, "toy.top imports f as g: keep its name"),
        (
            {"top": "def g():\n    from .other import f\n", "other": "f = 1\n"},
            "toy.top imports in g from this package: do so at its beginning",
        ),
    ],
)
def test_what_cannot_be_merged_is_refused(package, modules, message):
    package(**modules)
    with pytest.raises(ValueError, match=message):
        bundle("toy.top")


@pytest.mark.parametrize("name", [*(model.__name__ for model in MODELS), "MaskGITScheduler", "GeniePipeline"])
def test_our_own_bundles_lack_nothing_and_need_no_other_library(name):
    text = bundle(getattr(genie_hf, name).__module__)
    libraries = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    known = {"torch", "transformers", "diffusers", "huggingface_hub", "safetensors", "numpy", "PIL"}
    assert libraries - sys.stdlib_module_names - known <= {"peft"}  # for adapters
    table = symtable.symtable(text, name, "exec")
    there = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    assert name in there and used_globals(table) <= there | set(dir(builtins)) | {"__name__"}


def used_globals(table: symtable.SymbolTable) -> set[str]:
    own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return own.union(*map(used_globals, table.get_children()))
