"""The written form of declarations, and how to find it in a docstring."""

from __future__ import annotations

import configparser
import textwrap
from collections.abc import Mapping

from ptypy.errors import ParameterError

__all__ = ["declaration", "inherited", "parse", "section"]

ORDER = ("default", "help", "type", "doc", "choices", "userlevel", "lowlim", "uplim")
"""Options in the order they are written; others follow."""

MARK = "Defaults:"
"""A line of a docstring that starts so: from the next line on, parameters are declared."""


def section(name: str, options: Mapping[str, str]) -> str:
    """Write one declaration."""
    first = [key for key in ORDER if key in options]
    keys = first + [key for key in options if key not in ORDER]
    lines = [f"[{name}]"]
    for key in keys:
        first_line, *more = f"{key} = {options[key]}".split("\n")
        lines += [first_line.rstrip(), *(f"\t{line}".rstrip() for line in more)]
    return "\n".join([*lines, ""])


def parse(text: str, strict: bool = False) -> dict[str, dict[str, str]]:
    """Read declarations: section -> option -> value.

    Raises
    ------
    ParameterError
        If the text is not of that form.
    """
    parser = configparser.RawConfigParser(strict=strict)
    try:
        parser.read_string(textwrap.dedent(text))
    except configparser.Error as error:
        reason = " ".join(str(error).split())
        raise ParameterError(
            f"cannot read the declaration of parameters: {reason}. Only sections `[name]` of "
            f"lines `option = value` may stand there, with continued lines indented; in a "
            f"docstring, prose belongs above the line `{MARK}`"
        ) from error
    return {name: dict(parser[name]) for name in parser.sections()}


def declaration(docstring: str | None) -> str:
    """Cut the declaration out of a docstring: what follows the line ``Defaults:``."""
    lines = (docstring or "").expandtabs().splitlines()
    for number, line in enumerate(lines):
        if line.lstrip().startswith(MARK):
            return textwrap.dedent("\n".join(lines[number + 1 :]))
    return ""


def inherited(cls: type, recursive: bool = True) -> list[tuple[type, dict[str, dict[str, str]]]]:
    """Read the declarations of a class and its bases, those that are overridden first.

    Each class counts once, below all that derive from it. Of several bases, the later one
    in the class statement overrides the earlier.
    """
    found: list[tuple[type, dict[str, dict[str, str]]]] = []
    seen: set[type] = set()

    def visit(one: type) -> None:
        if one in seen or one is object:
            return
        seen.add(one)
        if recursive:
            for base in one.__bases__:
                visit(base)
        try:
            found.append((one, parse(declaration(one.__dict__.get("__doc__")))))
        except ParameterError as error:
            raise ParameterError(f"docstring of {one.__qualname__}: {error}") from error

    visit(cls)
    return found
