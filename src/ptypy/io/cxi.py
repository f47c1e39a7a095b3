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

In ``mask`` every set bit marks a bad pixel.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.io._hdf5 import open_h5
from ptypy.io._quantities import KEV, METRES, array_at, first_number, unit_of
from ptypy.io._stored_frames import follow, read_numbers, see_sources
from ptypy.io.frame_source import Recorded
from ptypy.utils.units import m2keV
from ptypy.utils.verbose import logger

__all__ = ["CxiFile", "beam_positions", "cxi_file"]

Floats = npt.NDArray[np.float64]

UPRIGHT = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Directions of rows (slow) and columns (fast) of a frame that is upright."""

PHOTONS = (1e-3, 2e3)
"""Photon energies that experiments have [keV]; more is that of the storage ring."""


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

    @property
    def name(self) -> str:
        """The file and the dataset."""
        return f"{self.path}:{self.key}"

    def suspects(self) -> str:
        """Give nothing: there is one file."""
        return ""

    def read(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Read frames (n, H, W).

        Raises
        ------
        FormatError
            If the file is missing or damaged.
        """
        with open_h5(self.path) as file:
            return read_numbers(follow(file, self.key), [int(k) for k in indices])


def cxi_file(
    path: str | Path,
    entry: str | None = None,
    *,
    moves: str = "sample",
    mask_bits: int | None = None,
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
        shape = tuple(int(n) for n in dataset.shape)
        if len(shape) > 4:
            raise FormatError(f"{path}: {key} has shape {shape}, not of a list or a raster")
        count, frame = int(np.prod(shape[:-2], dtype=int)), (shape[-2], shape[-1])
        detector = _detector(file, place)
        basis = _basis(file, detector)
        recorded = _recorded(file, place, detector, basis, moves)
        bad = _mask(file, detector, frame, mask_bits)
        dark, flat = (_mean(file, f"{detector}/{name}") for name in ("data_dark", "data_white"))
    fields = {name: getattr(recorded, name) for name in ("energy", "distance", "psize", "center")}
    return CxiFile(
        path,
        key,
        count,
        frame,
        Recorded(
            **fields, saturation=recorded.saturation, bad=bad, dark=dark, flat=flat,
            positions=recorded.positions,
        ),
    )  # fmt: skip


def beam_positions(
    translation: npt.ArrayLike, basis: npt.ArrayLike | None = None, moves: str = "sample"
) -> Floats:
    """Turn places of the sample in the laboratory into positions of the beam on the sample.

    Parameters
    ----------
    translation : (N, 3) or (N, 2)
        Places (x, y, z) or (x, y) [m].
    basis : (2, 3), optional
        Steps from pixel to pixel, slow and fast, in the laboratory [m]; upright if not given.
    moves : {'sample', 'beam'}
        What ``translation`` is the place of.

    Returns
    -------
    (N, 2) float64
        Positions (y, x) along rows and columns of the frames [m].

    Examples
    --------
    >>> beam_positions([[1e-6, 3e-6, 0.0]])
    array([[3.e-06, 1.e-06]])
    """
    places = np.asarray(translation, dtype=np.float64)
    steps = UPRIGHT if basis is None else np.asarray(basis, dtype=np.float64)
    directions = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    sign = 1.0 if moves == "beam" else -1.0
    return np.asarray(sign * places @ directions[:, : places.shape[1]].T)


def _frames(file: Any, entry: str | None) -> tuple[str, str]:
    """Find the dataset of the frames, and the entry it belongs to."""
    entries = [entry] if entry is not None else sorted(n for n in file if n.startswith("entry"))
    for place in entries:
        if place not in file:
            raise FormatError(
                f"{file.filename}: has no entry {place!r}; it holds {', '.join(sorted(file))}"
            )
        for pattern in (r"data_\d+", r"instrument(_\d+)?/detector(_\d+)?", r"data"):
            for group in _matching(file[place], pattern):
                if getattr(file.get(f"{place}/{group}/data"), "ndim", 0) >= 2:
                    return f"{place}/{group}/data", place
    raise FormatError(
        f"{file.filename}: holds no frames as CXI files do, in entry_1/data_1/data or "
        "entry_1/instrument_1/detector_1/data"
    )


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
    found = [f"{place}/{n}" for n in _matching(file[place], r"instrument(_\d+)?/detector(_\d+)?")]
    known = ("x_pixel_size", "basis_vectors", "distance", "mask")
    rank = [sum(name in file[group] for name in known) for group in found]
    return found[int(np.argmax(rank))] if found else f"{place}/instrument_1/detector_1"


def _recorded(file: Any, place: str, detector: str, basis: Floats | None, moves: str) -> Recorded:
    y, x = (first_number(file, [f"{detector}/{a}_pixel_size"], METRES, "m") for a in "yx")
    psize = None if y is None or x is None else (y, x)
    if psize is None and basis is not None:
        steps = np.linalg.norm(basis, axis=1)
        psize = (float(steps[0]), float(steps[1]))
    saturation = file.get(f"{detector}/saturation_value")
    translation = _translation(file, place, detector)
    return Recorded(
        energy=_energy(file, place),
        distance=first_number(file, [f"{detector}/distance"], METRES, "m"),
        psize=psize,
        center=_center(file, detector, psize, basis),
        saturation=None if saturation is None else float(np.ravel(saturation[()])[0]) or None,
        positions=None if translation is None else beam_positions(translation, basis, moves),
    )


def _energy(file: Any, place: str) -> float | None:
    """Find the photon energy [keV]; a group of the source may hold that of the ring."""
    for group in ("beam_1", "beam", "source_1", "source"):
        for name in ("incident_beam_energy", "incident_energy", "energy"):
            key = next(
                (k for i in ("instrument_1", "instrument")
                 if (k := f"{place}/{i}/{group}/{name}") in file), None,
            )  # fmt: skip
            if key is None:
                continue
            value, unit = float(np.ravel(file[key][()])[0]), unit_of(file[key])
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
    keys = [f"{place}/{i}/{g}" for i in ("instrument_1", "instrument")
            for g in ("source_1/wavelength", "beam_1/incident_wavelength")]  # fmt: skip
    wavelength = first_number(file, keys, METRES, "m")
    return None if wavelength is None else m2keV(wavelength)


def _guess(file: Any, key: str, value: float) -> float:
    """Tell the unit of an energy by its size: joules in CXI files, else keV or eV [keV]."""
    if value < 1e-12:
        return value * KEV["j"]
    unit = "kev" if value < 200 else "ev"
    logger.error("%s: %s is %g without a unit: taken for %s", file.filename, key, value, unit)
    return value * KEV[unit]


def _translation(file: Any, place: str, detector: str) -> Floats | None:
    samples = _matching(file[place], r"sample(_\d+)?")
    inside = [f"{s}/{g}" for s in samples for g in ("geometry_1", "geometry", "transformations")]
    groups = [*(f"{place}/{g}" for g in [*inside, "data_1"]), detector, f"{place}/data"]
    for group in groups:
        found = array_at(file, [f"{group}/translation"])
        if found is not None and found.ndim == 2 and found.shape[1] in (2, 3):
            unit = METRES.get(unit_of(file[f"{group}/translation"]), 1.0)
            return np.asarray(found * unit, dtype=np.float64)
        read = [array_at(file, [f"{group}/{axis}"]) for axis in "xy"]
        axes = [axis for axis in read if axis is not None]
        if len(axes) == 2 and axes[0].size == axes[1].size:
            units = [METRES.get(unit_of(file[f"{group}/{axis}"]), 1.0) for axis in "xy"]
            flat = [np.ravel(a) * u for a, u in zip(axes, units, strict=True)]
            return np.stack(flat, axis=1).astype(np.float64)
    return None


def _basis(file: Any, detector: str) -> Floats | None:
    """Read the steps from pixel to pixel, (2, 3); in the wild they may lie transposed."""
    found = array_at(file, [f"{detector}/basis_vectors"])
    if found is None:
        return None
    steps: Floats = np.asarray(found, dtype=np.float64).reshape(-1, *found.shape[-2:])[0]
    steps = steps.T if steps.shape == (3, 2) else steps
    if steps.shape != (2, 3) or not np.linalg.norm(steps, axis=1).all():
        raise DataError(
            f"{file.filename}: {detector}/basis_vectors has shape {found.shape}; two steps (x, y, "
            "z) that are not zero are needed"
        )
    return steps


def _center(
    file: Any, detector: str, psize: tuple[float, float] | None, basis: Floats | None
) -> tuple[float, float] | None:
    """Find where the beam meets the detector (y, x) [px]."""
    corner = array_at(file, [f"{detector}/corner_position"])
    if corner is not None and basis is not None and corner.size == 3:
        y, x = np.linalg.solve(basis[:, :2].T, -np.ravel(corner)[:2]) - 0.5
        return (float(y), float(x))
    found = []
    for axis, name in enumerate(("beam_center_y", "beam_center_x")):
        dataset = file.get(f"{detector}/{name}")
        if dataset is None:
            return None
        unit = unit_of(dataset)
        length = METRES[unit] / psize[axis] if unit in METRES and psize is not None else 1.0
        found.append(float(np.ravel(dataset[()])[0]) * length)
    return (found[0], found[1]) if any(found) else None


def _mask(
    file: Any, detector: str, frame: tuple[int, int], bits: int | None
) -> npt.NDArray[np.bool_] | None:
    stored = array_at(file, [f"{detector}/mask", f"{detector}/pixel_mask"])
    if stored is None:
        return None
    if stored.shape[-2:] != frame:
        raise DataError(
            f"{file.filename}: {detector}/mask has shape {stored.shape}, frames have {frame}"
        )
    bad = stored != 0 if bits is None else (stored.astype(np.int64) & bits) != 0
    if bad.ndim > 2:
        logger.error(
            "%s: there is a mask for every frame; a pixel that is bad in one is not trusted in any",
            file.filename,
        )
    return np.asarray(bad.reshape(-1, *frame).any(axis=0))


def _mean(file: Any, key: str) -> Floats | None:
    """Read a frame, the mean if there are several."""
    found = array_at(file, [key])
    if found is None:
        return None
    return np.asarray(found.reshape(-1, *found.shape[-2:]).mean(axis=0), dtype=np.float64)
