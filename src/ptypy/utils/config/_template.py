"""A file of parameters to begin with: every one documented, most of them commented out."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ptypy.utils.config._yaml import as_yaml

if TYPE_CHECKING:
    from ptypy.utils.descriptor import Entry

__all__ = ["FILL_IN", "as_json_file", "as_python_file", "as_yaml_file", "is_to_fill_in"]

FILL_IN = "FILL IN"
"""Marks what a user must give."""
COLUMN = 36
"""Where comments begin."""
WIDTH = 108
"""Longest line."""
OVER = 10
"""By how much a comment may begin further to the right."""


def as_yaml_file(entries: Sequence[Entry], header: Iterable[str] = ()) -> str:
    """Write entries as YAML.

    Parameters
    ----------
    entries : sequence of Entry
    header : iterable of str
        Lines of comment at the top, without their mark.
    """
    lines = [f"# {line}".rstrip() for line in header]
    for entry in entries:
        if lines and (entry.members or entry.is_active):
            lines.append("")
        lines += _yaml(entry, 0, None)
    return "\n".join(lines) + "\n"


def _yaml(entry: Entry, column: int, mark: int | None) -> Iterator[str]:
    """Give the lines of an entry; ``mark`` is the column of the mark of a comment around it."""
    is_comment = mark is not None or not entry.is_active
    if is_comment and mark is None:
        mark = column
    left = " " * column if mark is None else f"{' ' * mark}# {' ' * (column - mark)}"
    value = "" if entry.members is not None else f" {as_yaml(entry.value)}"
    yield from _commented(f"{left}{entry.label}:{value}", _text(entry))
    for member in entry.members or ():
        yield from _yaml(member, column + 2, mark)


def _text(entry: Entry) -> str:
    """Say what an entry is, and whether it is to be filled in."""
    if entry.is_needed:
        others = entry.node.needed or ()
        mark = f"{FILL_IN}, or {' or '.join(others)}" if others else FILL_IN
        return f"<-- {mark}: {entry.text}"
    if entry.node.placeholder:
        return f"<-- {FILL_IN}, unless the data says it: {entry.text}"
    return entry.text


def is_to_fill_in(entries: Iterable[Entry]) -> bool:
    """Say whether anything among entries is marked to be filled in."""
    return any(
        entry.is_needed or entry.node.placeholder or is_to_fill_in(entry.members or ())
        for entry in entries
    )


def _commented(code: str, text: str) -> Iterator[str]:
    """Put a comment behind code, on as many lines as it needs."""
    start = max(COLUMN, len(code) + 2)
    if start > COLUMN + OVER and text:
        # No room behind it: the comment begins on the next line.
        yield code
        code, start = "", COLUMN
    for line in textwrap.wrap(text, WIDTH - start - 2, break_long_words=False) or [""]:
        yield f"{code:<{start}}# {line}" if line else code
        code = ""


def as_python_file(entries: Sequence[Entry], header: Iterable[str] = ()) -> str:
    """Write entries as a script, which defines ``p`` and runs it if it is the program."""
    lines = ['"""' + "\n".join(header).rstrip(), '"""', "", "from ptypy import utils as u", ""]
    lines.append("p = u.Param()")
    for entry in entries:
        if entry.members or entry.is_active:
            lines.append("")
        lines += _python(entry, False)
    lines += [
        "",
        'if __name__ == "__main__":',
        "    from ptypy.core import Ptycho",
        "",
        "    Ptycho(p, level=5)",
    ]
    return "\n".join(lines) + "\n"


def _python(entry: Entry, is_comment: bool) -> Iterator[str]:
    is_comment = is_comment or not entry.is_active
    value = "u.Param()" if entry.members is not None or entry.value == {} else repr(entry.value)
    yield from _commented(f"{'# ' * is_comment}p.{entry.path} = {value}", _text(entry))
    for member in entry.members or ():
        yield from _python(member, is_comment)


def as_json_file(
    entries: Sequence[Entry], *, everything: bool = False, schema: str | None = None
) -> str:
    """Write entries as JSON, which has no comments: those that are not commented out, or all.

    Parameters
    ----------
    entries : sequence of Entry
    everything : bool
        Write all that are listed, with their defaults.
    schema : str, optional
        Path of the schema, for editors.
    """
    content = _json(entries, everything)
    start = {"$schema": schema} if schema else {}
    return json.dumps({**start, **content}, indent=2, ensure_ascii=False) + "\n"


def _json(entries: Iterable[Entry], everything: bool) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for entry in entries:
        if not (everything or entry.is_active) or entry.node.placeholder:
            continue
        inside = entry.members
        content[entry.label] = entry.value if inside is None else _json(inside, everything)
    return content
