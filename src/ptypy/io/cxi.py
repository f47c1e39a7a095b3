"""CXI files of ptychography scans, and NeXus files of the same form (NXcxi_ptycho, NXptycho).

Conventions
-----------
Everything is SI. The laboratory has z along the beam, y upwards and x to the left for who looks
along the beam. ``translation`` (N, 3) is the place (x, y, z) of the **sample**. ``basis_vectors``
hold the steps from one pixel to the next along rows' order (slow) and within a row (fast),
(2, 3); files in the wild also have the transpose. Without them frames are taken to be upright for
who looks along the beam: the first row is the highest, the first column is on the left.

Positions here are where the **beam** hits the sample, along the rows and columns of the frames::

    y = -translation . slow / |slow|        x = -translation . fast / |fast|

Where x and y are datasets of their own, an attribute ``vector`` tells their direction in the
laboratory. In ``mask`` every set bit marks a bad pixel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.io._cxi_places import Places, beam_positions, find_basis, find_places
from ptypy.io._hdf5 import open_h5
from ptypy.io._quantities import KEV, METRES, array_at, first_number, number_of, unit_of
from ptypy.io.frame_source import Recorded
from ptypy.io.stored_frames import Window, follow, read_frames, see_sources
from ptypy.io.stored_stack import StoredStack, map_frames
from ptypy.io.written_frames import see_written, unwritten
from ptypy.utils.units import m2keV
from ptypy.utils.verbose import logger

__all__ = ["CxiFile", "beam_positions", "cxi_file"]

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Found = TypeVar("Found")

PHOTONS = (1e-3, 2e3)
"""Photon energies that experiments have [keV]; more is that of the storage ring."""

INSTRUMENTS = ("instrument_1", "instrument")
ENERGIES = ("incident_beam_energy", "incident_energy", "energy")
DETECTOR = r"instrument(_\d+)?/detector(_\d+)?"


@dataclass(frozen=True, slots=True, eq=False)
class CxiFile:
    """Frames of one CXI file; see `cxi_file`."""

    path: Path
    key: str
    """Dataset of the frames."""
    count: int
    shape: tuple[int, int]
    recorded: Recorded
    """What the file says; dark and flat are those it holds, whether or not it was corrected."""
    raster: tuple[int, ...]
    """Lines and columns of the scan, or (N,)."""
    missing: npt.NDArray[np.bool_]
    """Frames of the dataset that nobody has written."""
    mask_key: str | None = None
    """Dataset of the masks if there is one for every frame."""
    mask_bits: int | None = None
    """Bits of the mask that mark a bad pixel; all of them if None."""
    numbers: Numbers | None = None
    """Frames of the dataset that are used; all of them if None."""

    @property
    def name(self) -> str:
        """The file and the dataset."""
        return f"{self.path}:{self.key}"

    def suspects(self) -> str:
        """Give nothing: there is one file."""
        return ""

    def only(self, numbers: Numbers) -> CxiFile:
        """Give the same file with some of its frames, in this order."""
        points = self.recorded.positions
        recorded = replace(self.recorded, positions=None if points is None else points[numbers])
        size = len(numbers)
        return replace(self, numbers=numbers, count=size, raster=(size,), recorded=recorded)

    def read(
        self, indices: Sequence[int] | npt.NDArray[np.int64], window: Window | None = None
    ) -> npt.NDArray[Any]:
        """Read frames (n, H, W); zero outside a window, if one is given.

        Raises
        ------
        FormatError
            If the file is missing or damaged.
        """
        return self._read(self.key, indices, window)

    def bad(
        self, indices: Sequence[int] | npt.NDArray[np.int64], window: Window | None = None
    ) -> npt.NDArray[np.bool_] | None:
        """Read where pixels must not be trusted, (n, H, W), if every frame has a mask."""
        if self.mask_key is None:
            return None
        return _marked(self._read(self.mask_key, indices, window), self.mask_bits)

    def see_written(self, count: int | None = None) -> None:
        """See that the first frames, or all, were written; HDF5 would give zeros for others.

        Raises
        ------
        DataError
        """
        used = np.arange(self.count) if self.numbers is None else self.numbers
        see_written(self.missing, used[:count], self.name)

    def stack(
        self, indices: Sequence[int] | npt.NDArray[np.int64], window: Window | None = None
    ) -> StoredStack | None:
        """Find frames without reading them; None if only HDF5 can read them.

        Raises
        ------
        FormatError
            If the file is missing, or ends before its frames do.
        """
        with open_h5(self.path) as file:
            dataset = follow(file, self.key)
            return map_frames(dataset, self._numbers(indices), window, label=self.name)

    def _read(
        self, key: str, indices: Sequence[int] | npt.NDArray[np.int64], window: Window | None
    ) -> npt.NDArray[Any]:
        with open_h5(self.path) as file:
            return read_frames(follow(file, key), self._numbers(indices), window)

    def _numbers(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> Numbers:
        """Give how frames are counted in the dataset."""
        wanted = np.asarray(indices, dtype=np.int64)
        return wanted if self.numbers is None else self.numbers[wanted]


def cxi_file(
    path: str | Path,
    entry: str | None = None,
    *,
    moves: str = "sample",
    mask_bits: int | None = None,
    given: Collection[str] = (),
    plain: tuple[bool, bool] = (False, False),
    energy_factor: float = 1.0,
) -> CxiFile:
    """Look into a CXI file.

    Parameters
    ----------
    path : path
    entry : str, optional
        Entry to read; the first that holds frames if not given.
    moves : {'sample', 'beam'}
        What ``translation`` is the place of.
    mask_bits : int, optional
        Bits of the mask that mark a bad pixel; all of them if not given.
    given : names
        What the user says, of ``energy``, ``distance``, ``psize``, ``mask`` and ``positions``: it
        is not looked for, or may be of no use.
    plain : (bool, bool)
        Which of the positions, y and x, are left in the units of the file.
    energy_factor : float
        Turns the energy in the file into keV; with 1, its units do.

    Raises
    ------
    FormatError
        If the file is missing, cut short, or holds no frames.
    DataError
        If what it holds does not fit together.
    """
    path = Path(path)
    with open_h5(path) as file:
        key, place = _frames(file, entry)
        dataset = follow(file, key)
        see_sources(dataset)
        if dataset.ndim > 4:
            raise FormatError(f"{path}: {key} has shape {dataset.shape}, not of a list or a raster")
        lead = tuple(int(n) for n in dataset.shape[:-2]) or (1,)
        frame = (int(dataset.shape[-2]), int(dataset.shape[-1]))
        count, detector = int(np.prod(lead)), _detector(file, place)
        basis = find_basis(file, f"{detector}/basis_vectors")
        places = None
        if "positions" not in given:
            places = _places(file, place, detector, lead)
        bad, mask_key = None, None
        if "mask" not in given:
            bad, mask_key = _mask(file, detector, frame, count, mask_bits)
        recorded = replace(
            _geometry(file, place, detector, basis, given=given, energy_factor=energy_factor),
            bad=bad,
            dark=_mean(file, f"{detector}/data_dark"),
            flat=_mean(file, f"{detector}/data_white"),
            positions=None if places is None else places.in_metres(basis, moves, plain),
        )
        missing = np.atleast_1d(unwritten(dataset)).ravel()
    raster = lead if places is None else places.raster
    return CxiFile(path, key, count, frame, recorded, raster, missing, mask_key, mask_bits)


def _frames(file: Any, entry: str | None) -> tuple[str, str]:
    """Find the dataset of the frames, and the entry it belongs to."""
    if entry is not None and entry not in file:
        raise FormatError(
            f"{file.filename}: has no entry {entry!r}; it holds {', '.join(sorted(file))}"
        )
    entries = [entry] if entry is not None else _entries(file)
    for least in (3, 2):  # a single picture is a scan only if there is nothing else
        for place in entries:
            for pattern in (r"data_\d+", DETECTOR, r"data"):
                for group in _matching(file[place], pattern):
                    key = f"{place}/{group}/data"
                    if getattr(follow(file, key), "ndim", 0) >= least:
                        return key, place
    raise FormatError(
        f"{file.filename}: holds no frames as CXI and NeXus files do, in entry_1/data_1/data or "
        f"entry_1/instrument_1/detector_1/data; it holds {', '.join(sorted(file)) or 'nothing'}"
    )


def _entries(file: Any) -> list[str]:
    """List the groups that may be entries: those called so, and those that say so."""
    groups = [name for name in sorted(file) if hasattr(file.get(name), "keys")]
    named = [name for name in groups if name.startswith("entry")]
    told = [name for name in groups if file[name].attrs.get("NX_class") in ("NXentry", b"NXentry")]
    return list(dict.fromkeys([*named, *told]))


def _matching(group: Any, pattern: str) -> list[str]:
    """List groups below one whose path matches a pattern of at most two names."""
    first, _, second = pattern.partition("/")
    names = sorted(name for name in group if re.fullmatch(first, name))
    if not second:
        return names
    inner = [(name, sorted(group[name])) for name in names if hasattr(group[name], "keys")]
    return [f"{name}/{n}" for name, members in inner for n in members if re.fullmatch(second, n)]


def _detector(file: Any, place: str) -> str:
    """Find the group that describes the detector best."""
    found = [f"{place}/{n}" for n in _matching(file[place], DETECTOR)]
    found = [group for group in found if hasattr(file.get(group), "keys")]
    known = ("x_pixel_size", "basis_vectors", "distance", "mask")
    rank = [sum(name in file[group] for name in known) for group in found]
    return found[int(np.argmax(rank))] if found else f"{place}/instrument_1/detector_1"


def _geometry(
    file: Any, place: str, detector: str, basis: Floats | None, *, given: Collection[str],
    energy_factor: float,
) -> Recorded:  # fmt: skip
    def one(name: str, key: str) -> float | None:
        keys = [f"{detector}/{key}"]
        return _unless(given, name, lambda: first_number(file, keys, METRES, "m", f"give `{name}`"))

    y, x = (one("psize", f"{axis}_pixel_size") for axis in "yx")
    psize = None if y is None or x is None else (y, x)
    if psize is None and basis is not None:
        steps = np.linalg.norm(basis, axis=1)
        psize = (float(steps[0]), float(steps[1]))
    return Recorded(
        energy=None if "energy" in given else _energy(file, place, energy_factor),
        distance=one("distance", "distance"),
        psize=psize,
        center=_center(file, detector, psize, basis),
        saturation=number_of(file.get(f"{detector}/saturation_value")) or None,
    )


def _unless(given: Collection[str], name: str, look: Callable[[], Found]) -> Found | None:
    """Give what a look finds; what is wrong with it is no matter if the user gave something."""
    try:
        return look()
    except DataError:
        if name in given:
            return None
        raise


def _energy(file: Any, place: str, factor: float) -> float | None:
    """Find the photon energy [keV]; a group of the source may hold that of the ring."""
    for group in ("beam_1", "beam", "source_1", "source"):
        for key in (f"{place}/{i}/{group}/{name}" for name in ENERGIES for i in INSTRUMENTS):
            value = number_of(file.get(key))
            if value is None or value <= 0:
                if key in file:
                    logger.error(
                        "%s: %s is no number larger than zero: ignored", file.filename, key
                    )
                continue
            if factor != 1:
                return value * factor
            unit = unit_of(file[key])
            energy = (
                value * KEV[unit] if unit in KEV else None if unit else _guess(file, key, value)
            )
            if energy is not None and PHOTONS[0] <= energy <= PHOTONS[1]:
                return energy
            if group.startswith("beam") and energy:
                logger.error(
                    "%s: %s is %g keV, which no photons have that are used so; it is taken as it "
                    "stands: give `energy`", file.filename, key, energy,
                )  # fmt: skip
                return energy
    keys = [f"{place}/{i}/{g}" for i in INSTRUMENTS
            for g in ("source_1/wavelength", "beam_1/incident_wavelength")]  # fmt: skip
    wavelength = first_number(file, keys, METRES, "m", "give `energy`")
    return None if wavelength is None else m2keV(wavelength)


def _guess(file: Any, key: str, value: float) -> float:
    """Tell the unit of an energy by its size: joules in CXI files, else keV or eV [keV]."""
    if value < 1e-12:
        return value * KEV["j"]
    unit = "kev" if value < 200 else "ev"
    logger.error("%s: %s is %g without a unit: taken for %s", file.filename, key, value, unit)
    return value * KEV[unit]


def _places(file: Any, place: str, detector: str, lead: tuple[int, ...]) -> Places | None:
    samples = _matching(file[place], r"sample(_\d+)?")
    inside = [
        f"{place}/{s}/{g}" for s in samples for g in ("transformations", "geometry_1", "geometry")
    ]
    groups = [*inside, f"{place}/data_1", detector, f"{place}/data"]
    return find_places(file, groups, lead, trusted=inside)


def _center(
    file: Any, detector: str, psize: tuple[float, float] | None, basis: Floats | None
) -> tuple[float, float] | None:
    """Find where the beam meets the detector (y, x) [px]."""
    corner = array_at(file, [f"{detector}/corner_position"])
    if corner is not None and basis is not None and corner.size == 3:
        try:
            y, x = np.linalg.solve(basis[:, :2].T, -np.ravel(corner)[:2]) - 0.5
        except np.linalg.LinAlgError:  # a detector beside the beam
            return None
        return (float(y), float(x))
    found = []
    for axis, name in enumerate(("beam_center_y", "beam_center_x")):
        value = number_of(dataset := file.get(f"{detector}/{name}"))
        if value is None:
            return None
        unit = unit_of(dataset)
        if unit in METRES:
            if psize is None:
                return None
            value *= METRES[unit] / psize[axis]
        found.append(value)
    return (found[0], found[1]) if any(found) else None


def _mask(
    file: Any, detector: str, frame: tuple[int, int], count: int, bits: int | None
) -> tuple[npt.NDArray[np.bool_] | None, str | None]:
    """Read the mask of all frames, or say which dataset holds one for every frame."""
    for key in (f"{detector}/mask", f"{detector}/pixel_mask"):
        dataset = file.get(key)
        if dataset is None or getattr(dataset, "ndim", 0) == 0:
            continue
        masks = int(np.prod(dataset.shape[:-2]))
        if dataset.shape[-2:] != frame or masks not in (1, count):
            raise DataError(
                f"{file.filename}: {key} has shape {dataset.shape}, frames have {frame}, and there "
                f"are {count} of them"
            )
        if masks > 1:
            return None, key
        return _marked(np.asarray(dataset[()]).reshape(frame), bits), None
    return None, None


def _marked(stored: npt.NDArray[Any], bits: int | None) -> npt.NDArray[np.bool_]:
    """Mark bad pixels: those with a set bit."""
    return np.asarray(stored != 0 if bits is None else (stored.astype(np.int64) & bits) != 0)


def _mean(file: Any, key: str) -> Floats | None:
    """Read a frame, the mean if there are several."""
    found = array_at(file, [key])
    if found is None or found.ndim < 2:
        return None
    return np.asarray(found.reshape(-1, *found.shape[-2:]).mean(axis=0), dtype=np.float64)
