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

__all__ = [
    "Dealer",
    "agree",
    "collect",
    "collect_bytes",
    "combine",
    "on_master",
    "scatter",
    "total",
]

Result = TypeVar("Result")


class Dealer:
    """Deals the frames of a scan out to processes, evenly over all chunks."""

    def __init__(self) -> None:
        self._manager = parallel.LoadManager()

    def deal(self, slots: Sequence[int]) -> list[range]:
        """Give, for every rank, which members of ``slots`` (by their place in it) are its own."""
        return self._manager.deal(len(slots))

    def take_back(self, dealt: Sequence[Sequence[int]]) -> None:
        """Undo `deal`: these frames were not delivered."""
        for rank, places in enumerate(dealt):
            self._manager.load[rank] -= len(places)


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


def collect(stack: npt.NDArray[Any], rows: npt.NDArray[np.int64], count: int) -> npt.NDArray[Any]:
    """Bring what all processes hold together on the master, as arrays.

    Parameters
    ----------
    stack : (n, ...)
        What this process holds; of the same type on all processes.
    rows : (n,) array of int
        Where in the whole it belongs.
    count : int
        Length of the whole.

    Returns
    -------
    (count, ...)
        On the master; ``stack`` itself elsewhere.
    """
    if parallel.size == 1 and np.array_equal(rows, np.arange(count)):
        return stack
    mine = {("rows", parallel.rank): rows, ("stack", parallel.rank): stack} if len(rows) else {}
    parts = parallel.gather_dict(mine)
    if not parallel.master:
        return stack
    whole = np.empty((count, *stack.shape[1:]), stack.dtype)
    for what, rank in parts:
        if what == "rows":
            whole[parts["rows", rank]] = parts["stack", rank]
    return whole


def collect_bytes(pieces: Sequence[bytes], rows: npt.NDArray[np.int64], count: int) -> list[bytes]:
    """Bring pieces of bytes together on the master, in their order; elsewhere it is empty.

    Parameters
    ----------
    pieces : sequence of bytes
        What this process holds.
    rows : (n,) array of int
        Where in the whole each belongs.
    count : int
        Length of the whole.
    """
    sizes = collect(np.array([len(piece) for piece in pieces], dtype=np.int64), rows, count)
    mine = {parallel.rank: np.frombuffer(b"".join(pieces), np.uint8)} if len(rows) else {}
    places = parallel.gather_dict({parallel.rank: rows} if len(rows) else {})
    parts = parallel.gather_dict(mine)
    if not parallel.master:
        return []
    whole = [b""] * count
    for rank, part in parts.items():
        ends = np.cumsum(sizes[places[rank]]).tolist()
        for row, begin, end in zip(places[rank].tolist(), [0, *ends[:-1]], ends, strict=True):
            whole[row] = part[begin:end].tobytes()
    return whole
