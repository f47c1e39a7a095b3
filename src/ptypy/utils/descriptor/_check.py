"""Does what a user wrote fit what was declared? Everything that does not, at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from numbers import Complex, Integral, Number, Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ptypy.utils.descriptor._plain import is_mapping, plain
from ptypy.utils.text_utils import did_you_mean, listed_names

if TYPE_CHECKING:
    from ptypy.utils.descriptor._evaluate import EvalDescriptor

__all__ = ["CODES", "CODE_LABEL", "Finding", "findings", "shortened"]

FAIL, PASS, UNKNOWN, MISSING, INVALID = range(5)

CODES = {"FAIL": FAIL, "PASS": PASS, "UNKNOWN": UNKNOWN, "MISSING": MISSING, "INVALID": INVALID}
"""What a check says of one aspect of one parameter.

FAIL: the value is wrong; PASS: it is right; UNKNOWN: nothing is declared to compare it with;
MISSING: it was not given, the default holds; INVALID: there is no such parameter.
"""

NUMBERS = {"int": Integral, "float": Real, "complex": Complex}

CODE_LABEL = {code: label for label, code in CODES.items()}


class Finding(NamedTuple):
    """What was found about one aspect of one parameter."""

    path: str
    aspect: str
    """'type', 'choices', 'lowlim', 'uplim', 'name' (is there such a parameter, such a class)."""
    code: int
    value: Any
    remedy: str = ""


def findings(node: EvalDescriptor, value: Any, depth: int, path: str = "") -> Iterator[Finding]:
    """Compare a value, and what is in it, with a declaration.

    What it means is compared (see `plain`): a class that uses the parameter is to have it so.
    """
    value = plain(node, value)
    linked = is_mapping(value) and node.is_symlink
    if value is None or linked or _fits(node, value):
        yield Finding(path, "type", PASS, value)
    else:
        yield Finding(path, "type", FAIL, value, _should_be(node, value))
        return
    if value is None:
        return
    if not is_mapping(value):
        yield from _choice(node, value, path)
        yield from _limit(node, value, path)
        return
    members = dict(node.children)
    if linked:
        target, finding = _target(node, value, path)
        if finding is not None:
            yield finding
        if target is None:
            return
        members = {**members, **target.children}
        if "name" not in members:
            value = {key: entry for key, entry in value.items() if key != "name"}
    if depth > 0:
        yield from _group(members, value, depth - 1, path)


def _group(
    members: Mapping[str, EvalDescriptor], values: Mapping[str, Any], depth: int, path: str
) -> Iterator[Finding]:
    """Compare the entries of a mapping with the declared members of its group."""
    if not members:
        return
    anything = members.get("*")
    for name, value in values.items():
        here = f"{path}.{name}" if path else str(name)
        member = members.get(name, anything)
        if member is None:
            remedy = f"is unknown{did_you_mean(name, members)}"
            yield Finding(here, "name", INVALID, value, remedy)
        else:
            yield from findings(member, value, depth, here)
    for name in members:
        if name not in values and name != "*":
            yield Finding(f"{path}.{name}" if path else name, "name", MISSING, None)


def _target(
    node: EvalDescriptor, value: Mapping[str, Any], path: str
) -> tuple[EvalDescriptor | None, Finding | None]:
    """Find the declaration that a value chooses by its ``name``."""
    targets = {target.name: target for target in node.targets}
    if not targets:
        return None, Finding(path, "name", UNKNOWN, value)
    name = value.get("name")
    if isinstance(name, str) and name in targets:
        return targets[name], Finding(path, "name", PASS, value)
    if len(targets) == 1:
        return next(iter(targets.values())), None
    here = f"{path}.name" if path else "name"
    if name is None:
        return None, Finding(here, "name", INVALID, None, f"is needed{did_you_mean('', targets)}")
    hints = {t.parent._hint for t in targets.values() if t.parent is not None} - {""}
    suggestion = did_you_mean(str(name), targets, listing=False)
    known = f"{'There' if suggestion else 'there'} are {listed_names(targets)}"
    remedy = f"is unknown{suggestion or ';'} {'; '.join([known, *sorted(hints)])}"
    return None, Finding(here, "name", INVALID, name, remedy)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray))


def _is_number(value: Any) -> bool:
    return isinstance(value, Number) and not isinstance(value, (bool, np.bool_))


def _fits(node: EvalDescriptor, value: Any) -> bool:
    """Say whether a value is of one of the declared types."""
    names = node.own_types | set(node._type_names())
    if not names or names & _stands_for(value):
        return True
    # One number for all axes, where that can be meant (`center`), not where the default
    # shows that the members are different things (`noise`).
    return _is_number(value) and {"list", "tuple"} <= names and not _is_sequence(node.default)


def _stands_for(value: Any) -> set[str]:
    """Name the declared types that a value may stand for."""
    if isinstance(value, (bool, np.bool_)):
        return {"bool"}
    if _is_sequence(value):
        return {"list", "tuple", "ndarray"} if isinstance(value, np.ndarray) else {"list", "tuple"}
    if is_mapping(value):
        return {"Param"}
    names = {kind.__name__ for kind in type(value).__mro__}
    names |= {name for name, kind in NUMBERS.items() if isinstance(value, kind)}
    return names | ({"file"} if isinstance(value, os.PathLike) else set())


def _should_be(node: EvalDescriptor, value: Any) -> str:
    names = [name for name in dict.fromkeys(node.type) if name[:1] != "@" and name != "NoneType"]
    if node.is_symlink:
        names.append("Param")
    text = f"should be {' or '.join(names)}, not {type(value).__name__}"
    if isinstance(value, (float, np.floating)) and "int" in names and value == value // 1:
        return f"{text}; write {int(value)}"
    if isinstance(value, os.PathLike) and "str" in names:
        return f"{text}; write str(...)"
    return text


def _choice(node: EvalDescriptor, value: Any, path: str) -> Iterator[Finding]:
    """Compare with the choices, if there are any of the kind of ``value``.

    A parameter may have choices for one type and none for another: `orientation` is one of
    eight integers, or any three booleans.
    """
    choices = node.choices
    if choices is None:
        return
    if _is_sequence(value):
        sequences = [list(choice) for choice in choices if isinstance(choice, (list, tuple))]
        good = not sequences or list(value) in sequences
    else:
        kind = str if isinstance(value, str) else Number
        alike = [choice for choice in choices if isinstance(choice, kind)]
        good = not alike or value in alike
    if good:
        yield Finding(path, "choices", PASS, value)
        return
    remedy = f"is not one of {_listed(choices)}"
    if {"list", "tuple"} & node.own_types and not any(_is_sequence(c) for c in choices):
        remedy += ", nor a list or tuple"
    if isinstance(value, str):
        texts = [choice for choice in choices if isinstance(choice, str)]
        remedy += did_you_mean(value, texts, listing=False)
    yield Finding(path, "choices", FAIL, value, remedy)


def _listed(choices: Sequence[Any]) -> str:
    numbers = [c for c in choices if isinstance(c, int)]
    if len(numbers) == len(choices) > 3 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} … {numbers[-1]}"
    return ", ".join(repr(c) for c in choices)


def _limit(node: EvalDescriptor, value: Any, path: str) -> Iterator[Finding]:
    """Compare a number, or every number in a sequence, with the limits; both are allowed."""
    if not {"int", "float"} & node.own_types:
        return
    numbers = _numbers(value)
    if numbers is None or numbers.size == 0:
        return
    low, high = node.limits
    if low is not None:
        good = bool(np.all(numbers >= low))
        remedy = "" if good else f"is below the lower limit, {low:g}"
        yield Finding(path, "lowlim", PASS if good else FAIL, value, remedy)
    if high is not None:
        good = bool(np.all(numbers <= high))
        remedy = "" if good else f"is above the upper limit, {high:g}"
        yield Finding(path, "uplim", PASS if good else FAIL, value, remedy)


def _numbers(value: Any) -> np.ndarray[Any, Any] | None:
    """Give the real numbers in a value; None if it is not made of such."""
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind in "iuf" else None
    members = value if _is_sequence(value) else [value]
    real = [v for v in members if isinstance(v, Real) and _is_number(v)]
    return np.array(real, dtype=float)


def shortened(value: Any, width: int = 40) -> str:
    """Write a value in one short line."""
    if isinstance(value, np.ndarray) and value.size > 8:
        shape = " x ".join(str(n) for n in value.shape)
        return f"[{shape} {value.dtype} array]"
    if is_mapping(value):
        return f"{type(value).__name__}({len(value)})" if hasattr(value, "__len__") else "Param"
    text = " ".join((str(value) if _is_number(value) else repr(value)).split())
    return text if len(text) <= width else text[: width - 4] + " ..."
