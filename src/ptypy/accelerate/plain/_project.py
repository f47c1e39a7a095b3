"""Projections of exit waves onto what was measured, for any modes and colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.accelerate.plain._detector import Detector, empty_waves, find_lack, multiply
from ptypy.accelerate.plain._sight import (
    Complex,
    Real,
    Scene,
    Sight,
    check_arrays,
    check_sights,
)
from ptypy.accelerate.plain._views import reals, square, take_view

__all__ = ["Mover", "check_waves", "initial_waves", "project"]


def check_waves(sights: Sequence[Sight], waves: Sequence[Complex], writeable: bool = True) -> None:
    """Refuse exit waves that are not (N, M, L, H, W) for each sight."""
    shapes = [(len(s.corners), *s.wave_shape) for s in sights]
    check_arrays("waves", waves, shapes, sights[0].probe.dtype, writeable)


def initial_waves(
    sights: Sequence[Sight], waves: Sequence[Complex], *, threads: int | None = None
) -> None:
    """Set every exit wave to probe times object, in place.

    Parameters
    ----------
    sights : sequence of Sight
    waves : sequence of (N, M, L, H, W) complex
        Exit waves of each sight. Overwritten.
    threads : int, optional
        See `ptypy.accelerate.default_threads`.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    check_sights(sights)
    check_waves(sights, waves)
    frames = len(sights[0].corners)

    def work(_: int, first: int, last: int) -> None:
        for j in range(first, last):
            for sight, wave in zip(sights, waves, strict=True):
                multiply(sight, take_view(sight, sight.obj, j), j, wave[j])

    run_ranges(work, frames, count_threads(threads, frames))


def project(
    sights: Sequence[Sight],
    waves: Sequence[Complex],
    amplitude: Real,
    *,
    coefficients: tuple[float, float, float],
    power_bound: float | None = None,
    threads: int | None = None,
) -> npt.NDArray[np.float64]:
    """Project exit waves: psi <- (1-a-b) psi + a PO + b M(c PO + (1-c) psi), in place.

    The meaning is that of `ptypy.accelerate.project`. All colours and modes whose light falls
    into a pixel of the detector are multiplied there by one factor, so that their intensities
    add up to the measured one.

    Parameters
    ----------
    sights : sequence of Sight
    waves : sequence of (N, M, L, H, W) complex
        Exit waves of each sight. Overwritten.
    amplitude : (N, h, w) real
        Square roots of the counts; negative where a pixel is not to be trusted.
    coefficients : (float, float, float)
        a, b and c.
    power_bound : float, optional
        With it, a frame whose error e = mean of (|f| - amplitude)^2 over trusted pixels is
        above the bound is moved only so far that the error falls to the bound; a frame whose
        error is not above it is left as it is (M is the identity).
    threads : int, optional
        See `ptypy.accelerate.default_threads`.

    Returns
    -------
    (N, 3) float64
        Of every frame: e before M; NaN; mean of |psi_new - psi_old|^2 over the pixels of the
        exit wave, summed over modes and sights. e is 0 for a frame without a trusted pixel.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    scene = Scene.of(sights, "amplitude", amplitude)
    check_waves(sights, waves)
    errors = np.full((scene.frames, 3), np.nan)

    def work(_: int, first: int, last: int) -> None:
        mover = Mover(scene, coefficients, power_bound)
        for j in range(first, last):
            mover.look(j)
            errors[j, ::2] = mover.move(j, [wave[j] for wave in waves])

    run_ranges(work, scene.frames, count_threads(threads, scene.frames))
    return errors


class Mover:
    """What one thread needs to move the exit waves of one frame after the other.

    Parameters
    ----------
    scene : Scene
    coefficients : (float, float, float)
    power_bound : float or None
        See `project`.
    """

    def __init__(
        self, scene: Scene, coefficients: tuple[float, float, float], power_bound: float | None
    ) -> None:
        self._scene = scene
        self._coefficients = tuple(float(value) for value in coefficients)
        self._bound = None if power_bound is None else max(float(power_bound), 0.0)
        self._detector = Detector(scene)
        self.products = empty_waves(scene.sights)
        """P O of the frame looked at last, (M, L, H, W) for each sight."""
        self.moves = empty_waves(scene.sights)
        """What its exit waves have been moved by."""
        self._mixed = empty_waves(scene.sights)

    def look(self, j: int) -> list[Complex]:
        """Find ``products`` of frame ``j``; give its views, (L, H, W) for each sight."""
        views = [take_view(sight, sight.obj, j) for sight in self._scene.sights]
        for sight, view, product in zip(self._scene.sights, views, self.products, strict=True):
            multiply(sight, view, j, product)
        return views

    def move(self, j: int, waves: Sequence[Complex] | None) -> tuple[float, float]:
        """Move exit waves (M, L, H, W) of frame ``j``, in place; give the two errors of `project`.

        Without waves they are ``products``, and only ``moves`` is found.
        """
        a, b, c = self._coefficients
        self._mix(waves, c)
        intensity = self._detector.arrive(self._mixed)
        error, lack = find_lack(intensity, self._scene.measured_at(j), self._bound)
        lacking: list[Complex] = []
        if lack is not None:
            self._detector.multiply(b * lack)
            lacking = self._detector.depart()
        change = 0.0
        for k, move in enumerate(self.moves):
            if waves is not None:
                np.multiply(reals(move), a + b * c, out=reals(move))
            if lacking:
                np.add(move, lacking[k], out=move)
            if waves is not None:
                np.add(waves[k], move, out=waves[k])
            change += square(move) / (move.shape[-2] * move.shape[-1])
        return error, change

    def _mix(self, waves: Sequence[Complex] | None, c: float) -> None:
        """Find c P O + (1 - c) psi, and leave P O - psi in ``moves``."""
        for k, (product, move) in enumerate(zip(self.products, self.moves, strict=True)):
            if waves is None:
                np.copyto(self._mixed[k], product)
                move.fill(0)
            else:
                np.subtract(product, waves[k], out=move)
                np.multiply(reals(move), c, out=reals(self._mixed[k]))
                np.add(self._mixed[k], waves[k], out=self._mixed[k])
