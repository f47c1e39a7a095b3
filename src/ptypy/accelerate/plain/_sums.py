"""Overlap sums: what all exit waves together say about the object and about the probe."""

from __future__ import annotations

import numpy as np

from ptypy.accelerate._arrays import check_array
from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.accelerate.plain._detector import multiply
from ptypy.accelerate.plain._project import check_waves
from ptypy.accelerate.plain._sight import Complex, Real, Sight, check_sights, real_type
from ptypy.accelerate.plain._views import (
    ObjectTotals,
    against_object,
    against_probe,
    find_power,
    take_view,
)

__all__ = ["object_sums", "probe_sums"]


def object_sums(
    sight: Sight,
    waves: Complex,
    numerator: Complex,
    denominator: Real,
    *,
    obj: Complex | None = None,
    threads: int | None = None,
) -> None:
    """Add sum_m conj(P_m) psi_ml and sum_m |P_m|^2 of every frame where it lies in the object.

    Their quotient is the object that fits the exit waves best; between pixels it is so with
    ``obj`` only, for a reason that `ptypy.accelerate.object_sums` tells.

    The sums are those of one sight. Colours that share an object add theirs to the same arrays.

    Parameters
    ----------
    sight : Sight
    waves : (N, M, L, H, W) complex
    numerator : (L, Ho, Wo) complex
        Added to, in place.
    denominator : (Ho, Wo) real
        Added to, in place; the same for all modes of the object.
    obj : (L, Ho, Wo) complex, optional
        The present object; without effect if all frames lie on whole pixels.
    threads : int, optional
        See `ptypy.accelerate.default_threads`.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    check_sights([sight])
    check_waves([sight], [waves], writeable=False)
    dtype = sight.obj.dtype
    check_array("numerator", numerator, sight.obj.shape, dtype, writeable=True)
    kind = real_type(dtype)
    check_array("denominator", denominator, sight.obj.shape[1:], kind, writeable=True)
    present = obj if sight.shifts is not None else None
    if present is not None:
        check_array("obj", present, sight.obj.shape, dtype)
    frames = len(sight.corners)
    parts = count_threads(threads, frames)
    totals: list[tuple[ObjectTotals, ObjectTotals] | None] = [None] * parts
    common = find_power(sight.probe) if sight.probe.ndim == 3 else None

    def work(part: int, first: int, last: int) -> None:
        above = ObjectTotals(sight, first, last, numerator)
        below = ObjectTotals(sight, first, last, denominator)
        totals[part] = above, below
        patch = np.empty((sight.object_modes, *sight.shape), dtype)
        lacking = np.empty(sight.wave_shape if present is not None else 0, dtype)
        for j in range(first, last):
            psi, probe = waves[j], sight.probe_of(j)
            if present is not None:
                multiply(sight, take_view(sight, present, j), j, lacking)
                psi = np.subtract(psi, lacking, out=lacking)
            against_probe(probe, psi, patch)
            above.give(j, patch)
            below.give(j, find_power(probe) if common is None else common)

    run_ranges(work, frames, parts)
    weights = np.zeros_like(denominator)
    for total in totals:
        if total is not None:
            total[0].add_to(numerator)
            total[1].add_to(weights)
    denominator += weights
    if present is not None:
        numerator += weights * present


def probe_sums(
    sight: Sight,
    waves: Complex,
    numerator: Complex,
    denominator: Real,
    *,
    threads: int | None = None,
) -> None:
    """Add sum_l conj(O_l) psi_ml and sum_l |O_l|^2, O_l being views of the object.

    Their quotient is the probe that fits the exit waves best: of all frames together, or of each
    frame by itself if ``numerator`` and ``denominator`` have a place for each.

    The sums are those of one sight. Colours that share a probe add theirs to the same arrays.

    Parameters
    ----------
    sight : Sight
    waves : (N, M, L, H, W) complex
    numerator : (M, H, W) or (N, M, H, W) complex
        Added to, in place.
    denominator : (H, W) or (N, H, W) real
        Added to, in place; the same for all modes of the probe.
    threads : int, optional
        See `ptypy.accelerate.default_threads`.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    check_sights([sight])
    check_waves([sight], [waves], writeable=False)
    frames, dtype = len(sight.corners), sight.obj.dtype
    shape, ahead = (sight.probe_modes, *sight.shape), (frames,) * (np.ndim(numerator) == 4)
    check_array("numerator", numerator, (*ahead, *shape), dtype, writeable=True)
    check_array("denominator", denominator, (*ahead, *shape[1:]), real_type(dtype), writeable=True)
    parts = count_threads(threads, frames)
    totals = [
        (np.zeros(shape, dtype), np.zeros(shape[1:], denominator.dtype)) for _ in range(parts)
    ]

    def work(part: int, first: int, last: int) -> None:
        total, power = totals[part]
        moved = np.empty(shape, dtype)
        for j in range(first, last):
            view = take_view(sight, sight.obj, j)
            against_object(view, waves[j], moved)
            target = (numerator[j], denominator[j]) if ahead else (total, power)
            np.add(target[0], moved, out=target[0])
            np.add(target[1], find_power(view), out=target[1])

    run_ranges(work, frames, parts)
    if not ahead:
        for total, power in totals:
            numerator += total
            denominator += power
