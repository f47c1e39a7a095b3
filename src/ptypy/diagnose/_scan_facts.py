"""What the frames of a scan held, and how well the model explains each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ptypy.diagnose._noise import model_intensity
from ptypy.utils import parallel

if TYPE_CHECKING:
    from ptypy.core.manager import Block

__all__ = ["ScanFacts", "scan_facts"]

Floats = npt.NDArray[np.float64]

BATCH = 64
"""Frames that are looked at at once."""


@dataclass(frozen=True, eq=False)
class ScanFacts:
    """What is in the prepared frames of one scan; frames in the order of their indices."""

    indices: npt.NDArray[np.int64]
    """Scan-point index of every frame, (N,)."""
    positions: Floats
    """Where the frames lie on the object (y, x) [m], (N, 2)."""
    photons: Floats
    """Counts in trusted pixels of every frame, (N,)."""
    residuals: Floats
    """``sqrt(sum (|model| - sqrt(counts))**2 / sum counts)`` of a frame, (N,); NaN where it
    was not calculated."""
    mean: Floats
    """Mean counts of every pixel over the frames that trust it, (H, W)."""
    trusted: Floats
    """Share of the frames that trust a pixel, (H, W)."""
    energy: float
    """Photon energy [keV]."""
    distance: float
    """From the sample to the detector [m]."""
    pixel: Floats
    """Edges of a pixel of the object (y, x) [m]."""


def scan_facts(blocks: Sequence[Block], *, most: int = 2000) -> ScanFacts:
    """Look at all frames of a scan. Every process must call it; all get the same.

    Parameters
    ----------
    blocks : sequence of Block
        Those of one scan that this process holds; at least one.
    most : int
        For how many frames of a block the residual is calculated, spread evenly.
    """
    rows, sums = [], []
    for block in blocks:
        residuals = np.full(len(block), np.nan)
        wanted = np.unique(np.linspace(0, len(block) - 1, min(most, len(block))).astype(np.intp))
        residuals[wanted] = _residuals(block, wanted)
        photons, total, trusted = _counted(block)
        places = block.object_views.coord
        rows.append(np.column_stack([block.indices, places, photons, residuals]))
        sums.append(np.stack([total, trusted]))
    table, (total, trusted) = np.concatenate(rows), np.sum(sums, axis=0)
    if parallel.size > 1:
        every = parallel.allgather_dict({parallel.rank: table})
        table = np.concatenate([every[rank] for rank in sorted(every)])
        parallel.allreduce(total)
        parallel.allreduce(trusted)
    table = table[np.argsort(table[:, 0], kind="stable")]
    geometry = blocks[0].geometry
    return ScanFacts(
        indices=table[:, 0].astype(np.int64),
        positions=table[:, 1:3].copy(),
        photons=table[:, 3].copy(),
        residuals=table[:, 4].copy(),
        mean=total / np.maximum(trusted, 1),
        trusted=trusted / len(table),
        energy=float(geometry.energy),
        distance=float(geometry.distance),
        pixel=np.broadcast_to(np.asarray(blocks[0].obj.psize, np.float64), 2).copy(),
    )


def _counted(block: Block) -> tuple[Floats, Floats, Floats]:
    """Add up trusted counts: of each frame, of each pixel; and who trusts each pixel."""
    mask = np.broadcast_to(block.mask, block.counts.shape)
    photons = np.empty(len(block))
    total, trusted = np.zeros((2, *block.counts.shape[1:]))
    for first in range(0, len(block), BATCH):
        part = slice(first, first + BATCH)
        counts = np.where(mask[part], block.counts[part], 0)
        photons[part] = counts.sum(axis=(1, 2), dtype=np.float64)
        total += counts.sum(axis=0, dtype=np.float64)
        trusted += mask[part].sum(axis=0)
    return photons, total, trusted


def _residuals(block: Block, frames: npt.NDArray[np.intp]) -> Floats:
    """Compare some frames with what the model says of them."""
    mask = np.broadcast_to(block.mask, block.counts.shape)
    found = np.empty(len(frames))
    for first in range(0, len(frames), BATCH):
        part = frames[first : first + BATCH]
        counts, trusted = block.counts[part].astype(np.float64), mask[part]
        off = np.sqrt(model_intensity(block, part)) - np.sqrt(np.maximum(counts, 0))
        wrong = np.sum(off**2, axis=(1, 2), where=trusted)
        power = np.sum(counts, axis=(1, 2), where=trusted)
        found[first : first + BATCH] = np.sqrt(wrong / np.where(power > 0, power, np.nan))
    return found
