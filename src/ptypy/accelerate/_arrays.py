"""What enters and leaves the room: checks, and the layouts of probe and object."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._buffers import aligned_zeros
from ptypy.accelerate._compile import LANES
from ptypy.accelerate._lanes import ROW, VALUE
from ptypy.accelerate._pack import (
    add_planes,
    add_strips,
    join_planes,
    join_strips,
    split_planes,
    split_strips,
)
from ptypy.accelerate._transform import Transform
from ptypy.errors import DataError

__all__ = [
    "Planes",
    "Strips",
    "check_array",
    "check_corners",
    "check_measured",
    "check_probe_and_object",
    "check_waves",
]

Complex = npt.NDArray[np.complex64]


def check_array(
    name: str, array: Any, shape: tuple[int | None, ...], dtype: Any, writeable: bool = False
) -> None:
    """Refuse an array of another type or shape; None in ``shape`` stands for any length."""
    if not isinstance(array, np.ndarray):
        raise DataError(f"{name} is a {type(array).__name__}; it must be a numpy array")
    fits = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype != dtype:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise DataError(
            f"{name} is {array.dtype} of shape {array.shape}; "
            f"it must be {np.dtype(dtype)} of shape ({wanted})"
        )
    if writeable and not array.flags.writeable:
        raise DataError(f"{name} is changed in place, but it is read-only")


def check_probe_and_object(transform: Transform, probe: Any, obj: Any) -> None:
    """Refuse a probe or an object that kernels cannot take."""
    check_array("probe", probe, (None, *transform.shape), np.complex64)
    check_array("obj", obj, (None, None), np.complex64)
    if not len(probe):
        raise DataError("probe has no mode")


def check_corners(
    transform: Transform, corners: Any, object_shape: tuple[int, ...], margin: int = 0
) -> npt.NDArray[np.int64]:
    """Give the corners as int64, after making sure that every view lies inside the object.

    Parameters
    ----------
    corners : (N, 2) int
        Row and column of the object's pixel under each frame's upper left pixel.
    object_shape : (int, int)
        Height and width of the object [px].
    margin : int
        How many pixels below and to the right of a view are needed, too.
    """
    given = np.asarray(corners)
    if given.ndim != 2 or given.shape[1] != 2 or given.dtype.kind not in "iu":
        raise DataError(
            f"corners are {given.dtype} of shape {given.shape}; they must be integers (N, 2)"
        )
    places: npt.NDArray[np.int64] = np.ascontiguousarray(given, np.int64)
    last = np.subtract(object_shape, transform.shape) - margin
    outside = ((places < 0) | (places > last)).any(axis=1)
    if outside.any():
        j = int(outside.argmax())
        raise DataError(
            f"{int(outside.sum())} of {len(places)} frames reach beyond the object: frame {j} has "
            f"its corner at {tuple(places[j].tolist())}; an object of {tuple(object_shape)} px "
            f"takes corners from (0, 0) to {tuple(last.tolist())}"
        )
    return places


def check_waves(
    transform: Transform, waves: Any, frames: int, modes: int, writeable: bool = False
) -> None:
    """Refuse exit waves that are not packed for this transform."""
    check_array("waves", waves, transform.wave_shape(frames, modes), np.float32, writeable)
    _check_contiguous("waves", waves)


def check_measured(name: str, transform: Transform, packed: Any, frames: int) -> None:
    """Refuse measured frames that are not packed for this transform."""
    check_array(name, packed, transform.measured_shape(frames), np.float32)
    _check_contiguous(name, packed)


def _check_contiguous(name: str, array: npt.NDArray[Any]) -> None:
    if not array.flags.c_contiguous:
        raise DataError(f"{name} must be contiguous; pass numpy.ascontiguousarray({name})")


class Planes:
    """An object in the kernels' layout: one plane of real parts, one of imaginary parts.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the object [px].
    memory : (..., ) float32, optional
        Where to keep them; `Planes.size` values.
    planes : int
        How many planes: 2, or 3 with one for a denominator.
    """

    def __init__(
        self, shape: tuple[int, int], memory: npt.NDArray[np.float32] | None = None, planes: int = 2
    ) -> None:
        self.shape = shape
        self.row = self._row(shape[1])
        self.plane = shape[0] * self.row
        size = self.size(shape, planes)
        self.memory = aligned_zeros((size,)) if memory is None else memory
        self.address = self.memory.ctypes.data

    @staticmethod
    def _row(width: int) -> int:
        """Step between rows [bytes]: room for a last strip, and an odd number of vectors.

        Columns of a strip must not all fall into the same set of the processor's cache, as
        they would at a step of 4096 bytes.
        """
        return (-(-width // LANES) + 1 | 1) * LANES * VALUE

    @classmethod
    def size(cls, shape: tuple[int, int], planes: int = 2) -> int:
        """How many float32 an object of ``shape`` takes."""
        return planes * shape[0] * cls._row(shape[1]) // VALUE

    @classmethod
    def of(cls, obj: Complex) -> Planes:
        """Bring an object into this layout."""
        planes = cls((obj.shape[0], obj.shape[1]))
        pairs = np.ascontiguousarray(obj)
        split_planes(pairs.ctypes.data, *planes.shape, planes.address, planes.row, planes.plane)
        return planes

    def write_to(self, obj: Complex) -> None:
        """Bring it back into the natural layout."""
        pairs = obj if obj.flags.c_contiguous else np.empty_like(obj, order="C")
        join_planes(self.address, self.row, self.plane, *self.shape, pairs.ctypes.data)
        if pairs is not obj:
            obj[...] = pairs

    def add_to(
        self, target: npt.NDArray[Any], first: int = 0, top: int = 0, factor: float = 1.0
    ) -> None:
        """Add to rows ``top`` ... of an array: planes to a complex one, one plane to a real one."""
        rows = target[top : top + self.shape[0]]
        whole = rows if rows.flags.c_contiguous else np.ascontiguousarray(rows)
        parts = 2 if np.iscomplexobj(target) else 1
        for part in range(parts):
            source = self.address + (first + part) * self.plane
            address = whole.ctypes.data + VALUE * part
            add_planes(source, self.row, *self.shape, float(factor), address, parts)
        if whole is not rows:
            rows[...] = whole


class Strips:
    """Probe modes in the kernels' layout, times a factor.

    Parameters
    ----------
    probe : (M, H, W) complex64
    factor : float
    """

    def __init__(self, transform: Transform, probe: Complex, factor: float) -> None:
        modes = len(probe)
        self.shape = (modes, *transform.shape)
        self.mode_bytes = transform.strips * transform.shape[0] * ROW
        self.memory = aligned_zeros((modes * self.mode_bytes // VALUE,))
        self.address = self.memory.ctypes.data
        pairs = np.ascontiguousarray(probe)
        split_strips(pairs.ctypes.data, *self.shape, float(factor), self.address)

    def write_to(self, probe: Complex, factor: float) -> None:
        """Bring the modes, times ``factor``, back into the natural layout."""
        pairs = probe if probe.flags.c_contiguous else np.empty_like(probe, order="C")
        join_strips(self.address, *self.shape, float(factor), pairs.ctypes.data)
        if pairs is not probe:
            probe[...] = pairs


def add_vectors(source: int, row: int, part: int, target: npt.NDArray[Any], factor: float) -> None:
    """Add vectors of strips with rows of ``row`` bytes to a frame (H, W), real or complex.

    ``part`` is where in a row the (first of two) vectors stands [bytes].
    """
    whole = target if target.flags.c_contiguous else np.ascontiguousarray(target)
    step = 2 if np.iscomplexobj(target) else 1
    for k in range(step):
        place = part + k * LANES * VALUE
        address = whole.ctypes.data + VALUE * k
        add_strips(source, place, row, *target.shape, float(factor), address, step)
    if whole is not target:
        target[...] = whole
