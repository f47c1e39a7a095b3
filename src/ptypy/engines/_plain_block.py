"""Blocks of frames on the plain kernels: any modes, colours, detectors, either precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ptypy.engines._blocks import Coefficients, Complex, FrameBlock, Noise, Real, Rows, Sums
from ptypy.engines._constraints import move
from ptypy.engines._illumination import Illumination
from ptypy.errors import DataError

if TYPE_CHECKING:
    from ptypy.accelerate.plain import Sight
    from ptypy.core.classes import Storage
    from ptypy.core.geometry import Geo
    from ptypy.core.manager import Block

__all__ = ["PlainBlock"]

Wave = Callable[[Any], Any]
Places = tuple[npt.NDArray[np.int64], Rows | None]


class PlainBlock(FrameBlock):
    """Frames of whatever a model may be, in natural order.

    Parameters
    ----------
    block : Block
        Frames as the scan model hands them over.
    illuminations : sequence of Illumination
        Probe of each colour of the block.
    kind : {'amplitude', 'counts'}
        What the engine compares its model with.
    """

    def __init__(
        self,
        block: Block,
        illuminations: Sequence[Illumination],
        kind: Literal["amplitude", "counts"],
    ) -> None:
        super().__init__(block)
        self.kind = kind
        self._pairs = tuple(
            (colour.obj, illumination)
            for colour, illumination in zip(block.colours, illuminations, strict=True)
        )
        self._dtype = illuminations[0].waves.dtype
        self._ways = [
            make_way(colour.geometry, self._dtype, illumination.is_phased)
            for colour, illumination in zip(block.colours, illuminations, strict=True)
        ]
        self._returns = [
            make_return(colour.geometry, adjoint)
            for colour, (_, adjoint) in zip(block.colours, self._ways, strict=True)
        ]
        self.measured: Real = self._measure(block)
        """Amplitudes or counts, (N, h, w); untrusted pixels are negative."""
        self.waves: list[Complex] = []
        """Exit waves of each colour, for engines that keep them."""
        self._between: list[tuple[Any, Any]] = []
        self.renew_places()

    def _measure(self, block: Block) -> Real:
        """Give what was measured, negative where it is not to be trusted."""
        real = np.empty(0, self._dtype).real.dtype
        measured: Real = np.maximum(block.counts, 0, dtype=real)
        if self.kind == "amplitude":
            np.sqrt(measured, out=measured)
        measured[~(np.broadcast_to(block.mask, measured.shape) & np.isfinite(measured))] = -1
        return measured

    @property
    def meetings(self) -> tuple[tuple[Storage, Illumination], ...]:
        """Object and probe of each colour."""
        return self._pairs

    def corners_on(self, obj: Storage) -> npt.NDArray[np.int64]:
        """Give the upper left pixel of every frame in one of `objects`."""
        for colour in self.block.colours:
            if colour.obj is obj:
                return colour.corners
        raise DataError(f"scan {self.block.label}: no frame sees the object {obj.ID}")

    def renew_places(self) -> None:
        """Take over coordinates that somebody changed in the block's views."""
        self._between = [colour.between_pixels() for colour in self.block.colours]

    def sights(self, between: bool, coord: Rows | None = None) -> list[Sight]:
        """Give what each colour sees of the frames, as probe and object are now.

        Parameters
        ----------
        between : bool
            See `FrameBlock`.
        coord : (N, 2) float64, optional
            Where the frames are; where the block has them if not given [m].
        """
        from ptypy.accelerate.plain import Sight

        sights = []
        for k, (obj, probe) in enumerate(self._pairs):
            where = self._places(k, coord, between)
            sights.append(Sight(self.each_frames(probe.waves), obj.data, *where, *self._ways[k]))
        return sights

    def projecting_sights(self, between: bool) -> list[Sight]:
        """Give `sights` for kernels that project: no wave returns with more light than it had."""
        return [
            replace(sight, adjoint=back)
            for sight, back in zip(self.sights(between), self._returns, strict=True)
        ]

    def _places(self, k: int, coord: Rows | None, between: bool) -> Places:
        """Say where the frames of a colour lie, or would lie; see `PackedBlock.places`."""
        colour, (offsets, shifts) = self.block.colours[k], self._between[k]
        if coord is None:
            still = not between or offsets is None
            return (colour.corners, None) if still else (colour.corners + offsets, shifts)
        if between:
            return colour.places_at(coord)
        return colour.obj.corners_of(coord, colour.object_views.shape), None

    def each_frames(self, layers: Complex) -> Complex:
        """Give the modes that the frames meet, (M, H, W), or (N, M, H, W) if each has its own.

        A view if the frames' layers follow one another, else a copy; see `_give_back`.
        """
        rows = self.block.probe_rows
        if rows is None:
            return layers
        if _is_range(rows):
            first = int(rows[0, 0]) if rows.size else 0
            return layers[first : first + rows.size].reshape(*rows.shape, *layers.shape[-2:])
        picked: Complex = layers[rows]
        return picked

    def give_back(self, layers: Complex, own: Complex) -> None:
        """Put what was changed in a copy by `each_frames` where it came from."""
        rows = self.block.probe_rows
        if rows is not None and not np.may_share_memory(layers, own):
            layers[rows] = own

    def begin_waves(self, between: bool, which: npt.NDArray[np.bool_] | None = None) -> None:
        """Set the exit waves to probe times object."""
        from ptypy.accelerate.plain import initial_waves

        sights = self.sights(between)
        if which is None or not self.waves:
            self.waves = [np.empty((self.num, *sight.wave_shape), self._dtype) for sight in sights]
            initial_waves(sights, self.waves)
        elif which.any():
            sights = [_part(sight, which) for sight in sights]
            anew = [
                np.empty((len(sight.corners), *sight.wave_shape), self._dtype) for sight in sights
            ]
            initial_waves(sights, anew)
            for waves, new in zip(self.waves, anew, strict=True):
                waves[which] = new

    def move_waves(self, shift: tuple[int, int], probes: Sequence[Illumination]) -> None:
        """Move exit waves behind some probes by whole pixels."""
        for waves, (_, probe) in zip(self.waves, self._pairs, strict=False):
            if probe in probes:
                for wave in waves:
                    move(wave, shift)

    def project(
        self,
        between: bool,
        coefficients: Coefficients,
        power_bound: float | None,
        sums: Mapping[int, Sums] | None = None,
    ) -> Rows:
        """Move the exit waves, and sum up what they say of the object afterwards."""
        from ptypy.accelerate.plain import project

        errors = project(
            self.projecting_sights(between),
            self.waves,
            self.measured,
            coefficients=coefficients,
            power_bound=power_bound,
        )
        if sums is not None:
            for obj in self.objects:
                self.add_object_sums(obj, sums[id(obj)], between)
        return errors

    def add_object_sums(self, obj: Storage, sums: Sums, between: bool) -> None:
        """Add what the exit waves of all colours say of an object."""
        from ptypy.accelerate.plain import object_sums

        for sight, waves, (known, _) in zip(
            self.sights(between), self.waves, self._pairs, strict=True
        ):
            if known is obj:
                object_sums(sight, waves, *sums, obj=obj.data)

    def add_probe_sums(self, illumination: Illumination, sums: Sums, between: bool) -> None:
        """Add what the exit waves of all colours say of a probe."""
        from ptypy.accelerate.plain import probe_sums

        numerator = self.each_frames(sums[0])
        denominator = sums[1]
        rows = self.block.probe_rows
        if rows is not None:
            sets = rows[:, 0] // rows.shape[1]
            denominator = np.ascontiguousarray(sums[1][sets])
        for sight, waves, (_, known) in zip(
            self.sights(between), self.waves, self._pairs, strict=True
        ):
            if known is illumination:
                probe_sums(sight, waves, numerator, denominator)
        if rows is not None:
            self.give_back(sums[0], numerator)
            sums[1][rows[:, 0] // rows.shape[1]] = denominator

    def visit(
        self,
        rows: npt.NDArray[np.int64],
        sights: Sequence[Sight],
        *,
        totals: Mapping[int, Sums] | None = None,
        **options: Any,
    ) -> Rows:
        """Visit frames one after the other and move objects and probes at each.

        Parameters
        ----------
        rows : (K,) int64
            Frames to visit.
        sights : sequence of Sight
            What `sights` gave.
        totals, options
            See `ptypy.engines._pool.Pool.visit`.

        Returns
        -------
        (N, 3) float64
            Of all frames of the block; NaN for those that were not visited.
        """
        from ptypy.accelerate.plain import sweep

        of_object = of_probe = None
        if totals is not None:
            of_object = [totals[id(obj)] for obj, _ in self._pairs]
            if self.block.probe_rows is None:
                of_probe = [totals[id(probe)] for _, probe in self._pairs]
        errors = sweep(
            sights,
            self.measured,
            rows,
            waves=self.waves or None,
            object_totals=of_object,
            probe_totals=of_probe,
            **options,
        )
        for sight, (_, probe) in zip(sights, self._pairs, strict=True):
            self.give_back(probe.waves, sight.probe)
        return errors

    def compare(self, between: bool) -> Rows:
        """Compare model and measurement of every frame."""
        return self._compare(self.sights(between))

    def compare_at(self, coord: Rows, between: bool) -> Rows:
        """Compare model and measurement, were the frames elsewhere."""
        return self._compare(self.sights(between, coord))

    def _compare(self, sights: Sequence[Sight]) -> Rows:
        """Compare model and measurement, were the frames seen so.

        Where the model of a frame is to be scaled, the measurement is scaled the other way.
        """
        from ptypy.accelerate.plain import model_error

        amplitude = self.measured
        if self.kind == "counts":
            amplitude = np.sqrt(np.abs(self.measured))
            if self.scale is not None:
                amplitude /= np.sqrt(self.scale)[:, None, None].astype(amplitude.dtype)
            amplitude = np.copysign(amplitude, self.measured)
        errors = model_error(sights, amplitude)
        if self.scale is not None:
            errors[:, 0] *= self.scale
            errors[:, 2] *= self.scale
        return errors

    def add_gradient(
        self,
        between: bool,
        noise: Noise,
        of_object: Mapping[int, Complex],
        of_probe: Mapping[int, Complex],
        errors: Rows,
    ) -> Rows:
        """Add the gradients of objects and probes; give the misfit of each frame."""
        from ptypy.accelerate.plain import likelihood_gradient

        own = {id(probe): self.each_frames(of_probe[id(probe)]) for probe in self.illuminations}
        misfits = likelihood_gradient(
            self.sights(between),
            self.measured,
            [own[id(probe)] for _, probe in self._pairs],
            [of_object[id(obj)] for obj, _ in self._pairs],
            scale=self.scale,
            update_scale=self.scale is not None,
            errors=errors,
            **noise._asdict(),
        )
        for key, array in own.items():
            self.give_back(of_probe[key], array)
        return misfits

    def expand(
        self,
        between: bool,
        noise: Noise,
        of_object: Mapping[int, Complex],
        of_probe: Mapping[int, Complex],
        order: int,
    ) -> Rows:
        """Expand the misfit along a direction."""
        from ptypy.accelerate.plain import line_coefficients

        return line_coefficients(
            self.sights(between),
            [self.each_frames(of_probe[id(probe)]) for _, probe in self._pairs],
            [of_object[id(obj)] for obj, _ in self._pairs],
            self.measured,
            scale=self.scale,
            order=order,
            **noise._asdict(),
        )


def _part(sight: Sight, which: npt.NDArray[np.bool_]) -> Sight:
    """Give what some of the frames see, (N,) bool."""
    return replace(
        sight,
        probe=sight.probe[which] if sight.probe.ndim == 4 else sight.probe,
        corners=sight.corners[which],
        shifts=None if sight.shifts is None else sight.shifts[which],
    )


def make_way(geometry: Geo, dtype: npt.DTypeLike, phased: bool) -> tuple[Any, Any]:
    """Make the way of a wave to the detector, and its adjoint.

    Parameters
    ----------
    geometry : Geo
    dtype : complex64 or complex128
    phased : bool
        The wave comes times the geometry's ``pre_phase``, and what follows is plain.
    """
    from ptypy.accelerate.plain import plain_forward

    height, width = (int(n) for n in geometry.shape)
    if phased:
        return plain_forward((height, width), dtype)
    near = not geometry.is_farfield and isinstance(geometry.p.ffttype, str)
    if near and geometry.p.transmitted == 1:
        kernel = getattr(geometry.propagator, "kernel")  # noqa: B009 - of near fields only
        return plain_forward((height, width), dtype, kernel)
    return geometry.propagator.fw, geometry.propagator.bw


def make_return(geometry: Geo, adjoint: Wave) -> Wave:
    """Make the way back of what a wave lacks on the detector.

    For unitary ways it is the adjoint. A way on which waves can gain power would bring back more
    than was lacking, and exit waves that are reflected would grow without end; there it is the
    adjoint over that gain, a step of steepest descent that is never too long.

    Parameters
    ----------
    geometry : Geo
    adjoint : callable
        Of `make_way`.
    """
    gain = float(getattr(geometry.propagator, "gain", 1.0))
    if gain < 1.0 + 1e-6:
        return adjoint
    return lambda field: adjoint(field) * np.float32(1.0 / gain)


def _is_range(rows: npt.NDArray[np.int64]) -> bool:
    """Say whether layers follow one another without a gap."""
    return bool((np.diff(rows.ravel()) == 1).all())
