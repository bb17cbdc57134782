"""Docstrings as transformers and diffusers write them, for a reader of Google's style.

- "name (`type`, *optional*, defaults to 1): ..." repeats the signature, which the site shows; what else stands there
  ("of shape `(...)`") is kept.
- "first, second: ..." says the same of both.
- The fields of a configuration stand under "Args", though griffe sees no `__init__`.
- "[`Name`]" is a link.
"""

import re

import griffe

import genie_hf

SHARED = re.compile(r"^( +)(\w+(?:, \w+)+)((?: \(.+?\))?:.*(?:\n\1 +.*)*)", re.MULTILINE)
TYPED = re.compile(r"^( +\w+) \((.+)\):\s+", re.MULTILINE)
DEFAULT = re.compile(r",? (\*optional\*|defaults to .+)")
TYPES = re.compile(r"\[?`[^`]+`\]?((,| or|, or) \[?`[^`]+`\]?)*")
LINK = re.compile(r"\[`~?([\w.]+)`\]")


def one_by_one(entry: re.Match) -> str:
    indent, names, rest = entry.groups()
    return "\n".join(f"{indent}{name}{rest}" for name in names.split(", "))


def untyped(entry: re.Match) -> str:
    name, types = entry[1], DEFAULT.sub("", entry[2])
    return f"{name}: " if TYPES.fullmatch(types) else f"{name}: ({types}) "


def link(name: re.Match) -> str:
    public = name[1].split(".")[0] in genie_hf.__all__
    return f"[`{name[1]}`][genie_hf.{name[1]}]" if public else f"`{name[1]}`"


class Docstrings(griffe.Extension):
    """Puts each docstring into the form that griffe reads."""

    def on_object(self, *, obj: griffe.Object, **kwargs) -> None:
        if obj.docstring is None:
            return
        text = LINK.sub(link, TYPED.sub(untyped, SHARED.sub(one_by_one, obj.docstring.value)))
        if obj.is_class and obj.name.endswith("Config"):
            text = text.replace("Args:\n", "Attributes:\n")
        obj.docstring.value = text
