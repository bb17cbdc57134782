"""One file from a module of this package and all that it imports of the others, for use without the package.

Text and comments stay as they are, but what a function imports gets a comment. What a module does when it is imported,
such as registering its classes, is left out: a bundle only defines.
"""

import ast
import builtins
from collections.abc import Collection, Iterator
from importlib.util import find_spec, resolve_name
from pathlib import Path

import genie_hf

from .stand_in import StandIn

WHEN_USED = "  # with this comment, or diffusers would take it for needed at once"

HEADER = f"""\
# Written by `genie-hf export-remote-code` from genie_hf {genie_hf.__version__}: change its modules instead.
# SPDX-License-Identifier: Apache-2.0
"""


def bundle(module: str, elsewhere: Collection[str] = ()) -> str:
    """The source of one file that defines what a module defines, without the package.

    Args:
        module: its name, such as `"genie_hf.models.modeling_dynamics"`.
        elsewhere: modules whose classes are left out. In `isinstance` and in annotations their names stand for them.

    Raises:
        ValueError: for modules that cannot be merged: two give a name different meanings, or one imports another under
            a new name or in a function.
    """
    main = Part(module)
    parts = list(_in_order(main, elsewhere, {module}))
    absent = sorted({name for part in parts for name, origin in part.needs.items() if origin in elsewhere})
    if absent:
        parts.insert(0, Part(StandIn.__module__))
        parts[0].text += "".join(f"\n\n\nclass {name}(metaclass=StandIn): ..." for name in absent)
    meanings = dict.fromkeys(absent, "a class that lies elsewhere")
    for part in parts:
        for name, meaning in part.meanings.items():
            if meanings.setdefault(name, meaning) != meaning or hasattr(builtins, name):
                raise ValueError(f"{module} cannot be bundled: {name} means something else outside {part.module}.")
    imports: dict[str, set[str]] = {}
    for statement, name in sorted({line for part in parts for line in part.imports}):
        imports.setdefault(statement, set()).add(name)
    lines = [f"{statement} {', '.join(sorted(names))}".strip() for statement, names in imports.items()]
    sections = [part.text if part is main else f"{part.heading}\n\n{part.text}" for part in parts]
    return "\n\n\n".join([f'{HEADER}"""{main.docstring}"""\n\n' + "\n".join(lines), *sections]) + "\n"


def _in_order(part: "Part", elsewhere: Collection[str], seen: set[str]) -> Iterator["Part"]:
    """A part behind all that it needs, each once."""
    for origin in part.needs.values():
        if origin not in elsewhere and origin not in seen:
            seen.add(origin)
            yield from _in_order(Part(origin), elsewhere, seen)
    yield part


class Part:
    """What a module gives to a bundle.

    Attributes:
        docstring: the module's.
        heading: its name and its docstring, as a comment.
        text: its definitions, as they stand there.
        meanings: where the names come from that it defines or imports from other packages.
        imports: what it needs of other packages, as the two halves of lines.
        needs: the names that it uses of other modules of this package, and these modules.
    """

    def __init__(self, module: str):
        source = Path(find_spec(module).origin).read_text("utf-8")
        tree = ast.parse(source)
        self.module, self.docstring = module, ast.get_docstring(tree, clean=False) or ""
        self.meanings: dict[str, str] = {}
        self.imports: list[tuple[str, str]] = []
        self.needs: dict[str, str] = {}

        lines, text, used, end = source.splitlines(), "", set(), 0
        for statement in tree.body:
            names = _defined(statement)
            if names:
                for node in ast.walk(statement):
                    if isinstance(node, ast.Import):
                        lines[node.end_lineno - 1] += WHEN_USED
                text += "\n".join(lines[end : statement.end_lineno]) + "\n"  # with the comments above it
                used |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
                meaning = ast.unparse(statement) if isinstance(statement, ast.Assign) else module
                self.meanings |= dict.fromkeys(names, meaning)
                if any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(statement)):
                    raise ValueError(f"{module} imports in {names[0]} from this package: do so at its beginning.")
            end = statement.end_lineno
        self.text = text.strip()
        self.heading = "\n".join(f"# {line}".rstrip() for line in [module, *self.docstring.splitlines()])

        for statement in tree.body:
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                for alias in statement.names:
                    if (alias.asname or alias.name.split(".")[0]) in used:
                        self._add_import(statement, alias)

    def _add_import(self, statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> None:
        name = alias.asname or alias.name.split(".")[0]
        if isinstance(statement, ast.ImportFrom) and statement.level:
            if alias.asname:
                raise ValueError(f"{self.module} imports {alias.name} as {name}: keep its name.")
            origin = "." * statement.level + (statement.module or "")
            self.needs[name] = resolve_name(origin, self.module.rpartition(".")[0])
            return
        if isinstance(statement, ast.ImportFrom):
            self.imports.append((f"from {statement.module} import", ast.unparse(alias)))
            self.meanings[name] = f"from {statement.module} import {alias.name}"
        else:
            self.imports.append((f"import {alias.name}", f"as {name}" if alias.asname else ""))
            self.meanings[name] = f"import {alias.name if alias.asname else name}"


def _defined(statement: ast.stmt) -> list[str]:
    """The names that a statement defines, `__all__` excepted; none for one that does something else."""
    match statement:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            nodes = [node for target in targets for node in ast.walk(target)]
            return [node.id for node in nodes if isinstance(node, ast.Name) and node.id != "__all__"]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
