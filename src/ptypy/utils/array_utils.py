"""Crop, pad, turn and bin arrays; and numbers that may stand for several.

These are for scripts and loaders. The preparation of frames has its own, faster code
(`ptypy.core.data`), which SUMS counts where `rebin` here averages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, ParameterError
from ptypy.utils.math_utils import mass_center

__all__ = [
    "crop_pad",
    "crop_pad_symmetric_2d",
    "expect2",
    "expect3",
    "rebin",
    "rebin_2d",
    "switch_orientation",
]

PAD_MODES = {"mirror": "symmetric", "periodic": "wrap", "project": "edge"}
"""What fills the new planes of `crop_pad`, as numpy's `pad` calls it."""


def expect2(a: Any) -> npt.NDArray[Any]:
    """Make a pair: a single number counts for both axes.

    Raises
    ------
    ParameterError
        If ``a`` holds neither one nor two members.
    """
    return _expect(a, 2)


def expect3(a: Any) -> npt.NDArray[Any]:
    """Make a triple: a single number counts for all axes; of two, the last counts twice.

    Raises
    ------
    ParameterError
        If ``a`` holds no members or more than three.
    """
    return _expect(a, 3)


def _expect(a: Any, length: int) -> npt.NDArray[Any]:
    members = np.atleast_1d(np.asarray(a)).ravel()
    if not 1 <= len(members) <= length:
        raise ParameterError(f"{a!r} should be one number or {length}")
    return np.concatenate([members, np.repeat(members[-1:], length - len(members))])


def crop_pad(  # noqa: PLR0917 -- the signature that loaders know
    A: npt.NDArray[Any],
    hplanes: Sequence[Any],
    axes: Sequence[int] | None = None,
    cen: Sequence[float] | None = None,
    fillpar: Any = 0.0,
    filltype: str = "scalar",
) -> npt.NDArray[Any]:
    """Add planes at the ends of axes, or take them away.

    Parameters
    ----------
    A : ndarray
    hplanes : sequence
        For each axis, how many planes to add (> 0) or take away (< 0): a pair for the two
        ends, or one number that is split between them.
    axes : sequence of int, optional
        The axes meant; the last ones if not given.
    cen : sequence of float, optional
        For each axis, where its centre lies [px]. A single number of ``hplanes`` is then
        split so that this comes to lie at the new length // 2.
    fillpar : number
        What new planes hold, with ``filltype='scalar'``.
    filltype : {'scalar', 'mirror', 'periodic', 'project'}
        Fill with a number, the mirrored array, its repetition, or its outermost plane.

    Returns
    -------
    ndarray
        Of the same dtype.

    Raises
    ------
    DataError
        If nothing would be left.
    ParameterError
        If there is no such ``filltype``.
    """
    if filltype != "scalar" and filltype not in PAD_MODES:
        raise ParameterError(f"filltype {filltype!r} should be scalar, {', '.join(PAD_MODES)}")
    if axes is None:
        axes = range(A.ndim - len(hplanes), A.ndim)
    cut = [slice(None)] * A.ndim
    pad = [(0, 0)] * A.ndim
    for k, (planes, signed_axis) in enumerate(zip(hplanes, axes, strict=True)):
        axis = signed_axis % A.ndim
        length = A.shape[axis]
        low, high = _ends(planes, length, None if cen is None else cen[k])
        start, stop = max(0, -low), length - max(0, -high)
        if start >= stop:
            raise DataError(f"nothing is left of {length} planes of axis {axis} after {planes}")
        cut[axis] = slice(start, stop)
        pad[axis] = (max(0, low), max(0, high))
    cropped = A[tuple(cut)]
    if not any(low or high for low, high in pad):
        return cropped.copy()
    if filltype == "scalar":
        return np.pad(cropped, pad, mode="constant", constant_values=fillpar)
    return np.pad(cropped, pad, mode=PAD_MODES[filltype])  # type: ignore[call-overload, no-any-return]


def _ends(planes: Any, length: int, center: float | None) -> tuple[int, int]:
    """Split planes between the two ends of an axis."""
    if np.ndim(planes) > 0:
        low, high = planes
        return int(low), int(high)
    if center is None:
        return int(planes) // 2, int(planes) - int(planes) // 2
    low = (length + int(planes)) // 2 - round(center)
    return low, int(planes) - low


