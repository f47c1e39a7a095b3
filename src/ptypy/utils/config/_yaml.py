"""Text in YAML 1.2 and JSON, to values and back; every error says in which line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from ptypy.errors import FormatError

__all__ = ["as_yaml", "compose", "read_json_text", "read_yaml_text"]

PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./%()+\-]*(?: [A-Za-z0-9_./%()+\-]+)*")
"""Text that YAML takes for text as it stands, but for the words below."""
WORDS = frozenset(
    "null true false yes no on off none y n nan inf .nan .inf ~ . .. - / _".split()  # noqa: SIM905
)
"""What YAML, in one version or another, takes for something else than text."""
NUMBER_LIKE = re.compile(r"[.+\-]?[\d_.]+(e[+\-]?\d+)?|\.(inf|nan)", re.IGNORECASE)


@cache
def _yaml() -> Any:
    """Make the reader: safe types only, times and dates stay text."""
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import SafeConstructor

    class Constructor(SafeConstructor):  # type: ignore[misc, unused-ignore]
        """Gives numbers, text, lists and dictionaries, and nothing else."""

    # `label: 2024-05-01` is a label, not a day.
    Constructor.add_constructor(
        "tag:yaml.org,2002:timestamp", lambda reader, node: reader.construct_scalar(node)
    )
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = Constructor
    return yaml


def read_yaml_text(text: str, name: str) -> Any:
    """Read a text in YAML 1.2.

    Parameters
    ----------
    text : str
    name : str
        Of the file; errors begin with it.

    Raises
    ------
    FormatError
        If it is not YAML; says in which line and column.
    """
    content = _complained(lambda: _yaml().load(text), name)
    if isinstance(content, Mapping):
        _refuse_nameless(text, name)
    return content


def compose(text: str) -> Any:
    """Give the nodes of a YAML text, with the marks of where they stand; None if it has none."""
    return _yaml().compose(text)


def read_json_text(text: str, name: str) -> Any:
    """Read a text in JSON; as `read_yaml_text`."""

    def refuse_double(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key, value in pairs:
            if key in content:
                raise FormatError(f"{name}: {key!r} stands there twice; which one is meant?")
            content[key] = value
        return content

    try:
        return json.loads(text, object_pairs_hook=refuse_double)
    except json.JSONDecodeError as error:
        raise FormatError(
            f"{name}, line {error.lineno}, column {error.colno}: not valid JSON: "
            f"{error.msg}{_about_comma(text, error.pos)}"
        ) from error


def _about_comma(text: str, position: int) -> str:
    """Name the comma behind the last member, which JSON does not have."""
    is_last = text[:position].rstrip().endswith(",") and text[position : position + 1] in {"}", "]"}
    return "; no comma may stand behind the last one" if is_last else ""


def as_yaml(value: Any) -> str:
    """Write a value on one line, so that YAML 1.2 reads it back.

    Examples
    --------
    >>> as_yaml({"file": "a: b", "shape": (128, 64), "center": None})
    '{file: "a: b", shape: [128, 64], center: null}'
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{as_yaml(k)}: {as_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(as_yaml(member) for member in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _number(value) if isinstance(value, int | float | complex) else _text(str(value))


def _text(text: str) -> str:
    """Write a text, in quotes if YAML would take it for something else."""
    is_plain = PLAIN.fullmatch(text) and text.lower() not in WORDS
    if is_plain and not NUMBER_LIKE.fullmatch(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else _escaped(c) for c in quoted)


def _escaped(character: str) -> str:
    """Write a character that must not stand in YAML, or would not be seen there."""
    number = ord(character)
    return (
        f"\\x{number:02x}"
        if number < 0x100
        else (f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}")
    )


def _number(value: complex) -> str:
    """Write a number so that both versions of YAML take it for one."""
    if isinstance(value, int):
        return str(int(value))
    if not isinstance(value, float):
        return str(value).strip("()")
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    text = repr(float(value))
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{e}{exponent}" if e else text


def _complained(read: Any, name: str) -> Any:
    """Read; turn what the reader complains of into an error that says where."""
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return read()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise FormatError(f"{name}{where}: not valid YAML: {_remedy(error)}") from error
    except (YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise FormatError(f"{name}: not valid YAML: {reason}") from error


def _remedy(error: Any) -> str:
    """Say what is wrong, and what would be right where that is known."""
    problem = " ".join(str(error.problem or error).split())
    if "found duplicate key" in problem:
        return f"{problem.split(' with value')[0]}; which one is meant?"
    if "'\\t'" in problem:
        return f"{problem}; indent with spaces"
    if "mapping values are not allowed" in problem:
        return f"{problem}; put text with a colon in quotes, and see that lines are indented alike"
    if "could not determine a constructor" in problem:
        return f"{problem}; only numbers, text, lists and names may stand in a file"
    return problem


def _refuse_nameless(text: str, name: str) -> None:
    """Refuse names that are no text: `1:` in YAML is a number."""
    waiting = [compose(text)]
    while waiting:
        node = waiting.pop()
        if node is None or node.id == "scalar":
            continue
        if node.id == "sequence":
            waiting += node.value
            continue
        for key, value in node.value:
            waiting.append(value)
            if key.tag not in {"tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"}:
                mark = key.start_mark
                shown = getattr(key, "value", "")
                raise FormatError(
                    f"{name}, line {mark.line + 1}, column {mark.column + 1}: {shown} is no name; "
                    f'write "{shown}" in quotes'
                )
