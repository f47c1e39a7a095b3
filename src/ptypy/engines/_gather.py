"""Numbers of single frames, which are spread over processes, in the order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ptypy.utils import parallel

if TYPE_CHECKING:
    from ptypy.core.manager import Block

__all__ = ["bring_together", "places_of", "total_frames"]

Rows = npt.NDArray[np.float64]


def places_of(blocks: Sequence[Block]) -> npt.NDArray[np.int64]:
    """Say where among the frames of all processes those of this process stand.

    Frames are counted scan by scan, in the alphabetic order of the labels, and within a scan
    as they arrived.

    Parameters
    ----------
    blocks : sequence of Block
        All that have arrived, in any order.

    Returns
    -------
    (n,) int64
        For each frame of each block, in the order of `blocks`.
    """
    totals: dict[str, int] = {}
    for block in blocks:
        totals[block.label] = totals.get(block.label, 0) + block.num_everywhere
    first, counted = {}, 0
    for label in sorted(totals):
        first[label] = counted
        counted += totals[label]
    parts = [first[block.label] + block.places for block in blocks]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def total_frames(blocks: Sequence[Block]) -> int:
    """Count the frames that arrived with these blocks, on all processes."""
    return sum(block.num_everywhere for block in blocks)


def bring_together(blocks: Sequence[Block], rows: Rows) -> Rows | None:
    """Bring numbers of all frames together on the master. Every process must call it.

    Parameters
    ----------
    blocks : sequence of Block
        All that have arrived.
    rows : (n, ...) float64
        For each frame of each block of this process, in the order of `blocks`.

    Returns
    -------
    (N, ...) float64 or None
        In the order of `places_of`, on the master; None elsewhere.
    """
    places = places_of(blocks)
    whole = np.empty((total_frames(blocks), *rows.shape[1:]))
    if parallel.size == 1:
        whole[places] = rows
        return whole
    mine = {(parallel.rank, "places"): places, (parallel.rank, "rows"): np.ascontiguousarray(rows)}
    gathered = parallel.gather_dict(mine)
    if not parallel.master:
        return None
    for rank in range(parallel.size):
        whole[gathered[rank, "places"]] = gathered[rank, "rows"]
    return whole
