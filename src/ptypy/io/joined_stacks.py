"""Frames of several files in one `StoredStack`, without reading them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ptypy.io._stored_places import MOST_FILES
from ptypy.io.stored_stack import PER_FRAME, StoredStack

__all__ = ["gather_stacks", "join_stacks"]

Numbers = npt.NDArray[np.int64]


def gather_stacks(
    parts: Iterable[tuple[Numbers, StoredStack | None]],
    indices: Sequence[int] | Numbers,
    label: str,
) -> StoredStack | None:
    """Put frames that were found file by file into the order in which they were asked for.

    Parameters
    ----------
    parts : iterable
        For every file, in any order: the places of its frames in ``indices``, and these frames;
        None if they cannot be read in place. No more is asked for after the first None.
    indices : (n,) int
        How frames are counted over all files.
    label : str
        What they are together, for messages.

    Returns
    -------
    StoredStack or None
        None as for `join_stacks`, or if some frames have to be decoded otherwise.
    """
    stacks: list[StoredStack] = []
    places: list[Numbers] = []
    for place, found in parts:
        if found is None or len(stacks) == MOST_FILES:
            return None
        stacks.append(found)
        places.append(place)
    joined = join_stacks(stacks, label) if stacks else None
    if joined is None:
        return None
    ordered = joined.take(np.argsort(np.concatenate(places)))
    return ordered.changed(numbers=np.asarray(indices, dtype=np.int64))


def join_stacks(stacks: Sequence[StoredStack], label: str) -> StoredStack | None:
    """Make one stack of several, one after the other.

    Parameters
    ----------
    stacks : sequence of StoredStack
        At least one. Frames keep their numbers.
    label : str
        What they are together, for messages.

    Returns
    -------
    StoredStack or None
        None if they differ in what all frames of a stack have in common, or are of too many files:
        each stays open while it is mapped.
    """
    first = stacks[0]
    forms = {(s.dtype.str, s.is_packed, s.stored, str(s.window), s.limit) for s in stacks}
    if len(forms) > 1 or sum(len(stack._held) for stack in stacks) > MOST_FILES:
        return None
    edges = np.cumsum([0, *(len(stack._held) for stack in stacks)])[:-1]
    joined = {name: np.concatenate([getattr(s, name) for s in stacks]) for name in PER_FRAME}
    joined["_which"] += np.repeat(edges, [len(stack) for stack in stacks])
    held = tuple(held for stack in stacks for held in stack._held)
    return first.changed(**joined, _held=held, label=label)
