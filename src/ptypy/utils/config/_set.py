"""Values that are said on a command line: ``scans.s1.data.rebin=2``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ptypy.errors import Fault, FormatError, ParameterError
from ptypy.utils.config._yaml import read_yaml_text
from ptypy.utils.parameters import Param, asParam
from ptypy.utils.text_utils import did_you_mean, listed_names

if TYPE_CHECKING:
    from ptypy.utils.descriptor import EvalDescriptor

__all__ = ["read_value", "set_values"]

OTHER_WAYS = ("source", "recipe")
"""What chooses a class, beside ``name``."""


def set_values(p: Mapping[str, Any], assignments: Iterable[str], tree: EvalDescriptor) -> Param:
    """Set parameters as a command line says it.

    Parameters
    ----------
    p : mapping
        Stays as it is.
    assignments : iterable of str
        ``NAME=VALUE`` each: the dotted name of a parameter, and its value as YAML writes it on one
        line (``2``, ``1e-6``, ``[128, 64]``, ``null``). What is not YAML is text.
    tree : EvalDescriptor
        The declarations; those of a run are ``ptypy.defaults_tree['ptycho']``.

    Returns
    -------
    Param
        A copy.

    Raises
    ------
    ParameterError
        If names are unknown, or values not of the declared type; all of them at once.

    Examples
    --------
    >>> from ptypy import defaults_tree
    >>> p = {"io": {"home": "./"}}
    >>> set_values(p, ["io.home=/data/today", "frames_per_block=500"], defaults_tree["ptycho"])
    Param({'io': Param({'home': '/data/today'}), 'frames_per_block': 500})
    """
    changed = asParam(p)
    given, faults = _split(assignments)
    told: set[str] = set()
    for name, text in given.items():
        value = read_value(text)
        try:
            _put(changed, name.split("."), value)
        except ValueError as error:
            faults.append(Fault(name, text, str(error)))
            told.add(name)
    # Only now: an assignment may name the class that has the parameter of another.
    for name, text in given.items():
        if name not in told:
            faults += _faults(tree, p, changed, name, text)
    if faults:
        raise ParameterError(faults)
    return changed


def _split(assignments: Iterable[str]) -> tuple[dict[str, str], list[Fault]]:
    given: dict[str, str] = {}
    faults = []
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip().removeprefix("p.")
        if not equals or not name or not all(name.split(".")):
            remedy = "should be NAME=VALUE, such as scans.s1.data.rebin=2"
            faults.append(Fault(assignment, "", remedy))
        else:
            given[name] = text.strip()
    return given, faults


def read_value(text: str) -> Any:
    """Read a value as a command line says it; what is not YAML, as ``%(run)s.ptyr``, is text."""
    if "#" in text and text[:1] not in {"'", '"', "[", "{"}:
        return text  # in a file a comment would begin there
    try:
        value = read_yaml_text(text, "")
    except FormatError:
        return text
    return asParam(value) if isinstance(value, Mapping) else value


def _put(p: Param, names: list[str], value: Any) -> None:
    *groups, last = names
    for depth, name in enumerate(groups):
        if dict.get(p, name) is None:
            dict.__setitem__(p, name, Param())
        inner = dict.__getitem__(p, name)
        if not isinstance(inner, Param):
            path, kind = ".".join(names[: depth + 1]), type(inner).__name__
            raise ValueError(f"cannot be set: `{path}` is a {kind}, not a group")
        p = inner
    dict.__setitem__(p, last, value)


def _faults(
    tree: EvalDescriptor, before: Mapping[str, Any], p: Param, name: str, text: str
) -> Iterator[Fault]:
    """Find what is wrong with one assignment; a text where only text can be meant is none."""
    from ptypy.utils.descriptor import CODES, findings, shortened

    names = name.split(".")
    node, had = tree, before
    values: Any = p
    for depth, label in enumerate(names):
        members = _members(node, values)
        member = members.get(label, members.get("*"))
        here = ".".join(names[: depth + 1])
        if not isinstance(values, Mapping):
            above = ".".join(names[:depth])
            yield Fault(
                name, text, f"cannot be set: `{above}` is set to {values!r} at the same time"
            )
            return
        if member is None:
            # Another way to choose a class than by its name, which the run spells out.
            if members and not (node.is_symlink and label in OTHER_WAYS):
                yield Fault(here, text, f"is unknown{did_you_mean(label, members)}")
            return
        if label not in members and not (isinstance(had, Mapping) and label in had):
            value = values.get(label)
            if member.is_symlink and not (isinstance(value, Param) and "name" in value):
                known = listed_names(had) if isinstance(had, Mapping) else ""
                there = f"; there are: {known}" if known else ""
                yield Fault(here, text, f"is not there{there}. A new one needs its `name`")
                return
        had = had.get(label, {}) if isinstance(had, Mapping) else {}
        node = member
        if depth < len(names) - 1:
            values = values[label]
    if _only_text(node) and not isinstance(values[names[-1]], str | None):
        dict.__setitem__(values, names[-1], text)
    for finding in findings(node, values[names[-1]], 99, name):
        if finding.code in {CODES["FAIL"], CODES["INVALID"]}:
            yield Fault(finding.path, shortened(finding.value), finding.remedy)


def _members(node: EvalDescriptor, values: Any) -> dict[str, EvalDescriptor]:
    """Give what may stand in a group; what ``name`` chooses, too."""
    members = dict(node.children)
    if node.is_symlink:
        targets = node.targets
        name = values.get("name") if isinstance(values, Mapping) else None
        chosen = [t for t in targets if len(targets) == 1 or t.name == name]
        if not chosen:
            return {}
        members |= chosen[0].children
    return members


def _only_text(node: EvalDescriptor) -> bool:
    """Say whether a number, such as a run called 2024, can only be meant as text."""
    return bool(node.own_types) and node.own_types <= {"str", "NoneType"}
