"""Public names of a package, imported when they are asked for, so that the package itself is quick."""

import importlib
import sys
from collections.abc import Callable


def lazy_names(package: str, modules: dict[str, str]) -> tuple[Callable, Callable]:
    """The `__getattr__` and `__dir__` of a package (PEP 562).

    Args:
        package: its `__name__`.
        modules: the module of each public name, below the package.
    """
    known = vars(sys.modules[package])

    def __getattr__(name: str):
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        known[name] = getattr(importlib.import_module(f".{modules[name]}", package), name)
        return known[name]

    def __dir__() -> list[str]:
        return sorted({*known, *modules})

    return __getattr__, __dir__
