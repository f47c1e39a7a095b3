"""What the options of a declaration mean: types, limits, choices."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Sequence
from functools import partial
from typing import Any

from ptypy.errors import ParameterError
from ptypy.utils.descriptor._tree import Descriptor

__all__ = ["ArgParseDescriptor"]

ALIASES = {"array": "ndarray", "file": "str", "None": "NoneType", "dict": "Param"}
"""Type names that mean another."""

SCALARS = {"int": int, "float": float, "complex": complex, "str": str}


class ArgParseDescriptor(Descriptor):
    """A declaration whose options are understood, and can become command-line options."""

    @property
    def help(self) -> str:
        """What the parameter is, in a line."""
        return self.options.get("help", "")

    @property
    def doc(self) -> str:
        """What there is to know about it beyond that."""
        return self.options.get("doc", "")

    @property
    def userlevel(self) -> int | None:
        """Who needs it: 0 everybody, 1 the experienced, 2 experts; None if nobody said."""
        text = self.options.get("userlevel", "").strip()
        return int(text) if text.isdigit() else None

    @property
    def needed(self) -> tuple[str, ...] | None:
        """What must be given instead, any of it, if this is not; None if it need not be given.

        Declared as ``needed = yes``, where nothing else will do (an empty tuple), or as the paths,
        within the class, of what may stand for it.
        """
        text = self.options.get("needed", "").strip()
        if text.lower() in {"", "no"}:
            return None
        others = () if text.lower() == "yes" else text.split(",")
        return tuple(name.strip() for name in others)

    @property
    def type(self) -> list[str]:
        """Names of the types a value may have; ``@path`` is whatever is declared there.

        ``@path.*`` is written out as everything that is declared below ``path`` now.
        """
        names: list[str] = []
        for name in self._type_names():
            if name.startswith("@") and name.endswith(".*"):
                group = self.get(name[1:-2])
                names += [f"@{node.path}" for node in group.children.values()] if group else []
            else:
                names.append(ALIASES.get(name, name))
        return names

    @property
    def own_types(self) -> set[str]:
        """Names of the types a value may have, without what is declared elsewhere.

        Unlike `type`, this imports nothing: a class can be declared before those it links to.
        """
        return {ALIASES.get(n, n) for n in self._type_names() if not n.startswith("@")}

    def _type_names(self) -> list[str]:
        """Give the names of the types as written."""
        if self.implicit and "type" not in self.options and self.parent is not None:
            return ["Param"]
        return [name.strip() for name in self.options.get("type", "").split(",") if name.strip()]

    @property
    def is_symlink(self) -> bool:
        """Whether a value is described elsewhere in the tree (a type ``@path``)."""
        return any(name.startswith("@") for name in self._type_names())

    @property
    def limits(self) -> tuple[float | None, float | None]:
        """Smallest and largest number allowed, both included; None for no limit."""
        return self._limit("lowlim"), self._limit("uplim")

    def _limit(self, key: str) -> float | None:
        text = self.options.get(key, "").strip()
        if text.lower() in {"", "none"}:
            return None
        try:
            value = float(text)
        except ValueError as error:
            raise ParameterError(f"{self.path}: {key} = {text!r} is not a number") from error
        return int(value) if "int" in self._type_names() and value.is_integer() else value

    @property
    def choices(self) -> list[Any] | None:
        """Values to choose from; None if any value of the right type will do."""
        text = self.options.get("choices", "").strip()
        if text.lower() in {"", "none"}:
            return None
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = [part.strip().strip("'\"") for part in text.strip("[]()").split(",")]
        return list(value) if isinstance(value, (list, tuple, set)) else [value]

    def add2argparser(
        self,
        parser: argparse.ArgumentParser | None = None,
        prefix: str = "",
        excludes: Sequence[str] = ("scans", "engines"),
        mode: str = "add",
    ) -> argparse.ArgumentParser:
        """Add an option ``--path-of-parameter`` for everything below this node.

        Parameters
        ----------
        parser : ArgumentParser, optional
            A new one if not given.
        prefix : str
            Stands before each option's name.
        excludes : sequence of str
            Paths, from here, of what is left out with all below it.
        mode : {'add', 'group'}
            ``'group'`` shows the options of a group of parameters together in the help.

        Returns
        -------
        ArgumentParser
            What it parses holds only what was given, by path:
            ``p.update(vars(parser.parse_args()))``.
        """
        parser = parser or argparse.ArgumentParser()
        for node in self.descendants:
            path = self._relative(node)
            out = any(path == x or path.startswith(x + self.separator) for x in excludes)
            if out or node.children or node.is_symlink or "*" in path or node.implicit:
                continue
            target: Any = parser
            group = node.parent
            if mode == "group" and isinstance(group, ArgParseDescriptor) and group is not self:
                target = _group(parser, self._relative(group), group.help)
            name = self.separator.join(filter(None, [prefix, path])).replace(self.separator, "-")
            target.add_argument(f"--{name}", dest=path, **node._argument())
        return parser

    def _argument(self) -> dict[str, Any]:
        """Say to argparse what this parameter is."""
        argument: dict[str, Any] = {"help": self.help.replace("%", "%%"), "metavar": "VALUE"}
        types = self.type
        argument["default"] = argparse.SUPPRESS
        argument["type"] = partial(_from_command_line, types)
        choices = self.choices
        if choices is not None and not any(isinstance(c, (list, tuple)) for c in choices):
            argument["choices"] = [*choices, None]
        return argument


def _group(parser: argparse.ArgumentParser, title: str, text: str) -> Any:
    for group in parser._action_groups:
        if group.title == title:
            return group
    return parser.add_argument_group(title, text.replace("%", "%%"))


def _from_command_line(types: Sequence[str], text: str) -> Any:
    """Read a value that was typed on a command line."""
    if text.lower() == "none":
        return None
    if text.lower() in {"true", "false"} and "bool" in types:
        return text.lower() == "true"
    for name in types:
        if name in SCALARS and name != "str":
            try:
                return SCALARS[name](text)
            except ValueError:
                continue
    if {"list", "tuple", "bool"} & set(types):
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            pass
    if "str" in types or not types:
        return text
    raise argparse.ArgumentTypeError(f"{text!r} should be {' or '.join(types)}")
