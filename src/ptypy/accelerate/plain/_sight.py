"""What one colour of a block of frames is, and what all colours must agree upon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._arrays import check_array
from ptypy.errors import DataError

__all__ = [
    "Complex",
    "Real",
    "Scene",
    "Sight",
    "Wave",
    "check_arrays",
    "check_rows",
    "check_sights",
    "real_type",
]

Complex: TypeAlias = npt.NDArray[np.complexfloating[Any, Any]]
Real: TypeAlias = npt.NDArray[np.floating[Any]]
Wave: TypeAlias = Callable[[Complex], Complex]


@dataclass(frozen=True, slots=True)
class Sight:
    """What one colour of a block of N frames is: arrays only.

    Arrays are in natural order, complex64 or complex128, all of one type. Two sights may hold
    the very same probe or object. Whatever is given per sight (sums, gradients) is that sight's
    alone; where two share an array, pass the same target twice, and both are added to it.
    """

    probe: Complex
    """Illumination, (M, H, W) for all frames or (N, M, H, W), a probe for each frame."""
    obj: Complex
    """Transmission of the object, (L, Ho, Wo)."""
    corners: npt.NDArray[np.int64]
    """Row and column of the object's pixel under each frame's upper left pixel, (N, 2)."""
    shifts: npt.NDArray[np.float64] | None
    """Part of a pixel, from 0 to below 1, by which each frame lies below and to the right of its
    corner, (N, 2); views are interpolated linearly. None if all lie on whole pixels."""
    forward: Wave
    """From the object to the detector, (..., H, W) to (..., H, W); linear, and no wave gains
    intensity. It may overwrite what it is given."""
    adjoint: Wave
    """The adjoint of ``forward``; its inverse, unless waves are lost on the way. It may overwrite
    what it is given."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a view of the object [px]."""
        return self.probe.shape[-2], self.probe.shape[-1]

    @property
    def probe_modes(self) -> int:
        """How many modes the probe has: M."""
        return int(self.probe.shape[-3])

    @property
    def object_modes(self) -> int:
        """How many modes the object has: L."""
        return int(self.obj.shape[0])

    @property
    def wave_shape(self) -> tuple[int, int, int, int]:
        """Shape of the exit waves of one frame: (M, L, H, W)."""
        return (self.probe_modes, self.object_modes, *self.shape)

    def probe_of(self, j: int) -> Complex:
        """Give the modes that frame ``j`` is lit by, (M, H, W)."""
        return self.probe[j] if self.probe.ndim == 4 else self.probe


