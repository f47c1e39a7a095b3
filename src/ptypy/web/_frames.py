"""Frames of a scan, one at a time: as the detector gave them, and as they would be prepared."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data import Chunk, PtyScan, find_scan
from ptypy.errors import DataError, ParameterError
from ptypy.experiment import ArrayScan
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import CITATION
from ptypy.web._open import Named

__all__ = ["Frames", "Prepared", "Settings", "read_settings"]

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

RAW: dict[str, Any] = {
    "shape": None, "center": "fftshift", "auto_center": False, "orientation": None, "rebin": None,
    "save": None, "resume": False, "add_poisson_noise": False,
}  # fmt: skip
"""Parameters with which a scan gives whole frames, corrected and otherwise as they are."""

STREAMS = ("ZmqStream", "DectrisStream")
"""Loaders whose frames cannot be asked for."""

GEOMETRY = ("energy", "distance", "psize")

LARGEST_REBIN = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """How frames are to be prepared: what the page changes."""

    shape: tuple[int, int]
    """Rows and columns of the region, in pixels of the raw frame."""
    center: tuple[float, float]
    """Where the optical axis meets the raw frame (y, x) [px]."""
    orientation: int
    """0 ... 7."""
    rebin: int
    """Edge of the blocks of pixels that are summed."""

    def describe(self) -> dict[str, Any]:
        """Give the entries as a page knows them."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frame as `PtyScan` prepares it."""

    counts: Array
    """(h, w)."""
    mask: Mask
    """True where it may be trusted, (h, w)."""
    center: tuple[float, float]
    """Optical axis in it (y, x) [px]."""
    notes: list[str]
    """What the preparation had to say."""


