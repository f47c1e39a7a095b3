"""What a subclass of `PtyScan` fills in: where frames, positions and masks come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.utils.parameters import Param

__all__ = ["ScanHooks"]

Frames = dict[int, npt.NDArray[Any]]


class ScanHooks:
    """The methods that a subclass overrides, in the order they are called."""

    info: Param
    num_frames: int | None
    min_frames: int
    framestart: int

    LOADS_AHEAD: ClassVar[bool] = False
    """Whether `load_block` changes nothing, so that it may be called at any time and in vain.

    Frames that it leaves in their file (`ptypy.io.frames_in`) are then prepared while those
    before are saved. A class that overrides `check` is asked for no frame ahead of it."""

    _dark: npt.NDArray[Any] | None = None
    _flat: npt.NDArray[Any] | None = None
    _has_begun: bool = False
    _order: ClassVar[int] = 0
    """How many classes were derived before this one: of two with the same name the later counts."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        ScanHooks._order, cls._order = ScanHooks._order + 1, ScanHooks._order + 1

    def correct_with(
        self, dark: npt.NDArray[Any] | None = None, flat: npt.NDArray[Any] | None = None
    ) -> None:
        """Say which dark frame and flat field the preparation is to apply to every raw frame.

        Call it in any hook, or in the constructor after ``super().__init__``, before the first
        frames are prepared. A raw pixel then counts ``max(raw - dark, 0) / flat``. Nothing else
        has this effect: a subclass may have attributes ``dark`` and ``flat`` of its own.

        Parameters
        ----------
        dark : (H, W) array or None
            Counts of a raw frame without beam. None subtracts nothing.
        flat : (H, W) array or None
            Response of every pixel of a raw frame. Pixels where it is not larger than zero are
            not trusted. None divides by nothing.

        Raises
        ------
        DataError
            If frames were prepared with another dark frame or flat field already.
        """
        same = _is_same(dark, self._dark) and _is_same(flat, self._flat)
        if self._has_begun and not same:
            raise DataError(
                "correct_with() holds for all frames of a scan, and some are prepared already: "
                "call it earlier; for what changes from frame to frame, override `correct`"
            )
        self._dark, self._flat = dark, flat

    load_block: Any = None
    """The fast way to load: a method ``load_block(indices)`` that gives many frames at once.

    It receives ``indices`` (n,) int64 and returns ``(frames, positions, weights)``: frames
    (n, H, W) of any numeric type, in memory, memory-mapped, or still in their HDF5 file
    (`ptypy.io.frames_in`); positions (n, 2) [m] or None;
    weights (H, W), (n, H, W) or None. It is used instead of `load` unless `load` is overridden
    in a more derived class or replaced on the instance."""

    def load_positions(self) -> npt.NDArray[Any] | None:
        """Give the position of every scan point. Override me.

        Called once, by `initialize`, on the master only unless ``load_parallel`` is
        ``'common'`` or ``'all'``; every process then finds the result in ``self.positions``.
        It is meant for logs and files that take long to read, so that they are read once.
        Where reading them for each set of frames is cheap, give positions in `load` instead.

        The result is not used if `load` gives positions frame by frame, nor if the parameter
        ``positions_theory`` is set. The number N of positions limits ``num_frames``:

        * ``num_frames`` None becomes N,
        * ``num_frames`` larger than N becomes N,
        * ``num_frames`` smaller than N stays.

        Returns
        -------
        (N, 2) array or None
            Positions (y, x) [m]. None if `load` gives them.

            Here: the diagonal (k, k + 1) for frame k, a placeholder.
        """
        if self.num_frames is None:
            return None
        return np.arange(self.num_frames)[:, None] + np.arange(2)

    def load_weight(self) -> npt.NDArray[Any] | None:
        """Give the mask, or weights, that all frames share. Override me.

        Called once, by `initialize`, after `load_positions` and on the same processes; every
        process then finds the result in ``self.weight2d``. It is not used if `load` gives
        weights frame by frame.

        Returns
        -------
        (H, W) array or None
            Larger than zero where a pixel may be trusted. As large as a raw frame; or as its
            region ``shape``, if it has been cut already. None trusts every pixel.

            Here: ones of the size of the region.
        """
        shape = self.info.shape
        if shape is None or isinstance(shape, str):
            return None
        height, width = (int(n) for n in np.broadcast_to(shape, 2))
        return np.ones((height, width), dtype=bool)

    def load_common(self) -> dict[str, Any]:
        """Give whatever all frames need, such as dark and flat. Override me.

        Called once, by `initialize`, after `load_weight` and on the same processes. Every
        process then finds the result in ``self.common``, and `correct` receives it.

        Returns
        -------
        dict
            Names and values, preferably arrays. Here: nothing.
        """
        return {}

    def post_initialize(self) -> None:
        """Finish preparations that need the results of the other hooks. Override me.

        Called last by `initialize`, on every process.
        """

    def check(
        self, frames: int | None = None, start: int | None = None
    ) -> tuple[int, bool | int | None]:
        """Say how many frames may be loaded now. Override me for scans that are still going on.

        Called by `auto`, as ``self.check(frames, start=start)``, on the master only.

        Parameters
        ----------
        frames : int, optional
            How many are wanted; ``min_frames`` if not given.
        start : int, optional
            Which frame would be the first; the next one if not given.

        Returns
        -------
        frames_accessible : int
            How many of them can be loaded. If these are fewer than ``min_frames`` and more will
            come, `auto` answers WAIT.
        end_of_scan : bool or None
            True (1): no more frames follow these. False (0): more will. None: ``num_frames``
            decides.

        Raises
        ------
        DataError
            If ``num_frames`` is not known, so that nobody can tell when the scan ends.
        """
        if self.num_frames is None:
            raise DataError(
                "nobody knows how many frames this scan has: give `num_frames`, return positions "
                "from `load_positions`, or override `check` to say when the scan ends"
            )
        wanted = self.min_frames if frames is None else frames
        first = self.framestart if start is None else start
        return min(wanted, self.num_frames - first), None

    def load(self, indices: Sequence[int]) -> tuple[Frames, dict[int, Any], dict[int, Any]]:
        """Load raw frames. Override me: this is the one hook that every experiment needs.

        Called by `auto`, as ``self.load(indices=[...])``, on every process with the indices of
        the frames that it will hold; with ``load_parallel`` None or ``'common'``, on the master
        with all of them. Often it is enough to override this and the constructor. See
        `load_block` for a faster form.

        Parameters
        ----------
        indices : list of int
            Scan points to load.

        Returns
        -------
        raw : dict
            Index -> frame, (H, W), the same shape for all.
        positions : dict
            Index -> position (y, x) [m]; empty if `load_positions` gives them.
        weights : dict
            Index -> mask or weights, (H, W); empty if `load_weight` gives them.

            Here: frame k holds k everywhere, a placeholder.
        """
        asked = self.info.shape
        shape = np.broadcast_to(64 if asked is None or isinstance(asked, str) else asked, 2)
        raw = {int(k): np.full(tuple(int(n) for n in shape), float(k)) for k in indices}
        return raw, {}, {}

    def correct(
        self, raw: Frames, weights: dict[int, Any], common: Mapping[str, Any]
    ) -> tuple[Frames, dict[int, Any]]:
        """Turn what the detector recorded into photon counts. Override me.

        Called by `auto`, as ``self.correct(raw, weights, common)``, on every process with the
        frames that it holds, before the region is cut. For a dark frame and a flat field alone
        call `correct_with` instead: that is faster.

        Parameters
        ----------
        raw, weights : dict
            As `load` gave them; ``weights`` is empty if it gave none.
        common : Param
            What `load_common` gave.

        Returns
        -------
        data, weights : dict
            Of the same form. Here: unchanged.
        """
        del common
        return raw, weights


def _is_same(one: Any, other: Any) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))
