"""Small mathematics of complex fields and of images."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["abs2", "cabs2", "ellipsis", "mass_center", "rectangle", "rmphaseramp"]


def abs2(A: npt.ArrayLike) -> Any:
    """Square the modulus, element by element; real for complex input too."""
    A = np.asarray(A)
    if np.iscomplexobj(A):
        return A.real**2 + A.imag**2
    return A * A


def cabs2(A: npt.ArrayLike) -> Any:
    """Square the modulus, element by element, as a complex number of no imaginary part."""
    A = np.asarray(A)
    return A * A.conj()


def mass_center(
    A: npt.ArrayLike, axes: int | tuple[int, ...] | None = None
) -> npt.NDArray[np.float64]:
    """Find the centre of mass.

    Parameters
    ----------
    A : ndarray
        The masses: counts, for instance.
    axes : int or tuple of int, optional
        Axes along which to look; all others are summed over. All axes if not given.

    Returns
    -------
    (len(axes),) float64
        Pixel coordinates; an integer is a pixel's centre. NaN if there is no mass.
    """
    A = np.asarray(A, dtype=np.float64)
    if axes is None:
        axes = tuple(range(A.ndim))
    chosen = [axis % A.ndim for axis in ((axes,) if isinstance(axes, int) else axes)]
    total = A.sum()
    if total == 0:
        return np.full(len(chosen), np.nan)
    center = []
    for axis in chosen:
        profile = A.sum(axis=tuple(other for other in range(A.ndim) if other != axis))
        center.append(profile @ np.arange(A.shape[axis]) / total)
    return np.array(center)


def rmphaseramp(
    a: npt.NDArray[Any],
    weight: npt.NDArray[Any] | str | None = None,
    return_phaseramp: bool = False,
) -> Any:
    """Take the mean linear phase out of a complex image.

    Parameters
    ----------
    a : (H, W) complex
    weight : (H, W) float or 'abs', optional
        How much each pixel counts; ``'abs'`` means its modulus. All the same if not given.
    return_phaseramp : bool
        Give the ramp, too.

    Returns
    -------
    a : (H, W) complex
        Its mean phase gradient is zero.
    ramp : (H, W) complex
        What ``a`` was multiplied by; only if asked for.
    """
    if weight is None:
        weights = np.ones(a.shape)
    elif isinstance(weight, str):
        weights = np.abs(a)
    else:
        weights = np.asarray(weight, dtype=np.float64)
    # The phase step between neighbours, averaged as a complex number: no unwrapping is needed.
    slopes = []
    unit = np.exp(1j * np.angle(a))
    for axis in (0, 1):
        lower = tuple(slice(None, -1) if k == axis else slice(None) for k in (0, 1))
        upper = tuple(slice(1, None) if k == axis else slice(None) for k in (0, 1))
        pair = np.sqrt(weights[lower] * weights[upper])
        slopes.append(np.angle(np.sum(pair * unit[upper] * unit[lower].conj())))
    y, x = np.ogrid[: a.shape[0], : a.shape[1]]
    ramp = np.exp(-1j * (slopes[0] * y + slopes[1] * x))
    return (a * ramp, ramp) if return_phaseramp else a * ramp


def ellipsis(
    grids: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    dims: float | tuple[float, float] | None = None,
    ew: float = 2.0,
) -> npt.NDArray[np.float64]:
    """Draw an ellipse with soft edges.

    Parameters
    ----------
    grids : tuple of two (H, W) float
        y and x of every pixel from the ellipse's centre.
    dims : float or (float, float), optional
        Its diameters along y and x, in the unit of the grids; a third of the frame if not given.
    ew : float
        Width of the edge, in that unit.

    Returns
    -------
    (H, W) float64
        1 inside, 0 outside.
    """
    y, x = grids
    height, width = _dims(grids, dims)
    radius = np.hypot(y / height, x / width)
    # Distance to the edge, measured along the ray from the centre.
    scale = np.hypot(y, x) / np.where(radius > 0, radius, 1)
    return _edge((radius - 0.5) * np.where(radius > 0, scale, min(height, width)), ew)


def rectangle(
    grids: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    dims: float | tuple[float, float] | None = None,
    ew: float = 2.0,
) -> npt.NDArray[np.float64]:
    """Draw a rectangle with soft edges; parameters as for `ellipsis`, ``dims`` its sides."""
    y, x = grids
    height, width = _dims(grids, dims)
    return _edge(np.abs(y) - height / 2, ew) * _edge(np.abs(x) - width / 2, ew)


def _dims(
    grids: tuple[npt.NDArray[Any], npt.NDArray[Any]], dims: float | tuple[float, float] | None
) -> tuple[float, float]:
    if dims is None:
        return float(np.ptp(grids[0])) / 3, float(np.ptp(grids[1])) / 3
    height, width = np.broadcast_to(np.asarray(dims, dtype=float), 2)
    return float(height), float(width)


def _edge(distance: npt.NDArray[Any], width: float) -> npt.NDArray[np.float64]:
    """Fall from 1 to 0 across ``distance`` = 0, linearly over ``width``."""
    if width <= 0:
        return np.asarray(distance <= 0, dtype=np.float64)
    return np.clip(0.5 - distance / width, 0.0, 1.0).astype(np.float64)
