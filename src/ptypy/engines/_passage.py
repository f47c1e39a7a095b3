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
        self._back_between = [transfer.conj() for transfer in self._between]
        self._detector = None if self.is_far else _transfer(geometry.propagator, shape)
        self._back_detector = None if self._detector is None else self._detector.conj()
        self._waves: Complex = np.empty((self.count, modes, *shape), np.complex64)
        self._views: Complex = np.empty((self.count, *shape), np.complex64)
        self._work: Complex = np.empty((modes, *shape), np.complex64)

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
        self._look(slices, place)
        field, _ = self._go(probe)
        intensity = (field.real**2 + field.imag**2).sum(axis=0)
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
        from ptypy.accelerate import fit_modulus, update_slice

        peaks = self._look(slices, place)
        field, lights = self._go(probe)
        squares, trusted = fit_modulus(field, amplitude)
        back = self._return(field)
        change = 0.0
        for s in reversed(range(self.count)):
            step, light = steps.slices[s], lights[s]
            peak = peaks[s] if s or steps.peak is None else steps.peak
            share = 1.0 if s else steps.probe
            missed = update_slice(
                slices[s],
                *place,
                self._waves[s],
                self._views[s],
                back,
                step / light if light > 0 else 0.0,
                share / peak if peak > 0 else 0.0,
            )
            if s == self.count - 1:
                change = missed / amplitude.size
            if s:
                back = _convolve(back, self._back_between[s - 1])
        if steps.probe:
            probe += back
        return squares / max(trusted, 1), change

    def _look(self, slices: Complex, place: Place) -> list[float]:
        """Take what a frame sees of each slice; give the largest abs(O)^2 of each."""
        from ptypy.accelerate import look_at_slice

        return [
            look_at_slice(plane, *place, view)
            for plane, view in zip(slices, self._views, strict=True)
        ]

    def _go(self, probe: Complex) -> tuple[Complex, list[float]]:
        """Send the probe through the slices.

        Returns
        -------
        field : (M, H, W) complex64
            On the detector.
        lights : list of float
            Largest sum_m abs(psi_m)^2 in front of each slice.
        """
        from ptypy.accelerate import light_slice

        lights = []
        self._waves[0] = probe
        for s, transfer in enumerate(self._between):
            lights.append(light_slice(self._waves[s], self._views[s], self._work))
            self._waves[s + 1] = _convolve(self._work, transfer)
        lights.append(light_slice(self._waves[-1], self._views[-1], self._work))
        if self._detector is not None:
            return _convolve(self._work, self._detector), lights
        from scipy import fft

        self._work *= self._phase
        return np.asarray(fft.fft2(self._work, norm="ortho", overwrite_x=True)), lights

    def _return(self, field: Complex) -> Complex:
        """Send a difference on the detector back to behind the last slice."""
        if self._back_detector is not None:
            return _convolve(field, self._back_detector)
        from scipy import fft

        back = np.asarray(fft.ifft2(field, norm="ortho", overwrite_x=True))
        back *= self._unphase
        return back


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
