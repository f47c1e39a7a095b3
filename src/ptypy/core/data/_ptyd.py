"""A scan of frames that were prepared before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ptypy.core.data._registry import register
from ptypy.core.data._scan import METAKEYS, PtyScan
from ptypy.core.data._settings import Settings, read_settings, validate
from ptypy.errors import Fault, FormatError, ParameterError
from ptypy.utils.parameters import Param, Placeholder
from ptypy.utils.verbose import logger

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
    announces is there.

    Defaults:

    [name]
    default = PtydScan
    help = Read prepared frames
    type = str

    [source]
    default = 'file'
    help = File to read
    type = str, None
    doc = ``None`` and ``'file'`` mean the file that ``dfile`` names.
    userlevel = 0
    """

    PLACEHOLDERS: ClassVar[tuple[str, ...]] = ("psize", "distance", "energy")

    def __init__(self, pars: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        from ptypy.io.ptyd import PtydReader

        asked = {**(pars or {}), **kwargs}
        given = _given(asked)
        source = asked.get("source", self.DEFAULT.source)
        self._only_reads = source in (None, "file")
        path = asked.get("dfile") if self._only_reads else source
        if not path:
            remedy = "is needed: `source` = 'file' reads the file that `dfile` names"
            raise ParameterError([Fault("dfile", repr(path), remedy)])
        self._reader = PtydReader(path)
        meta = self._reader.meta
        stored = {key: meta[key] for key in METAKEYS if key in meta}
        # What wrote the file: a number, or the name of a release. It has no say here.
        version = stored.pop("version", None)
        if self._reader.shape is not None:
            stored["shape"] = self._reader.shape
        elif "num_frames" not in stored:
            raise FormatError(
                f"{path}: there are no frames in it, and it does not announce any (meta/num_frames)"
            )
        super().__init__(asked, **{k: v for k, v in stored.items() if k not in given})
        self._take_over(stored, given)
        self.meta.update({"version": version} if version is not None else {})
        if "propagation" in meta:
            self.meta.propagation = meta["propagation"]
        self._given = given
        self._file_center = stored.get("center", "fftshift")
        if not self._only_reads and self.save is not None:
            self.dfile = _other_file(str(self.info.dfile), str(source))

    def _take_over(self, stored: Mapping[str, Any], given: set[str]) -> None:
        """Let `meta` say what the file says, and switch off what is not to be done."""
        announced = stored.get("num_frames")
        limits = [announced, self._reader.num_frames if announced is None else None]
        limits.append(
            self.num_frames if "num_frames" in given or self._theory is not None else None
        )
        self.num_frames = min(int(n) for n in limits if n is not None)
        if self._only_reads:
            self.meta.update(stored)
            self.save = self.orientation = None
            self.rebin = 1
        # The file says where the axis is; frames move only if somebody wants another place.
        self._may_move = not self._only_reads and (
            "center" in given or self.info.auto_center is True
        )
        more = self._reader.num_frames - self.num_frames
        if more > 0 and "num_frames" not in given and self._theory is None:
            logger.error(
                "%s: the file says that the scan has %d frames, and holds %d more: they are left "
                "out; `num_frames=%d` uses them",
                self._reader.path, self.num_frames, more, self._reader.num_frames,
            )  # fmt: skip
        missing = self.num_frames - self._reader.num_frames
        if missing > 0:
            there = self._reader.num_frames
            remedy = f"`num_frames={there}` goes on with what is there; otherwise " if there else ""
            logger.error(
                "%s: the file holds %d of %d frames; %sthe run waits for the rest",
                self._reader.path,
                there,
                self.num_frames,
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
        """Look how many frames the file holds by now."""
        self._reader.refresh()
        wanted = self.min_frames if frames is None else frames
        first = self.framestart if start is None else start
        return min(wanted, self._reader.num_frames - first), None

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
        unused = dict.fromkeys(("save", "shape", "center", "orientation", "rebin", "auto_center"))
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
        numbers = np.concatenate([chunk.indices for chunk in self._reader.chunks])
        return [int(numbers[slot]) for slot in slots]


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
