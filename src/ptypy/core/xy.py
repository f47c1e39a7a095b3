"""Where the beam meets the sample: scan patterns and random displacements.

Positions are (y, x) [m], arrays of shape (N, 2), centred on the origin unless an offset moves
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import Fault, ParameterError
from ptypy.utils.descriptor import EvalDescriptor
from ptypy.utils.parameters import Param

__all__ = [
    "DEFAULT",
    "TEMPLATES",
    "augment_to_coordlist",
    "from_pars",
    "raster_scan",
    "round_scan",
    "spiral_scan",
    "xy_desc",
]

Positions = npt.NDArray[np.float64]

TEMPLATES: dict[str, Param] = {}
"""Named parameter sets for `from_pars`. Put your own here."""

_MODELS = ("round", "raster", "spiral")

xy_desc = EvalDescriptor("xy")
xy_desc.from_string(r"""
    [override]
    default = None
    type = ndarray, list
    help = Positions to use instead of a pattern
    doc = An array of shape (N, 2), (y, x) [m]. Everything else is ignored.
    userlevel = 2

    [model]
    default = None
    type = str, ndarray, list
    help = Pattern of the scan
    doc = ``None`` (no positions), ``'round'``, ``'spiral'``, ``'raster'``, or an array of positions
    userlevel = 0

    [extent]
    default = 15e-6
    type = float, tuple
    help = Size of the scanned area [m]
    doc = One number or (y, x). Points outside are dropped. If ``None``, steps times spacing.
    userlevel = 0

    [spacing]
    default = 1.5e-6
    type = float, tuple
    help = Distance between neighbouring positions [m]
    doc = One number or (y, x). If ``None``, extent divided by steps.
    userlevel = 0

    [steps]
    default = 10
    type = int, tuple
    help = Number of steps across the scanned area
    doc = One number or (y, x). If ``None``, extent divided by spacing.
    userlevel = 0

    [offset]
    default = 0.
    type = float, tuple
    help = Displacement of the whole scan [m]
    doc = One number or (y, x)
    userlevel = 2

    [jitter]
    default = None
    type = float
    help = Random displacement of every position [m]
    doc = Standard deviation along each axis. The same seed gives the same displacements.
    userlevel = 2

    [count]
    default = None
    type = int
    help = Number of positions to keep
    doc = The first ``count`` positions of the pattern. ``None`` keeps all.
    userlevel = 2
