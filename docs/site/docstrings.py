"""Docstrings as transformers and diffusers write them, for a reader of Google's style.

- "name (`type`, *optional*, defaults to 1): ..." repeats the signature, which the site shows; what else stands there
  ("of shape `(...)`") is kept.
- "first, second: ..." says the same of both.
- "[`Name`]" is a link, and so is "`Name`" of a public class.

A configuration is a dataclass because transformers makes one of it, which griffe, who imports nothing, is told here.
"""

import re

import griffe
from griffe import Decorator, ExprCall, ExprKeyword, ExprName

import genie_hf

SHARED = re.compile(r"^( +)(\w+(?:, \w+)+)((?: \(.+?\))?:.*(?:\n\1 +.*)*)", re.MULTILINE)
TYPED = re.compile(r"^( +\w+) \((.+)\):\s+", re.MULTILINE)
DEFAULT = re.compile(r",? (\*optional\*|defaults to .+)")
TYPES = re.compile(r"\[?`[^`]+`\]?((,| or|, or) \[?`[^`]+`\]?)*")
LINK = re.compile(r"\[`~?([\w.]+)`\]|`(\w+)`")
DATACLASS = ExprCall(ExprName("dataclasses.dataclass"), [ExprKeyword("kw_only", "True")])


def one_by_one(entry: re.Match) -> str:
    indent, names, rest = entry.groups()
    return "\n".join(f"{indent}{name}{rest}" for name in names.split(", "))


def untyped(entry: re.Match) -> str:
    name, types = entry[1], DEFAULT.sub("", entry[2])
    return f"{name}: " if TYPES.fullmatch(types) else f"{name}: ({types}) "


def link(entry: re.Match) -> str:
    name = entry[1] or entry[2]
    public = name.split(".")[0] in genie_hf.__all__
    return f"[`{name}`][genie_hf.{name}]" if public else f"`{name}`"


class Docstrings(griffe.Extension):
    """Puts docstrings and configurations into the form that griffe reads."""

    def on_object(self, *, obj: griffe.Object, **kwargs) -> None:
        if obj.docstring is not None:
            text = TYPED.sub(untyped, SHARED.sub(one_by_one, obj.docstring.value))
            obj.docstring.value = LINK.sub(link, text)

    def on_class_instance(self, *, cls: griffe.Class, **kwargs) -> None:
        if cls.name.endswith("Config"):
            cls.decorators.append(Decorator(DATACLASS, lineno=None, endlineno=None))
