"""Scans in one NeXus file, as Diamond writes them for ptychography (NXptycho, NXcxi_ptycho)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ptypy import defaults_tree
from ptypy.core.data import register
from ptypy.errors import DataError, Fault, ParameterError
from ptypy.experiment._hdf5_scan import Hdf5Scan
from ptypy.experiment.hdf5_loader import Hdf5Loader
from ptypy.utils.parameters import Param

__all__ = ["DiamondNexus"]

ENTRIES = ("entry_1", "entry1", "entry")
DETECTORS = ("instrument_1/detector_1", "instrument_1/detector", "instrument/detector")
FRAMES = (*(f"{place}/data" for place in DETECTORS), "data_1/data", "data/data")
POSITIONS = ("sample_1/transformations", "sample/transformations", "data_1", "data")
TRANSLATIONS = (
    "sample_1/geometry_1/translation", "data_1/translation",
    *(f"{place}/translation" for place in DETECTORS),
)  # fmt: skip
"""Positions of all axes in one dataset, (N, 3): x, y, z."""
ENERGIES = tuple(
    f"{place}/{name}"
    for place in ("instrument_1/beam_1", "instrument/beam")
    for name in ("incident_beam_energy", "incident_energy", "energy")
)
MASKS = tuple(f"{place}/{name}" for place in DETECTORS for name in ("pixel_mask", "mask"))

IN_KEV = {"keV": 1.0, "eV": 1e-3, "MeV": 1e3, "J": 1 / 1.602176634e-16}
IN_METRES = {
    "m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "μm": 1e-6, "micron": 1e-6,
    "nm": 1e-9,
}  # fmt: skip


@register()
@defaults_tree.parse_doc("scandata.DiamondNexus")
class DiamondNexus(Hdf5Scan):
    """Read a scan from one NeXus file, whose form says where frames and positions are.

    Energy, distance, pixel size and positions are converted from the units that the file names;
    a multiplier other than one counts in place of these. Positions are taken as they are, y as
    the slow and x as the fast axis: where they are those of the **sample**, both multipliers must
    be negative.

    Defaults:

    [name]
    default = 'DiamondNexus'
    type = str
    help = Read a scan from one NeXus file of Diamond

    [file]
    default = None
    type = str
    help = NeXus file

    [mask.file]
    default = None
    type = str
    help = File that holds the mask, if not the one in the NeXus file is to be used

    [mask.key]
    default = None
    type = str
    help = Dataset of the mask, non-zero where a pixel may be trusted

    [positions.bounding_box.fast_axis_bounds]
    default = None
    type = None, int, tuple, list
    help = Use only these columns of the scan: first and last + 1, or the first alone

    [positions.bounding_box.slow_axis_bounds]
    default = None
    type = None, int, tuple, list
    help = Use only these lines of the scan: first and last + 1, or the first alone

    [positions.fast_multiplier]
    default = 1.0
    type = float
    help = Factor that turns fast positions (x) into metres; with 1, the units in the file do

    [positions.slow_multiplier]
    default = 1.0
    type = float
    help = Factor that turns slow positions (y) into metres; with 1, the units in the file do

    [recorded_energy_multiplier]
    default = 1.0
    type = float
    help = Factor that turns the energy in the file into keV; with 1, its units do

    [shape]
    default = None
    """

    def _see_sources(self, p: Param) -> None:
        if p.file is None:
            raise ParameterError([Fault("file", "None", "is needed: the path of a NeXus file")])
        super()._see_sources(self._groups(p))

    def _reads_positions(self, p: Param) -> bool:
        return p.positions_theory is None and not self._has_own_positions

    def _where(self) -> Param:
        """Find out which dataset is what."""
        where = self._groups(self.info)
        with self._open(where.intensities.file) as file:
            _Finder(file, where).find(
                energy=self.info.recorded_energy_multiplier,
                needs_positions=self._reads_positions(self.info),
            )
        return where

    @staticmethod
    def _groups(p: Param) -> Param:
        """Give these parameters as those of `Hdf5Loader`, the keys not known yet."""
        where = Hdf5Loader.DEFAULT.copy(99)
        where.update({"mask": p.mask, "positions": p.positions}, in_place_depth=99)
        where.intensities.update(file=p.file, key="")
        where.positions.update(file=p.file, slow_key="", fast_key="")
        return where


class _Finder:
    """Finds the datasets of a scan in an open NeXus file."""

    def __init__(self, file: Any, where: Param) -> None:
        self.path = where.intensities.file
        self.where = where
        found = [file[name] for name in ENTRIES if hasattr(file.get(name), "keys")]
        found += [group for group in _groups_of(file) if _text(group, "NX_class") == "NXentry"]
        if not found:
            raise DataError(
                f"{self.path} is no NeXus file of a scan: it has no NXentry, only "
                f"{', '.join(sorted(file)) or 'nothing'}"
            )
        self.entry = found[0]

    def find(self, *, energy: float, needs_positions: bool) -> None:
        """Fill in keys and multipliers."""
        where = self.where
        frames = self._first(FRAMES, least_axes=3)
        positions = self._positions() if needs_positions else {}
        missing = [] if frames is not None else [f"frames ({', '.join(FRAMES)})"]
        if positions is None:
            places = ", ".join((*(f"{place}/y and x" for place in POSITIONS), *TRANSLATIONS))
            missing.append(f"positions ({places})")
        if missing or frames is None or positions is None:
            raise DataError(f"{self.path}: {self.entry.name} has no {' and no '.join(missing)}")
        where.intensities.key = frames.name
        for axis, (dataset, index) in positions.items():
            asked = where.positions[f"{axis}_multiplier"]
            factor = self._factor(dataset, IN_METRES) if asked == 1 else asked
            where.positions[f"{axis}_key"] = dataset.name
            where.positions.update({f"{axis}_index": index, f"{axis}_multiplier": factor})
        found = self._first(ENERGIES)
        if found is not None:
            factor = self._factor(found, IN_KEV) if energy == 1 else energy
            self._record("energy", [found], factor)
        if (distance := self._first(f"{place}/distance" for place in DETECTORS)) is not None:
            self._record("distance", [distance], self._factor(distance, IN_METRES))
        sizes = [
            self._first(f"{place}/{axis}_pixel_size" for place in DETECTORS) for axis in ("y", "x")
        ]
        pair = [size for size in sizes if size is not None]
        if len(pair) == 2:
            self._record("psize", pair, self._factor(pair[0], IN_METRES))
        if where.mask.key is None and (mask := self._first(MASKS, least_axes=2)) is not None:
            # NeXus sets bits for what is wrong with a pixel.
            where.mask.update(file=self.path, key=mask.name, invert=True)

    def _record(self, name: str, datasets: list[Any], multiplier: float) -> None:
        keys = tuple(dataset.name for dataset in datasets)
        self.where[f"recorded_{name}"].update(
            file=self.path, key=keys[0] if len(keys) == 1 else keys, multiplier=multiplier
        )

    def _positions(self) -> dict[str, tuple[Any, int | None]] | None:
        """Find the datasets of y and x, and which entry of them it is."""
        for place in POSITIONS:
            y, x = (self._first([f"{place}/{axis}"]) for axis in ("y", "x"))
            if y is not None and x is not None:
                return {"slow": (y, None), "fast": (x, None)}
        found = self._first(TRANSLATIONS, least_axes=2)
        return None if found is None else {"slow": (found, 1), "fast": (found, 0)}

    def _first(self, paths: Iterable[str], least_axes: int = 0) -> Any:
        """Give the first dataset that is there."""
        for path in paths:
            found = self.entry.get(path)
            if hasattr(found, "shape") and len(found.shape) >= least_axes:
                return found
        return None

    def _factor(self, dataset: Any, factors: dict[str, float]) -> float:
        """Give the factor for the units that a dataset names; those of this project if none."""
        units = _text(dataset, "units")
        if units == "":
            return 1.0
        if units not in factors:
            raise DataError(
                f"{self.path}:{dataset.name} is in {units!r}: known are {', '.join(factors)}; "
                "for others, give a multiplier"
            )
        return factors[units]


def _groups_of(file: Any) -> Iterator[Any]:
    for name in sorted(file):
        if hasattr(file.get(name), "keys"):
            yield file[name]


def _text(node: Any, name: str) -> str:
    """Read an attribute that should be text; empty if there is none."""
    value = node.attrs.get(name, "")
    return value.decode() if isinstance(value, bytes) else str(value)