@dataclass(frozen=True, slots=True)
class Scene:
    """All colours of a block, checked.

    Parameters
    ----------
    sights : tuple of Sight
    measured : (N, h, w) real
        What was measured; negative where a pixel is not to be trusted.
    """

    sights: tuple[Sight, ...]
    measured: Real

    @classmethod
    def of(cls, sights: Sequence[Sight], name: str, measured: Any) -> Scene:
        """Check sights and measured frames.

        Raises
        ------
        DataError
            If shapes or types do not fit, or a frame reaches beyond the object.
        """
        check_sights(sights)
        frames = len(sights[0].corners)
        if not isinstance(measured, np.ndarray) or measured.dtype.kind != "f":
            raise DataError(f"{name} must be an array of real numbers (N, h, w)")
        if measured.ndim != 3 or len(measured) != frames:
            raise DataError(
                f"{name} has the shape {measured.shape}; it must be ({frames}, h, w), a frame for "
                f"each corner"
            )
        for sight in sights:
            _find_factor(sight.shape, measured.shape[1:], name)
        return cls(tuple(sights), measured)

    @property
    def frames(self) -> int:
        """How many frames."""
        return len(self.measured)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of all waves."""
        return self.sights[0].probe.dtype

    @property
    def detector(self) -> tuple[int, int]:
        """Height and width of a measured frame [px]."""
        return self.measured.shape[1], self.measured.shape[2]

    def measured_at(self, j: int) -> Real:
        """Give measured frame ``j`` in the precision of the waves, (h, w)."""
        frame: Real = self.measured[j].astype(real_type(self.dtype), copy=False)
        return frame


def real_type(dtype: Any) -> np.dtype[Any]:
    """Give the type of real parts: float32 for complex64, float64 for complex128."""
    return np.empty(0, dtype).real.dtype


def _find_factor(fine: tuple[int, int], coarse: tuple[int, ...], name: str) -> int:
    """Give how many fine pixels make up the edge of a detector pixel."""
    factor = fine[0] // coarse[0] if min(coarse) > 0 else 0
    if factor < 1 or fine != (factor * coarse[0], factor * coarse[1]):
        raise DataError(
            f"{name} has frames of {coarse} px, and the probe {fine} px; the probe's edges must "
            f"be the same whole multiple of the frames'"
        )
    return factor


def check_sights(sights: Sequence[Sight]) -> None:
    """Refuse sights whose arrays do not fit each other.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    if not len(sights):
        raise DataError("there is no sight; a block of frames has at least one colour")
    dtype, frames = sights[0].probe.dtype, len(sights[0].corners)
    if dtype not in {np.dtype(np.complex64), np.dtype(np.complex128)}:
        raise DataError(f"probe is {dtype}; it must be complex64 or complex128")
    for sight in sights:
        shape: tuple[int | None, ...] = (None, None, None)
        if sight.probe.ndim == 4:
            shape = (frames, *shape)
        check_array("probe", sight.probe, shape, dtype)
        check_array("obj", sight.obj, (None, None, None), dtype)
        check_array("corners", sight.corners, (frames, 2), np.int64)
        if not min(sight.wave_shape):
            raise DataError("probe or object has no mode or no pixel")
        _check_places(sight)


def _check_places(sight: Sight) -> None:
    """Refuse frames that reach beyond the object, and shifts that are not parts of a pixel."""
    margin = int(sight.shifts is not None)
    last = np.subtract(sight.obj.shape[1:], sight.shape) - margin
    outside = np.any((sight.corners < 0) | (sight.corners > last), axis=1)
    if outside.any():
        j = int(outside.argmax())
        raise DataError(
            f"{int(outside.sum())} of {len(outside)} frames reach beyond the object: frame {j} has "
            f"its corner at {tuple(sight.corners[j].tolist())}; an object of "
            f"{sight.obj.shape[1:]} px takes corners from (0, 0) to {tuple(last.tolist())}"
        )
    if sight.shifts is None:
        return
    check_array("shifts", sight.shifts, sight.corners.shape, np.float64)
    if not ((sight.shifts >= 0) & (sight.shifts < 1)).all():
        raise DataError("shifts must be parts of a pixel, from 0 to below 1")


def check_arrays(
    name: str,
    arrays: Any,
    shapes: Sequence[tuple[int | None, ...]],
    dtype: Any,
    writeable: bool = True,
) -> None:
    """Refuse what is not one array of the right shape for each sight."""
    if isinstance(arrays, np.ndarray) or len(arrays) != len(shapes):
        raise DataError(f"{name} must be {len(shapes)} arrays, one for each sight")
    for array, shape in zip(arrays, shapes, strict=True):
        check_array(name, array, shape, dtype, writeable)


def check_rows(name: Literal["order", "rows"], rows: Any, frames: int) -> npt.NDArray[np.int64]:
    """Give numbers of frames as int64, after making sure that each of them exists."""
    given = np.asarray(rows)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise DataError(f"{name} is {given.dtype} of shape {given.shape}; it must be integers (K,)")
    numbers: npt.NDArray[np.int64] = np.ascontiguousarray(given, np.int64)
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= frames):
        raise DataError(f"{name} names frames {numbers.min()} to {numbers.max()} of {frames}")
    return numbers
