"""A scan of frames that were prepared before."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ptypy.core.data import _distribute as distribute
from ptypy.core.data._registry import register
from ptypy.core.data._scan import METAKEYS, PtyScan
from ptypy.core.data._settings import Settings, read_settings, validate
from ptypy.errors import Fault, FormatError, ParameterError
from ptypy.utils.parameters import Param, Placeholder
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.io.ptyd import PtydReader

__all__ = ["PtydScan"]

Array = npt.NDArray[Any]


@register()
class PtydScan(PtyScan):
    """Reads frames from a ``.ptyd`` file, as they are or to prepare them once more.

    With ``source`` = ``'file'`` the file is ``dfile``. It is only read, and delivered as it is:
    region, orientation, rebinning and saving are not applied, whatever the other parameters say,
    so that a script needs no other change. With ``source`` = a path, frames may be prepared
    again, and saved to another file; geometry and region that are not given come from the file.

    A file may grow while it is read: `auto` answers WAIT until the number of frames that it
    announces is there, or until its writer says that there will be no more. With ``timeout``, the
    file need not be there yet: it is waited for. A file of that name that is there is used, even if
    its scan ended yesterday; the run says how old it is.

    Defaults:

    [name]
    default = PtydScan
    help = Read prepared frames
    type = str

    [dfile]
    needed = source

    [source]
    default = 'file'
    help = File to read
    type = str, None
    doc = ``None`` and ``'file'`` mean the file that ``dfile`` names.
    userlevel = 0
    """

    PLACEHOLDERS: ClassVar[tuple[str, ...]] = ("psize", "distance", "energy")

    def __init__(self, pars: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self._asked = {**(pars or {}), **kwargs}
        self._given = _given(self._asked)
        source = self._asked.get("source", self.DEFAULT.source)
        self._only_reads = source in (None, "file")
        path = self._asked.get("dfile") if self._only_reads else source
        if not path:
            remedy = "is needed: `source` = 'file' reads the file that `dfile` names"
            raise ParameterError([Fault("dfile", repr(path), remedy)])
        self._path = Path(path)
        self._file: PtydReader | None = None
        patience = self._asked.get("timeout", self.DEFAULT.timeout)
        if patience is None and not self._path.exists():
            raise FormatError(
                f"{path}: there is no such file; check the path (the working directory is "
                f"{Path.cwd()}), or give `timeout` [s] to wait for a file that is yet to be written"
            )
        if patience is None or self._is_there():
            self._open()
            if patience is not None and self._reader.is_complete:
                self._tell_of_age()
        else:
            super().__init__(self._asked)
            logger.error("%s: there is no such file yet: the run waits for it", path)

    def initialize(self) -> None:
        """Open the scan, as soon as its file is there."""
        if self._file is None:
            if not self._is_there():
                return
            logger.error("%s is there now", self._path)
            distribute.agree(self._open)
        super().initialize()

    def _tell_of_age(self) -> None:
        """Say how old a scan is that has ended, to somebody who is ready to wait for one."""
        seconds = max(0.0, time.time() - self._path.stat().st_mtime)
        steps = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))
        size, unit = next((step for step in steps if seconds >= 2 * step[0]), steps[-1])
        logger.error(
            "%s: is of a scan that has ended, written %d %s ago; the run uses it. If a new scan is "
            "meant, start the run after it, or remove this file before",
            self._path, seconds // size, unit,
        )  # fmt: skip

    def _is_there(self) -> bool:
        """Look for the file, on the master: all processes should see the same."""
        return bool(
            distribute.on_master(lambda: {"is": self._path.exists()}, everywhere=False)["is"]
        )

    @property
    def _reader(self) -> PtydReader:
        if self._file is None:
            raise FormatError(f"{self._path}: there is no such file yet")
        return self._file

    def _open(self) -> None:
        """Take geometry and number of frames from the file, where they were not given."""
        from ptypy.io.ptyd import PtydReader

        self._file = reader = PtydReader(self._path)
        meta = reader.meta
        stored = {key: meta[key] for key in METAKEYS if key in meta}
        # What wrote the file: a number, or the name of a release. It has no say here.
        version = stored.pop("version", None)
        if reader.is_complete:
            stored["num_frames"] = reader.num_frames
        if reader.shape is not None:
            stored["shape"] = reader.shape
        elif "num_frames" not in stored and reader.is_complete is None:
            raise FormatError(
                f"{self._path}: there are no frames in it, and it does not announce any "
                "(meta/num_frames)"
            )
        found = {key: value for key, value in stored.items() if key not in self._given}
        super().__init__(self._asked, **found)
        self._take_over(stored)
        if self._only_reads and version is not None:
            self.meta.version = version
        if "propagation" in meta:
            self.meta.propagation = meta["propagation"]
        self._file_center = stored.get("center", "fftshift")
        if not self._only_reads and self.save is not None:
            self.dfile = _other_file(str(self.info.dfile), str(self._path))

    def _take_over(self, stored: Mapping[str, Any]) -> None:
        """Let `meta` say what the file says, and switch off what is not to be done."""
        there = self._reader.num_frames
        asked = self.num_frames if self._limits_frames else None
        announced = stored.get("num_frames")
        if announced is None and self._reader.is_complete is None:
            announced = there
        if announced is not None and asked is not None:
            announced = max(int(announced), there)  # more than was announced may be asked for
        limits = [int(number) for number in (announced, asked) if number is not None]
        self.num_frames = min(limits) if limits else None
        if self._only_reads:
            self.meta.update(stored)
            self.save = self.orientation = None
            self.rebin, self._adds_noise = 1, False
        # The file says where the axis is; frames move only if somebody wants another place.
        self._may_move = not self._only_reads and (
            "center" in self._given or self.info.auto_center is True
        )
        self._tell_of_frames(there)

    @property
    def _limits_frames(self) -> bool:
        """Whether the user said how many frames there are."""
        return "num_frames" in self._given or self._theory is not None

    def _tell_of_frames(self, there: int) -> None:
        """Say what the number of frames in the file means for the run."""
        expected = self.num_frames
        if expected is not None and there > expected and not self._limits_frames:
            logger.error(
                "%s: the file says that the scan has %d frames, and holds %d more: they are left "
                "out; `num_frames=%d` uses them",
                self._path, expected, there - expected, there,
            )  # fmt: skip
        if (expected is None or there < expected) and not self._reader.is_complete:
            remedy = f"`num_frames={there}` goes on with what is there; otherwise " if there else ""
            # With a limit to the wait nothing can be lost by it.
            logger.log(
                logging.ERROR if self._patience.limit is None else logging.WARNING,
                "%s: the file holds %d%s frames; %sthe run waits for the rest",
                self._path,
                there,
                "" if expected is None else f" of {expected}",
                remedy,
            )

    def load_positions(self) -> Array | None:
        """Give the positions that were saved beside the frames, if any.

        Positions in the chunks themselves win; see `load_block`.
        """
        saved = self._reader.info.get("positions_scan")
        usable = isinstance(saved, np.ndarray) and saved.ndim == 2 and saved.shape[1] == 2
        return saved if usable else None

    def load_weight(self) -> Array | None:
        """Give the mask that was saved for all frames, if any."""
        saved = self._reader.info.get("weight2d")
        return saved if isinstance(saved, np.ndarray) and saved.ndim == 2 else None

    def check(
        self, frames: int | None = None, start: int | None = None
    ) -> tuple[int, bool | int | None]:
        """Look how many frames the file holds by now, and whether there will be more."""
        if self._file is None:
            return 0, False
        self._reader.refresh()
        wanted = self.min_frames if frames is None else frames
        first = self.framestart if start is None else start
        there = self._reader.num_frames
        count = min(wanted, there - first)
        if self._reader.is_complete and first + count >= there:
            return count, True
        return count, False if self.num_frames is None else None

    def load_block(
        self, indices: npt.NDArray[np.int64]
    ) -> tuple[Array, npt.NDArray[np.float64] | None, Array | None]:
        """Read frames, counted in the order of the file, in as few pieces as possible."""
        indices = np.asarray(indices, dtype=np.int64)
        if indices.size and indices.max() >= self._reader.num_frames:
            # Only the master has looked for new frames.
            self._reader.refresh()
        runs = np.split(indices, np.flatnonzero(np.diff(indices) != 1) + 1)
        parts = [self._reader.read(int(run[0]), int(run[-1]) + 1) for run in runs if len(run)]
        data = [part.data for part in parts]
        positions = [part.positions for part in parts if part.positions is not None]
        return (
            data[0] if len(data) == 1 else np.concatenate(data),
            np.concatenate(positions) if len(positions) == len(parts) else None,
            _joined([part.weights for part in parts], data),
        )

    def load(
        self, indices: Sequence[int]
    ) -> tuple[dict[int, Array], dict[int, Any], dict[int, Any]]:
        """Read frames, by index; see `load_block`."""
        frames, positions, weights = self.load_block(np.asarray(indices, dtype=np.int64))
        masks: dict[int, Any] = {}
        if weights is not None:
            stack = np.broadcast_to(weights, frames.shape) if weights.ndim == 2 else weights
            masks = dict(zip(indices, stack, strict=True))
        places = {} if positions is None else dict(zip(indices, positions, strict=True))
        return dict(zip(indices, frames, strict=True)), places, masks

    def _validate(self, p: Param) -> None:
        unused = dict.fromkeys(
            (
                "save",
                "shape",
                "center",
                "orientation",
                "rebin",
                "auto_center",
                "resume",
                "find_bad_pixels",
            )
        )
        validate(type(self), Param({**p, **unused}) if self._only_reads else p)

    def _read_settings(self) -> Settings:
        if self._only_reads:
            return read_settings(
                self.info,
                shape=None,
                center=self._file_center,
                auto_center=False,
                orientation=None,
                rebin=None,
                find_bad_pixels=False,
            )
        changed: dict[str, Any] = {"orientation": self.orientation, "rebin": self.rebin}
        if "shape" not in self._given:
            changed["shape"] = None
        if "center" not in self._given:
            changed["center"] = self._file_center
        return read_settings(self.info, **changed)

    def _label_frames(self, slots: Sequence[int]) -> list[int]:
        """Name the scan points as the file does."""
        if max(slots) >= self._reader.num_frames:
            self._reader.refresh()
        labels: list[int] = self._reader.indices[np.asarray(slots)].tolist()
        return labels


def _given(asked: Mapping[str, Any]) -> set[str]:
    """Tell which parameters a user gave: those that say something, even what the default says."""
    return {
        key
        for key, value in asked.items()
        if value is not None and not isinstance(value, Placeholder)
    }


def _other_file(dfile: str, source: str) -> str:
    """Choose a name to save to that is not the file that is read."""
    target = Path(dfile)
    if not target.exists() or not target.samefile(source):
        return dfile
    other = target.with_name(f"{target.stem}_n{target.suffix}")
    logger.warning("%s is the file that is read: prepared frames are saved to %s", dfile, other)
    return str(other)


def _joined(weights: Sequence[Array | None], data: Sequence[Array]) -> Array | None:
    """Join masks of several pieces: one for all frames if it is the same everywhere."""
    if all(one is None for one in weights):
        return None
    masks = [
        np.ones(frames.shape[1:], dtype=bool) if one is None else one
        for one, frames in zip(weights, data, strict=True)
    ]
    if masks[0].ndim == 2 and all(np.array_equal(masks[0], one) for one in masks):
        return masks[0]
    pairs = zip(masks, data, strict=True)
    return np.concatenate([np.broadcast_to(mask, frames.shape) for mask, frames in pairs])
