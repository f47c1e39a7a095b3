"""Master files of Dectris detectors and the data files that they link to.

Conventions: a set bit of the pixel mask marks a bad pixel; 2^n - 1 in an n-bit image is no count;
at ``saturation_value`` or ``countrate_correction_count_cutoff`` a pixel counts no further;
``beam_center_x`` is a column and ``beam_center_y`` a row, pixels counted from 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.io._hdf5 import open_h5
from ptypy.io._quantities import METRES, array_at, first_energy, first_number, unit_of
from ptypy.io.frame_source import Recorded
from ptypy.io.joined_stacks import gather_stacks
from ptypy.io.stored_frames import follow, read_numbers, see_sources
from ptypy.io.stored_stack import StoredStack, map_frames
from ptypy.io.written_frames import unwritten
from ptypy.utils.verbose import logger

__all__ = ["DectrisFiles", "dectris_files"]

DATA = "entry/data"
DETECTOR = "entry/instrument/detector"
SPECIFIC = f"{DETECTOR}/detectorSpecific"
BEAM = "entry/instrument/beam"


@dataclass(frozen=True, slots=True, eq=False)
class DectrisFiles:
    """Frames of one Dectris master file; see `dectris_files`."""

    path: Path
    keys: tuple[str, ...]
    """Datasets of the frames, one after the other."""
    counts: tuple[int, ...]
    """Frames in each."""
    shape: tuple[int, int]
    channel: int | None
    """Which channel, where there are several energy thresholds."""
    recorded: Recorded
    flat: npt.NDArray[np.float32] | None
    """Flat field factors of the detector, if it has not applied them itself."""
    lost: npt.NDArray[np.bool_]
    """True for frames that nobody has written (N,)."""

    @property
    def name(self) -> str:
        """The master file."""
        return str(self.path)

    @property
    def count(self) -> int:
        """Number of frames."""
        return sum(self.counts)

    def suspects(self) -> str:
        """Give nothing: links to files that are missing were named before."""
        return ""

    def read(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Read frames (n, H, W), counted over all data files.

        Raises
        ------
        FormatError
            If a file is missing or damaged.
        """
        parts, places = [], []
        for place, dataset, own in self._parts(indices):
            parts.append(read_numbers(dataset, own.tolist(), self.channel))
            places.append(place)
        return (
            parts[0]
            if len(parts) == 1
            else np.concatenate(parts)[np.argsort(np.concatenate(places))]
        )

    def stack(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> StoredStack | None:
        """Find frames without reading them; None if only HDF5 can read them.

        Raises
        ------
        FormatError
            If a file is missing, or ends before its frames do.
        """
        parts = (
            (place, map_frames(dataset, own, channel=self.channel))
            for place, dataset, own in self._parts(indices)
        )
        return gather_stacks(parts, indices, self.name)

    def _parts(
        self, indices: Sequence[int] | npt.NDArray[np.int64]
    ) -> Iterator[tuple[npt.NDArray[np.int64], Any, npt.NDArray[np.int64]]]:
        """Give the datasets of some frames: which these are, the dataset, their numbers there."""
        ends = np.cumsum(self.counts)
        wanted = np.asarray(indices, dtype=np.int64)
        which = np.searchsorted(ends, wanted, side="right")
        with open_h5(self.path) as file:
            for number in dict.fromkeys(which.tolist()):
                first = int(ends[number]) - self.counts[number]
                place = np.flatnonzero(which == number)
                yield place, follow(file, self.keys[number]), wanted[place] - first


def dectris_files(
    path: str | Path, channel: int | None = None, wanted: int | None = None
) -> DectrisFiles:
    """Look into a Dectris master file, of either layout.

    Frames are linked as ``/entry/data/data_000001`` and so on, (n, H, W) each, or lie in
    ``/entry/data/data``, (n, channels, H, W).

    Parameters
    ----------
    path : path
        The master file.
    channel : int, optional
        Which energy threshold, counted from 0; needed if there are several.
    wanted : int, optional
        How many frames are enough: data files after them may be missing, as they are where a scan
        was broken off.

    Raises
    ------
    FormatError
        If the master or a data file is missing, cut short, or has another layout.
    DataError
        If there are several channels and none is chosen.
    """
    path = Path(path)
    with open_h5(path) as file:
        keys = _keys(file)
        counts: list[int] = []
        lost, shapes = [], set()
        for key in keys:
            try:
                dataset = follow(file, key)
                see_sources(dataset)
            except FormatError as error:
                if not counts:
                    raise
                if wanted is None or wanted > sum(counts):
                    advice = f"`num_frames={sum(counts)}` uses the frames before it"
                    raise FormatError(f"{error}; {advice}") from error
                break
            chosen = _channel(path, dataset, channel)
            counts.append(int(dataset.shape[0]))
            missing = unwritten(dataset)
            lost.append(missing if missing.ndim == 1 else missing[:, chosen])
            shapes.add(tuple(int(n) for n in dataset.shape[-2:]))
        if len(shapes) > 1:
            raise FormatError(f"{path}: data files hold frames of different form, {shapes}")
        (height, width) = shapes.pop()
        _see_all(file, sum(counts))
        recorded, flat = _recorded(file, (height, width), chosen), None
        if not _flag(file, f"{DETECTOR}/flatfield_correction_applied"):
            flat = _plane(file, ("detectorSpecific/flatfield", "flatfield"), chosen)
        keys = keys[: len(counts)]
        return DectrisFiles(
            path,
            keys,
            tuple(counts),
            (height, width),
            chosen,
            recorded,
            flat,
            np.concatenate(lost),
        )


def _keys(file: Any) -> tuple[str, ...]:
    group = file.get(DATA)
    names = [] if group is None else sorted(n for n in group if re.fullmatch(r"data_\d+", n))
    if not names:
        if group is not None and "data" in group:
            return (f"{DATA}/data",)
        raise FormatError(
            f"{file.filename}: has no frames in /{DATA}: give the master file of a Dectris "
            "detector, or use Hdf5Loader"
        )
    numbers = [int(name[5:]) for name in names]
    if numbers[0] > 1:
        logger.error(
            "%s: the first link to a data file is %s: frames before it are not here, so that "
            "positions may belong to others",
            file.filename,
            names[0],
        )
    lost = sorted(set(range(numbers[0], numbers[-1])) - set(numbers))
    if lost:
        raise FormatError(f"{file.filename}: /{DATA} links to no data_{lost[0]:06d}")
    return tuple(f"{DATA}/{name}" for name in names)


def _channel(path: Path, dataset: Any, channel: int | None) -> int | None:
    if dataset.ndim == 3:
        if channel:
            raise DataError(
                f"{path}: frames of shape {dataset.shape} have one channel (energy threshold): "
                f"`channel` {channel} is not there; leave it None"
            )
        return None
    if dataset.ndim != 4:
        raise FormatError(f"{path}: {dataset.name} has shape {dataset.shape}, not of frames")
    channels = int(dataset.shape[1])
    if channel is None and channels == 1:
        return 0
    if channel is None or not 0 <= channel < channels:
        raise DataError(
            f"{path}: {dataset.name} has shape {dataset.shape}, which in Dectris files means "
            f"{channels} channels (energy thresholds): choose one, `channel` = 0 ... "
            f"{channels - 1}; if it is a raster of {dataset.shape[0]} x {channels} frames, use "
            "Hdf5Loader"
        )
    return channel


def _see_all(file: Any, count: int) -> None:
    """Say so if fewer frames were recorded than the detector was told to record."""
    planned = 1.0
    for name in ("nimages", "ntrigger"):
        planned *= first_number(file, (f"{SPECIFIC}/{name}",), {"": 1.0}, "") or 1.0
    if count < planned:
        logger.error(
            "%s: %d frames were recorded; the detector was set to %d", file.filename, count, planned
        )


def _recorded(file: Any, shape: tuple[int, int], channel: int | None) -> Recorded:
    def one(name: str, units: Any, default: str) -> float | None:
        return first_number(file, (f"{DETECTOR}/{name}", f"{SPECIFIC}/{name}"), units, default)

    y, x = (one(f"{axis}_pixel_size", METRES, "m") for axis in "yx")
    psize = (y, x) if y is not None and x is not None else None
    plain = {"": 1.0, "counts": 1.0, "pixel": 1.0}
    depth = one("bit_depth_image", plain, "")
    limits = [
        one("saturation_value", plain, ""),
        one("countrate_correction_count_cutoff", plain, ""),
        None if depth is None else 2.0**depth - 1,
    ]
    known = [limit for limit in limits if limit is not None]
    mask = _plane(file, ("pixel_mask", "detectorSpecific/pixel_mask"), channel)
    if mask is not None and mask.shape != shape:
        raise FormatError(f"{file.filename}: pixel_mask has shape {mask.shape}, frames {shape}")
    return Recorded(
        energy=first_energy(
            file,
            (f"{SPECIFIC}/photon_energy", f"{DETECTOR}/photon_energy", f"{BEAM}/incident_energy"),
            (f"{BEAM}/incident_wavelength", f"{BEAM}/wavelength"),
        ),
        distance=one("detector_distance", METRES, "m") or one("distance", METRES, "m"),
        psize=psize,
        center=_center(file, psize),
        saturation=min(known) if known else None,
        bad=None if mask is None else mask != 0,
    )


def _center(file: Any, psize: tuple[float, float] | None) -> tuple[float, float] | None:
    """Read where the beam meets the detector (y, x) [px]; two zeros stand for not set."""
    found = []
    for axis, name in enumerate(("beam_center_y", "beam_center_x")):
        dataset = file.get(f"{DETECTOR}/{name}")
        if dataset is None:
            return None
        unit, value = unit_of(dataset), float(np.ravel(dataset[()])[0])
        if unit in METRES and psize is not None:
            value *= METRES[unit] / psize[axis]
        found.append(value)
    return (found[0], found[1]) if any(found) else None


def _plane(file: Any, names: Sequence[str], channel: int | None) -> npt.NDArray[Any] | None:
    """Read a frame that all frames share; of several that of the channel."""
    found = array_at(file, [f"{DETECTOR}/{name}" for name in names])
    if found is None or found.ndim == 2:
        return found
    found = found.reshape(-1, *found.shape[-2:])
    return np.asarray(found[0 if len(found) == 1 else channel or 0])


def _flag(file: Any, key: str) -> bool:
    dataset = file.get(key)
    return dataset is not None and bool(np.ravel(dataset[()])[0])
