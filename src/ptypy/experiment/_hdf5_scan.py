"""What all loaders of HDF5 files share: the hooks of `PtyScan`, given names of files and keys."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ptypy.core.data import PtyScan
from ptypy.errors import DataError, Fault, ParameterError
from ptypy.experiment._hdf5_files import Hdf5Files
from ptypy.experiment._hdf5_layout import correct_frames, read_edges
from ptypy.experiment._hdf5_parameters import faults_of, plain_paths
from ptypy.experiment._untrusted import (
    can_stay_stored,
    saturation_limit,
    say_empty,
    trusted_counts,
)
from ptypy.io import open_h5
from ptypy.io.counts import invalid_counts
from ptypy.io.stored_frames import Window
from ptypy.utils.ahead import Ahead
from ptypy.utils.parameters import Param, Placeholder
from ptypy.utils.verbose import logger

__all__ = ["Hdf5Scan", "photons_like_electrons"]

ELECTRON_REST_ENERGY = 510.99895069
"""Mass of an electron times the speed of light squared [keV] (CODATA 2022)."""

MARGIN = 2
"""Read this much more than the region that was asked for, which is rounded to pixels [px]."""


class Hdf5Scan(PtyScan):
    """Reads frames, positions, masks and corrections whose datasets are named."""

    LOADS_AHEAD: ClassVar[bool] = True

    def _validate(self, p: Param) -> None:
        plain_paths(p)
        faults: list[Fault] = []
        for check in (super()._validate, self._see_sources):
            try:
                check(p)
            except ParameterError as error:
                if not error.faults:
                    raise
                known = {fault.path for fault in faults}
                faults += [fault for fault in error.faults if fault.path not in known]
        if faults:
            raise ParameterError(faults)

    def _see_sources(self, p: Param) -> None:
        """Refuse parameters that no file can be read with."""
        faults = faults_of(p, has_motors=self._reads_positions(p))
        if faults:
            raise ParameterError(faults)

    def _reads_positions(self, p: Param) -> bool:
        """Say whether positions come from the files that parameters name."""
        if p.positions_theory is not None:
            return False
        # A subclass with a hook of its own may call this one, or have no use for motors.
        return not self._has_own_positions or p.positions.get("file") is not None

    @property
    def _has_own_positions(self) -> bool:
        return type(self).load_positions is not Hdf5Scan.load_positions

    def _where(self) -> Param:
        """Give names of files and datasets, as the parameters of `Hdf5Loader` do."""
        return self.info

    def _open(self, path: str) -> AbstractContextManager[Any]:
        """Open a file for reading."""
        return open_h5(path)

    @cached_property
    def _files(self) -> Hdf5Files:
        has_motors = self._reads_positions(self.info)
        wanted = self.info.num_frames
        return Hdf5Files(self._where(), self._open, has_motors=has_motors, wanted=wanted)

    def load_positions(self) -> npt.NDArray[np.float64] | None:
        """Pair motor readings with frames and choose the frames to use.

        Returns
        -------
        (N, 2) float64
            Positions (y, x) = (slow, fast) [m]. None if ``positions_theory`` is given.

        Raises
        ------
        DataError, FormatError
            With everything in the files that is missing or does not fit.
        """
        self._files.survey()
        if self._files.has_motors:
            return self._files.positions[self._files.frame_numbers]
        there = len(self._files.frame_numbers)
        if self.num_frames is not None and self.num_frames > there:
            raise DataError(
                f"there are {self.num_frames} positions (`positions_theory`, `num_frames`) for "
                f"{there} frames"
            )
        return None

    def load_weight(self) -> npt.NDArray[np.bool_] | None:
        """Give the mask all frames share, True where a pixel may be trusted, or None.

        It is what ``mask`` says, without the pixels that are invalid in the first frame and in
        the last.
        """
        files, where = self._files, self._files.where
        mask = np.ones(files.frame_shape, dtype=bool)
        if files.has("mask") and not files.has_each("mask"):
            mask = (files.field("mask") != 0) ^ bool(where.mask.get("invert", False))
        mask &= ~self._invalid_always()
        if mask.all() and where.padding is None:
            return None
        return np.pad(mask, read_edges(where.padding))

    def _invalid_always(self) -> npt.NDArray[np.bool_]:
        """Mark pixels whose counts are invalid in the first frame and in the last."""
        files = self._files
        used = files.frame_numbers[: self.info.num_frames]
        height, width = files.frame_shape
        whole = Window(slice(0, height), slice(0, width), (height, width), (0, 0))
        ends = files.frames(np.unique(used[[0, -1]]), whole)
        limit = saturation_limit(ends.dtype, self.info.saturation)
        return np.asarray(invalid_counts(ends, limit).all(axis=0))

    def load_common(self) -> dict[str, Any]:
        """Read what all frames share: dark, flat, beam monitor, and which frames are used."""
        files = self._files
        common = {"frame_numbers": files.frame_numbers, **self._load_shared()}
        if files.gain is not None:
            common["gain"] = files.gain[files.frame_numbers]
        return common

    def _load_shared(self) -> dict[str, Any]:
        """Read dark and flat, and what is recorded of the geometry."""
        files = self._files
        for name, value in files.recorded.items():
            self._take(name, value)
        common = {}
        for name in ("darkfield", "flatfield"):
            if files.has(name) and not files.is_each(name):
                common[name] = files.field(name).astype(np.float32, copy=False)
        return common

    def _take(self, name: str, value: Any) -> None:
        """Let what is recorded count; say so if the user gave something else."""
        asked = self.info[name]
        given = asked is not None and not isinstance(asked, Placeholder)
        if given and not np.allclose(asked, value, rtol=1e-4, atol=0):
            logger.error(
                "`%s` is given as %s, and the files say %s: that counts", name, asked, value
            )
        # Not to `info`: that is what was asked for.
        self.meta[name] = value

    def post_initialize(self) -> None:
        """Hand dark and flat to the preparation, which applies them while it cuts the region."""
        if self.info.get("electron_data"):
            self.meta.energy = photons_like_electrons(float(self.meta.energy))
        dark = None if self._corrects_here else self.common.get("darkfield")
        self.correct_with(
            dark=self._padded(dark, 0.0), flat=self._padded(self.common.get("flatfield"), 1.0)
        )

    def load_block(
        self, indices: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64] | None, npt.NDArray[Any] | None]:
        """Read many frames at once.

        Parameters
        ----------
        indices : (n,) int64
            Scan points.

        Returns
        -------
        frames : (n, rows, columns), or StoredStack
            As they are stored; not read yet where the preparation can read them in their place.
            Dark is corrected here only if a beam monitor is used, or if there is one dark or flat
            a frame. Zero outside the region that will be cut from them, which is not read.
        positions : None
            `load_positions` gave them.
        weights : (n, rows, columns) bool or None
            True where a pixel may be trusted, if that differs from frame to frame.
        """
        indices = np.asarray(indices)
        gain = self.common.get("gain")
        frames, weights = self._read(
            np.asarray(self.common["frame_numbers"])[indices],
            None if gain is None else np.asarray(gain)[indices],
        )
        return frames, None, weights

    def _read(
        self, numbers: npt.NDArray[np.int64], gain: npt.NDArray[np.float64] | None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]:
        """Read frames by their number in the file, and correct what changes between them."""
        files, window, alone = self._files, self._window, self._window.alone
        frames: Any = files.stack(numbers, window) if self._can_stay_stored else None
        trusted = None
        if frames is None:
            frames, trusted = self._read_now(numbers, gain)
        else:
            limit = saturation_limit(frames.dtype, self.info.saturation)
            frames = frames.changed(limit=limit)
        if files.has_each("mask"):
            stored = files.frames(numbers, alone, "mask") != 0
            trusted = _both(trusted, stored ^ bool(files.where.mask.get("invert", False)))
        if trusted is None:
            return frames, None
        weights = _placed(np.broadcast_to(trusted, (len(numbers), *trusted.shape[-2:])), window)
        return frames, weights if self.weight2d is None else weights & (self.weight2d > 0)

    def _read_now(
        self, numbers: npt.NDArray[np.int64], gain: npt.NDArray[np.float64] | None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]:
        """Read frames, see which counts of them are invalid, and correct them if that is due."""
        files, window, alone = self._files, self._window, self._window.alone
        frames = self._read_or_take(numbers, alone if self._corrects_here else window)
        part = window.target if frames.shape[1:] == window.shape else alone.target
        weight = None if self.weight2d is None else self.weight2d[window.target]
        held = frames[:, *part]
        say_empty(held, numbers, f"{files.where.intensities.file}")
        limit = saturation_limit(held.dtype, self.info.saturation)
        trusted = trusted_counts(held, limit, weight=weight)
        if self._corrects_here:
            dark, flat = (self._field(name, numbers, alone) for name in ("darkfield", "flatfield"))
            real, usable = correct_frames(frames, dark, flat, gain)
            frames = _placed(real, window)
            trusted = _both(trusted, usable)
        return frames, trusted

    def _read_or_take(self, numbers: npt.NDArray[np.int64], window: Window) -> npt.NDArray[Any]:
        """Read frames, or take what was read ahead; then read on behind the caller's back."""
        files = self._files
        frames = self._ahead.take((numbers.tobytes(), window))
        if frames is None:
            frames = files.frames(numbers, window)
        following = self._following(len(numbers))
        # Before the region is known, more is read of a frame than later.
        if len(following) and self.region_in_raw is not None:
            self._ahead.start(
                (following.tobytes(), window), lambda: files.frames(following, window)
            )
        return frames

    def _following(self, count: int) -> npt.NDArray[np.int64]:
        """Give the numbers of the frames that this process will probably be asked for next."""
        # While a scan is written nobody knows which frames will be there.
        known = np.asarray(self.common.get("frame_numbers", ()), dtype=np.int64)
        known = known[: self.num_frames]
        ahead = np.asarray(self.indices.node, dtype=np.int64) + len(self.indices.chunk)
        ahead = ahead[ahead < len(known)]
        return known[ahead] if len(self.indices.node) == count else known[:0]

    @cached_property
    def _ahead(self) -> Ahead[npt.NDArray[Any]]:
        return Ahead()

    @property
    def _can_stay_stored(self) -> bool:
        """Whether nobody but the preparation looks at frames: it can read them in place."""
        return can_stay_stored(self, Hdf5Scan) and not self._corrects_here

    @property
    def _corrects_here(self) -> bool:
        """Whether frames are corrected here and not by `PtyScan`: each of them differently."""
        files = self._files
        each = files.has_each("darkfield") or files.has_each("flatfield")
        return each or files.has("normalisation")

    def _field(
        self, name: str, numbers: npt.NDArray[np.int64], window: Window
    ) -> npt.NDArray[Any] | None:
        """Give dark or flat for some frames; a flat for all of them is left to `PtyScan`."""
        if self._files.has_each(name):
            return self._files.frames(numbers, window, name).astype(np.float64)
        if name == "flatfield" or name not in self.common:
            return None
        return np.asarray(self.common[name])[window.rows, window.columns]

    @property
    def _window(self) -> Window:
        """Which part of the stored frames has to be read."""
        (top, bottom), (left, right) = read_edges(self._files.where.padding)
        height, width = self._files.frame_shape
        shape = (height + top + bottom, width + left + right)
        rows, columns = self._rows_and_columns(shape)
        return Window(_within(rows, top, height), _within(columns, left, width), shape, (top, left))

    def _rows_and_columns(self, raw: tuple[int, int]) -> tuple[slice, slice]:
        """Give the part of a raw frame (padded) that will be cut out, or all of it."""
        info, region = self.info, self.region_in_raw
        everything = slice(0, raw[0]), slice(0, raw[1])
        if "correct" in vars(self) or type(self).correct is not PtyScan.correct:
            return everything
        if region is not None:
            top, left, rows, columns = region
            return slice(top, top + rows), slice(left, left + columns)
        if info.shape is None or info.center is None or self._read_settings().must_look:
            return everything
        shape = np.broadcast_to(info.shape, 2)
        middle = np.array(raw) / 2 if isinstance(info.center, str) else info.center
        first = np.floor(np.broadcast_to(middle, 2)).astype(int) - shape // 2 - MARGIN
        top, left = first.tolist()
        bottom, right = (first + shape + 2 * MARGIN).tolist()
        return slice(top, bottom), slice(left, right)

    def _padded(self, frame: Any, value: float) -> Any:
        padding = self._files.where.padding
        if frame is None or padding is None:
            return frame
        return np.pad(frame, read_edges(padding), constant_values=value)


