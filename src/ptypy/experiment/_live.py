"""Scans whose frames arrive while they are prepared: what all such loaders share."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from ptypy.core.data import PtyScan, register
from ptypy.errors import DataError, Fault, ParameterError
from ptypy.experiment._live_buffer import Item, LiveBuffer
from ptypy.experiment._live_files import read_stack
from ptypy.experiment._live_report import LiveReport
from ptypy.experiment._live_resume import Saved, kept, read_saved
from ptypy.io.stream import Start
from ptypy.io.tables import read_columns
from ptypy.utils import parallel
from ptypy.utils.parameters import Param, Placeholder
from ptypy.utils.verbose import logger

__all__ = ["LiveScan", "Source"]

MEGABYTE = 2**20
GEOMETRY = ("energy", "distance", "psize")


class Source(Protocol):
    """Where frames come from: puts them into a `LiveBuffer`, by itself or when asked."""

    def collect(self, wanted: int) -> None:
        """Look for new frames, without waiting; raise what went wrong since the last call."""

    def close(self) -> None:
        """Let go of everything. A second call does nothing."""


@register()
class LiveScan(PtyScan):
    """What loaders share whose frames come while the scan goes on.

    Frames are put in the order of their indices, each is used once, and they wait in limited
    memory. What was lost, refused or out of order is counted, see `live_report`, and said loudly
    when the scan ends. A frame that is missing then is left out; the others keep their indices
    and positions.

    The master receives and gives every process its frames. A derived class says where from, in
    `_connect`.

    Positions are, in this order: ``positions_theory``; ``positions.file``; what the source says.

    Defaults:

    [load_parallel]
    default = None
    help = What every process loads for itself
    type = str
    doc = Nothing: frames that arrive are received by one process, which gives the others theirs.

    [positions.file]
    default = None
    type = file
    help = Table of the positions of all scan points: text, CSV, .npy, .npz or HDF5
    doc = Its length limits the number of frames.
    userlevel = 0

    [positions.key]
    default = None
    type = str, list, tuple
    help = Dataset of the positions in HDF5 or .npz files; or two, that of y and that of x

    [positions.columns]
    default = None
    type = list, tuple
    help = Columns of y and of x: numbers, counted from 0, or names in the first line of a text
    doc = If ``None``, those named y and x, or the only two there are.

    [positions.multiplier]
    default = 1.0
    type = float, list, tuple
    help = Factor that turns positions into metres, or two, for y and x

    [mask.file]
    default = None
    type = file
    help = File that holds the mask, non-zero where a pixel may be trusted

    [mask.key]
    default = None
    type = str
    help = Dataset of the mask in HDF5 or .npz files

    [mask.invert]
    default = False
    type = bool
    help = Set if non-zero marks bad pixels instead, as detectors do

    [darkfield.file]
    default = None
    type = file
    help = File of dark frames, which are averaged and subtracted; negative counts become zero

    [darkfield.key]
    default = None
    type = str
    help = Dataset of the dark frames in HDF5 or .npz files

    [flatfield.file]
    default = None
    type = file
    help = File of the flat field, by which frames are divided

    [flatfield.key]
    default = None
    type = str
    help = Dataset of the flat field in HDF5 or .npz files

    [buffer_size]
    default = 1024
    help = Memory for frames that wait [MB]
    type = int
    doc = When it is full the source has to wait. It grows if ``min_frames`` frames need more.
    userlevel = 2
    lowlim = 1

    [window]
    default = 16
    help = Number of frames that wait for a missing one before them
    type = int
    doc = Then they are used without it. Should it come later, it is used then, under its own index.
    userlevel = 2
    lowlim = 0

    [patience]
    default = 2.
    help = Longest time that frames wait for a missing one before them [s]
    type = float
    doc = Also how long, after the declared end of a scan, frames are waited for that are missing.
    userlevel = 2
    lowlim = 0
    """

    DECLARES_END: ClassVar[bool] = True
    """Whether the source says when the scan has ended."""
    CHANGES_NO_FRAME: ClassVar[frozenset[str]] = frozenset({"buffer_size", "window", "patience"})
    MARKS_PIXELS: ClassVar[bool] = False
    """Whether the largest unsigned count, or a negative one, says that a pixel holds nothing."""

    def __init__(self, pars: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(pars, **kwargs)
        self._buffer: LiveBuffer | None = None
        self._source: Source | None = None
        self._saved = Saved()
        self._let_go: Any = None
        self._labels: dict[int, int] = {}
        self._geometry_is_shared = False
        # The source may know the numbers that nobody gave, but not before the scan begins: whose
        # they are is said with the first frames (`_decide`), not when the scan is opened.
        vars(self)["PLACEHOLDERS"] = ()

    # ------------------------------------------------------------ for derived classes

    def _connect(self, buffer: LiveBuffer) -> Source:
        """Open the source, on the master. Override me.

        Raises
        ------
        ParameterError
            If it cannot be opened.
        """
        raise NotImplementedError

    def _found(self) -> Start | None:
        """Give what the source says of the scan as a whole, as far as it is known by now."""
        return None

    def _series(self) -> str | None:
        """Give what identifies the scan, once frames have come; None if nothing does."""
        return None

    # ------------------------------------------------------------ for users

    def live_report(self) -> LiveReport:
        """Say what became of the frames so far. On the master; empty elsewhere.

        Examples
        --------
        >>> from ptypy.experiment import ZmqStream
        >>> print(ZmqStream(address="tcp://127.0.0.1:5555").live_report())
        0 frames, 0 missing, 0 messages or files refused
        """
        return LiveReport() if self._buffer is None else self._buffer.snapshot()

    def wait(self, seconds: float = 1.0) -> None:
        """Wait until there are ``min_frames`` new frames or the scan has ended; at most so long.

        Call it when `auto` has answered WAIT, and then `auto` again. It returns at once where
        nothing is received.
        """
        if self.info.timeout is not None:
            seconds = min(seconds, self.info.timeout / 4)
        if self._buffer is not None and self._source is not None:
            self._wait(self._buffer, self._source, seconds)

    def close(self) -> None:
        """Stop receiving. Called when the scan has ended; call it to leave a scan earlier."""
        if self._let_go is not None:
            self._let_go()
        if self._buffer is not None:
            self._buffer.finish("closed")

    # ------------------------------------------------------------ hooks

    def load_positions(self) -> npt.NDArray[Any] | None:
        """Read ``positions.file``, if there is one."""
        where = self.info.positions
        if where.file is None:
            return None
        factor = np.broadcast_to(np.asarray(where.multiplier, dtype=np.float64), 2)
        return np.asarray(read_columns(where.file, where.columns, where.key) * factor)

    def load_weight(self) -> npt.NDArray[Any] | None:
        """Read ``mask.file``, if there is one. What the source marks as bad is left out, too."""
        where = self.info.mask
        if where.file is None:
            return None
        mask = read_stack(where.file, where.key)[0] != 0
        return np.asarray(~mask if where.invert else mask)

    def load_common(self) -> dict[str, Any]:
        """Read dark frames and flat field, if there are any."""
        fields: dict[str, Any] = {}
        for name in ("darkfield", "flatfield"):
            where = self.info[name]
            if where.file is not None:
                fields[name] = read_stack(where.file, where.key).mean(axis=0, dtype=np.float64)
        self.correct_with(dark=fields.get("darkfield"), flat=fields.get("flatfield"))
        return fields

    def check(self, frames: int | None = None, start: int | None = None) -> tuple[int, bool]:
        """Say how many frames are there, in order, and whether these are the last."""
        buffer, source = self._open()
        wanted = self.min_frames if frames is None else frames
        first = self.framestart if start is None else start
        there = buffer.need(first, self.min_frames)
        if there < wanted:
            source.collect(wanted)
            there = buffer.need(first, self.min_frames)
        return min(wanted, there), buffer.has_ended and there <= wanted

    def load_block(
        self, indices: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64] | None, npt.NDArray[Any] | None]:
        """Hand frames over that have arrived."""
        buffer, _ = self._open()
        items = buffer.take([int(index) for index in indices])
        frames = np.stack([item.data for item in items])
        positions = None
        if buffer.needs_positions:
            positions = np.array([item.position for item in items], dtype=np.float64)
        return frames, positions, self._masks(items, frames)

    # ------------------------------------------------------------ inside

    def _validate(self, p: Param) -> None:
        super()._validate(p)
        if p.load_parallel is not None:
            remedy = "must be None: one process receives the frames, and gives the others theirs"
            raise ParameterError([Fault("load_parallel", repr(p.load_parallel), remedy)])

    def _begin(self) -> None:
        """Open the source, on the master: not before it is known which frames are saved."""
        if parallel.master:
            self._open()

    def _open(self) -> tuple[LiveBuffer, Source]:
        """Give buffer and source, opened on the first call."""
        if self._buffer is None or self._source is None:
            patience = float(self.info.patience)
            if self.info.timeout is not None:
                # Held frames must be on their way before the whole scan counts as ended.
                patience = min(patience, self.info.timeout / 2)
            buffer = LiveBuffer(
                limit=int(self.info.buffer_size) * MEGABYTE,
                window=int(self.info.window),
                patience=patience,
                needs_positions=self._theory is None and self.positions is None,
                total=self.num_frames,
                declares_end=self.DECLARES_END,
            )
            if self.framestart and self.dfile is not None:
                self._saved = read_saved(self.dfile)
                self.info.update(kept(self._saved.series, self._saved.mask))
            buffer.begin(self.framestart, self._saved.indices)
            source = self._connect(buffer)
            self._buffer, self._source = buffer, source
            # Also at the end of the interpreter, while threads still run.
            self._let_go = weakref.finalize(self, source.close)
        return self._buffer, self._source

    def _wait(self, buffer: LiveBuffer, source: Source, seconds: float) -> None:
        del source
        buffer.wait(seconds, self.framestart, self.min_frames)

    def _masks(self, items: Sequence[Item], frames: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """Give the mask of all frames, or one for each if they differ."""
        shared = self._shared_mask(frames.shape[1:])
        full = _usable(frames) if self.MARKS_PIXELS else np.ones(frames.shape, dtype=bool)
        for place, item in enumerate(items):
            if item.mask is not None:
                full[place] &= item.mask
        if shared is not None and shared.shape == full.shape[1:]:
            full |= shared <= 0
        if full.all():
            return shared
        if shared is not None and shared.shape != full.shape[1:]:
            raise DataError(
                f"load_weight() gave {shared.shape} px, and frames of {full.shape[1:]} px bring "
                "masks of their own: give it as large as a raw frame"
            )
        full = full[0] if (full == full[0]).all() else full
        return full if shared is None else full * shared

    def _shared_mask(self, raw: tuple[int, ...]) -> npt.NDArray[Any] | None:
        """Join the mask that the source gives with that of `load_weight`."""
        found = self._found()
        given = self._saved.mask if found is None or found.mask is None else found.mask
        if given is None:
            return self.weight2d
        own = self.weight2d
        for mask in (given, own):
            if mask is not None and mask.shape != raw:
                raise DataError(f"a mask of {mask.shape} px for frames of {raw} px")
        return given if own is None else given * own

    def _load_own(
        self, slots: list[int], mine: list[int], dealt: list[list[int]], passed: Any = None
    ) -> Any:
        """Load; then tell all processes what the master alone knows of these frames."""
        loaded = super()._load_own(slots, mine, dealt, passed)
        told = parallel.bcast(self._tell(slots) if parallel.master else None)
        self._labels = told["labels"]
        if not self._geometry_is_shared:
            for key, value in told["geometry"].items():
                if isinstance(self.info[key], Placeholder):
                    self.info[key] = value
        return loaded

    def _tell(self, slots: list[int]) -> dict[str, Any]:
        buffer, _ = self._open()
        labels = [item.index for item in buffer.take(slots)]
        found = self._found()
        numbers = {} if found is None else {key: getattr(found, key) for key in GEOMETRY}
        if self.save is not None:
            mask = None if found is None or "found_mask" in self.info else found.mask
            self.info.update(kept(self._series(), mask))
        return {
            "labels": dict(zip(slots, labels, strict=True)),
            "geometry": {key: value for key, value in numbers.items() if value is not None},
        }

    def _label_frames(self, slots: Sequence[int]) -> list[int]:
        """Name scan points as the source does: some may be missing."""
        return [self._labels[slot] for slot in slots]

    def _decide(self, raw: tuple[int, int], loaded: Any) -> Any:
        pipeline = super()._decide(raw, loaded)
        self._geometry_is_shared = True
        vars(self).pop("PLACEHOLDERS", None)
        self._geometry.warn_of_placeholders(self.PLACEHOLDERS)
        return pipeline

    def _finalize(self) -> None:
        if self._buffer is not None:
            self._buffer.finish("no more frames were waited for")
        self.close()
        if parallel.master:
            report = self.live_report()
            lacks_positions = report.surplus > 0 and self.info.num_frames is None
            say = logger.error if report.has_losses or lacks_positions else logger.info
            if lacks_positions:
                logger.error(
                    "%d or more frames came beyond the %s scan points that were announced or have "
                    "a position: they are not used",
                    report.surplus, self.num_frames or "",
                )  # fmt: skip
            say("%s: %s", type(self).__name__, report)
        super()._finalize()


def _usable(frames: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Find the pixels that detectors do not mark as holding nothing."""
    kind = frames.dtype.kind
    if kind == "u":
        return np.asarray(frames != np.iinfo(frames.dtype).max)
    return np.asarray(frames >= 0) if kind == "i" else np.ones(frames.shape, dtype=bool)