def read_settings(asked: Any) -> Settings:
    """Read the settings that a page sends; whether they fit is for the preparation to say.

    Raises
    ------
    DataError
        If they are of another form.
    """
    try:
        rows, columns = (int(n) for n in asked["shape"])
        y, x = (float(n) for n in asked["center"])
        return Settings((rows, columns), (y, x), int(asked["orientation"]), int(asked["rebin"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"settings {asked!r}: give shape, center, orientation and rebin") from error


class Frames:
    """Opens a scan to look at its frames; nothing is prepared or saved by that.

    Parameters
    ----------
    named : Named
        Which scan.

    Raises
    ------
    ParameterError, DataError, FormatError
        As its loader says.
    """

    def __init__(self, named: Named) -> None:
        self.named = named
        self.loader = find_scan(str(named.data.name))
        if self.loader.__name__ in STREAMS:
            raise DataError(
                f"{named.label}: frames of {self.loader.__name__} pass by and cannot be looked at; "
                "view the .ptyd file that a scan of it has left (`save`, `dfile`)"
            )
        with _overheard() as self.notes:
            self._scan = self._open()
            self._scan.initialize()
        count = self._scan.num_frames
        self.count = int(self._scan.check(1 << 40, start=0)[0] if count is None else count)
        """How many frames there are."""
        if self.count < 1:
            raise DataError(f"{named.label}: there are no frames yet")
        self._latest: tuple[int, Array, Mask] | None = None
        first, _ = self.read(0)
        self.shape: tuple[int, int] = first.shape
        """Rows and columns of a raw frame [px]."""
        self.trusted = self.read(0)[1].copy()
        """Pixels that the scan itself trusts in its first frame, (H, W) bool."""

    def _open(self) -> PtyScan:
        """Make the scan, of whole frames."""
        changed = dict(RAW)
        if self.loader.__name__ == "PtydScan":
            # Whoever gives a file of prepared frames a centre wants them moved.
            del changed["center"]
        data = Param(self.named.data)
        if not self.named.has_positions:
            changed["positions_theory"] = self._line()
        try:
            return self.loader({**data, **changed})
        except ParameterError as error:
            # Of simulated scans the shape is that of the detector.
            if not any(fault.path == "shape" for fault in error.faults):
                raise
            del changed["shape"]
            return self.loader({**data, **changed})

    def _line(self) -> Array:
        """Invent positions for frames without any, one for each."""
        from ptypy.io import open_h5

        where = self.named.data.intensities
        with open_h5(where.file) as file:
            count = int(np.prod(file[where.key].shape[:-2]))
        return np.asarray(np.arange(count)[:, None] * np.array([1e-6, 1e-6]))

    @property
    def positions(self) -> Array | None:
        """Positions (N, 2), (y, x) [m], if they are known before frames are read."""
        if not self.named.has_positions:
            return None
        found = self._scan.positions
        if found is None:
            found = self._scan.info.get("positions_theory")
        return None if found is None else np.asarray(found, dtype=np.float64)[: self.count]

    @property
    def takes_mask(self) -> bool:
        """Whether the loader reads a mask from a file that its parameters name."""
        mask = self.loader.DEFAULT.get("mask")
        return isinstance(mask, Param) and "file" in mask

    def read(self, number: int) -> tuple[Array, Mask]:
        """Read a frame.

        Parameters
        ----------
        number : int

        Returns
        -------
        frame : (H, W)
            Counts, dark and flat corrected if the scan says so.
        trusted : (H, W) bool
            What the scan itself trusts.

        Raises
        ------
        DataError
            If there is no such frame.
        """
        if not 0 <= number < self.count:
            raise DataError(f"frame {number}: there are {self.count} frames, counted from 0")
        if self._latest is None or self._latest[0] != number:
            with _overheard():
                chunk = self._scan.get_data_chunk(1, start=number)
            if not isinstance(chunk, Chunk) or not len(chunk.data):
                raise DataError(f"frame {number}: is not there yet")
            mask = chunk.mask if chunk.mask.ndim == 2 else chunk.mask[0]
            self._latest = number, chunk.data[0], mask
        return self._latest[1], self._latest[2]

    def first_settings(self) -> Settings:
        """Give the settings that the config says, in numbers."""
        asked = Param(self.loader.DEFAULT)
        asked.update(self.named.data)
        shape = asked.shape
        if shape is None or "shape" not in self.named.data:
            shape = self.shape if self.loader.DEFAULT.shape is None else asked.shape
        rows, columns = (int(n) for n in np.broadcast_to(self.shape if shape is None else shape, 2))
        center = asked.center
        must_find = asked.auto_center is True or (asked.auto_center is None and center is None)
        if isinstance(center, str) or center is None or must_find:
            middle = (self.shape[0] / 2 - 0.5, self.shape[1] / 2 - 0.5)
            half = (float(self.shape[0] // 2), float(self.shape[1] // 2))
            center = middle if center == "geometric" else half
        turn = asked.orientation
        if isinstance(turn, list | tuple):
            turn = 4 * bool(turn[0]) + 2 * bool(turn[1]) + bool(turn[2])
        return Settings(
            (rows, columns),
            (float(center[0]), float(center[1])),
            int(turn or 0),
            int(asked.rebin or 1),
        )

    @property
    def must_find_center(self) -> bool:
        """Whether the config leaves it to the frames where the optical axis is."""
        asked = {**self.loader.DEFAULT, **self.named.data}
        finds = asked.get("auto_center")
        return finds is True or (finds is None and asked.get("center") is None)

    def prepare(self, frame: Array, mask: Mask, settings: Settings) -> Prepared:
        """Prepare a frame as a run would.

        Raises
        ------
        ParameterError, DataError
            If the settings do not fit it.
        """
        with _overheard() as notes:
            chunk = self._alone(
                frame, mask, shape=settings.shape, center=settings.center, auto_center=False,
                orientation=settings.orientation, rebin=settings.rebin,
            )[1]  # fmt: skip
        shared = chunk.mask if chunk.mask.ndim == 2 else chunk.mask[0]
        y, x = (float(n) for n in chunk.meta.center)
        return Prepared(chunk.data[0], shared, (y, x), notes)

    def find_center(self, frame: Array, mask: Mask) -> tuple[float, float]:
        """Find the optical axis as a run would, by the counts of a frame (y, x) [px]."""
        with _overheard():
            scan, _ = self._alone(frame, mask, shape=None, center=None, auto_center=True)
        y, x = (float(n) for n in scan.info.found_center)
        return y, x

    def _alone(self, frame: Array, mask: Mask, **settings: Any) -> tuple[PtyScan, Chunk]:
        """Let `PtyScan` prepare one frame."""
        meta = {name: self._scan.meta[name] for name in GEOMETRY}
        scan = ArrayScan(
            frames=frame[None], mask=mask, positions=[[0.0, 0.0]], saturation=np.inf, **meta,
            **settings,
        )  # fmt: skip
        chunk = scan.next_chunk(1)
        if not isinstance(chunk, Chunk):
            raise DataError("the frame could not be prepared")
        return scan, chunk


class _Overhearing(logging.Handler):
    """Keeps what is said of the frames, for the page."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        # A single frame has no neighbours, and positions that were invented are known to be.
        is_known = "position" in text or text.startswith("NOBODY GAVE")
        if not is_known and record.levelno != CITATION and text not in self._notes:
            self._notes.append(text)


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """Keep warnings for the page, which otherwise would fill the terminal at each movement."""
    logger = logging.getLogger("ptypy")
    notes: list[str] = []
    handlers, propagates = list(logger.handlers), logger.propagate
    logger.handlers[:] = [_Overhearing(notes)]
    logger.propagate = False
    try:
        yield notes
    finally:
        logger.handlers[:] = handlers
        logger.propagate = propagates
