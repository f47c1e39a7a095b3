"""Which pixels of prepared frames are trusted, agreed between processes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.core.data import _distribute as distribute
from ptypy.core.data._pipeline import Prepared
from ptypy.core.data._plan import Plan
from ptypy.core.data._prepare import prepare_weights
from ptypy.core.data._sums import count_again
from ptypy.utils import parallel
from ptypy.utils.verbose import logger

__all__ = ["Strange", "distrust", "level", "warn_of_little_trust"]

MOST_TRUSTED = 0.5
"""A scan of which fewer pixels are trusted may have its mask inverted."""

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Strange:
    """Trusted pixels that hold no finite number."""

    pixels: int = 0
    frames: int = 0
    """How many frames have such pixels."""
    first: int = -1
    """Lowest scan-point index of such a frame; -1 if there is none."""


def distrust(
    prepared: Prepared, labels: Sequence[int], plan: Plan | None = None, *, is_private: bool
) -> tuple[Prepared, Strange]:
    """Take trust from pixels that are not finite numbers, and set them to zero.

    Parameters
    ----------
    prepared : Prepared
    labels : sequence of int
        Scan-point index of every frame.
    plan : Plan, optional
        How frames were prepared, to count their photons again.
    is_private : bool
        Whether the frames may be changed in place.

    Returns
    -------
    prepared : Prepared
        With one mask for all frames if that is still possible.
    strange : Strange
        What was found.
    """
    data, mask = prepared.data, prepared.mask
    if data.dtype.kind != "f" or not data.size:
        return prepared, Strange()
    with np.errstate(all="ignore"):
        seen = data.sum(axis=(1, 2)) if prepared.sums is None else prepared.sums.photons
    suspects = np.flatnonzero(~np.isfinite(seen)).tolist()
    found = {k: ~np.isfinite(data[k]) & (mask if mask.ndim == 2 else mask[k]) for k in suspects}
    found = {k: bad for k, bad in found.items() if bad.any()}
    if not found:
        return prepared, Strange()
    first = next(iter(found.values()))
    everywhere = len(found) == len(data) and all(np.array_equal(b, first) for b in found.values())
    if mask.ndim == 2 and everywhere:
        mask = mask & ~first
    else:
        mask = np.broadcast_to(mask, data.shape).copy()
        for k, bad in found.items():
            mask[k] &= ~bad
    if not is_private:
        data = data.copy()
    for k, bad in found.items():
        data[k][bad] = 0
    weights = prepared.weights
    weights = None if weights is None else np.where(mask, weights, np.float32(0))
    pixels = sum(int(bad.sum()) for bad in found.values())
    sums = prepared.sums
    if sums is not None and plan is not None:
        sums = count_again(sums, data, mask, np.array(list(found)), plan)
    found_out = replace(prepared, data=data, mask=mask, weights=weights, sums=sums)
    return found_out, Strange(pixels, len(found), min(labels[k] for k in found))


class _Form(NamedTuple):
    """What a process says of the frames that it holds."""

    strange: Strange
    holds: bool
    dtype: np.dtype[Any]
    weighted: bool
    digest: bytes
    """Tells one mask for all frames from another; empty where every frame has its own."""


def level(prepared: Prepared, strange: Strange) -> tuple[Prepared, Strange]:
    """Give frames and masks the same form on all processes, which all call this.

    There is one mask for all frames only if it is the same one on every process; a process
    without frames takes over what the others have.
    """
    if parallel.size == 1:
        return prepared, strange
    mask, weights = prepared.mask, prepared.weights
    digest = b"" if mask.ndim == 3 else _digest(mask, weights)
    mine = _Form(
        strange, bool(len(prepared.data)), prepared.data.dtype, weights is not None, digest
    )
    forms = distribute.combine({parallel.rank: mine})
    holding = {rank: form for rank, form in forms.items() if form.holds}
    total = _added([form.strange for form in forms.values()])
    if not holding:
        return prepared, total
    dtype = np.result_type(*(form.dtype for form in holding.values()))
    data = prepared.data.astype(dtype, copy=False)
    digests = {form.digest for form in holding.values()}
    if len(digests) == 1 and digests != {b""}:
        if len(holding) < len(forms):
            source = min(holding)
            given = {source: (mask, weights)} if parallel.rank == source else {}
            mask, weights = distribute.combine(given)[source]
        return replace(prepared, data=data, mask=mask, weights=weights), total
    mask = np.broadcast_to(mask, data.shape) if len(data) else np.empty(data.shape, bool)
    if any(form.weighted for form in holding.values()):
        kept = mask if weights is None or not len(data) else weights
        weights = np.broadcast_to(kept, data.shape).astype(np.float32, copy=False)
    else:
        weights = None
    return replace(prepared, data=data, mask=mask, weights=weights), total


def warn_of_little_trust(prepared: Prepared, plan: Plan) -> None:
    """Say loudly that few pixels of the first frames are trusted; all processes call this.

    Pixels of the region that lie outside the raw frame do not count.
    """
    inside, _ = prepare_weights(None, plan)
    count = len(prepared.data)
    trusted = prepared.mask.sum() * (count if prepared.mask.ndim == 2 else 1)
    sums = distribute.total(np.array([trusted, inside.sum() * count], dtype=np.float64))
    if sums[1] and sums[0] < MOST_TRUSTED * sums[1]:
        logger.error(
            "only %.0f %% of the pixels are trusted: is the mask inverted? It must be larger "
            "than zero where a pixel may be trusted",
            100 * sums[0] / sums[1],
        )


def _added(parts: Sequence[Strange]) -> Strange:
    firsts = [part.first for part in parts if part.frames]
    return Strange(
        sum(part.pixels for part in parts),
        sum(part.frames for part in parts),
        min(firsts, default=-1),
    )


def _digest(mask: Mask, weights: Array | None) -> bytes:
    digest = hashlib.blake2b(np.ascontiguousarray(mask).tobytes(), digest_size=16)
    if weights is not None:
        digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.digest()
