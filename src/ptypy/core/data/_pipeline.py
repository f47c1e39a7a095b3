"""One chunk's way from raw to prepared: decide the plan once, then apply it to every chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data import _distribute as distribute
from ptypy.core.data._load import Loaded
from ptypy.core.data._plan import Plan, make_plan
from ptypy.core.data._prepare import (
    Correction,
    correction,
    prepare_and_sum,
    prepare_weights,
)
from ptypy.core.data._settings import Settings
from ptypy.core.data._sums import FrameSums, count_again
from ptypy.errors import DataError
from ptypy.io.counts import invalid_counts
from ptypy.io.stored_stack import StoredStack
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
    sums: FrameSums | None = None
    """What was seen of each frame; None if nobody has looked."""


@dataclass(frozen=True)
class Pipeline:
    """What is done to every frame of a scan."""

    plan: Plan
    """Which pixels are used, and how they are turned and summed."""
    fix: Correction | None
    """Dark and flat."""
    weights: Array | None
    """Mask or weights for frames that bring none."""
    found: tuple[float, float] | None = None
    """Where the counts say that the optical axis is, in the raw frame (y, x) [px]."""

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
        found: tuple[float, float] | None = None,
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
        found : (y, x), optional
            Where the optical axis was found before, if the counts are to decide [px].

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
            center = find_center(loaded, raw, weights, fix) if found is None else found
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
            return cls(plan, fix, weights, center if settings.must_find_center else None)

        pipeline = distribute.agree(decided)
        if fix is not None:
            tell_of_unusable(fix, loaded.weights if weights is None else weights, pipeline.plan)
        return pipeline

    @cached_property
    def shared(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32] | None]:
        """Mask and weights of prepared frames that bring none."""
        return prepare_weights(
            self.weights, self.plan, None if self.fix is None else self.fix.usable
        )

    @cached_property
    def usable(self) -> npt.NDArray[np.bool_] | None:
        """Raw pixels (H, W) that all frames are trusted at; None for all."""
        raw, given = self.plan.raw, self.weights
        usable = np.ones(raw, dtype=bool) if self.fix is None else self.fix.usable
        if given is not None and given.shape == raw:
            usable = usable & (given > 0)
        elif given is not None:
            (top, left), (rows, columns) = (self.plan.top, self.plan.left), self.plan.region
            inside = np.pad(usable, [(rows, rows), (columns, columns)])
            inside[top + rows : top + 2 * rows, left + columns : left + 2 * columns] &= given > 0
            usable = inside[rows : rows + raw[0], columns : columns + raw[1]]
        return None if usable.all() else usable

    def run(
        self,
        loaded: Loaded,
        tell: Callable[[float], None] | None = None,
        swept: tuple[Array, FrameSums | None] | None = None,
    ) -> Prepared:
        """Prepare the frames of this process.

        Parameters
        ----------
        loaded : Loaded
        tell : callable, optional
            Hears now and then which share is done.
        swept : tuple, optional
            What `sweep` gave for these frames, if that was done before.
        """
        if loaded.weights is None:
            mask, kept = self.shared
        else:
            bad = None if self.fix is None else self.fix.usable
            mask, kept = prepare_weights(loaded.weights, self.plan, bad)
        if not len(loaded.frames):
            return Prepared(np.empty((0, *self.plan.shape)), mask, kept)
        data, sums = self._sweep(loaded, mask, tell) if swept is None else swept
        prepared = Prepared(data, mask, kept, sums)
        if isinstance(loaded.frames, StoredStack):
            return without_invalid(prepared, loaded.frames, self)
        return prepared

    def sweep(self, loaded: Loaded) -> tuple[Array, FrameSums | None]:
        """Do the part of `run` that takes time, for frames that bring no mask; in any thread."""
        return self._sweep(loaded, self.shared[0], None)

    def _sweep(
        self,
        loaded: Loaded,
        mask: npt.NDArray[np.bool_],
        tell: Callable[[float], None] | None,
    ) -> tuple[Array, FrameSums | None]:
        return prepare_and_sum(
            loaded.frames, self.plan, self.fix, usable=self.usable, trusted=mask, tell=tell
        )


def without_invalid(prepared: Prepared, frames: StoredStack, pipeline: Pipeline) -> Prepared:
    """Take trust from pixels of stored frames whose counts no detector counts."""
    sums, plan = prepared.sums, pipeline.plan
    if sums is None:
        return prepared
    if frames.may_be_unwritten:
        say_empty(frames, sums)
    suspects = sums.darkest < 0 if frames.dtype.kind == "i" else np.zeros(len(frames), bool)
    if frames.limit is not None:
        suspects |= sums.brightest >= frames.limit
    if not suspects.any():
        return prepared
    shared = pipeline.usable
    mask = np.broadcast_to(prepared.mask, prepared.data.shape).copy()
    for k in np.flatnonzero(suspects):
        good = ~invalid_counts(frames[int(k)], frames.limit)
        mask[k] &= prepare_weights(good if shared is None else good & shared, plan)[0]
    kept = prepared.weights
    return replace(
        prepared,
        mask=mask,
        weights=None if kept is None else np.where(mask, kept, np.float32(0)),
        sums=count_again(sums, prepared.data, mask, np.flatnonzero(suspects), plan),
    )


def say_empty(frames: StoredStack, sums: FrameSums) -> None:
    """Say which frames hold no count at all: perhaps nobody has written them."""
    # What is not a number is neither bright nor dark, but it makes the sum one of its kind.
    empty = np.flatnonzero((sums.brightest == 0) & (sums.darkest == 0) & (sums.photons == 0))
    if len(empty):
        logger.error(
            "%s: %d of %d frames hold no count at all, the first of them is frame %d: was it ever "
            "written?",
            frames.label,
            len(empty),
            len(frames),
            frames.numbers[empty[0]],
        )


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
    mine = distribute.agree(lambda: sum_centers(loaded.frames, usable, fix))
    y, x, lit = distribute.total(mine)
    if not lit:
        logger.warning(
            "the first frames have no counts, so their centre cannot be found: the middle of the "
            "frame is used; give `center`, or more frames to the first call of auto()"
        )
        return (float(raw[0] // 2), float(raw[1] // 2))
    logger.info("optical axis found at row %.2f, column %.2f of the raw frame", y / lit, x / lit)
    return (float(y / lit), float(x / lit))


def tell_of_unusable(fix: Correction, weights: Array | None, plan: Plan) -> None:
    """Say loudly how many trusted pixels of the region have no usable dark or flat field."""
    if fix.usable.all():
        return
    bad = ~fix.usable
    if weights is not None and weights.shape[-2:] == plan.raw:
        bad &= (weights > 0).reshape(-1, *plan.raw).any(axis=0)
    rows, columns = (
        slice(max(start, 0), max(start + size, 0))
        for start, size in zip((plan.top, plan.left), plan.region, strict=True)
    )
    count = int(bad[rows, columns].sum())
    if count:
        logger.error(
            "%d pixel(s) that the mask trusts have a dark frame that is not finite, or a flat "
            "field that is zero, negative or not finite: they are not trusted",
            count,
        )


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


def _by(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape)
