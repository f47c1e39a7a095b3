"""How well probe times object explains what was measured, for any modes and colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.accelerate.plain._detector import Detector, empty_waves, multiply
from ptypy.accelerate.plain._sight import Real, Scene, Sight, check_rows
from ptypy.accelerate.plain._views import take_view

__all__ = ["model_error"]


def model_error(
    sights: Sequence[Sight],
    amplitude: Real,
    *,
    rows: npt.NDArray[np.int64] | None = None,
    threads: int | None = None,
) -> npt.NDArray[np.float64]:
    """Compare the model of every frame with the measurement, I counts a pixel.

    Parameters
    ----------
    sights : sequence of Sight
    amplitude : (N, h, w) real
        sqrt(I); negative where a pixel is not to be trusted.
    rows : (K,) int, optional
        Frames to look at; all if not given.
    threads : int, optional
        See `ptypy.accelerate.default_threads`.

    Returns
    -------
    (K, 3) float64
        Sums over the trusted pixels of every frame, in the order of ``rows``: (|f| - sqrt(I))^2;
        (|f|^2 - I)^2 / (I + 1); I. |f|^2 is the sum over modes, sights and fine pixels.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    scene = Scene.of(sights, "amplitude", amplitude)
    chosen = np.arange(scene.frames) if rows is None else check_rows("rows", rows, scene.frames)
    errors = np.zeros((len(chosen), 3))

    def work(_: int, first: int, last: int) -> None:
        detector, waves = Detector(scene), empty_waves(scene.sights)
        for k in range(first, last):
            j = int(chosen[k])
            for sight, wave in zip(scene.sights, waves, strict=True):
                multiply(sight, take_view(sight, sight.obj, j), j, wave)
            errors[k] = _compare(detector.arrive(waves), scene.measured_at(j))

    run_ranges(work, len(chosen), count_threads(threads, len(chosen)))
    return errors


def _compare(intensity: Real, amplitude: Real) -> tuple[float, float, float]:
    """Give the three sums of `model_error` for one frame."""
    trusted = amplitude >= 0
    counts = np.where(trusted, np.square(amplitude), 0)
    distance = np.where(trusted, np.sqrt(intensity) - amplitude, 0)
    misfit = np.where(trusted, intensity - counts, 0)
    misfits = np.square(misfit) / (counts + 1)
    return float(np.square(distance).sum()), float(misfits.sum()), float(counts.sum())
