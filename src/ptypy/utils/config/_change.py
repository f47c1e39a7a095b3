"""Changing a file of parameters where it stands: comments and layout stay."""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ptypy.errors import FormatError
from ptypy.utils.config._locate import find
from ptypy.utils.config._read import read_mapping, text_of
from ptypy.utils.config._yaml import as_yaml, compose, read_json_text, read_yaml_text

__all__ = ["change_config"]

COMMENTED = re.compile(r"(?P<left> *)#(?: (?P<deeper> *))?(?P<name>[\w*]+):(?P<rest>(?: .*)?)")
"""A line that sets a parameter, but for the mark of a comment in front."""
COMMENT = re.compile(r"(?P<value>.*?)(?P<comment> +#.*)?")


class _Form(NamedTuple):
    """How values are written."""

    write: Callable[[Any], str]
    read: Callable[[str, str], Any]
    has_comments: bool


YAML = _Form(as_yaml, read_yaml_text, has_comments=True)
JSON = _Form(lambda value: json.dumps(value, ensure_ascii=False), read_json_text, False)


def change_config(path: str | Path, changes: Mapping[str, Any]) -> None:
    """Change parameters in a file of YAML or JSON, and nothing else of it.

    Values are replaced where they stand. A parameter that is not there yet takes the place of a
    line that holds it as a comment, as those that ``ptypy new`` writes; if there is none, it
    follows the last of its group. The file is replaced by the changed one in one step.

    Parameters
    ----------
    path : path
    changes : mapping
        By dotted name, such as ``scans.s1.data.rebin``: numbers, text, booleans, None, and lists
        and dictionaries of them.

    Raises
    ------
    FormatError
        If the file cannot be read or written, or is in Python, or the change cannot be made
        without a change of something else. The file stays as it was then.

    Examples
    --------
    ::

        change_config("scan.yaml", {"scans.s1.data.center": [131.5, 128.0]})
    """
    path = Path(path)
    if path.suffix.lower() == ".py":
        lines = "; ".join(f"p.{name} = {value!r}" for name, value in changes.items())
        raise FormatError(f"{path}: a file in Python is not changed; write into it: {lines}")
    form = JSON if path.suffix.lower() == ".json" else YAML
    # As the file will have them: a tuple is a list there.
    plain = {name: form.read(form.write(value), "") for name, value in changes.items()}
    wanted = _unshared(read_mapping(path))
    prefix = "parameter_tree." if "parameter_tree" in wanted else ""
    text = text_of(path)
    for name, value in plain.items():
        _put(wanted, f"{prefix}{name}", value, path)
        text = _with(text, f"{prefix}{name}", value, form, path=path, wanted=wanted)
    try:
        same = form.read(text, str(path)) == wanted
    except FormatError:
        same = False
    if not same:
        lines = "; ".join(f"{name}: {as_yaml(value)}" for name, value in plain.items())
        raise FormatError(
            f"{path}: cannot be changed without a change of something else; write by hand: {lines}"
        )
    _replace(path, text)


def _with(
    text: str, name: str, value: Any, form: _Form, *, path: Path, wanted: Mapping[str, Any]
) -> str:
    """Give a text with one parameter changed."""
    from ruamel.yaml.error import YAMLError

    try:
        return _Text(text, form).change(name, value)
    except YAMLError:
        # JSON that YAML does not read, because of tabs: there are no comments to lose.
        if form.has_comments:
            raise
        return json.dumps(wanted, indent=2, ensure_ascii=False) + "\n"
    except LookupError as error:
        raise FormatError(f"{path}: {error.args[0]}") from error


