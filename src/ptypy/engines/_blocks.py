"""Frames and probes in the form that the compiled kernels read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from ptypy.engines._constraints import confine
from ptypy.errors import DataError, ParameterError
from ptypy.utils import parallel

if TYPE_CHECKING:
    from ptypy.accelerate import Transform
    from ptypy.core.classes import Storage
    from ptypy.core.manager import Block

Complex = npt.NDArray[np.complex64]
Real = npt.NDArray[np.float32]
Rows = npt.NDArray[np.float64]

BATCH = 256
"""Frames converted at once: enough to keep threads busy, few enough to add no memory."""


class Illumination:
    """A probe storage as the kernels want it: times the phase of the geometry.

    A far field is the plain Fourier transform of the exit wave times a quadratic phase.
    Multiplying the probe by that phase once saves a multiplication for each frame. The
    storage itself is physical whenever somebody else may look at it.
    """

    def __init__(self, storage: Storage, pre_phase: Complex) -> None:
        self.storage = storage
        self.pre_phase = np.asarray(pre_phase, np.complex64)
        self.waves: Complex = np.empty(storage.data.shape, np.complex64)
        """Probe modes times the phase, shape (M, H, W)."""
        self.load()

    def load(self) -> None:
        """Take the probe from its storage."""
        np.multiply(self.storage.data, self.pre_phase, out=self.waves)

    def store(self) -> None:
        """Give the probe back to its storage."""
        np.multiply(self.waves, self.pre_phase.conj(), out=self.storage.data)

    def confine(self, waves: Complex, area: float | None, fourier_area: float | None) -> None:
        """Impose supports on waves that carry the phase of the geometry, in place.

        See `ptypy.engines._constraints.confine` for the areas.
        """
        if fourier_area is None:
            # A phase does not move light about: no need to take it off.
            confine(waves, area, None)
            return
        waves *= self.pre_phase.conj()
        confine(waves, area, fourier_area)
        waves *= self.pre_phase


@dataclass(slots=True, eq=False)
class PackedBlock:
    """A block of frames, its measurements packed for the kernels."""

    block: Block
    transform: Transform
    measured: Real
    """Amplitudes or counts in the order of the transform; untrusted pixels are negative."""
    trusted: Rows
    """Number of trusted pixels of each frame, at least 1, shape (N,)."""
    illumination: Illumination
    offsets: npt.NDArray[np.int64] | None
    """From the nearest pixels to those above and left of each frame, (N, 2); see `places`."""
    shifts: Rows | None
    """Part of a pixel from there to the frame, (N, 2); None if all lie on whole pixels."""
    blind: npt.NDArray[np.intp]
    """Frames without a trusted pixel; see `renew_blind_waves`."""
    waves: Real | None = None
    """Exit waves in the order of the transform, for engines that keep them."""
    scale: Rows | None = None
    """Factor from the model's to the measured intensity of each frame, shape (N,)."""

    @property
    def probe(self) -> Complex:
        """Probe modes times the phase of the geometry, shape (M, H, W)."""
        return self.illumination.waves

    @property
    def obj(self) -> Complex:
        """Object as it is now, shape (Ho, Wo); it may have grown since the last look."""
        data: Complex = self.block.obj.data[0]
        return data

    @property
    def corners(self) -> npt.NDArray[np.int64]:
        """Upper left corner of every frame in the object, to the nearest pixel, shape (N, 2)."""
        corners: npt.NDArray[np.int64] = self.block.corners
        return corners

    def places(self, between: bool) -> tuple[npt.NDArray[np.int64], Rows | None]:
        """Say where frames lie, to the nearest pixel or between pixels.

        Returns
        -------
        corners : (N, 2) int64
            Upper left corner in the object [px].
        shifts : (N, 2) float64 or None
            Part of a pixel that is to be added; None if there is nothing to add.
        """
        if not between or self.offsets is None:
            return self.corners, None
        return self.corners + self.offsets, self.shifts

    @property
    def exit_waves(self) -> Real:
        """Exit waves of an engine that keeps them."""
        if self.waves is None:
            raise DataError(f"scan {self.block.label}: this engine keeps no exit waves")
        return self.waves

    @property
    def num(self) -> int:
        """Number of frames."""
        return len(self.trusted)

    def renew_blind_waves(self, between: bool) -> None:
        """Let the exit waves of frames without a trusted pixel be probe times object, as they are.

        Such a frame tells nothing. Waves of an earlier probe would pull at the object.
        """
        from ptypy.accelerate import initial_waves

        corners, shifts = self.places(between) if len(self.blind) else (self.corners, None)
        for row in self.blind:
            one = slice(row, row + 1)
            initial_waves(
                self.transform,
                self.exit_waves[one],
                self.probe,
                self.obj,
                corners[one],
                shifts=None if shifts is None else shifts[one],
            )


