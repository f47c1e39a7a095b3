"""How the light of a frame passes the slices of a thick sample, and what a frame says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptypy.core.geometry import Geo

__all__ = ["Passage", "Steps"]

Complex = npt.NDArray[np.complex64]
Real = npt.NDArray[np.float32]
Place = tuple[int, int, float, float]
"""Row and column of a frame's corner [px], and the parts of a pixel beyond it, 0 to below 1."""

FAINT = 1e-30
"""Added to the model's intensity, so that a dark pixel is divided by something."""


class Steps(NamedTuple):
    """How far a visit goes."""

    slices: Sequence[float]
    """Step of each slice, as a share of the one that satisfies the frame; 0 for one that rests."""
    probe: float
    """Step of the probe, likewise."""
    peak: float | None = None
    """Largest abs(O)^2 that the probe's step is divided by; that of the frame's view if None."""


class Passage:
    """From the probe through all slices to the detector, and back.

    With the slices O_1 to O_S, the propagators T_s over the distances between them and the
    propagator A to the detector, frame by frame::

        psi_1 = P      psi_{s+1} = T_s(psi_s O_s)      f = A(psi_S O_S)

    Maiden, Humphry & Rodenburg, J. Opt. Soc. Am. A 29 (2012) 1606. Several probe modes pass
    one beside the other, and their intensities add up.

    Parameters
    ----------
    geometry : Geo
        Setup; its propagator is A.
    modes : int
        Modes M of the probe.
    distances : sequence of float
        From each slice to the next [m], S - 1 of them.
    """

    def __init__(self, geometry: Geo, modes: int, distances: Sequence[float]) -> None:
        from ptypy.core.geometry import NearField

        height, width = (int(n) for n in geometry.shape)
        self.count = len(distances) + 1
        self.is_far = geometry.propagation == "farfield"
        self._phase = np.asarray(geometry.pre_phase, np.complex64)
        self._unphase = self._phase.conj()
        shape, resolution = (height, width), np.asarray(geometry.resolution, np.float64)
        self._between = [
            _transfer(NearField(shape, float(geometry.lam), distance, resolution), shape)
            for distance in distances
        ]
        self._detector = None if self.is_far else _transfer(geometry.propagator, shape)
        self._waves: Complex = np.empty((self.count, modes, *shape), np.complex64)
        self._misfit: Complex = np.empty((modes, *shape), np.complex64)
        self._work: Complex = np.empty((modes, *shape), np.complex64)
        self._shape = shape

    def pack(self, counts: npt.NDArray[Any], mask: npt.NDArray[np.bool_]) -> Real:
        """Give amplitudes in the order in which waves arrive; untrusted pixels are -1.

        Parameters
        ----------
        counts : (N, H, W) real
        mask : (H, W) or (N, H, W) bool

        Returns
        -------
        (N, H, W) float32
            In the far field zero frequency stands at pixel (0, 0).
        """
        counts = np.asarray(counts, np.float32)
        finite = np.isfinite(counts)
        amplitude = np.sqrt(np.maximum(np.where(finite, counts, 0.0), 0.0), dtype=np.float32)
        amplitude[~(finite & mask)] = -1.0
        return np.fft.ifftshift(amplitude, axes=(-2, -1)) if self.is_far else amplitude

    def compare(self, slices: Complex, place: Place, probe: Complex, amplitude: Real) -> Any:
        """Compare model and measurement of a frame; see `BlockEngine.model_errors` for the sums.

        Returns
        -------
        (3,) float64
        """
        field = self._go(self._look(slices, place), probe)
        intensity = _power(field)
        trusted = amplitude >= 0
        model, root = intensity[trusted].astype(np.float64), amplitude[trusted].astype(np.float64)
        measured = root**2
        return np.array(
            [
                ((np.sqrt(model) - root) ** 2).sum(),
                ((model - measured) ** 2 / (measured + 1.0)).sum(),
                measured.sum(),
            ]
        )

    def visit(
        self, slices: Complex, place: Place, probe: Complex, amplitude: Real, steps: Steps
    ) -> tuple[float, float]:
        """Move slices and probe towards one frame, in place.

        With d_S = M(psi_S O_S) - psi_S O_S, M putting the measured amplitudes, and from the last
        slice to the first, all of it from the same old slices and probe::

            O_s     <- O_s + step_s sum_m conj(psi_sm) d_sm / max sum_m abs(psi_sm)^2
            d_{s-1}  = T_{s-1}^H( conj(O_s) d_s / max abs(O_s)^2 )
            P_m     <- P_m + step conj(O_1) d_1m / max abs(O_1)^2

        Parameters
        ----------
        slices : (S, Ho, Wo) complex64
        place : (int, int, float, float)
        probe : (M, H, W) complex64
            The physical field at the first slice.
        amplitude : (H, W) float32
            As `pack` gives it.
        steps : Steps

        Returns
        -------
        (float, float)
            Mean over the trusted pixels of (abs(f) - amplitude)^2 before the visit; mean over
            the frame's pixels of abs(d_S)^2, summed over modes.
        """
        views = self._look(slices, place)
        field = self._go(views, probe)
        error = _differ(field, amplitude)
        back = self._return(field)
        change = float(np.vdot(back, back).real) / amplitude.size
        for s in reversed(range(self.count)):
            if steps.slices[s]:
                self._move_slice(slices[s], place, self._waves[s], back, steps.slices[s])
            if s or steps.probe:
                peak = float(_power(views[s, None]).max())
                np.multiply(back, np.conjugate(views[s]), out=back)
                if s:
                    back *= 1.0 / (peak or 1.0)
                    back = _convolve(back, self._between[s - 1].conj())
                else:
                    back *= steps.probe / (steps.peak or peak or 1.0)
                    probe += back
        return error, change

    def _look(self, slices: Complex, place: Place) -> Complex:
        """Give what a frame sees of each slice, (S, H, W), linear between pixels."""
        y, x, down, right = place
        height, width = self._shape
        if not (down or right):
            return slices[:, y : y + height, x : x + width].copy()
        part = slices[:, y : y + height + 1, x : x + width + 1]
        rows = part[:, :-1] + down * (part[:, 1:] - part[:, :-1])
        return np.asarray(rows[..., :-1] + right * (rows[..., 1:] - rows[..., :-1]))

    def _go(self, views: Complex, probe: Complex) -> Complex:
        """Send the probe through the slices; give the waves on the detector, (M, H, W)."""
        self._waves[0] = probe
        for s, transfer in enumerate(self._between):
            np.multiply(self._waves[s], views[s], out=self._work)
            self._waves[s + 1] = _convolve(self._work, transfer)
        field = np.multiply(self._waves[-1], views[-1], out=self._misfit)
        if self._detector is not None:
            return _convolve(field, self._detector)
        from scipy import fft

        field *= self._phase
        return np.asarray(fft.fft2(field, norm="ortho", overwrite_x=True))

    def _return(self, field: Complex) -> Complex:
        """Send a difference on the detector back to behind the last slice."""
        if self._detector is not None:
            return _convolve(field, self._detector.conj())
        from scipy import fft

        back = np.asarray(fft.ifft2(field, norm="ortho", overwrite_x=True))
        back *= self._unphase
        return back

    def _move_slice(
        self, plane: Complex, place: Place, waves: Complex, back: Complex, step: float
    ) -> None:
        """Add to a slice what a frame says of it, to all four neighbours by their shares."""
        peak = float(_power(waves).max())
        np.conjugate(waves, out=self._work)
        self._work *= back
        move = self._work[0] if len(self._work) == 1 else self._work.sum(axis=0)
        move *= step / peak if peak > 0 else 0.0
        y, x, down, right = place
        height, width = self._shape
        if not (down or right):
            plane[y : y + height, x : x + width] += move
            return
        aside = np.zeros((height, width + 1), np.complex64)
        np.multiply(move, right, out=aside[:, 1:])
        aside[:, :-1] += (1.0 - right) * move
        part = plane[y : y + height + 1, x : x + width + 1]
        part[:-1] += (1.0 - down) * aside
        part[1:] += down * aside