def photons_like_electrons(energy: float) -> float:
    """Give the energy of photons that have the wavelength of electrons.

    The wavelength of electrons is ``h c / sqrt(E (E + 2 m c^2))``, relativity included.

    Parameters
    ----------
    energy : float
        Kinetic energy of the electrons [keV]: 300 for 300 kV.

    Returns
    -------
    float
        Photon energy [keV].

    Examples
    --------
    >>> from ptypy.utils.units import wavelength
    >>> round(wavelength(photons_like_electrons(300.0)) * 1e12, 4)
    1.9687
    """
    return float(np.sqrt(energy * (energy + 2 * ELECTRON_REST_ENERGY)))


def _both(
    one: npt.NDArray[np.bool_] | None, other: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.bool_] | None:
    """Trust what both trust; None trusts all."""
    return one if other is None else other if one is None else one & other


def _within(part: slice, place: int, size: int) -> slice:
    """Give those of a stored frame's ``size`` rows or columns that lie in a part of the raw one."""
    first = min(max(part.start - place, 0), size)
    return slice(first, max(min(part.stop - place, size), first))


def _placed(part: npt.NDArray[Any], window: Window) -> npt.NDArray[Any]:
    """Put what was read where it belongs in frames that are zero elsewhere."""
    if window.fills:
        return part
    frames = np.zeros((len(part), *window.shape), dtype=part.dtype)
    frames[:, *window.target] = part
    return frames
