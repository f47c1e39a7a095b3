"""One chunk's way from raw to prepared: decide the plan once, then apply it to every chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data import _distribute as distribute
from ptypy.core.data._found import NOTHING, Found
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
from ptypy.io.counts import invalid_counts, tell_of_empty
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
    found: Found = NOTHING
    """What the counts of the first frames have decided."""

    @classmethod
    def decide(
        cls,
        settings: Settings,
        raw: Pair,
        loaded: Loaded,
        indices: tuple[Sequence[int], Sequence[int]],
        *,
        weights: Array | None,
        dark: Any,
        flat: Any,
        move: bool,
        found: Found | None = None,
    ) -> Pipeline:
        """Decide, from the first frames, what is done to all of them. All processes call this.

        Parameters
        ----------
        settings : Settings
        raw : (rows, columns)
            Shape of a raw frame.
        loaded : Loaded
            The first frames of this process.
        indices : (sequence of int, sequence of int)
            All first frames, and those of this process.
        weights, dark, flat : (H, W) or None
            What all frames share.
        move : bool
            Whether a region as large as the frame may be moved to put the axis in its middle.
        found : Found, optional
            What was found before, if the counts are to decide.

        Raises
        ------
        DataError
            With everything that does not fit together.
        """
        faults = _misfits(raw, settings.region, (weights, loaded.weights))
        fix: Correction | None = None
        try:
            fix = correction(dark, flat, raw)
        except DataError as error:
            faults.append(str(error))
        if found is None:
            found = NOTHING
            if settings.must_look and not faults:
                from ptypy.core.data._judge import judge

                found = judge(settings, loaded, raw, indices, weights=weights, fix=fix)
        try:
            plan = make_plan(
                raw,
                shape=found.shape if settings.finds_region else settings.region,
                center=settings.center_in(raw) if found.center is None else found.center,
                orientation=settings.orientation,
                rebin=settings.rebin,
                move=move,
            )
        except DataError as error:
            faults.append(str(error))

        def decided() -> Pipeline:
            if faults:
                raise DataError("; ".join(faults))
            return cls(plan, fix, weights, found)

        pipeline = distribute.agree(decided)
        if fix is not None:
            tell_of_unusable(fix, loaded.weights if weights is None else weights, pipeline.plan)
        return pipeline

    @cached_property
    def _good(self) -> npt.NDArray[np.bool_] | None:
        """Raw pixels (H, W) whose dark and flat are usable and that are not bad; None for all."""
        bad = self.found.bad
        if bad is None or not len(bad):
            return None if self.fix is None else self.fix.usable
        good = np.ones(self.plan.raw, bool) if self.fix is None else self.fix.usable.copy()
        good[bad[:, 0], bad[:, 1]] = False
        return good

    @cached_property
    def shared(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32] | None]:
        """Mask and weights of prepared frames that bring none."""
        return prepare_weights(self.weights, self.plan, self._good)

    @cached_property
    def usable(self) -> npt.NDArray[np.bool_] | None:
        """Raw pixels (H, W) that all frames are trusted at; None for all."""
        raw, given = self.plan.raw, self.weights
        usable = np.ones(raw, dtype=bool) if self._good is None else self._good
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
        *,
        always: bool = False,
    ) -> Prepared:
        """Prepare the frames of this process.

        Parameters
        ----------
        loaded : Loaded
        tell, always
            As in `prepare_and_sum`.
        swept : tuple, optional
            What `sweep` gave for these frames, if that was done before.
        """
        if loaded.weights is None:
            mask, kept = self.shared
        else:
            mask, kept = prepare_weights(loaded.weights, self.plan, self._good)
        if not len(loaded.frames):
            return Prepared(np.empty((0, *self.plan.shape)), mask, kept)
        data, sums = self._sweep(loaded, mask, tell, always) if swept is None else swept
        prepared = Prepared(data, mask, kept, sums)
        if isinstance(loaded.frames, StoredStack):
            return without_invalid(prepared, loaded.frames, self)
        return prepared

    def sweep(self, loaded: Loaded) -> tuple[Array, FrameSums | None]:
        """Do the part of `run` that takes time, for frames that bring no mask; in any thread."""
        return self._sweep(loaded, self.shared[0])

    def _sweep(
        self,
        loaded: Loaded,
        mask: npt.NDArray[np.bool_],
        tell: Callable[[float], None] | None = None,
        always: bool = False,
    ) -> tuple[Array, FrameSums | None]:
        return prepare_and_sum(
            loaded.frames,
            self.plan,
            self.fix,
            usable=self.usable,
            trusted=mask,
            tell=tell,
            always=always,
        )


def without_invalid(prepared: Prepared, frames: StoredStack, pipeline: Pipeline) -> Prepared:
    """Take trust from pixels of stored frames whose counts no detector counts."""
    sums, plan = prepared.sums, pipeline.plan
    if sums is None:
        return prepared
    if frames.may_be_unwritten:
        # What is not a number is neither bright nor dark, but it makes the sum one of its kind.
        empty = (sums.brightest == 0) & (sums.darkest == 0) & (sums.photons == 0)
        tell_of_empty(frames.label, frames.numbers[empty], len(frames))
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


def _misfits(raw: Pair, shape: Pair | None, masks: Sequence[Array | None]) -> list[str]:
    """Say which masks are as large neither as a raw frame nor as its region."""
    region = raw if shape is None else shape
    return [
        f"the mask has {_by(mask.shape[-2:])} px: give one as large as a raw frame, {_by(raw)}, or "
        f"as its region `shape`, {_by(region)}, both before orientation and rebinning"
        for mask in masks
        if mask is not None and mask.shape[-2:] not in (raw, region)
    ]


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


def tell_of_padding(plan: Plan, raw: Pair, asked: Any, *, is_default: bool) -> None:
    """Say that raw frames are padded, if they are, and why.

    Parameters
    ----------
    plan : Plan
    raw : (rows, columns)
        Shape of a raw frame.
    asked : object
        The parameter ``shape``, as the user has it.
    is_default : bool
        Whether that is what it is if nobody gives it.
    """
    if not plan.pads:
        return
    if asked is None:
        logger.warning(
            "the optical axis is not in the middle of the raw frames: they are moved to have "
            "it there, and padded with pixels that are not trusted"
        )
    elif is_default:
        logger.error(
            "raw frames of %d x %d px are padded to the default `shape`, %s: give the shape "
            "you want",
            *raw,
            asked,
        )
    elif np.any(np.greater(plan.region, raw)):
        logger.warning(
            "`shape`, %d x %d px, is larger than the raw frames, %d x %d px: they are padded "
            "with pixels that are not trusted",
            *plan.region,
            *raw,
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