def pack(
    block: Block,
    transform: Transform,
    illumination: Illumination,
    *,
    kind: Literal["amplitude", "counts"],
) -> PackedBlock:
    """Pack the measurements of a block.

    Parameters
    ----------
    block : Block
        Frames as the scan model hands them over.
    transform : Transform
        Plan of the Fourier transform of one frame.
    illumination : Illumination
        Probe that meets these frames.
    kind : {'amplitude', 'counts'}
        What the engine compares its model with.

    Returns
    -------
    PackedBlock

    Raises
    ------
    ParameterError
        If the geometry or the number of object modes is beyond this version.
    """
    _check(block)
    num = len(block.counts)
    measured = transform.pack_measured(block.counts, block.mask)
    if kind == "amplitude":
        for start in range(0, num, BATCH):
            part = measured[start : start + BATCH]
            np.copysign(np.sqrt(np.abs(part)), part, out=part)
    trusted = np.broadcast_to(block.mask.sum(axis=(-2, -1), dtype=np.float64), (num,))
    blind = np.flatnonzero(trusted == 0)
    trusted = np.maximum(trusted, 1.0)
    offsets, shifts = block.between_pixels()
    return PackedBlock(block, transform, measured, trusted, illumination, offsets, shifts, blind)


def _check(block: Block) -> None:
    """Refuse what the kernels do not calculate."""
    if getattr(block.geometry, "propagation", "farfield") != "farfield":
        raise ParameterError(
            f"scan {block.label}: engines reconstruct far fields so far; "
            f"`propagation` is {block.geometry.propagation!r}"
        )
    if block.obj.data.shape[0] != 1:
        raise ParameterError(
            f"scan {block.label}: engines reconstruct one object mode so far; "
            f"set `coherence.num_object_modes` to 1 (it gives {block.obj.data.shape[0]} layers)"
        )


def group_by_object(blocks: Iterable[PackedBlock]) -> list[tuple[Storage, list[PackedBlock]]]:
    """Gather the blocks that look at the same object."""
    groups: dict[int, tuple[Storage, list[PackedBlock]]] = {}
    for block in blocks:
        storage = block.block.obj
        groups.setdefault(id(storage), (storage, []))[1].append(block)
    return list(groups.values())


def group_by_probe(
    blocks: Iterable[PackedBlock],
) -> list[tuple[Illumination, list[PackedBlock]]]:
    """Gather the blocks that share a probe."""
    groups: dict[int, tuple[Illumination, list[PackedBlock]]] = {}
    for block in blocks:
        groups.setdefault(id(block.illumination), (block.illumination, []))[1].append(block)
    return list(groups.values())


def add_up(*arrays: npt.NDArray[np.generic]) -> None:
    """Sum arrays over all processes, in place."""
    if parallel.size > 1:
        for array in arrays:
            parallel.allreduce(array)


def largest(value: float) -> float:
    """Find the largest of a number over all processes."""
    if parallel.size == 1:
        return value
    values = np.zeros(parallel.size)
    values[parallel.rank] = value
    parallel.allreduce(values)
    return float(values.max())