""")

DEFAULT: Param = xy_desc.make_default(depth=99)
"""Parameters of `from_pars` that were not given."""


def from_pars(xypars: Any = None, *, seed: int = 0) -> Positions | None:
    """Make positions of a set of parameters.

    Parameters
    ----------
    xypars : None, array, str or mapping
        None gives None. An array or list is taken as positions. A string names an entry of
        `TEMPLATES`. A mapping holds parameters as described by `xy_desc`.
    seed : int
        Seed of the random displacements that ``jitter`` asks for.

    Returns
    -------
    (N, 2) float64 or None
        Positions (y, x) [m].

    Raises
    ------
    ParameterError
        If ``xypars`` is of no such form, or its parameters do not fit; all of them at once.

    Examples
    --------
    >>> len(from_pars({"model": "round", "spacing": 1e-6, "steps": 11, "extent": 11e-6}))
    92
    """
    if xypars is None:
        return None
    if isinstance(xypars, str):
        if xypars not in TEMPLATES:
            known = ", ".join(sorted(TEMPLATES)) or "there is none yet: put it into xy.TEMPLATES"
            raise ParameterError([Fault("xy", repr(xypars), f"is not a known template; {known}")])
        xypars = TEMPLATES[xypars]
    if isinstance(xypars, np.ndarray | list | tuple):
        return _as_positions(xypars, "xy")
    if not isinstance(xypars, Mapping):
        raise ParameterError(
            [Fault("xy", repr(xypars), "give None, positions (N, 2), a template or a dictionary")]
        )
    p = DEFAULT.copy()
    p.update(xypars)
    if p.override is not None:
        return _as_positions(p.override, "xy.override")
    if p.model is None:
        return None
    positions = _pattern(p) + _pair("offset", 0.0 if p.offset is None else p.offset)
    positions = positions[: p.count]
    if p.jitter:
        rng = np.random.default_rng(seed)
        positions = positions + rng.normal(0.0, p.jitter, positions.shape)
    return positions


def round_scan(dr: float = 1.5e-6, nr: int = 5, nth: int = 5) -> Positions:
    """Place points on circles around the origin.

    Parameters
    ----------
    dr : float
        Distance between circles [m].
    nr : int
        Number of circles less one: radii are ``dr`` to ``(nr + 1) dr``.
    nth : int
        Points on the first circle; the k-th holds k times as many.

    Returns
    -------
    (N, 2) float64
        The origin, then circle by circle ``(r sin t, r cos t)`` [m].
    """
    circles = [np.zeros((1, 2))]
    for ring in range(1, nr + 2):
        angle = 2 * np.pi * np.arange(nth * ring) / (nth * ring)
        circles.append(ring * dr * np.stack([np.sin(angle), np.cos(angle)], axis=1))
    return np.concatenate(circles)


def raster_scan(
    dy: float = 1.5e-6, dx: float = 1.5e-6, ny: int = 10, nx: int = 10, ang: float = 0.0
) -> Positions:
    """Place points on a grid, row after row.

    Parameters
    ----------
    dy, dx : float
        Distance between rows and between columns [m].
    ny, nx : int
        Number of rows and of columns.
    ang : float
        Rotation of the grid about its first point [rad], from x towards y.

    Returns
    -------
    (ny * nx, 2) float64
        ``(dy i, dx j)`` [m], j running fastest.
    """
    rows, columns = np.mgrid[:ny, :nx].reshape(2, -1)
    y, x = dy * rows, dx * columns
    cos, sin = np.cos(ang), np.sin(ang)
    return np.stack([y * cos + x * sin, x * cos - y * sin], axis=1)


def spiral_scan(dr: float = 1.5e-6, r: float = 7.5e-6, maxpts: int = 100000) -> Positions:
    """Place points on an Archimedean spiral, evenly along its arc.

    Parameters
    ----------
    dr : float
        Distance between turns, and between neighbours on a turn [m].
    r : float
        Radius at which the spiral ends [m].
    maxpts : int
        Largest number of points.

    Returns
    -------
    (N, 2) float64
        Positions (y, x) [m], from the origin outwards.
    """
    # r = dr t / 2 pi, so the arc from 0 to t is about dr t**2 / 4 pi; neighbours are dr apart
    # when that grows by dr from one to the next.
    points = min(int(np.pi * (r / dr) ** 2 * (1 + 1e-12)) + 1, maxpts)
    angle = np.sqrt(4 * np.pi * np.arange(points))
    radius = dr * angle / (2 * np.pi)
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)


def augment_to_coordlist(a: Any, Npos: int) -> Positions:
    """Repeat one or several coordinates until there is one for every position.

    Parameters
    ----------
    a : float, pair, or (n, 2) array
        A number stands for both axes. Several pairs are used in turn.
    Npos : int
        Number of rows wanted.

    Returns
    -------
    (Npos, 2) float64
    """
    values = np.asarray(a, dtype=np.float64)
    if values.ndim == 0:
        values = np.full((1, 2), values)
    if values.size % 2 or not values.size:
        raise ParameterError(f"{a!r} is neither one number nor a list of pairs")
    return np.resize(values.reshape(-1, 2), (Npos, 2))


def _pattern(p: Param) -> Positions:
    """Lay out the pattern that ``p.model`` names, centred, and cut it to the scanned area."""
    if isinstance(p.model, np.ndarray | list | tuple):
        return _as_positions(p.model, "xy.model")
    faults = []
    if p.model not in _MODELS:
        faults.append(Fault("xy.model", repr(p.model), f"is not one of {', '.join(_MODELS)}"))
    if p.count is not None and p.count < 1:
        faults.append(Fault("xy.count", repr(p.count), "must be 1 or more, or None"))
    if sum(p[name] is None for name in ("extent", "spacing", "steps")) > 1:
        faults.append(Fault("xy", "", "two of extent, spacing and steps are needed"))
    faults += [
        Fault(f"xy.{name}", repr(p[name]), "must be larger than zero")
        for name in ("extent", "spacing", "steps")
        if p[name] is not None and not (_pair(name, p[name]) > 0).all()
    ]
    if faults:
        raise ParameterError(faults)
    extent, spacing, steps = _complete(p.extent, p.spacing, p.steps)
    dy, dx = spacing.tolist()
    if p.model == "raster":
        positions = raster_scan(dy, dx, int(steps[0]), int(steps[1]))
        positions -= (steps - 1) * spacing / 2
    elif p.model == "round":
        positions = round_scan(dy, int(steps.max()) // 2)
    else:
        positions = spiral_scan(dy, float(np.hypot(*extent)) / 2)
    # A point that rounding pushed over the edge by 1e-9 of the area belongs inside.
    return positions[(np.abs(positions) <= extent / 2 * (1 + 1e-9)).all(axis=1)]


def _complete(
    extent: Any, spacing: Any, steps: Any
) -> tuple[Positions, Positions, npt.NDArray[np.int64]]:
    """Work out the one that is missing; if none is, the scanned area stays as given."""
    if extent is None:
        step, count = _pair("spacing", spacing), _pair("steps", steps)
        return count * step, step, count.astype(np.int64)
    area = _pair("extent", extent)
    if steps is None:
        step = _pair("spacing", spacing)
        return area, step, np.maximum(np.round(area / step), 1).astype(np.int64)
    count = _pair("steps", steps)
    step = area / count if spacing is None else _pair("spacing", spacing)
    return area, step, count.astype(np.int64)


def _pair(name: str, value: Any) -> Positions:
    """Read one number or (y, x)."""
    try:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), 2)
    except (TypeError, ValueError) as error:
        fault = Fault(f"xy.{name}", repr(value), "must be one number or two, (y, x)")
        raise ParameterError([fault]) from error


def _as_positions(value: Any, path: str) -> Positions:
    """Read an array of positions."""
    try:
        positions = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        positions = np.empty(0)
    if positions.ndim != 2 or positions.shape[1] != 2:
        fault = Fault(path, f"shape {np.shape(value)}", "must be positions (y, x), shape (N, 2)")
        raise ParameterError([fault])
    return positions
