"""A look at whole raw frames, before it is known what is to be cut out of them.

Where the counts decide about the optical axis, the region or the pixels to be trusted, the first
frames pass the loop once more than others: whole, and no more than `MOST` of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data import _distribute as distribute
from ptypy.core.data._load import Loaded
from ptypy.core.data._pipeline import Pipeline, Prepared
from ptypy.core.data._plan import make_plan
from ptypy.core.data._prepare import Correction
from ptypy.core.data._trust import distrust
from ptypy.utils.processors import count_processors

__all__ = [
    "AXIS",
    "COUNTS",
    "FACTOR",
    "OUTSTANDING",
    "SQUARES",
    "TRUSTED",
    "Look",
    "look",
    "spare_axis",
    "stand_out",
]

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Pair = tuple[int, int]

MOST = 32
"""Frames that are looked at, at most."""
LEAST = 8
"""Frames that are looked at, however large they are."""
ROOM = 288 << 20
"""No more than would take so much memory with four bytes a pixel [bytes]: 16 of 2070 x 2167 px."""
STRIP = 8
"""Rows that a thread surveys at once."""
FACTOR = 5.0
"""A pixel that counts so many times more than its second brightest neighbour is no wave's.

The smallest features of diffraction by a probe that fills half of its field are as wide as a lens
of that size makes them: neighbours of a peak get sinc(1/2)^2 of it, 0.4."""
AXIS = 4
"""So near to the optical axis a peak may be the beam that no optics have touched [px]."""
PIT = 20.0
"""Where neighbours have so many counts, one without any is no chance: exp(-20) is 2e-9."""

COUNTS, SQUARES, TRUSTED, OUTSTANDING = range(4)
"""What tables say of every pixel: see `survey_rows`."""


@dataclass(frozen=True)
class Look:
    """What was seen of the first frames. Numbers of frames are those of all processes."""

    count: int
    """How many frames were looked at."""
    slots: tuple[int, ...]
    """Those of this process."""
    prepared: Prepared
    """They, whole and corrected."""
    trusted: Mask
    """Raw pixels (H, W) that all frames are trusted at, as far as anybody said."""
    tables: npt.NDArray[np.float64]
    """Sums over all these frames, (1 or 4, H, W)."""

    @cached_property
    def strange(self) -> npt.NDArray[np.int8]:
        """Say of every pixel (H, W) whether it is too bright (1) or too dark (-1)."""
        return stand_out(self.tables[COUNTS], self.trusted)

    def center(self, without: Mask) -> tuple[float, float] | None:
        """Find the mean centre of mass (y, x) [px]; None where there are no counts.

        Every frame counts the same, however bright: the direct beam is in the same place in all
        of them, what a bright frame scatters is not. All processes call this.

        Parameters
        ----------
        without : (H, W) bool
            Pixels that are left out, however much they count.
        """
        sums, data, mask = self.prepared.sums, self.prepared.data, self.prepared.mask
        places: dict[int, npt.NDArray[np.float64]] = {}
        if sums is not None and len(data):
            ys, xs = np.nonzero(without)
            counts = (data[:, ys, xs] * mask[..., ys, xs]).astype(np.float64)
            lit = sums.photons - counts.sum(axis=1)
            with np.errstate(all="ignore"):
                moments = np.where(sums.photons[:, None] == 0, 0, sums.centers)
                moments = moments * sums.photons[:, None] - counts @ np.stack([ys, xs], axis=1)
                # What was added up and taken away again leaves rounding behind.
                has_any = lit > 1e-9 * np.abs(sums.photons)
                centers = moments / lit[:, None]
            places = {self.slots[k]: centers[k] for k in np.flatnonzero(has_any)}
        # In the order of the scan, so that sums are the same however frames were dealt out.
        everywhere = sorted(distribute.combine(places).items())
        if not everywhere:
            return None
        y, x = np.mean([place for _, place in everywhere], axis=0)
        return (float(y), float(x))


def how_many(raw: Pair) -> int:
    """Say how many frames are looked at."""
    return int(np.clip(ROOM // (4 * raw[0] * raw[1]), LEAST, MOST))


def look(
    loaded: Loaded,
    raw: Pair,
    slots: Sequence[int],
    mine: Sequence[int],
    *,
    weights: Array | None,
    fix: Correction | None,
    fully: bool,
) -> Look:
    """Look at the first frames of a scan. All processes call this.

    It costs what preparing these frames without a region costs, and as much memory as they need.
    Which frames they are does not depend on the number of processes, nor on how many frames are
    there beyond them.

    Parameters
    ----------
    loaded : Loaded
        Frames of this process.
    raw : (rows, columns)
    slots, mine : sequence of int
        All frames that were loaded, and those of this process, in the same order.
    weights : (H, W) or None
        What all frames share; looked at if it is as large as a raw frame.
    fix : Correction or None
    fully : bool
        Whether more than the sum of counts is wanted.
    """
    chosen = set(slots[: how_many(raw)])
    here = sum(slot in chosen for slot in mine)
    given = None if weights is None or weights.shape != raw else weights
    own = loaded.weights
    own = None if own is None or own.shape[-2:] != raw else own
    part = replace(
        loaded,
        frames=loaded.frames[:here],
        weights=own[:here] if own is not None and own.ndim == 3 else own,
    )
    plan = make_plan(raw, shape=None, center=(raw[0] // 2, raw[1] // 2), move=False)
    pipeline = Pipeline(plan, fix, given)

    def see() -> tuple[Prepared, npt.NDArray[np.float64]]:
        seen = pipeline.run(part, always=True)
        seen, _ = distrust(seen, list(mine[:here]), plan, is_private=True)
        return seen, _survey(seen, 4 if fully else 1, raw)

    prepared, tables = distribute.agree(see)
    trusted = pipeline.shared[0] & _trusted_somewhere(part, raw)
    return Look(len(chosen), tuple(mine[:here]), prepared, trusted, distribute.total(tables))


def _trusted_somewhere(part: Loaded, raw: Pair) -> Mask:
    """Say where masks that came with the frames, whoever holds them, trust any of them."""
    trusted: Mask = np.full(raw, len(part.frames) > 0)
    if part.weights is not None and len(part.frames):
        trusted = np.asarray((part.weights > 0).reshape(-1, *raw).any(axis=0))
    return np.asarray(distribute.total(trusted.astype(np.float64)) > 0)


def _survey(prepared: Prepared, kinds: int, raw: Pair) -> npt.NDArray[np.float64]:
    """Add up what every pixel does in frames of this process."""
    from ptypy.core.data._survey_kernel import survey_rows

    tables = np.zeros((kinds, *raw))
    data, mask = prepared.data, prepared.mask
    if not len(data):
        return tables
    trusted = np.ascontiguousarray(mask.reshape(-1, *raw))
    _by_rows(lambda first, stop: survey_rows(data, trusted, first, stop, FACTOR, tables), raw[0])
    return tables


def stand_out(counts: npt.NDArray[np.float64], trusted: Mask) -> npt.NDArray[np.int8]:
    """Find pixels that cannot be what a wave makes, in a sum of frames.

    Parameters
    ----------
    counts : (H, W) float64
    trusted : (H, W) bool
        Pixels that are looked at.

    Returns
    -------
    (H, W) int8
        1 where a pixel counts more than `FACTOR` times its second brightest neighbour, by more than
        chance explains; -1 where one counts nothing amid neighbours with `PIT` counts; 0 elsewhere.
    """
    from ptypy.core.data._survey_kernel import compare_rows

    strange = np.zeros(counts.shape, np.int8)
    counts, trusted = np.ascontiguousarray(counts), np.ascontiguousarray(trusted)
    _by_rows(
        lambda first, stop: compare_rows(counts, trusted, first, stop, FACTOR, PIT, strange),
        len(counts),
    )
    return strange


def spare_axis(strange: npt.NDArray[np.int8], axis: tuple[float, float]) -> None:
    """Take pixels near the optical axis for what a beam makes, however bright they are."""
    rows, columns = (slice(max(round(c) - AXIS, 0), round(c) + AXIS + 1) for c in axis)
    np.minimum(strange[rows, columns], 0, out=strange[rows, columns])


def _by_rows(work: Any, rows: int) -> None:
    """Let threads work on strips of rows."""
    edges = range(0, rows, STRIP)
    with ThreadPoolExecutor(count_processors()) as pool:
        list(pool.map(lambda first: work(first, min(first + STRIP, rows)), edges))
