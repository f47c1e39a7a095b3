"""Blocks of frames in the layouts of the compiled kernels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ptypy.engines._blocks import (
    BATCH,
    Coefficients,
    FrameBlock,
    Noise,
    Rows,
    Sums,
)
from ptypy.engines._constraints import move
from ptypy.engines._illumination import Illumination
from ptypy.errors import DataError

if TYPE_CHECKING:
    from ptypy.accelerate import Transform
    from ptypy.core.classes import Storage
    from ptypy.core.manager import Block

__all__ = ["PackedBlock", "is_simple"]

Complex = npt.NDArray[np.complex64]
Real = npt.NDArray[np.float32]


def is_simple(block: Block) -> bool:
    """Say whether the compiled kernels can treat a block.

    They know one transform of one object mode under modes that all frames share, with a pixel of
    the detector for each pixel of the wave, in single precision.
    """
    (colour, *others), geometry = block.colours, block.colours[0].geometry
    if others or block.resample != 1 or block.probe_rows is not None:
        return False
    if len(colour.obj.data) != 1 or colour.obj.data.dtype != np.complex64:
        return False
    near = not geometry.is_farfield and isinstance(geometry.p.ffttype, str)
    return bool(geometry.is_plain or (near and geometry.p.transmitted == 1))


class PackedBlock(FrameBlock):
    """Frames of one transform, packed for the compiled kernels.

    Parameters
    ----------
    block : Block
        Frames as the scan model hands them over.
    transform : Transform
        Plan of the transform of one frame.
    illumination : Illumination
        Probe that meets these frames.
    kind : {'amplitude', 'counts'}
        What the engine compares its model with.
    measured : array, optional
        That, in an order of the engine's own. In the order of the transform if not given.
    """

    def __init__(
        self,
        block: Block,
        transform: Transform,
        illumination: Illumination,
        kind: Literal["amplitude", "counts"],
        measured: Real | None = None,
    ) -> None:
        super().__init__(block)
        self.transform = transform
        self.illumination = illumination
        self.kind = kind
        self.measured: Real = self._pack() if measured is None else measured
        """Amplitudes or counts in the order of the transform; untrusted pixels are negative."""
        self.waves: Real | None = None
        """Exit waves in the order of the transform, for engines that keep them."""
        self.offsets: npt.NDArray[np.int64] | None = None
        """From the nearest pixels to those above and left of each frame, (N, 2); see `places`."""
        self.shifts: Rows | None = None
        """Part of a pixel from there to the frame, (N, 2); None if all lie on whole pixels."""
        self.renew_places()

    def _pack(self) -> Real:
        """Bring what was measured into the order of the transform."""
        measured: Real = self.transform.pack_measured(self.block.counts, self.block.mask)
        if self.kind == "amplitude":
            # In place, some at a time: a temporary as large as the data would cost as much memory.
            for start in range(0, len(measured), BATCH):
                part = measured[start : start + BATCH]
                sign = np.signbit(part)
                np.abs(part, out=part)
                np.sqrt(part, out=part)
                np.negative(part, out=part, where=sign)
        return measured

    @property
    def meetings(self) -> tuple[tuple[Storage, Illumination], ...]:
        """The object and the probe."""
        return ((self.block.obj, self.illumination),)

    @property
    def probe(self) -> Complex:
        """Probe modes times the phase of the geometry, shape (M, H, W)."""
        waves: Complex = self.illumination.waves
        return waves

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

    @property
    def exit_waves(self) -> Real:
        """Exit waves of an engine that keeps them."""
        if self.waves is None:
            raise DataError(f"scan {self.block.label}: this engine keeps no exit waves")
        return self.waves

    def corners_on(self, obj: Storage) -> npt.NDArray[np.int64]:
        """Give the upper left pixel of every frame in the object."""
        del obj
        return self.corners

    def renew_places(self) -> None:
        """Take over coordinates that somebody changed in the block's views."""
        self.offsets, self.shifts = self.block.between_pixels()

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

    def begin_waves(self, between: bool, which: npt.NDArray[np.bool_] | None = None) -> None:
        """Set the exit waves to probe times object."""
        if self.waves is None or which is None:
            self.waves = self._model_waves(between, slice(None))
            return
        for start in range(0, self.num, BATCH):
            part = slice(start, start + BATCH)
            if which[part].any():
                self.waves[part][which[part]] = self._model_waves(between, part)[which[part]]

    def _model_waves(self, between: bool, part: slice) -> Real:
        """Calculate probe times object for some frames, in the order of the transform."""
        from ptypy.accelerate import initial_waves

        corners, shifts = self.places(between)
        corners, shifts = corners[part], None if shifts is None else shifts[part]
        waves: Real = self.transform.empty_waves(len(corners), len(self.probe))
        initial_waves(self.transform, waves, self.probe, self.obj, corners, shifts=shifts)
        return waves

    def move_waves(self, shift: tuple[int, int], probes: Sequence[Illumination]) -> None:
        """Move exit waves by whole pixels, some frames at a time."""
        if self.waves is None or self.illumination not in probes:
            return
        for start in range(0, self.num, BATCH):
            part = slice(start, start + BATCH)
            waves = self.transform.unpack_waves(self.waves[part])
            move(waves, shift)
            self.waves[part] = self.transform.pack_waves(waves)

    def project(
        self,
        between: bool,
        coefficients: Coefficients,
        power_bound: float | None,
        sums: Mapping[int, Sums] | None = None,
    ) -> Rows:
        """Move the exit waves, and sum up what they say of the object on the way."""
        from ptypy.accelerate import project

        corners, shifts = self.places(between)
        options: dict[str, Any] = {}
        if sums is not None:
            numerator, denominator = sums[id(self.block.obj)]
            options = {"object_numerator": numerator[0], "object_denominator": denominator}
        return project(
            self.transform,
            self.exit_waves,
            self.probe,
            self.obj,
            corners,
            self.measured,
            coefficients=coefficients,
            power_bound=power_bound,
            shifts=shifts,
            **options,
        )

    def add_object_sums(self, obj: Storage, sums: Sums, between: bool) -> None:
        """Add what the exit waves say of the object."""
        from ptypy.accelerate import object_sums

        corners, shifts = self.places(between)
        numerator, denominator = sums
        present: Complex = obj.data[0]
        object_sums(
            self.transform,
            self.exit_waves,
            self.probe,
            corners,
            numerator[0],
            denominator,
            obj=present,
            shifts=shifts,
        )

    def add_probe_sums(self, illumination: Illumination, sums: Sums, between: bool) -> None:
        """Add what the exit waves say of the probe."""
        from ptypy.accelerate import probe_sums

        del illumination
        corners, shifts = self.places(between)
        numerator, denominator = sums
        probe_sums(
            self.transform,
            self.exit_waves,
            self.obj,
            corners,
            numerator,
            denominator,
            shifts=shifts,
        )

    def compare(self, between: bool) -> Rows:
        """Compare model and measurement of every frame."""
        return self._compare(*self.places(between))

    def compare_at(self, coord: Rows, between: bool) -> Rows:
        """Compare model and measurement, were the frames elsewhere."""
        if between:
            return self._compare(*self.block.colours[0].places_at(coord))
        return self._compare(self.block.obj.corners_of(coord, self.transform.shape), None)

    def _compare(self, corners: npt.NDArray[np.int64], shifts: Rows | None) -> Rows:
        """Compare model and measurement, were the frames at these places; see `places`."""
        from ptypy.accelerate import model_error

        parts = [
            model_error(
                self.transform,
                self.probe,
                self.obj,
                corners[part],
                amplitude,
                shifts=None if shifts is None else shifts[part],
            )
            for part, amplitude in self._amplitudes()
        ]
        errors: Rows = np.concatenate(parts) if parts else np.empty((0, 3))
        if self.scale is not None:
            errors[:, 0] *= self.scale
            errors[:, 2] *= self.scale
        return errors

    def _amplitudes(self) -> Iterator[tuple[slice, Real]]:
        """Give the packed amplitudes, all at once or in parts.

        Where the model of a frame is to be scaled, the measurement is scaled the other way.
        """
        if self.kind == "amplitude":
            yield slice(None), self.measured
            return
        buffer = np.empty_like(self.measured[:BATCH])
        for start in range(0, self.num, BATCH):
            part = slice(start, min(start + BATCH, self.num))
            counts = self.measured[part]
            amplitude = buffer[: len(counts)]
            np.sqrt(np.abs(counts, out=amplitude), out=amplitude)
            if self.scale is not None:
                factor = 1.0 / np.sqrt(self.scale[part])
                amplitude *= factor.reshape(-1, *[1] * (counts.ndim - 1)).astype(np.float32)
            np.copysign(amplitude, counts, out=amplitude)
            yield part, amplitude

    def add_gradient(
        self,
        between: bool,
        noise: Noise,
        of_object: Mapping[int, npt.NDArray[Any]],
        of_probe: Mapping[int, npt.NDArray[Any]],
        errors: Rows,
    ) -> Rows:
        """Add the gradients of object and probe; give the misfit of each frame."""
        from ptypy.accelerate import likelihood_gradient

        corners, shifts = self.places(between)
        return likelihood_gradient(
            self.transform,
            self.probe,
            self.obj,
            corners,
            self.measured,
            of_probe[id(self.illumination)],
            of_object[id(self.block.obj)][0],
            scale=self.scale,
            update_scale=self.scale is not None,
            errors=errors,
            shifts=shifts,
            **noise._asdict(),
        )

    def expand(
        self,
        between: bool,
        noise: Noise,
        of_object: Mapping[int, npt.NDArray[Any]],
        of_probe: Mapping[int, npt.NDArray[Any]],
        order: int,
    ) -> Rows:
        """Expand the misfit along a direction."""
        from ptypy.accelerate import line_coefficients

        corners, shifts = self.places(between)
        return line_coefficients(
            self.transform,
            self.probe,
            self.obj,
            of_probe[id(self.illumination)],
            of_object[id(self.block.obj)][0],
            corners,
            self.measured,
            scale=self.scale,
            order=order,
            shifts=shifts,
            **noise._asdict(),
        )
