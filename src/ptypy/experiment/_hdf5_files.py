"""What the datasets of one HDF5 scan say: shapes, motors, which frames are used, corrections."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.experiment._hdf5_layout import (
    first_of_both,
    monitor_gain,
    motor_of,
    pair_positions,
    raster_shape,
    read_bounds,
    select_frames,
)
from ptypy.experiment._hdf5_read import (
    Opener,
    dataset_of,
    factor_of,
    read_numbers,
    read_stored,
)
from ptypy.io.stored_frames import Window, read_frames
from ptypy.io.stored_stack import StoredStack, map_frames
from ptypy.io.written_frames import see_written, unwritten
from ptypy.utils.parameters import Param
from ptypy.utils.units import KEV, METRES

__all__ = ["FIELDS", "Hdf5Files", "look_at_all"]

FIELDS = ("mask", "darkfield", "flatfield")
"""Groups of parameters that name one frame for all, or one for each."""

Floats = npt.NDArray[np.float64]


class Hdf5Files:
    """Looks into the files of a scan when it is asked, and only once.

    Parameters
    ----------
    where : Param
        Groups of names of files and datasets, as the parameters of `Hdf5Loader`.
    opened : callable
        Opens a file.
    has_motors : bool
        False if positions come from elsewhere.
    wanted : int, optional
        How many frames will be used, if that is known.
    """

    def __init__(
        self, where: Param, opened: Opener, *, has_motors: bool, wanted: int | None = None
    ) -> None:
        self.where = where
        self.opened = opened
        self.has_motors = has_motors
        self.wanted = wanted
        self._looked: dict[str, tuple[bool, int | None]] = {}
        self._factors: dict[str, float] = {}

    def survey(self) -> None:
        """See that all that is named is there and fits together.

        Raises
        ------
        DataError or FormatError
            With every fault there is.
        """
        looks: list[Callable[[], Any]] = [self._see_frames]
        looks += [partial(self.is_each, name) for name in FIELDS if self.has(name)]
        looks += [lambda: self.motors] if self.has_motors else []
        looks += [lambda: self.gain, lambda: self.recorded, lambda: self.frame_numbers]
        look_at_all([*looks, self._see_written])

    def has(self, name: str) -> bool:
        """Say whether a group of parameters names a dataset."""
        group = self.where.get(name)
        return group is not None and group.get("key") is not None

    @cached_property
    def full_shape(self) -> tuple[int, ...]:
        """Shape of the dataset of frames."""
        source = self.where.intensities
        with self.opened(source.file) as file:
            dataset = dataset_of(file, source, "intensities")
            shape = tuple(int(n) for n in dataset.shape)
            if dataset.dtype.kind not in "biuf":
                raise DataError(
                    f"intensities: {source.file}:{source.key} holds {dataset.dtype}, not counts"
                )
        rest = shape if self.where.outer_index is None else shape[1:]
        if len(rest) not in (3, 4):
            outer = "" if self.where.outer_index is None else ", after one axis for `outer_index`"
            raise DataError(
                f"{source.file}:{source.key} has shape {shape}; frames have shape "
                f"(K, rows, columns) or (A, B, rows, columns){outer}"
            )
        return shape

    @cached_property
    def outer(self) -> int | None:
        """Which of several scans in one dataset is read."""
        index = self.where.outer_index
        if index is not None and not -self.full_shape[0] <= index < self.full_shape[0]:
            raise DataError(
                f"outer_index is {index}; the dataset of frames, {self.full_shape}, holds scans "
                f"0 to {self.full_shape[0] - 1}"
            )
        return None if index is None else int(index) % self.full_shape[0]

    @property
    def dataset_shape(self) -> tuple[int, ...]:
        """Shape of the dataset of frames, without the axis that `outer_index` picks from."""
        return self.full_shape if self.outer is None else self.full_shape[1:]

    @property
    def scan_shape(self) -> tuple[int, ...]:
        """Frames, or lines and columns of a raster."""
        return self.dataset_shape[:-2]

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of a frame [px]."""
        height, width = self.dataset_shape[-2:]
        return height, width

    @property
    def motors(self) -> tuple[Floats, Floats]:
        """Readings of the slow and the fast motor [m], of a shape that fits the frames."""
        return self._paired[1:]

    @cached_property
    def _paired(self) -> tuple[tuple[int, ...], Floats, Floats]:
        """Shape of the scan as far as it has positions, and the motors [m]."""
        raw = self.read_motors()
        inner = {axis: self._of_scan(values) for axis, values in raw.items()}
        try:
            return self._pair(raw)
        except DataError:
            if all(inner[axis] is values for axis, values in raw.items()):
                raise
        return self._pair(inner)

    def _pair(self, raw: dict[str, Floats]) -> tuple[tuple[int, ...], Floats, Floats]:
        frames = int(np.prod(self.scan_shape))
        slow, fast = (self.one_motor(axis, values, frames) for axis, values in raw.items())
        shape, slow, fast = first_of_both(self.scan_shape, slow, fast, self.wanted)
        pair_positions(shape, slow, fast)
        return shape, slow, fast

    def read_motors(self) -> dict[str, Floats]:
        """Read the datasets of the slow and the fast motor."""
        group = self.where.positions
        return {
            axis: read_numbers(
                self.opened,
                Param(file=group.file, key=group[f"{axis}_key"]),
                f"positions.{axis}",
            )
            for axis in ("slow", "fast")
        }

    def one_motor(self, axis: str, values: Floats, frames: int) -> Floats:
        """Pick one motor out of its dataset, and bring it to metres."""
        group = self.where.positions
        picked = motor_of(values, group[f"{axis}_index"], frames, f"positions.{axis}")
        return picked * self.factor(axis)

    def factor(self, axis: str) -> float:
        """Give the factor that turns the readings of a motor into metres."""
        if axis not in self._factors:
            group = self.where.positions
            source = Param(file=group.file, key=group[f"{axis}_key"])
            self._factors[axis] = factor_of(
                self.opened, source, float(group[f"{axis}_multiplier"]), METRES, f"positions.{axis}"
            )
        return self._factors[axis]

    @property
    def positions(self) -> Floats:
        """Position (slow, fast) of every frame of the file that has one [m], shape (K, 2)."""
        return pair_positions(*self._paired)

    @cached_property
    def frame_numbers(self) -> npt.NDArray[np.int64]:
        """Frames that are used, counted in the order of the file."""
        shape = self.scan_shape
        if not self.has_motors:
            return self.choose(shape)
        numbers = self.choose(raster_shape(shape, *self.motors))
        return numbers[numbers < np.prod(self._paired[0])]

    def choose(self, scan_shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Give the frames of a scan of this shape that are used."""
        where = self.where
        box = where.positions.bounding_box
        keep = order = None
        if self.has("framefilter"):
            stored = read_numbers(self.opened, where.framefilter, "framefilter")
            if stored.size != np.prod(scan_shape):
                stored = self._of_scan(stored)
            keep = stored != 0
        if where.frameorder.indices is not None:
            order = np.asarray(where.frameorder.indices, dtype=np.int64)
        return select_frames(
            scan_shape,
            keep=keep,
            slow_bounds=read_bounds(box.slow_axis_bounds),
            fast_bounds=read_bounds(box.fast_axis_bounds),
            skip=where.positions.skip,
            order=order,
        )

    @cached_property
    def gain(self) -> Floats | None:
        """Factor that takes out of every frame of the file what the source did."""
        if not self.has("normalisation"):
            return None
        source = self.where.normalisation
        monitor = read_numbers(self.opened, source, "normalisation")
        if monitor.size != np.prod(self.scan_shape):
            monitor = self._of_scan(monitor)
        return monitor_gain(monitor.ravel(), self.scan_shape, source.sigma)

    @cached_property
    def recorded(self) -> dict[str, Any]:
        """Read energy [keV], distance [m] and pixel size [m] where they are recorded."""
        found: dict[str, Any] = {}
        for name in ("energy", "distance", "psize"):
            if not self.has(f"recorded_{name}"):
                continue
            source = self.where[f"recorded_{name}"]
            stored = read_numbers(self.opened, source, f"recorded_{name}").ravel()
            units = KEV if name == "energy" else METRES
            factor = factor_of(
                self.opened, source, float(source.multiplier), units, f"recorded_{name}"
            )
            values = stored * factor + source.get("offset", 0.0)
            if not values.size or not np.isfinite(values).all() or (values <= 0).any():
                raise DataError(
                    f"recorded_{name}: {source.file}:{source.key} gives {values.tolist()[:3]}; "
                    "a number larger than zero is needed"
                )
            pair = name == "psize" and values.size == 2
            found[name] = tuple(values.tolist()) if pair else float(values.mean())
        return found

    def is_each(self, name: str) -> bool:
        """Say whether a mask, dark or flat is there for each frame and not one for all."""
        return self._look_at(name)[0]

    def has_each(self, name: str) -> bool:
        """Say whether a group names a dataset with one mask, dark or flat for each frame."""
        return self.has(name) and self.is_each(name)

    def field(self, name: str) -> npt.NDArray[Any]:
        """Read a mask, dark or flat that all frames share, in the type that it is stored in."""
        stored = read_stored(self.opened, self.where[name], name)
        outer = self._look_at(name)[1]
        return (stored if outer is None else stored[outer]).reshape(self.frame_shape)

    def frames(
        self, numbers: npt.NDArray[np.int64], window: Window, name: str = "intensities"
    ) -> npt.NDArray[Any]:
        """Read frames, or the masks, darks or flats that belong to them, by number."""
        source = self.where[name]
        outer = self.outer if name == "intensities" else self._look_at(name)[1]
        with self.opened(source.file) as file:
            dataset = dataset_of(file, source, name)
            label = f"{source.file}:{source.key}"
            return read_frames(dataset, numbers, window, label=label, outer=outer)

    def stack(self, numbers: npt.NDArray[np.int64], window: Window) -> StoredStack | None:
        """Find frames by number without reading them; None if only HDF5 can read them."""
        source = self.where.intensities
        with self.opened(source.file) as file:
            dataset = dataset_of(file, source, "intensities")
            label = f"{source.file}:{source.key}"
            return map_frames(dataset, numbers, window, label=label, outer=self.outer)

    def _see_frames(self) -> None:
        if not np.prod(self.dataset_shape):
            source = self.where.intensities
            raise DataError(
                f"{source.file}:{source.key} has shape {self.full_shape}: there are no frames"
            )

    def _see_written(self) -> None:
        """Refuse frames that nobody has written: HDF5 would give a constant in their place."""
        source = self.where.intensities
        with self.opened(source.file) as file:
            missing = unwritten(dataset_of(file, source, "intensities"))
        missing = missing if self.outer is None else missing[self.outer]
        label = f"intensities: {source.file}:{source.key}"
        see_written(missing.ravel(), self.frame_numbers[: self.wanted], label)

    def _look_at(self, name: str) -> tuple[bool, int | None]:
        """Tell whether a field is one a frame, and which entry along an outer axis it is."""
        if name in self._looked:
            return self._looked[name]
        source = self.where[name]
        with self.opened(source.file) as file:
            dataset = dataset_of(file, source, name)
            shape, dtype = tuple(int(n) for n in dataset.shape), dataset.dtype
        if dtype.kind not in "biuf":
            raise DataError(f"{name}: {source.file}:{source.key} holds {dtype}, not real numbers")
        frames = int(np.prod(self.scan_shape))
        ways: list[tuple[tuple[int, ...], int | None]] = [(shape[:-2], None)]
        if self.outer is not None and len(shape) > 2 and shape[0] == self.full_shape[0]:
            ways.append((shape[1:-2], self.outer))
        for lead, outer in ways:
            count = int(np.prod(lead))
            if shape[-2:] == self.frame_shape and count in (1, frames) and len(lead) < 3:
                self._looked[name] = (count == frames > 1, outer)
                return self._looked[name]
        raise DataError(
            f"{name}: {source.file}:{source.key} has shape {shape}, not that of a frame, "
            f"{self.frame_shape}, nor is there one for each of {frames} frames"
        )

    def _of_scan(self, values: Floats) -> Floats:
        """Pick the scan that `outer_index` means, if the first axis counts scans."""
        if self.outer is None or values.ndim < 2 or len(values) != self.full_shape[0]:
            return values
        return np.asarray(values[self.outer])


def look_at_all(looks: Iterable[Callable[[], Any]]) -> None:
    """Call all of these, then raise everything that they found wrong as one error.

    Raises
    ------
    DataError or FormatError
    """
    faults: list[DataError | FormatError] = []
    for look in looks:
        try:
            look()
        except (DataError, FormatError) as error:
            if str(error) not in {str(fault) for fault in faults}:
                faults.append(error)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        text = "; ".join(str(fault) for fault in faults)
        some = any(isinstance(fault, DataError) for fault in faults)
        raise DataError(text) if some else FormatError(text)
