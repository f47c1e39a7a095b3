"""Compare a reconstructed object with the truth, up to what diffraction cannot tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from ptypy.errors import DataError

__all__ = ["Comparison", "compare_objects"]

Complex = npt.NDArray[np.complexfloating]
UPSAMPLING = 50
"""The shift between the two images is found to 1 / UPSAMPLING of a pixel."""
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far an object is from the truth."""

    error: float
    """sqrt(sum |aligned - truth|^2 / sum |truth|^2) over the compared region."""
    phase_error: float
    """Root mean square difference of the phases there [rad]."""
    shift: tuple[float, float]
    """Shift (y, x) of the object against the truth, which was followed [px]."""
    aligned: npt.NDArray[np.complex128]
    """The object without factor and ramp, shape (Y, X)."""
    truth: npt.NDArray[np.complex128]
    """The truth, shifted to where the object shows it, shape (Y, X)."""
    compared: npt.NDArray[np.bool_]
    """Where the two were compared, shape (Y, X)."""


def compare_objects(
    obj: Complex, truth: Complex, weight: npt.NDArray[np.floating | np.bool_]
) -> Comparison:
    """Measure the distance of an object from the truth.

    A diffraction experiment does not see a constant factor, a phase ramp (the probe takes
    the opposite one) nor a common shift of probe and object. These are fitted and removed.

    Parameters
    ----------
    obj, truth : (Y, X) complex
        Transmissions on the same grid.
    weight : (Y, X) float or bool
        Where to compare, and how much each pixel counts.

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        If the shapes differ or the weight is zero everywhere.
    """
    if not obj.shape == truth.shape == weight.shape or not np.any(weight):
        raise DataError(
            f"cannot compare an object {obj.shape} with a truth {truth.shape} under a weight "
            f"{weight.shape}: give three of one shape, and a weight that is not zero everywhere"
        )
    w = np.asarray(weight, dtype=float)
    aligned = np.asarray(obj, dtype=complex)
    # The truth is shifted and not the object: it is known everywhere, so that nothing from
    # outside the compared region can spill into it.
    moved = np.asarray(truth, dtype=complex)
    total = np.zeros(2)
    # Ramp and shift disturb one another's estimates; each round leaves less of both.
    for _ in range(ROUNDS):
        aligned = aligned * _coarse_ramp(aligned, moved, w)
        aligned = aligned * _fine_ramp(aligned, moved, w)
        total += _find_shift(_contrast(aligned, w), _contrast(moved, w))
        moved = _shifted(truth, total)
    aligned = aligned * _fine_ramp(aligned, moved, w)
    aligned /= np.sum(w * moved.conj() * aligned) / np.sum(w * np.abs(moved) ** 2)
    error = np.sum(w * np.abs(aligned - moved) ** 2) / np.sum(w * np.abs(moved) ** 2)
    phase = np.angle(aligned * moved.conj())
    return Comparison(
        error=float(np.sqrt(error)),
        phase_error=float(np.sqrt(np.sum(w * phase**2) / w.sum())),
        shift=(float(total[0]), float(total[1])),
        aligned=aligned,
        truth=moved,
        compared=w > 0,
    )


def _coarse_ramp(obj: Complex, truth: Complex, w: npt.NDArray[np.float64]) -> Complex:
    """Give a phase ramp that undoes, nearly, the one between object and truth."""
    ratio = w * obj * truth.conj()
    # The phase between neighbours, averaged with their weight, is the slope.
    slopes = [
        np.angle(
            np.sum(np.take(ratio, range(1, n), axis) * np.take(ratio, range(n - 1), axis).conj())
        )
        for axis, n in enumerate(ratio.shape)
    ]
    y, x = np.indices(obj.shape)
    return np.asarray(np.exp(-1j * (slopes[0] * y + slopes[1] * x)))


def _fine_ramp(obj: Complex, truth: Complex, w: npt.NDArray[np.float64]) -> Complex:
    """Fit a plane to what phase difference is left, and give the ramp that undoes it."""
    ratio = obj * truth.conj()
    phase = np.angle(ratio * np.exp(-1j * np.angle(np.sum(w * ratio))))
    y, x = (axis - axis.mean() for axis in np.indices(obj.shape, dtype=float))
    root = np.sqrt(w).ravel()
    columns = np.stack([np.ones(obj.size), y.ravel(), x.ravel()], axis=1) * root[:, None]
    plane = np.linalg.lstsq(columns, phase.ravel() * root)[0]
    return np.asarray(np.exp(-1j * (plane[0] + plane[1] * y + plane[2] * x)))


def _contrast(image: Complex, w: npt.NDArray[np.float64]) -> Complex:
    """Take the mean out, or the window, which does not move, would decide the shift."""
    return np.asarray((image - np.sum(w * image) / w.sum()) * w)


def _find_shift(image: Complex, reference: Complex) -> npt.NDArray[np.float64]:
    """Find by how much an image is shifted against a reference [px].

    Guizar-Sicairos, Thurman & Fienup, Optics Letters 33 (2008) 156.
    """
    product = scipy.fft.fft2(image) * scipy.fft.fft2(reference).conj()
    peak = np.unravel_index(np.argmax(np.abs(scipy.fft.ifft2(product))), product.shape)
    frequencies = [scipy.fft.fftfreq(n) for n in product.shape]
    coarse = [(p + n // 2) % n - n // 2 for p, n in zip(peak, product.shape, strict=True)]
    fine = np.arange(-UPSAMPLING, UPSAMPLING + 1) / UPSAMPLING
    rows, columns = (
        np.exp(2j * np.pi * np.outer(c + fine, f)) for c, f in zip(coarse, frequencies, strict=True)
    )
    best = np.unravel_index(np.argmax(np.abs(rows @ product @ columns.T)), (fine.size, fine.size))
    return np.array([c + fine[b] for c, b in zip(coarse, best, strict=True)])


def _shifted(image: Complex, shift: npt.NDArray[np.float64]) -> Complex:
    """Shift an image by a fraction of pixels, through its Fourier transform."""
    y, x = (scipy.fft.fftfreq(n) for n in image.shape)
    phase = np.exp(-2j * np.pi * (shift[0] * y[:, None] + shift[1] * x[None, :]))
    return np.asarray(scipy.fft.ifft2(scipy.fft.fft2(image) * phase))
