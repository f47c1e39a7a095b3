"""The parameters of one choice of classes, one after the other: what a template is made of."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ptypy.utils.descriptor._evaluate import EvalDescriptor

__all__ = ["Entry", "Wanted", "about", "outline"]

NO_EFFECT = ("without effect in this version", "not supported yet")
"""Words in the help of parameters that exist for the sake of older files."""
WORDS = {
    "int": "integer", "float": "number", "complex": "complex number", "str": "text",
    "file": "path", "bool": "true or false", "list": "list", "tuple": "list", "ndarray": "array",
}  # fmt: skip
"""What types are called where no Python is written."""


@dataclass(frozen=True)
class Wanted:
    """Which parameters a template shows, and how."""

    names: Mapping[str, str]
    """By path with the labels in it, such as ``engines.engine00``: the class chosen there."""
    level: int = 1
    """Parameters of a higher `userlevel` are left out."""
    shown: Sequence[str] = ()
    """Patterns of the paths of what is not commented out."""
    everything: bool = False
    """Show what has no effect in this version, too."""


@dataclass(slots=True)
class Entry:
    """A parameter, or a group of them."""

    path: str
    """Dotted, with labels: ``scans.scan00.data.rebin``."""
    node: EvalDescriptor
    value: Any = None
    """Default, or the name that was chosen; of a group None."""
    members: list[Entry] | None = None
    """What is in a group; None for a parameter."""
    is_active: bool = False
    """It stands there; otherwise it is commented out."""
    is_needed: bool = False
    """Nothing will do without it."""
    text: str = field(default="")
    """What it is, in a few words."""

    @property
    def label(self) -> str:
        """Its own name."""
        return self.path.rpartition(".")[2]


def outline(node: EvalDescriptor, wanted: Wanted) -> list[Entry]:
    """List what is below a node, with the classes that were chosen written out.

    In each group, the name of its class comes first, then what is needed, what is shown, and the
    rest, each in the order of declaration; at the top, groups follow single parameters.
    """
    entries = list(_entries(dict(node.children), "", wanted))
    return sorted(entries, key=lambda entry: (entry.members is not None, not entry.is_active))


def _ordered(entries: Iterator[Entry]) -> list[Entry]:
    def rank(entry: Entry) -> int:
        if entry.label == "name":
            return 0
        return 1 if _needs(entry) else 2 if entry.is_active else 3

    return sorted(entries, key=rank)


def _needs(entry: Entry) -> bool:
    return entry.is_needed or any(_needs(member) for member in entry.members or ())


def _entries(members: Mapping[str, EvalDescriptor], path: str, wanted: Wanted) -> Iterator[Entry]:
    for name, child in members.items():
        here = f"{path}.{name}" if path else name
        if name == "*":
            start = f"{path}."
            for label in wanted.names:
                if label.startswith(start) and "." not in label[len(start) :]:
                    yield from _entry(child, label, wanted)
        else:
            yield from _entry(child, here, wanted)


def _entry(child: EvalDescriptor, path: str, wanted: Wanted) -> Iterator[Entry]:
    """Give the entry of a node, unless it is not to be shown."""
    group = dict(child.children)
    chosen = wanted.names.get(path)
    target = None
    if child.is_symlink:
        target = next((t for t in child.targets if chosen in (None, t.name)), None)
        group = {**group, **(target.children if target is not None else {})}
    is_hidden = (child.userlevel or 0) > wanted.level or (
        not wanted.everything and any(words in child.help for words in NO_EFFECT)
    )
    text = about(child)
    if group:
        inside = list(_entries(group, path, wanted))
        if chosen is not None:
            name = next((entry for entry in inside if entry.label == "name"), None)
            if name is not None:
                name.value, name.is_active = chosen, True
                name.text = target.help.replace("`", "") if target is not None else name.text
        active = any(entry.is_active for entry in inside)
        if inside and (active or not is_hidden):
            members = _ordered(iter(inside))
            yield Entry(path, child, None, members, is_active=active, text=text)
        return
    needed = child.needed is not None
    active = needed or any(fnmatch.fnmatch(path, pattern) for pattern in wanted.shown)
    if is_hidden and not active:
        return
    value = {} if child.own_types == {"Param"} else child.default
    yield Entry(path, child, value, None, is_active=active, is_needed=needed, text=text)


def about(node: EvalDescriptor) -> str:
    """Say what a parameter is: its help, and in brackets what it may be."""
    help_ = " ".join(node.help.split()).replace("``", "")
    if node.children or node.is_symlink:
        return help_
    what = _allowed(node)
    return f"{help_} ({what})" if what and help_ else help_ or what


def _allowed(node: EvalDescriptor) -> str:
    """Say which values a parameter may have."""
    choices = node.choices
    if choices is not None:
        numbers = [c for c in choices if isinstance(c, int)]
        if len(numbers) == len(choices) > 3:
            return f"{numbers[0]} … {numbers[-1]}"
        return " | ".join("null" if c is None else str(c) for c in choices)
    types = [t for t in node.type if t in WORDS]
    kinds = dict.fromkeys("path" if node.options.get("type") == "file" else WORDS[t] for t in types)
    if isinstance(node.default, bool | str) and len(kinds) == 1:
        return ""  # the default says it
    low, high = node.limits
    limits = {
        (True, True): f", {low} … {high}",
        (True, False): f", {low:g} or more" if low is not None else "",
        (False, True): f", {high:g} at most" if high is not None else "",
    }.get((low is not None, high is not None), "")
    return " or ".join(kinds) + limits if kinds else ""
