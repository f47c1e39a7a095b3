"""What the doors of the room share: the model of a scan, and sums over the object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._arrays import Planes, Strips, check_array, check_probe_and_object
from ptypy.accelerate._frame import zero
from ptypy.accelerate._patch import Places
from ptypy.accelerate._transform import Transform

__all__ = ["ObjectSums", "Scene", "check_object_sums"]


@dataclass(frozen=True, slots=True)
class Scene:
    """Probe, object and the places of frames in it: checked, and in the kernels' layouts.

    Parameters
    ----------
    transform : Transform
    places : Places
    strips : Strips
        Probe modes.
    planes : Planes
        Object.
    """

    transform: Transform
    places: Places
    strips: Strips
    planes: Planes

    @classmethod
    def of(
        cls,
        transform: Transform,
        probe: npt.NDArray[np.complex64],
        obj: npt.NDArray[np.complex64],
        corners: npt.NDArray[np.int64],
        shifts: npt.NDArray[np.float64] | None,
        *,
        factor: float | None = None,
    ) -> Scene:
        """Check all and bring it into the kernels' layouts.

        Parameters
        ----------
        factor : float, optional
            Of the probe; `Transform.scale` if not given.

        Raises
        ------
        DataError
            If shapes or types do not fit, or a frame reaches beyond the object.
        """
        check_probe_and_object(transform, probe, obj)
        places = Places.of(transform, corners, shifts, obj.shape)
        strips = Strips(transform, probe, transform.scale if factor is None else factor)
        return cls(transform, places, strips, Planes.of(obj))

    @property
    def frames(self) -> int:
        """How many frames."""
        return len(self.places.corners)

    @property
    def modes(self) -> int:
        """How many probe modes."""
        return self.strips.shape[0]

    @property
    def arguments(self) -> tuple[int, ...]:
        """What every kernel is told: spec, modes, probe, obj, row, plane, corners, shifts."""
        return (
            self.transform.spec.ctypes.data,
            self.modes,
            self.strips.address,
            self.planes.address,
            self.planes.row,
            self.planes.plane,
            *self.places.addresses,
        )


class ObjectSums:
    """Three planes for every thread, over the rows that its frames reach.

    Two hold the sum of conj(P) psi, one that of |P|^2. Added up in the order of the threads, so
    that the result does not depend on which is ready first.

    Parameters
    ----------
    places : Places
    height : int
        Of a frame [px].
    width : int
        Of the object [px].
    parts : int
        How many threads.
    """

    def __init__(self, places: Places, height: int, width: int, parts: int) -> None:
        self.shapes = [(rows, width) for _, rows in places.spans(height, parts)]
        self.tops = [top for top, _ in places.spans(height, parts)]
        self.planes: list[Planes] = []

    @property
    def row(self) -> int:
        """Step between rows [bytes], that of the object's own planes."""
        return self.planes[0].row

    @property
    def size(self) -> int:
        """How many float32 each thread needs."""
        return max(Planes.size(shape, 3) for shape in self.shapes)

    def use(self, memory: list[npt.NDArray[np.float32]]) -> None:
        """Keep the planes in these buffers, one for each thread."""
        self.planes = [
            Planes(shape, buffer[: Planes.size(shape, 3)])
            for buffer, shape in zip(memory, self.shapes, strict=True)
        ]

    def begin(self, part: int) -> tuple[int, int]:
        """Clear the planes of one thread; give what kernels are told: address and plane [bytes].

        The address is that of the object's first row, wherever the thread's rows begin.
        """
        planes = self.planes[part]
        zero(planes.address, planes.memory.nbytes)
        return planes.address - self.tops[part] * planes.row, planes.plane

    def add_to(
        self,
        numerator: npt.NDArray[np.complex64],
        denominator: npt.NDArray[np.float32],
        factor: float = 1.0,
    ) -> None:
        """Add all to the arrays; ``factor`` takes a factor off the probe that was packed."""
        for top, planes in zip(self.tops, self.planes, strict=True):
            planes.add_to(numerator, 0, top, factor)
            planes.add_to(denominator, 2, top, factor * factor)


def check_object_sums(
    numerator: Any, denominator: Any, shape: tuple[int | None, ...], prefix: str = ""
) -> None:
    """Refuse arrays that sums over an object cannot be added to."""
    check_array(f"{prefix}numerator", numerator, shape, np.complex64, writeable=True)
    name = f"{prefix}denominator"
    check_array(name, denominator, numerator.shape, np.float32, writeable=True)
