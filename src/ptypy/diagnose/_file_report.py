"""What was found in a file, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ptypy.diagnose._frame_statistics import FrameStatistics
from ptypy.io.h5tree import NOTHING, Entry, printable, shown_size

__all__ = ["FileReport", "listed", "size_of_file"]

KINDS = {
    "ptyd": "prepared scan (.ptyd)",
    "ptyr": "result of a reconstruction (.ptyr)",
    "cxi": "scan in the form of CXI",
    "nexus": "scan in a NeXus file",
    "dectris": "master file of a Dectris detector",
    "hdf5": "HDF5 file",
    "images": "detector frames",
    "arrays": "arrays of NumPy",
    "unreadable": "file that cannot be read",
}
"""What kinds of files there are."""


@dataclass
class FileReport:
    """What a file holds, and what is wrong with it; made by `inspect_file`."""

    path: Path
    kind: str
    """One of `KINDS`."""
    facts: dict[str, str] = field(default_factory=dict)
    """What it holds, in words, by name."""
    values: dict[str, Any] = field(default_factory=dict)
    """The same as numbers, units in their names; plain values that JSON knows."""
    frames: dict[str, FrameStatistics] = field(default_factory=dict)
    """What the frames are like, by the dataset they stand in."""
    faults: list[str] = field(default_factory=list)
    """What is wrong: damaged, missing, or making data wrong."""
    remarks: list[str] = field(default_factory=list)
    """What is doubtful, or missing but can be given otherwise."""
    tree: list[Entry] = field(default_factory=list)
    """What stands in it."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        """Give plain values that JSON knows."""
        return {
            "file": str(self.path),
            "kind": self.kind,
            "description": KINDS[self.kind],
            "faults": self.faults,
            "remarks": self.remarks,
            "values": self.values,
            "frames": {name: found.as_dict() for name, found in self.frames.items()},
            "tree": [entry.as_dict() for entry in self.tree],
        }

    def text(self, *, full: bool = False) -> str:
        """Write it for people.

        Parameters
        ----------
        full : bool
            Show entries of the tree that say None, too.
        """
        parts = [[f"{printable(self.path)}: {KINDS[self.kind]}{size_of_file(self.path)}"]]
        rows = [*self.facts.items(), *self._rows_of_frames()]
        width = max((len(name) for name, _ in rows), default=0)
        parts.append([f"  {name.ljust(width)}  {printable(fact)}" for name, fact in rows])
        parts.append(_block("wrong", self.faults))
        parts.append(_block("doubtful", self.remarks))
        if self.tree:
            parts.append(["tree", *_tree_lines(self.tree, full=full)])
        return "\n\n".join("\n".join(lines) for lines in parts if lines)

    def _rows_of_frames(self) -> Iterator[tuple[str, str]]:
        for name, found in self.frames.items():
            where = f" of {name}" if len(self.frames) > 1 else ""
            yield f"looked at{where}", found.which()
            if not found.looked_at or found.largest < found.least:
                continue
            sums = found.sums
            yield (
                "counts a frame",
                f"{found.mean_counts:.4g} on average, {min(sums):.4g} … " + (f"{max(sums):.4g}"),
            )
            yield "counts a pixel", f"{found.least:g} … {found.largest:g}"
            yield "masked", f"{100 * found.masked:.2f} % of the pixels"


def _block(title: str, texts: list[str]) -> list[str]:
    lines = [printable(line) for text in texts for line in _hanging(text)]
    return [title, *lines] if lines else []


def _hanging(text: str) -> list[str]:
    first, *others = text.splitlines() or [""]
    return [f"  - {first}", *(f"    {line}" for line in others)]


def _tree_lines(tree: list[Entry], *, full: bool) -> Iterator[str]:
    base = tree[0].path.rstrip("/").count("/")
    for entry in tree:
        if entry.value == NOTHING and not full:
            continue
        place = entry.path.rstrip("/")
        name = printable(place.rpartition("/")[2])
        yield f"  {'  ' * max(0, place.count('/') - base)}{name}{_described(entry)}"


def _described(entry: Entry) -> str:
    """Describe an entry after its name."""
    parts = []
    if entry.kind == "group":
        parts.append("/")
    elif entry.kind == "more":
        parts.append(f" ({entry.members} more)" if entry.members else " (not looked at)")
    elif entry.kind == "dataset":
        parts += _content(entry)
    if entry.target:
        parts.append(f" -> {printable(entry.target)}")
    if entry.trouble:
        parts.append(f"  !! {entry.trouble}")
    return "".join(parts)


def _content(entry: Entry) -> Iterator[str]:
    if entry.shape and entry.value != NOTHING:
        yield f"  {shown_size(entry.shape)} {entry.dtype}"
        if entry.value:
            yield f"  {entry.value}"
    elif entry.value:
        yield f" = {entry.value}"
    else:
        yield f"  {entry.dtype}{'' if entry.shape is not None else ', nothing'}"
    if entry.unit:
        yield f" [{entry.unit}]"
    if entry.storage:
        yield f"  ({entry.storage})"


def size_of_file(path: Path) -> str:
    """Write the size of a file after its name; nothing if there is none."""
    try:
        size = float(path.stat().st_size)
    except OSError:
        return ""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f", {size:.3g} {unit}" if size < 1000 else f", {size:.0f} {unit}"
        size /= 1000
    return ""


def listed(numbers: list[int]) -> str:
    """Name frames, the first few of them."""
    if len(numbers) == 1:
        return f"frame {numbers[0]}"
    some = ", ".join(str(number) for number in numbers[:5])
    return f"{len(numbers)} frames ({some}{', ...' if len(numbers) > 5 else ''})"
