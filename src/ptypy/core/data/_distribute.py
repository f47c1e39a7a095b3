"""Which process loads which frame, and what travels between processes.

All of this room's communication is here. With one process nothing is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ptypy.errors import ParallelError
from ptypy.utils import parallel

__all__ = ["Dealer", "agree", "collect", "combine", "on_master", "scatter", "total"]

Result = TypeVar("Result")


class Dealer:
    """Deals the frames of a scan out to processes, evenly over all chunks."""

    def __init__(self) -> None:
        self._manager = parallel.LoadManager()

    def deal(self, slots: Sequence[int]) -> list[list[int]]:
        """Give, for every rank, which members of ``slots`` (by their place in it) are its own."""
        return self._manager.assign(slots)

    def take_back(self, slots: Sequence[int], dealt: Sequence[Sequence[int]]) -> None:
        """Undo `deal`: these frames were not delivered."""
        for rank, places in enumerate(dealt):
            self._manager.load[rank] -= len(places)
        for slot in slots:
            self._manager.rank_of.pop(slot, None)


def agree(action: Callable[[], Result]) -> Result:
    """Do something that one process may fail at; if one does, all of them stop here.

    ``action`` must not communicate.

    Raises
    ------
    ParallelError
        On the processes that did not fail, with what happened on the one that did.
    """
    if parallel.size == 1:
        return action()
    failure: Exception | None = None
    result: Any = None
    try:
        result = action()
    except Exception as error:  # noqa: BLE001 - told to every process, then raised again
        failure = error
    message = {} if failure is None else {parallel.rank: f"{type(failure).__name__}: {failure}"}
    failures = parallel.allgather_dict(message)
    if failure is not None:
        raise failure
    if failures:
        rank, text = next(iter(failures.items()))
        raise ParallelError(f"process {rank} failed: {text}")
    return result  # type: ignore[no-any-return]


def on_master(action: Callable[[], Mapping[str, Any]], *, everywhere: bool) -> dict[str, Any]:
    """Do something once and tell everybody, or do it on every process.

    Parameters
    ----------
    action : callable
        Gives named values.
    everywhere : bool
        True: every process calls ``action`` and keeps its own result.
    """
    mine = agree(lambda: dict(action()) if everywhere or parallel.master else {})
    return mine if everywhere else parallel.bcast_dict(mine)


def combine(mine: Mapping[int, Any]) -> dict[int, Any]:
    """Bring what every process knows of its frames together, on every process."""
    return dict(mine) if parallel.size == 1 else parallel.allgather_dict(mine)


def total(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Add up over processes."""
    return np.asarray(parallel.allreduce(numbers))


def scatter(whole: Any, dealt: Sequence[Sequence[int]], take: Callable[[Any, Any], Any]) -> Any:
    """Send every process its part of what the master loaded.

    Parameters
    ----------
    whole : object
        What the master loaded; looked at there only.
    dealt : list of list of int
        For every rank, which frames of ``whole`` it gets.
    take : callable
        ``take(whole, places)`` cuts a part out.
    """
    if parallel.size == 1:
        return whole
    if not parallel.master:
        return parallel.receive(source=0)
    for rank in range(1, parallel.size):
        parallel.send(take(whole, dealt[rank]), dest=rank)
    return take(whole, dealt[0])


def collect(stack: npt.NDArray[Any], mine: Sequence[int], every: Sequence[int]) -> npt.NDArray[Any]:
    """Bring the frames of all processes together on the master, in the order of the chunk.

    Parameters
    ----------
    stack : (n, ...)
        What this process holds.
    mine, every : sequence of int
        Indices of the frames in ``stack``, and of those in the whole chunk.

    Returns
    -------
    (M, ...)
        On the master; ``stack`` itself elsewhere.
    """
    if parallel.size == 1:
        return stack
    frames = parallel.gather_dict(dict(zip(mine, stack, strict=True)))
    return np.stack([frames[index] for index in every]) if parallel.master else stack
