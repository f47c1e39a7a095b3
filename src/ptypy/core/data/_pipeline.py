"""One chunk's way from raw to prepared: decide the plan once, then apply it to every chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data import _distribute as distribute
from ptypy.core.data._load import Loaded
from ptypy.core.data._plan import Plan, make_plan
from ptypy.core.data._prepare import Correction, correction, prepare_frames, prepare_weights
from ptypy.core.data._settings import Settings
from ptypy.errors import DataError
from ptypy.utils import parallel
from ptypy.utils.verbose import logger

__all__ = ["Pipeline", "Prepared"]

Array = npt.NDArray[Any]
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `Pipeline.run` makes of raw frames; fields as in `Chunk`."""

    data: Array
    mask: npt.NDArray[np.bool_]
    weights: npt.NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What is done to every frame of a scan."""

    plan: Plan
    """Which pixels are used, and how they are turned and summed."""
    fix: Correction | None
    """Dark and flat."""
    weights: Array | None
    """Mask or weights for frames that bring none."""

    @classmethod
    def decide(
        cls,
        settings: Settings,
        raw: Pair,
        loaded: Loaded,
        *,
        weights: Array | None,
        dark: Any,
        flat: Any,
        move: bool,
    ) -> Pipeline:
        """Decide, from the first frames, what is done to all of them. All processes call this.

        Parameters
        ----------
        settings : Settings
        raw : (rows, columns)
            Shape of a raw frame.
        loaded : Loaded
            The first frames of this process.
        weights, dark, flat : (H, W) or None
            What all frames share.
        move : bool
            Whether a region as large as the frame may be moved to put the axis in its middle.

        Raises
        ------
        DataError
            With everything that does not fit together.
        """
        faults = _misfits(raw, settings.shape, (weights, loaded.weights))
        fix: Correction | None = None
        try:
            fix = correction(dark, flat, raw)
        except DataError as error:
            faults.append(str(error))
        center = settings.center_in(raw)
        if settings.must_find_center:
            center = find_center(loaded, raw, weights, fix)
        try:
            plan = make_plan(
                raw,
                shape=settings.shape,
                center=center,
                orientation=settings.orientation,
                rebin=settings.rebin,
                move=move,
            )
        except DataError as error:
            faults.append(str(error))

        def decided() -> Pipeline:
            if faults:
                raise DataError("; ".join(faults))
            return cls(plan, fix, weights)

        return distribute.agree(decided)

    def run(self, loaded: Loaded) -> Prepared:
        """Prepare the frames of this process."""
        weights = self.weights if loaded.weights is None else loaded.weights
        usable = None if self.fix is None else self.fix.usable
        mask, kept = prepare_weights(weights, self.plan, usable)
        if not len(loaded.frames):
            return Prepared(np.empty((0, *self.plan.shape)), mask, kept)
        return Prepared(prepare_frames(loaded.frames, self.plan, self.fix), mask, kept)


def _misfits(raw: Pair, shape: Pair | None, masks: Sequence[Array | None]) -> list[str]:
    """Say which masks are as large neither as a raw frame nor as its region."""
    region = raw if shape is None else shape
    return [
        f"the mask has {_by(mask.shape[-2:])} px: give one as large as a raw frame, {_by(raw)}, or "
        f"as its region `shape`, {_by(region)}, both before orientation and rebinning"
        for mask in masks
        if mask is not None and mask.shape[-2:] not in (raw, region)
    ]


def find_center(
    loaded: Loaded, raw: Pair, weights: Array | None, fix: Correction | None
) -> tuple[float, float]:
    """Find the mean centre of mass of the first frames, on all processes together.

    Pixels that are not trusted are not looked at. Where there are no counts at all it is the
    middle of the frame.
    """
    from ptypy.core.data._center import sum_centers

    usable = np.ones(raw, dtype=bool) if fix is None else fix.usable
    given = weights if loaded.weights is None else loaded.weights
    if given is not None and given.shape[-2:] == raw:
        usable = usable & (given > 0)
    y, x, lit = distribute.total(sum_centers(loaded.frames, usable, fix))
    if not lit:
        logger.warning(
            "the first frames have no counts, so their centre cannot be found: the middle of the "
            "frame is used; give `center`, or more frames to the first call of auto()"
        )
        return (float(raw[0] // 2), float(raw[1] // 2))
    logger.info("optical axis found at row %.2f, column %.2f of the raw frame", y / lit, x / lit)
    return (float(y / lit), float(x / lit))


def common_shape(loaded: Loaded, before: Pair | None) -> Pair:
    """Give the shape of raw frames, the same on all processes, which all call this.

    Raises
    ------
    DataError
        If frames differ, here, elsewhere, or from the chunks before.
    """
    mine = {} if loaded.shape is None else {parallel.rank: loaded.shape}
    shapes = [tuple(shape) for shape in distribute.combine(mine).values()]
    shapes += [] if before is None else [before]
    if not shapes:
        raise DataError("no process loaded a frame")
    if len(set(shapes)) > 1:
        listed = " and ".join(_by(shape) for shape in dict.fromkeys(shapes))
        raise DataError(f"frames of {listed} px in one scan: all must be of one shape")
    height, width = shapes[0]
    return (height, width)


def warn_of_nan(prepared: Prepared, labels: Sequence[int]) -> None:
    """Say which frames hold trusted pixels that are not finite numbers."""
    data, mask = prepared.data, prepared.mask
    if data.dtype.kind != "f" or not data.size:
        return
    suspects = np.flatnonzero(~np.isfinite(data.sum(axis=(1, 2))))
    bad = [
        labels[k]
        for k in suspects.tolist()
        if (~np.isfinite(data[k]) & (mask if mask.ndim == 2 else mask[k])).any()
    ]
    if bad:
        logger.error(
            "%d frame(s) hold pixels that are not finite numbers and are not masked, the first "
            "is %d: mask them in `load_weight` or `load`; a reconstruction refuses such frames",
            len(bad),
            bad[0],
        )


def _by(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape)
