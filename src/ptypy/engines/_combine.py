"""One change out of those that several processes made at the same time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ptypy.engines._blocks import add_up
from ptypy.engines._packed_block import Complex, Real

__all__ = ["Exposure", "combine", "combine_probe"]

FAINT = 1e-3
"""Exposure below which the exponential is taken as its first two terms."""

CELLS = 32
"""Exposures are smooth: this many cells along the edge of a frame are enough for weights."""


@dataclass(slots=True)
class Exposure:
    """How far frames have moved each part of an object towards what they want it to be.

    A visit leaves the share ``1 - step |P|^2 / max |P|^2`` of the way to go, which is about
    ``exp(-step |P|^2 / max |P|^2)``. The exposure is the sum of these exponents.
    """

    cells: Real
    """Mean over square cells of the object."""
    edge: int
    """Edge of a cell [px]."""

    @classmethod
    def of_frames(
        cls, corners: npt.NDArray[np.int64], power: Real, shape: tuple[int, int], step: float
    ) -> Exposure:
        """Add up what frames do.

        Parameters
        ----------
        corners : (K, 2) int64
            Upper left pixels of the frames that were visited [px].
        power : (H, W) float32
            Light of the probe, sum over modes of |P|^2.
        shape : (int, int)
            Of the object [px].
        step : float
            Of the object, ``alpha``.
        """
        from scipy.fft import irfft2, next_fast_len, rfft2

        edge = max(1, min(power.shape) // CELLS)
        cells = tuple(-(-n // edge) for n in shape)
        brightest = float(power.max())
        if not len(corners) or not brightest:
            return cls(np.zeros(cells, np.float32), edge)
        light = _binned(power, edge)
        size = [next_fast_len(n + m, real=True) for n, m in zip(cells, light.shape, strict=True)]
        visits = np.zeros(size, np.float32)
        nearest = (corners + edge // 2) // edge
        np.add.at(visits, (nearest[:, 0], nearest[:, 1]), np.float32(step / brightest))
        total = irfft2(rfft2(visits) * rfft2(light, s=size), s=size)
        # The Fourier transform leaves rounding noise where no light was.
        return cls(np.maximum(total[: cells[0], : cells[1]], np.float32(0.0)), edge)

    def share_of_total(self) -> Real:
        """Say by what the change of this process enters that of all; all must call this.

        Returns
        -------
        (cells, cells) float32
            The factor of d_k in the formula of `combine`.
        """
        total = self.cells.copy()
        add_up(total)
        return _share_gone(total) / _share_gone(self.cells)

    def in_pixels(self, cells: Real, box: tuple[slice, slice]) -> Real:
        """Give a number for each pixel of a part of the object, from one for each cell."""
        pixels = cells
        for axis, part in enumerate(box):
            first, last = part.start // self.edge, -(-part.stop // self.edge)
            pixels = pixels.take(np.arange(first, last), axis).repeat(self.edge, axis)
            start = part.start - first * self.edge
            pixels = pixels.take(np.arange(start, start + part.stop - part.start), axis)
        return pixels


def combine(array: Complex, part: Complex, box: tuple[slice, slice], exposed: Exposure) -> None:
    """Give an object that every process has changed the same value on all of them, in place.

    With the exposure e_k of process k, its change d_k has gone the share ``1 - exp(-e_k)`` of
    the way to what its frames want. The common change goes as far as all visits one after the
    other would have gone, towards the mean of what the processes want, weighted by exposure:

        d = (1 - exp(-E)) / E  sum_k  e_k / (1 - exp(-e_k)) d_k,      E = sum_k e_k

    Where only one process had light this is its change, where light was faint the sum of the
    changes, where it was strong their mean.

    Parameters
    ----------
    array : (Ho, Wo) complex64
        The object as it was, the same on every process.
    part : (h, w) complex64
        What this process has made of a part of it.
    box : (slice, slice)
        Which part.
    exposed : Exposure
        e_k.
    """
    factor = exposed.in_pixels(exposed.share_of_total(), box)
    change = np.zeros_like(array)
    mine = change[box]
    np.subtract(part, array[box], out=mine)
    mine.real *= factor
    mine.imag *= factor
    add_up(change)
    array += change


def combine_probe(probe: Complex, before: Complex, exposed: float) -> None:
    """Do the same for a probe, whose pixels all have one exposure, in place.

    Parameters
    ----------
    probe, before : (M, H, W) complex64
        As this process left it; as it was, the same on every process.
    exposed : float
        e_k of this process.
    """
    mine = np.full(1, exposed, np.float32)
    change = (probe - before) / _share_gone(mine)
    add_up(change, mine)
    change *= _share_gone(mine)
    np.add(before, change, out=probe)


def _share_gone(exposed: Real) -> Real:
    """Calculate ``(1 - exp(-e)) / e``, which is 1 for no exposure."""
    safe = np.maximum(exposed, np.float32(FAINT))
    share = np.where(exposed > FAINT, -np.expm1(-safe) / safe, 1.0 - 0.5 * exposed)
    return np.asarray(share, np.float32)


def _binned(power: Real, edge: int) -> Real:
    """Average over square cells; what is beyond the edge is dark."""
    height, width = (-(-n // edge) * edge for n in power.shape)
    padded = np.zeros((height, width), np.float32)
    padded[: power.shape[0], : power.shape[1]] = power
    cells = padded.reshape(height // edge, edge, width // edge, edge)
    return np.asarray(cells.mean(axis=(1, 3)), np.float32)