class _Text:
    """The text of a file, with the places of what stands in it."""

    def __init__(self, text: str, form: _Form) -> None:
        self.text = text
        self.form = form
        self.end = "\r\n" if "\r\n" in text else "\n"

    def change(self, name: str, value: Any) -> str:
        """Give the text with a parameter changed."""
        root = compose(self.text)
        written = self.form.write(value)
        if root is None:
            return self._appended(name.split("."), written)
        key, node, missing = find(root, name)
        if not missing:
            return self._replaced(key, node, written)
        if node.id == "mapping" and node.flow_style:
            return self._into_braces(node, missing, written)
        if node.id == "mapping":
            # Comments may stand between the name of the group and the first in it.
            first = 0 if key is None else self._line_of(key.start_mark.index)
            last = self._line_of(_last(node))
            return self._into_lines(first, last, node.start_mark.column, missing, written)
        if key is None or node.tag != "tag:yaml.org,2002:null":
            there = name[: -len(".".join(missing)) - 1]
            raise LookupError(f"{name} cannot be set: `{there}` is not a group")
        if not self.form.has_comments:
            return self._replaced(key, node, self._nested(missing, written))
        without = _Text(self._replaced(key, node, ""), self.form)
        line = self._line_of(key.start_mark.index)
        column = without.indent_below(line, key.start_mark.column)
        return without._into_lines(line, line, column, missing, written)

    def indent_below(self, line: int, column: int) -> int:
        """Give the column of what stands below a name, as far as comments tell."""
        for text in _lines(self.text)[line + 1 :]:
            found = COMMENTED.fullmatch(text.rstrip("\r\n"))
            if found is None:
                if text.strip() and not text.strip().startswith("#"):
                    break
                continue
            virtual = len(found["left"]) + len(found["deeper"] or "")
            if virtual > column + 8:
                continue  # a comment that goes on, behind what it is about
            return virtual if virtual > column else column + 2
        return column + 2

    def _line_of(self, index: int) -> int:
        return self.text.count("\n", 0, index)

    def _replaced(self, key: Any, node: Any, written: str) -> str:
        """Replace what a name has."""
        start, end = node.start_mark.index, node.end_mark.index
        if node.id != "scalar" and not node.flow_style:
            start, end = self.text.index(":", key.end_mark.index) + 1, _last(node)
        elif node.id == "scalar" and node.style in {"|", ">"}:
            end = start + len(self.text[start:end].rstrip())
        gap = " " if written and not self.text[start - 1 : start].isspace() else ""
        before = self.text[:start] if written else self.text[:start].rstrip(" ")
        rest = _moved(self.text[end:], len(before + gap + written) - end)
        return before + gap + written + rest

    def _into_braces(self, node: Any, missing: list[str], written: str) -> str:
        """Add a parameter to a group in braces."""
        start, end = node.start_mark.index, node.end_mark.index
        entry = f"{self._label(missing[0])}: {self._nested(missing[1:], written)}"
        if not node.value:
            return f"{self.text[:start]}{{{entry}}}{self.text[end:]}"
        last = _last(node)
        comma = re.match(r"\s*,", self.text[last:])
        last += comma.end() if comma else 0
        several = "\n" in self.text[start:end]
        gap = self.end + " " * node.value[0][0].start_mark.column if several else " "
        return f"{self.text[:last]}{'' if comma else ','}{gap}{entry}{self.text[last:]}"

    def _nested(self, names: list[str], written: str) -> str:
        for name in reversed(names):
            written = f"{{{self._label(name)}: {written}}}"
        return written

    def _label(self, name: str) -> str:
        return self.form.write(name)

    def _appended(self, names: list[str], written: str) -> str:
        """Add a parameter to a text that has none."""
        if not self.form.has_comments:
            return "{" + f"{self._label(names[0])}: {self._nested(names[1:], written)}" + "}\n"
        text = self.text if self.text.endswith(("\n", "\r")) or not self.text else self.text + "\n"
        return text + "".join(line + self.end for line in self._block(names, 0, written))

    def _block(self, names: list[str], column: int, written: str) -> list[str]:
        """Write the lines that set a parameter, with the groups around it."""
        lines = [f"{' ' * (column + 2 * i)}{self._label(n)}:" for i, n in enumerate(names)]
        lines[-1] += f" {written}"
        return lines

    def _into_lines(
        self, first: int, last: int, column: int, missing: list[str], written: str
    ) -> str:
        """Add a parameter to a group of lines, where a comment holds it or at the end."""
        lines = _lines(self.text)
        place = _find_comment(lines, first, self._reach(lines, last, column), column, missing[0])
        if place is None:
            new = [line + self.end for line in self._block(missing, column, written)]
            if not lines[last].endswith(("\n", "\r")):
                lines[last] += self.end
            return "".join([*lines[: last + 1], *new, *lines[last + 1 :]])
        number, found = place
        if len(missing) == 1:
            lines[number] = self._uncommented(lines[number], found, column, written)
            return "".join(lines)
        lines[number] = self._uncommented(lines[number], found, column, "")
        inside = _Text("".join(lines), self.form)
        deeper = self.indent_below(number, column)
        return inside._into_lines(number, number, deeper, missing[1:], written)

    @staticmethod
    def _reach(lines: list[str], last: int, column: int) -> int:
        """Give the last line of the comments that follow a group and belong to it."""
        reach = last
        for number, line in enumerate(lines[last + 1 :], last + 1):
            text = line.strip()
            if text and (not text.startswith("#") or _virtual(line) < column):
                break
            reach = number
        return reach

    def _uncommented(self, line: str, found: re.Match[str], column: int, written: str) -> str:
        """Give a line without the mark of a comment, with another value; what is said stays."""
        old = COMMENT.fullmatch(found["rest"])
        value = f" {written}" if written else ""
        start = f"{' ' * column}{found['name']}:{value}"
        comment = (old["comment"] or "") if old else ""
        if comment:
            was = len(line.rstrip("\r\n")) - len(comment.lstrip())
            comment = " " * max(was - len(start), 2) + comment.lstrip()
        return start + comment + line[len(line.rstrip("\r\n")) :]