def _transfer(propagator: Any, shape: tuple[int, int]) -> Complex:
    """Find the transfer function of a convolution from what it makes of one bright pixel."""
    point = np.zeros(shape, np.complex128)
    point[0, 0] = 1.0
    return np.fft.fft2(propagator.fw(point)).astype(np.complex64)


def _convolve(waves: Complex, transfer: Complex) -> Complex:
    """Multiply the spectrum of waves with a transfer function, in place where that is possible."""
    from scipy import fft

    spectrum = fft.fft2(waves, overwrite_x=True)
    spectrum *= transfer
    return np.asarray(fft.ifft2(spectrum, overwrite_x=True))


def _power(waves: Complex) -> Real:
    """Sum the intensities of modes, (M, H, W) to (H, W)."""
    squares = waves.real**2
    squares += waves.imag**2
    return squares[0] if len(squares) == 1 else np.asarray(squares.sum(axis=0))


def _differ(field: Complex, amplitude: Real) -> float:
    """Turn f into M(f) - f, in place; give the mean of (abs(f) - amplitude)^2 where trusted."""
    model = np.sqrt(_power(field) + np.float32(FAINT))
    trusted = amplitude >= 0
    missing = np.where(trusted, amplitude - model, np.float32(0.0))
    error = float(np.vdot(missing, missing)) / max(int(np.count_nonzero(trusted)), 1)
    missing /= model
    field *= missing
    return error
