"""The beam and the path of a simulated scan: arrays in, arrays out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft

__all__ = ["far_field_intensity", "fermat_spiral", "lens_probe"]

GOLDEN_ANGLE = np.pi * (3.0 - np.sqrt(5.0))


def lens_probe(size: int, diameter: float, photons: float) -> npt.NDArray[np.complex64]:
    """Draw the beam of a slightly astigmatic lens, a little out of focus.

    Parameters
    ----------
    size : int
        Edge of the field [px].
    diameter : float
        Diameter of the bright part [px].
    photons : float
        Photons in the beam: the sum of ``|probe|**2``.

    Returns
    -------
    (size, size) complex64
        The field at the sample, centred on pixel ``size // 2``.
    """
    axis = np.arange(size) - size // 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    radius = np.hypot(y, x) / (diameter / 2)
    # A soft disk with the faint central shadow that the order-sorting stop of a lens leaves.
    disk = 0.5 * (1 - np.tanh((radius - 1) * diameter / 6))
    shadow = 1 - 0.6 * np.exp(-((radius / 0.25) ** 2))
    phase = 3.0 * radius**2 + 0.5 * (y**2 - x * y) / (diameter / 2) ** 2
    probe = disk * shadow * np.exp(1j * phase)
    probe *= np.sqrt(photons / np.sum(np.abs(probe) ** 2))
    return np.asarray(probe, dtype=np.complex64)


def fermat_spiral(count: int, spacing: float) -> npt.NDArray[np.int64]:
    """Lay scan points on a Fermat spiral, which has no grid to leave its mark on the image.

    Huang et al., Optics Express 22 (2014) 12634.

    Parameters
    ----------
    count : int
        Number of points.
    spacing : float
        Mean distance between neighbours [px].

    Returns
    -------
    (count, 2) int64
        Points (y, x) [px] on whole pixels, the first at the origin.
    """
    k = np.arange(count)
    radius = spacing * np.sqrt(k / np.pi)
    angle = k * GOLDEN_ANGLE
    points = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    return np.asarray(np.rint(points), dtype=np.int64)


def far_field_intensity(
    exit_waves: npt.NDArray[np.complex64],
) -> npt.NDArray[np.float32]:
    """Give the far-field intensity of exit waves, zero frequency at ``shape // 2``.

    Parameters
    ----------
    exit_waves : (N, H, W) complex64
        Waves leaving the sample.

    Returns
    -------
    (N, H, W) float32
        Photons a pixel; the total of a frame is that of its wave.
    """
    field = scipy.fft.fft2(exit_waves, norm="ortho", workers=-1)
    intensity = field.real**2 + field.imag**2
    return np.asarray(scipy.fft.fftshift(intensity, axes=(-2, -1)), dtype=np.float32)
