"""Light on its way through the slices of a thick object: what happens in one slice of one frame.

The Fourier transforms between slices are the caller's. Arrays are plain and C-contiguous; the
caller sees to shapes, and to views that are inside the slice.
"""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from typing import Any

import numpy as np

from ptypy.accelerate._compile import kernel

__all__ = ["fit_modulus", "light_slice", "look_at_slice", "update_slice"]

FAINT = np.float32(1e-30)
"""Added to the model's intensity, so that a dark pixel is divided by something."""


@kernel
def look_at_slice(plane: Any, y: int, x: int, down: float, right: float, view: Any) -> float:
    """Write what a frame sees of a slice, linear between pixels; give the largest abs()^2 of it.

    Parameters
    ----------
    plane : (Ho, Wo) complex64
    y, x : int
        Corner of the frame [px].
    down, right : float
        Parts of a pixel beyond it, 0 to below 1. If both are 0, pixels beyond the view are
        not touched.
    view : (H, W) complex64
        Overwritten.
    """
    height, width = view.shape
    largest = np.float32(0.0)
    v, u = np.float32(down), np.float32(right)
    for i in range(height):
        if down == 0.0 and right == 0.0:
            for k in range(width):
                view[i, k] = plane[y + i, x + k]
        else:
            for k in range(width):
                a, b = plane[y + i, x + k], plane[y + i, x + k + 1]
                c, d = plane[y + i + 1, x + k], plane[y + i + 1, x + k + 1]
                above, below = a + u * (b - a), c + u * (d - c)
                view[i, k] = above + v * (below - above)
        for k in range(width):
            o = view[i, k]
            largest = max(largest, o.real * o.real + o.imag * o.imag)
    return float(largest)


@kernel
def light_slice(waves: Any, view: Any, out: Any) -> float:
    """Multiply waves and what they see; give the largest sum_m abs(psi_m)^2 of the waves.

    Parameters
    ----------
    waves : (M, H, W) complex64
    view : (H, W) complex64
    out : (M, H, W) complex64
        Overwritten; may not be ``waves``.
    """
    modes, height, width = waves.shape
    largest = np.float32(0.0)
    for i in range(height):
        for k in range(width):
            power, o = np.float32(0.0), view[i, k]
            for m in range(modes):
                w = waves[m, i, k]
                power += w.real * w.real + w.imag * w.imag
                out[m, i, k] = w * o
            largest = max(largest, power)
    return float(largest)


@kernel
def fit_modulus(field: Any, amplitude: Any) -> tuple[float, int]:
    """Turn f into M(f) - f, in place, M putting the measured amplitudes.

    Parameters
    ----------
    field : (M, H, W) complex64
    amplitude : (H, W) float32
        In the same order; untrusted pixels are negative, and there the difference is 0.

    Returns
    -------
    (float, int)
        Sum over the trusted pixels of (abs(f) - amplitude)^2, and how many there are.
    """
    modes, height, width = field.shape
    squares, trusted = 0.0, 0
    for i in range(height):
        for k in range(width):
            power, measured = FAINT, amplitude[i, k]
            for m in range(modes):
                f = field[m, i, k]
                power += f.real * f.real + f.imag * f.imag
            model = np.sqrt(power)
            missing = np.float32(0.0)
            if measured >= 0:
                missing = measured - model
                squares += missing * missing
                trusted += 1
            for m in range(modes):
                field[m, i, k] *= missing / model
    return squares, trusted


@kernel
def update_slice(
    plane: Any,
    y: int,
    x: int,
    down: float,
    right: float,
    waves: Any,
    view: Any,
    missing: Any,
    step: float,
    share: float,
) -> float:
    """Add step sum_m conj(psi_m) d_m to a slice, turn d into share conj(O) d; give sum abs(d)^2.

    Parameters
    ----------
    plane : (Ho, Wo) complex64
        Changed where the frame sees it, all four neighbours by their shares.
    y, x, down, right
        As for `look_at_slice`.
    waves : (M, H, W) complex64
        psi, which met the slice.
    view : (H, W) complex64
        O, what they saw of it.
    missing : (M, H, W) complex64
        d, what the waves behind it lack.
    step, share : float
    """
    modes, height, width = waves.shape
    v, u = np.float32(down), np.float32(right)
    one = np.float32(1.0)
    go, give = np.float32(step), np.float32(share)
    whole = down == 0.0 and right == 0.0
    squares = 0.0
    for i in range(height):
        for k in range(width):
            move, o = np.complex64(0.0), give * np.conj(view[i, k])
            for m in range(modes):
                d = missing[m, i, k]
                move += np.conj(waves[m, i, k]) * d
                missing[m, i, k] = o * d
                squares += d.real * d.real + d.imag * d.imag
            move *= go
            if whole:
                plane[y + i, x + k] += move
            else:
                plane[y + i, x + k] += (one - v) * (one - u) * move
                plane[y + i, x + k + 1] += (one - v) * u * move
                plane[y + i + 1, x + k] += v * (one - u) * move
                plane[y + i + 1, x + k + 1] += v * u * move
    return squares