def _lines(text: str) -> list[str]:
    """Split at the ends of lines that YAML knows, and keep them."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _virtual(line: str) -> int:
    """Give the column in which the text of a comment stands, were its mark not there."""
    found = COMMENTED.fullmatch(line.rstrip("\r\n"))
    if found is None:
        return len(line) - len(line.lstrip())
    return len(found["left"]) + len(found["deeper"] or "")


def _find_comment(
    lines: list[str], first: int, last: int, column: int, name: str
) -> tuple[int, re.Match[str]] | None:
    """Find the line of a group that holds a parameter as a comment."""
    for number in range(first, last + 1):
        found = COMMENTED.fullmatch(lines[number].rstrip("\r\n"))
        if found and found["name"] == name and _virtual(lines[number]) == column:
            return number, found
    return None


def _last(node: Any) -> int:
    """Give where the last thing within a group ends; the group's own mark is after comments."""
    if node.id == "scalar" or not node.value:
        return int(node.end_mark.index)
    *key, inner = node.value[-1] if node.id == "mapping" else [node.value[-1]]
    end = int(inner.end_mark.index) if inner.id == "scalar" or inner.flow_style else _last(inner)
    # What stands for another (an alias) has the marks of that one.
    return max([end, *(int(one.end_mark.index) for one in key)])


def _moved(rest: str, longer: int) -> str:
    """Keep a comment behind a value in its column, if there is room."""
    found = re.match(r"( +)#", rest)
    if not found:
        return rest
    return " " * max(len(found[1]) - longer, 2) + rest[len(found[1]) :]


def _put(content: dict[str, Any], name: str, value: Any, path: Path) -> None:
    """Set a parameter in what the file holds; its names may have dots."""
    names = name.split(".")
    while len(names) > 1:
        for count in range(len(names) - 1, 0, -1):
            label = ".".join(names[:count])
            if label in content:
                break
        else:
            label, count = names[0], 1
        if content.get(label) is None:
            content[label] = {}
        inner = content[label]
        if not isinstance(inner, dict):
            raise FormatError(f"{path}: {name} cannot be set: `{label}` is not a group")
        content, names = inner, names[count:]
    content[names[0]] = value


def _unshared(value: Any) -> Any:
    """Copy values, so that none is there twice: a change of one is not one of another."""
    if isinstance(value, dict):
        return {name: _unshared(member) for name, member in value.items()}
    return [_unshared(member) for member in value] if isinstance(value, list) else value


def _replace(path: Path, text: str) -> None:
    """Write a file in one step: it has the old text or the new one, whatever happens."""
    target = Path(os.path.realpath(path))
    aside = ""
    try:
        number, aside = tempfile.mkstemp(
            prefix=f".{target.name}.", suffix=".part", dir=target.parent
        )
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).chmod(stat.S_IMODE(target.stat().st_mode))
        Path(aside).replace(target)
    except OSError as error:
        if aside:
            Path(aside).unlink(missing_ok=True)
        raise FormatError(f"{path}: cannot be written: {error.strerror or error}") from error
