"""Look through a .ptyd file: which chunks there are, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io._decode import Decoder
from ptypy.io.ptyd._entries import (
    SCAN_ID,
    common_mask,
    entry,
    indices_of,
    plain_meta,
    positions_of,
    resolve_link,
)
from ptypy.io.ptyd._filters import Compression, compression_of
from ptypy.io.ptyd._open import reading
from ptypy.io.ptyd._packed_frames import PackedFrames
from ptypy.io.ptyd._plain_frames import PlainFrames
from ptypy.io.ptyd._stamp import Stamp

__all__ = ["WRITTEN_ANEW", "ChunkInfo", "Survey", "id_of", "survey"]

WRITTEN_ANEW = "the file was written anew, by another run; open it again"


@dataclass(frozen=True, slots=True, eq=False)
class ChunkInfo:
    """Frames that were written together."""

    number: int
    """The number in its name."""
    frames: int
    """How many frames it holds."""
    shape: tuple[int, int]
    """Height and width of a frame [px]."""
    dtype: np.dtype[Any]
    """Of the stored counts."""
    positions: npt.NDArray[np.float64] | None
    """Positions (y, x) [m], shape (frames, 2)."""
    weights_kind: Literal["frame", "common", "none"]
    """Weights of its own for every frame; one mask for all of them; or nothing masked."""
    mask: npt.NDArray[Any] | None
    """Weights that hold for all its frames, (H, W); None if there are none, or others for each."""
    indices: npt.NDArray[np.int64]
    """Scan-point index of every frame, shape (frames,)."""
    file: Path
    """Where it is stored: the file itself, or one that it links to."""
    group: str
    """The group in that file."""
    stamp: Stamp | None
    """Of that file, before it was looked at."""
    compression: Compression | None
    """How frames are compressed; None: not, or in a way that is not written here."""
    stored: PlainFrames | PackedFrames | None
    """Where the frames lie in that file, if they can be read there; None: HDF5 must read them."""

    @property
    def has_positions(self) -> bool:
        """Whether its frames have positions."""
        return self.positions is not None


@dataclass
class Survey:
    """What a .ptyd file holds."""

    path: Path
    stamp: Stamp | None = None
    """State of the file before it was looked through."""
    chunks: list[ChunkInfo] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    common: npt.NDArray[Any] | None = None
    """The mask that holds where a chunk has no weights of its own, (H, W)."""
    is_complete: bool | None = None
    """Whether its writer said that there will be no more frames; None if it does not say so."""
    is_merged: bool = False
    """Whether its chunks were made one."""
    scan_id: str | None = None
    """Tells the frames of one run from those of another; None if they do not say."""
    faults: list[str] = field(default_factory=list)
    """What would make the data wrong."""
    remarks: list[str] = field(default_factory=list)
    """What is missing or odd, but can be made good by parameters."""

    @cached_property
    def borders(self) -> npt.NDArray[np.int64]:
        """The first frame of every chunk, and the one after the last of all."""
        return np.cumsum([0, *(chunk.frames for chunk in self.chunks)], dtype=np.int64)

    @cached_property
    def indices(self) -> npt.NDArray[np.int64]:
        """Scan-point index of every frame."""
        return np.concatenate([np.empty(0, np.int64), *(chunk.indices for chunk in self.chunks)])

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return int(self.borders[-1])

    def raise_faults(self) -> None:
        """Raise FormatError if there are faults, with all of them."""
        if len(self.faults) == 1:
            raise FormatError(f"{self.path}: {self.faults[0]}")
        if self.faults:
            lines = "\n".join(f"  {fault}" for fault in self.faults)
            raise FormatError(f"{self.path} has {len(self.faults)} faults\n{lines}")


def survey(path: Path, before: Survey | None = None) -> Survey:
    """Look through a file.

    Parameters
    ----------
    path : Path
    before : Survey, optional
        What was found before: its chunks keep their places, and are not looked at again.

    Raises
    ------
    FormatError
        If it cannot be opened or is not of this format at all, or was written anew since.
    """
    found = Survey(path, Stamp.of(path))
    with reading(path) as file:
        if not isinstance(file.get("chunks"), h5py.Group):
            raise FormatError(
                f"{path}: has no group 'chunks', so it is not a prepared scan (.ptyd); it holds "
                f"{', '.join(file) or 'nothing'}. Frames belong in chunks/0/data, positions in "
                "chunks/0/positions, energy, distance and psize in meta"
            )
        attributes = file["chunks"].attrs
        found.is_complete = bool(attributes["complete"]) if "complete" in attributes else None
        found.is_merged = bool(attributes.get("merged", False))
        found.scan_id = id_of(file["chunks"])
        if before is not None and before.chunks and found.scan_id != before.scan_id:
            raise FormatError(f"{path}: {WRITTEN_ANEW}")
        if before is not None and found.is_merged == before.is_merged:
            found.chunks = list(before.chunks)
        found.common = common_mask(file)
        if isinstance(file.get("meta"), h5py.Group):
            found.meta, faults = plain_meta(Decoder(path).decode(file["meta"]))
            found.faults += faults
        known = len(found.chunks)
        _add_chunks(found, file)
    if before is not None and not known and not _begins_as(found, before):
        raise FormatError(f"{path}: {WRITTEN_ANEW}")
    if not known or len(found.chunks) > known:
        _compare_chunks(found)
    _compare_meta(found)
    return found


def _begins_as(found: Survey, before: Survey) -> bool:
    """Tell whether the frames that were there before are the first now, in the same order."""
    if not before.chunks:
        return True
    old = before.indices
    return np.array_equal(old, found.indices[: len(old)])


def id_of(group: Any) -> str | None:
    """Give the id of the run that a group of chunks, or a chunk file, belongs to."""
    value = group.attrs.get(SCAN_ID)
    return value if isinstance(value, str) else None


def _add_chunks(found: Survey, file: Any) -> None:
    numbers: dict[int, str] = {}
    for name in file["chunks"]:
        if not name.isdecimal():
            found.faults.append(f"chunks/{name}: chunks are numbered: 0, 1, 2, ...")
        elif int(name) in numbers:
            found.faults.append(f"chunks/{name}: is there twice, also as {numbers[int(name)]}")
        else:
            numbers[int(name)] = name
    gone = {chunk.number for chunk in found.chunks} - numbers.keys()
    if gone:
        raise FormatError(f"{found.path}: chunk {min(gone)} is no longer there: {WRITTEN_ANEW}")
    seen = {chunk.number for chunk in found.chunks}
    for number, name in sorted(numbers.items()):
        if number in seen:
            continue
        try:
            with _group_of(found, file, name) as (place, stamp, group):
                found.chunks.append(_look_at(number, place, stamp, group, found))
        except (FormatError, ValueError) as error:
            found.faults.append(f"chunks/{name}: {error}")


@contextmanager
def _group_of(found: Survey, file: Any, name: str) -> Iterator[tuple[Path, Stamp | None, Any]]:
    """Open a chunk, in this file or in the one it links to."""
    link = file["chunks"].get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        target = resolve_link(found.path, link)
        stamp = Stamp.of(target)
        with reading(target) as part:
            if link.path not in part:
                raise FormatError(f"links to {target}:{link.path}, which is not there")
            if found.scan_id is not None and id_of(part) not in (None, found.scan_id):
                raise FormatError(f"links to {target}, which another run has written anew")
            yield target, stamp, part[link.path]
    else:
        yield found.path, found.stamp, Decoder(found.path).member(file["chunks"], name)


def _look_at(number: int, place: Path, stamp: Stamp | None, group: Any, found: Survey) -> ChunkInfo:
    """Look at one chunk.

    Raises
    ------
    ValueError
        If it is not usable, with the reasons.
    """
    data = entry(group, "data") if isinstance(group, h5py.Group) else None
    if not isinstance(data, h5py.Dataset):
        raise ValueError("has no dataset 'data' with frames in it")
    if data.ndim != 3 or data.dtype.kind not in "biuf":
        raise ValueError(
            f"`data` is {data.dtype} of shape {data.shape}; it should be numbers of shape "
            "(frames, height, width), also for a single frame"
        )
    frames, shape = data.shape[0], (data.shape[1], data.shape[2])
    positions = positions_of(group, place)
    if positions is not None and len(positions) != frames:
        raise ValueError(f"{len(positions)} positions for {frames} frames")
    indices = indices_of(group, place)
    if indices is None:
        first = max((int(chunk.indices.max()) + 1 for chunk in found.chunks), default=0)
        indices = np.arange(first, first + frames)
    if len(indices) != frames:
        raise ValueError(f"{len(indices)} indices for {frames} frames")
    kind, mask = _weights_of(group, frames, shape, found)
    return ChunkInfo(
        number=number,
        frames=frames,
        shape=shape,
        dtype=data.dtype,
        positions=positions,
        weights_kind=kind,
        mask=mask,
        indices=indices,
        file=place,
        group=group.name,
        stamp=stamp,
        compression=compression_of(data),
        stored=PlainFrames.of(data) or PackedFrames.of(data),
    )


def _weights_of(
    group: Any, frames: int, shape: tuple[int, int], found: Survey
) -> tuple[Literal["frame", "common", "none"], npt.NDArray[Any] | None]:
    """Tell what weights a chunk has, and give those that hold for all its frames."""
    weights, common = entry(group, "weights"), found.common
    if weights is None:
        if common is None:
            return "none", None
        if common.shape != shape:
            raise ValueError(f"frames of shape {shape}, but the common mask has {common.shape}")
        return "common", common
    given = weights.shape if isinstance(weights, h5py.Dataset) else ()
    if given == (frames, *shape):
        return "frame", None
    if given in (shape, (1, *shape)):
        own = np.asarray(weights[...]).reshape(shape)
        # Chunks mostly have the same: it is kept once.
        last = found.chunks[-1].mask if found.chunks else None
        same = last is not None and last.dtype == own.dtype and np.array_equal(last, own)
        return "common", last if same else own
    raise ValueError(
        f"`weights` have shape {given}; they should have {(frames, *shape)}, one for every frame, "
        f"or {shape}, one for all"
    )


def _compare_chunks(found: Survey) -> None:
    if not found.chunks:
        if not found.faults:
            found.remarks.append("there are no frames in it (yet)")
        return
    first = found.chunks[0]
    for chunk in found.chunks[1:]:
        if chunk.shape != first.shape:
            found.faults.append(
                f"chunks/{chunk.number}: frames of shape {chunk.shape}, but those of "
                f"chunks/{first.number} have {first.shape}"
            )
        if chunk.has_positions != first.has_positions:
            with_, without = (chunk, first) if chunk.has_positions else (first, chunk)
            found.faults.append(
                f"chunks/{without.number}: has no positions, but chunks/{with_.number} has; "
                "give them for all frames or for none"
            )
    ordered = np.sort(found.indices)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if twice.size:
        some = ", ".join(str(index) for index in twice[:5]) + (", ..." if twice.size > 5 else "")
        found.faults.append(
            f"indices {some} stand at more than one frame; number the frames through, or leave "
            "`indices` out"
        )
    if not first.has_positions:
        found.remarks.append("there are no positions; they must be given as `positions_theory`")


def _compare_meta(found: Survey) -> None:
    for name, unit in (("energy", "keV"), ("distance", "m"), ("psize", "m")):
        if name not in found.meta:
            found.remarks.append(f"meta/{name} [{unit}] is missing; it must be given as parameter")
    if not found.chunks:
        return
    expected = found.meta.get("num_frames")
    if expected is not None and expected > found.frames:
        found.remarks.append(
            f"meta/num_frames is {expected}, and {found.frames} are there: the scan is going on, "
            "or was interrupted"
        )
    shape = found.chunks[0].shape
    given = found.meta.get("shape")
    if given is not None and not isinstance(given, str) and not np.all(np.equal(given, shape)):
        found.remarks.append(f"meta/shape is {given}, but frames have {shape}; theirs holds")
    center = found.meta.get("center")
    if center is not None and not isinstance(center, str):
        inside = np.logical_and(np.greater(center, 0), np.less(center, shape))
        if not np.all(inside):
            found.remarks.append(f"meta/center {center} lies outside of frames of {shape} px")
