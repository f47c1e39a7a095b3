"""Openings, drawn with soft edges so that their area is right to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.illumination._parameters import DEFAULT
from ptypy.errors import ParameterError
from ptypy.utils.modes import rough

__all__ = ["aperture"]

Real = npt.NDArray[np.float64]

_DIFFUSER_SEED = 20090301


def aperture(
    A: npt.NDArray[Any],
    grids: Sequence[npt.NDArray[Any]] | None = None,
    pars: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> npt.NDArray[np.complex128]:
    """Let a wave through an opening.

    Parameters
    ----------
    A : (..., H, W)
        The wave that arrives; only its shape matters if it is all ones.
    grids : (y, x), optional
        Coordinates of the pixels [m], of shapes that broadcast to (H, W) when leading axes
        are dropped. Pixels, counted from ``shape // 2``, if not given; sizes are then in
        pixels, too.
    pars, **kwargs
        Entries of ``illumination.aperture``, in the units of ``grids``; ``edge`` is in pixels
        always.

    Returns
    -------
    (..., H, W) complex128
        The wave behind the opening.

    Raises
    ------
    ParameterError
        If the form is unknown, or a number of parameters does not fit.

    Examples
    --------
    >>> disk = aperture(np.ones((64, 64)), form="circ", size=40.0)
    >>> round(float(abs(disk).sum()) / 20.0**2, 2)
    3.14
    """
    p = {**DEFAULT.aperture, **(pars or {}), **kwargs}
    shape = np.shape(A)[-2:]
    y, x, pixel = _pixel_grids(shape, grids)
    size = np.array(shape) * pixel / 3 if p["size"] is None else _two("size", p["size"])
    offset = _two("offset", 0.0 if p["offset"] is None else p["offset"])
    y, x = y - offset[0], x - offset[1]
    if p["rotate"]:
        cosine, sine = np.cos(p["rotate"]), np.sin(p["rotate"])
        y, x = cosine * y - sine * x, sine * y + cosine * x
    y, x, radii = y / pixel[0], x / pixel[1], size / pixel / 2
    opening = _form(p["form"], y, x, radii, p["edge"])
    if p["central_stop"]:
        opening = opening * (1 - _form(p["form"], y, x, radii * p["central_stop"], p["edge"]))
    wave = np.asarray(A) * opening.astype(np.complex128)
    if p["diffuser"] is not None:
        wave *= rough(shape, p["diffuser"], np.random.default_rng(_DIFFUSER_SEED))
    return np.asarray(wave)


def _pixel_grids(
    shape: tuple[int, ...], grids: Sequence[npt.NDArray[Any]] | None
) -> tuple[Real, Real, Real]:
    """Give coordinates (H, W) and the size of a pixel, both axes in the unit of the grids."""
    if grids is None:
        rows, columns = (np.arange(n, dtype=np.float64) - n // 2 for n in shape)
        y, x = np.meshgrid(rows, columns, indexing="ij")
        return y, x, np.ones(2)
    y, x = (np.asarray(g, np.float64) for g in grids)
    y, x = (np.broadcast_to(g.reshape(-1, *g.shape[-2:])[0], shape) for g in (y, x))
    steps = [
        abs(g.take(1, axis) - g.take(0, axis)).flat[0] if g.shape[axis] > 1 else 1.0
        for axis, g in enumerate((y, x))
    ]
    return y, x, np.array(steps)


def _form(form: str | None, y: Real, x: Real, radii: Real, edge: float) -> Real:
    """Draw an opening of given half axes; all lengths in pixels."""
    if form is None or form == "None":
        return np.ones_like(y)
    if not (radii > 0).all():
        return np.zeros_like(y)
    if form == "rect":
        return _step(radii[0] - np.abs(y), edge) * _step(radii[1] - np.abs(x), edge)
    if form == "circ":
        # Distance to an ellipse to first order: value over slope of its implicit equation.
        radius = np.hypot(y / radii[0], x / radii[1])
        slope = np.hypot(y / radii[0] ** 2, x / radii[1] ** 2)
        inside = radius / np.where(slope == 0, 1 / radii.min(), slope)
        distance = np.where(radius == 0, radii.min(), (1 - radius) * inside)
        return _step(distance, edge)
    raise ParameterError(
        f"illumination.aperture.form  {form!r}  is unknown; choose 'circ', 'rect' or None"
    )


def _step(distance: Real, edge: float) -> Real:
    """Rise smoothly from 0 to 1 over ``edge`` pixels, one half at distance zero."""
    t = np.clip(distance / max(float(edge), 1.0) + 0.5, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _two(name: str, value: Any) -> Real:
    try:
        return np.array(np.broadcast_to(np.asarray(value, np.float64), 2))
    except (TypeError, ValueError):
        raise ParameterError(
            f"illumination.aperture.{name}  {value!r}  should be one number or (y, x) [m]"
        ) from None
