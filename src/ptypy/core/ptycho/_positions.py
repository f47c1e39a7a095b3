"""Positions of frames that engines have refined: into files, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.engines import bring_together

if TYPE_CHECKING:
    from ptypy.core.classes import Storage
    from ptypy.core.manager import Block
    from ptypy.core.ptycho._ptycho import Ptycho

__all__ = ["describe_positions", "restore_positions"]

Positions = npt.NDArray[np.float64]


def describe_positions(run: Ptycho) -> dict[str, Any]:
    """Gather where all frames lie on the object. Every process must call it.

    Returns
    -------
    dict
        On the master, if ``run.record_positions``: ``positions``, arrays (n, 2) [m] by the ID of
        the object that the frames see, and ``position_indices``, (n,) int64, the scan-point
        indices of those frames; scan by scan in the order of labels, within a scan as the frames
        arrived. Nothing otherwise.
    """
    if not run.record_positions:
        return {}
    positions, indices = {}, {}
    for obj, blocks in _by_object(run):
        rows = [np.empty((0, 3))]
        rows += [np.column_stack([b.object_views.coord, b.indices]) for b in blocks]
        whole = bring_together(blocks, np.concatenate(rows))
        if whole is not None:
            positions[obj.ID], indices[obj.ID] = whole[:, :2].copy(), whole[:, 2].astype(np.int64)
    return {"positions": positions, "position_indices": indices} if positions else {}


def restore_positions(run: Ptycho, content: Mapping[str, Any]) -> None:
    """Let frames lie where a file says. Every process must call it.

    Frames are known by scan and index, or, where a scan has an index twice, by their place
    among the frames of the scan. Those that the file does not know stay where they are.

    Parameters
    ----------
    run : Ptycho
    content : Mapping
        What `describe_positions` gave, among other things.
    """
    saved = content.get("positions")
    indices = content.get("position_indices")
    if not isinstance(saved, Mapping) or not isinstance(indices, Mapping):
        return
    for obj, blocks in _by_object(run):
        if not len(saved.get(obj.ID, ())) or obj.ID not in indices:
            continue
        places = np.asarray(saved[obj.ID], np.float64)
        for colour in blocks[0].colours:
            run.model.grow(colour.obj, places)
        for block in blocks:
            _move(block, places, np.asarray(indices[obj.ID]))
    run.record_positions = True


def _move(block: Block, places: Positions, known: npt.NDArray[np.int64]) -> None:
    """Move the frames of a block to those of the places that are theirs."""
    order = np.argsort(known, kind="stable")
    if len(np.unique(known)) == len(known):
        rows = order[
            np.minimum(np.searchsorted(known, block.indices, sorter=order), len(known) - 1)
        ]
    else:
        rows = np.minimum(block.places, len(known) - 1)
    same = known[rows] == block.indices
    coord = block.object_views.coord.copy()
    coord[same] = places[rows[same]]
    block.move_to(coord)


def _by_object(run: Ptycho) -> list[tuple[Storage, list[Block]]]:
    """Gather the blocks that look at the same object, the same on every process."""
    groups: dict[str, tuple[Storage, list[Block]]] = {}
    for block in run.model.blocks:
        groups.setdefault(block.obj.ID, (block.obj, []))[1].append(block)
    return [groups[ID] for ID in sorted(groups)]