def crop_pad_symmetric_2d(
    A: npt.NDArray[Any], newshape: Any, center: Any = None
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Cut out, or pad with zeros to, a region around a centre.

    Parameters
    ----------
    A : (..., H, W) ndarray
    newshape : int or (int, int)
        Shape of the region.
    center : (float, float), optional
        Pixel that comes to lie at ``newshape // 2``; that of the centre of mass if not given.

    Returns
    -------
    A : (..., h, w) ndarray
    center : (2,) int
        Where the centre lies now: ``newshape // 2``.
    """
    shape = expect2(newshape)
    middle = mass_center(A, axes=(-2, -1)) if center is None else expect2(center)
    planes = [int(new) - old for new, old in zip(shape, A.shape[-2:], strict=True)]
    return crop_pad(A, planes, axes=(-2, -1), cen=list(middle)), shape // 2


def switch_orientation(A: npt.NDArray[Any], orientation: Any, center: Any = None) -> Any:
    """Transpose and mirror the last two axes.

    Parameters
    ----------
    A : (..., H, W) ndarray
    orientation : int, three booleans, or None
        0 ... 7, the sum of 4 for transposing, 2 for turning rows upside down, 1 for turning
        columns left to right; or these as booleans in this order. Transposing comes first.
    center : (float, float), optional
        A position [px] to follow.

    Returns
    -------
    A : ndarray
        A view where possible.
    center : (2,) float
        Where the position lies now; only if one was given.

    Raises
    ------
    ParameterError
        If there is no such orientation.
    """
    transpose, flipud, fliplr = _turns(orientation)
    moved = None if center is None else expect2(center).astype(float)
    if transpose:
        A = A.swapaxes(-1, -2)
        moved = None if moved is None else moved[::-1].copy()
    if flipud:
        A = A[..., ::-1, :]
    if fliplr:
        A = A[..., ::-1]
    if moved is None:
        return A
    if flipud:
        moved[0] = A.shape[-2] - 1 - moved[0]
    if fliplr:
        moved[1] = A.shape[-1] - 1 - moved[1]
    return A, moved


def _turns(orientation: Any) -> tuple[bool, bool, bool]:
    if orientation is None:
        return False, False, False
    if np.ndim(orientation) == 1 and len(orientation) == 3:
        transpose, flipud, fliplr = orientation
        return bool(transpose), bool(flipud), bool(fliplr)
    if np.ndim(orientation) == 0 and orientation in range(8):
        return bool(orientation & 4), bool(orientation & 2), bool(orientation & 1)
    raise ParameterError(f"orientation {orientation!r} should be 0 … 7, None, or three booleans")


def rebin(a: npt.NDArray[Any], *args: int) -> npt.NDArray[Any]:
    """AVERAGE blocks of elements, down to a given shape.

    The sum of an array is not conserved. Detector frames are binned by ``scan.data.rebin``,
    which sums.

    Parameters
    ----------
    a : ndarray
    *args : int
        The new length of each axis; each must divide the old one.

    Returns
    -------
    ndarray of float

    Raises
    ------
    DataError
        If the new shape does not divide the old one.
    """
    if len(args) != a.ndim or any(
        new < 1 or old % new for old, new in zip(a.shape, args, strict=False)
    ):
        raise DataError(f"an array of {a.shape} cannot be binned to {args}: each must divide")
    blocks = [n for old, new in zip(a.shape, args, strict=True) for n in (new, old // new)]
    return np.asarray(a.reshape(blocks).mean(axis=tuple(range(1, 2 * a.ndim, 2))))


def rebin_2d(A: npt.NDArray[Any], rebin: int = 1) -> npt.NDArray[Any]:
    """AVERAGE blocks of ``rebin`` x ``rebin`` elements of the last two axes.

    Raises
    ------
    DataError
        If ``rebin`` does not divide them.
    """
    *rest, height, width = A.shape
    if rebin < 1 or height % rebin or width % rebin:
        raise DataError(f"{height} x {width} px cannot be binned by {rebin}")
    blocks = (*rest, height // rebin, rebin, width // rebin, rebin)
    return np.asarray(A.reshape(blocks).mean(axis=(-3, -1)))
