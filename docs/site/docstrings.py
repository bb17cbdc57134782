"""Links as transformers and diffusers write them in docstrings, for a reader of Google's style.

"[`Name`]" is a link, and so is "`Name`" of a public class.

A configuration is a dataclass because transformers makes one of it, which griffe, who imports nothing, is told here.
"""

import re

import griffe
from griffe import Decorator, ExprCall, ExprKeyword, ExprName

import genie_hf

LINK = re.compile(r"\[`~?([\w.]+)`\]|`(\w+)`")
DATACLASS = ExprCall(ExprName("dataclasses.dataclass"), [ExprKeyword("kw_only", "True")])


def link(entry: re.Match) -> str:
    name = entry[1] or entry[2]
    public = name.split(".")[0] in genie_hf.__all__
    return f"[`{name}`][genie_hf.{name}]" if public else f"`{name}`"


class Docstrings(griffe.Extension):
    """Puts links and configurations into the form that griffe reads."""

    def on_object(self, *, obj: griffe.Object, **kwargs) -> None:
        if obj.docstring is not None:
            obj.docstring.value = LINK.sub(link, obj.docstring.value)

    def on_class_instance(self, *, cls: griffe.Class, **kwargs) -> None:
        if cls.name.endswith("Config"):
            cls.decorators.append(Decorator(DATACLASS, lineno=None, endlineno=None))
