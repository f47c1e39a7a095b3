"""Where the sample was in CXI and NeXus files, turned into where the beam hit it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.io._quantities import METRES, known_units, unit_of
from ptypy.utils.verbose import logger

__all__ = ["Places", "beam_positions", "find_basis", "find_places"]

Floats = npt.NDArray[np.float64]

UPRIGHT = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Directions of rows (slow) and columns (fast) of a frame that is upright."""

AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0)}
"""Directions of axes whose dataset names no vector."""


class Places(NamedTuple):
    """Places of the sample, or of the beam, as a file holds them."""

    values: Floats
    """One number for each direction (N, k), in units of the file."""
    directions: Floats
    """Unit vectors in the laboratory (k, 3)."""
    units: tuple[str, ...]
    """Unit of each; empty if the file names none."""
    raster: tuple[int, ...]
    """Lines and columns if the file stores them so, else (N,)."""
    names: tuple[str, ...]
    """File and dataset of each."""

    def in_metres(
        self, basis: Floats | None, moves: str, plain: tuple[bool, bool] = (False, False)
    ) -> Floats:
        """Give positions of the beam (N, 2), (y, x) [m].

        Parameters
        ----------
        basis : (2, 3) or None
        moves : {'sample', 'beam'}
            As for `beam_positions`.
        plain : (bool, bool)
            Which of y and x are left in the units of the file.

        Raises
        ------
        DataError
            If a unit that is needed is not known.
        """
        steps = UPRIGHT if basis is None else basis
        counts = np.abs(steps @ self.directions.T) > 1e-9 * np.abs(steps).max()
        factors = []
        needed = counts[~np.array(plain)].any(axis=0)
        for unit, name, is_needed in zip(self.units, self.names, needed, strict=True):
            if is_needed and unit and unit not in METRES:
                raise DataError(
                    f"{name} is in {unit!r}; units known here are {known_units(METRES)}; for "
                    "others give a multiplier"
                )
            factors.append(METRES.get(unit, 1.0))
        metres = beam_positions((self.values * factors) @ self.directions, basis, moves)
        stored = beam_positions(self.values @ self.directions, basis, moves)
        return np.where(plain, stored, metres)


def beam_positions(
    translation: npt.ArrayLike, basis: npt.ArrayLike | None = None, moves: str = "sample"
) -> Floats:
    """Turn places of the sample in the laboratory into positions of the beam on the sample.

    Parameters
    ----------
    translation : (N, 3) or (N, 2)
        Places (x, y, z) or (x, y) [m].
    basis : (2, 3), optional
        Steps from pixel to pixel, slow and fast, in the laboratory [m]; upright if not given.
    moves : {'sample', 'beam'}
        What ``translation`` is the place of.

    Returns
    -------
    (N, 2) float64
        Positions (y, x) along rows and columns of the frames [m].

    Examples
    --------
    >>> beam_positions([[1e-6, 3e-6, 0.0]])
    array([[3.e-06, 1.e-06]])
    """
    places = np.asarray(translation, dtype=np.float64)
    steps = UPRIGHT if basis is None else np.asarray(basis, dtype=np.float64)
    directions = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    sign = 1.0 if moves == "beam" else -1.0
    return np.asarray(sign * places @ directions[:, : places.shape[1]].T)


def find_places(
    file: Any, groups: Sequence[str], frames: tuple[int, ...], trusted: Sequence[str] = ()
) -> Places | None:
    """Find the places of the sample, axis by axis or in one dataset.

    Parameters
    ----------
    file : h5py.File
    groups : sequence of str
        Where to look, in this order.
    frames : tuple of int
        Shape of the frames without rows and columns.
    trusted : sequence of str
        Those of the groups whose ``x`` and ``y`` can be nothing else than places. In others they
        may be axes of a picture, unless there are as many as frames.

    Raises
    ------
    DataError
        If places lie on a raster that is not that of the frames.
    """
    count = int(np.prod(frames))
    for group in groups:
        y, x = (_numbers(file, f"{group}/{axis}") for axis in "yx")
        if y is not None and x is not None:
            found = _by_axis(file, group, y, x, frames)
            if found is not None and (group in trusted or len(found.values) == count):
                return found
        key = f"{group}/translation"
        dataset = _numbers(file, key)
        if dataset is not None and dataset.ndim == 2:
            values = np.asarray(dataset[()], dtype=np.float64)
            lies = values.shape[0] in (2, 3) and values.shape[1] == count != values.shape[0]
            values = values.T if lies or values.shape[1] not in (2, 3) else values
            if values.shape[1] in (2, 3):
                directions = np.eye(3)[: values.shape[1]]
                units = (unit_of(dataset),) * values.shape[1]
                raster = frames if len(values) == count else (len(values),)
                names = (f"{file.filename}:{key}",) * len(units)
                return Places(values, directions, units, raster, names)
    return None


def _by_axis(file: Any, group: str, y: Any, x: Any, frames: tuple[int, ...]) -> Places | None:
    """Pair one dataset of each axis: one entry a frame, or one a line and one a column."""
    count = int(np.prod(frames))
    rows, columns = (np.asarray(axis[()], dtype=np.float64) for axis in (y, x))
    rows, columns = (np.atleast_1d(np.squeeze(axis)) for axis in (rows, columns))
    if rows.ndim == columns.ndim == 1 and rows.size * columns.size == count != rows.size:
        rows, columns = np.meshgrid(rows, columns, indexing="ij")
    if rows.size != columns.size:
        return None
    raster = max((axis.shape for axis in (rows, columns)), key=len)
    many = {axis.shape for axis in (rows, columns) if axis.ndim > 1}
    many |= {tuple(n for n in frames if n != 1)} if min(frames, default=0) > 1 else set()
    if len({shape for shape in many if len(shape) > 1}) > 1:
        raise DataError(
            f"{file.filename}:{group}/y and x have shapes {y.shape} and {x.shape}, and the frames "
            f"{frames}: they are transposed, or slow and fast are exchanged"
        )
    if raster == (count,):
        raster = frames
    values = np.stack([columns.ravel(), rows.ravel()], axis=1)
    directions = np.array([_direction(file, x, "x"), _direction(file, y, "y")])
    names = (f"{file.filename}:{group}/x", f"{file.filename}:{group}/y")
    return Places(values, directions, (unit_of(x), unit_of(y)), raster, names)


def _direction(file: Any, dataset: Any, axis: str) -> Floats:
    """Give the direction of an axis: its ``vector``, or that of its name."""
    for rotation in _rotations(dataset):
        logger.error(
            "%s:%s depends on the rotation %s, which is not applied to the positions",
            file.filename, dataset.name, rotation,
        )  # fmt: skip
    told = np.ravel(np.asarray(dataset.attrs.get("vector", AXES[axis])))
    if told.dtype.kind in "iuf" and told.size == 3 and np.linalg.norm(told) > 0:
        return np.asarray(told / np.linalg.norm(told), dtype=np.float64)
    logger.error(
        "%s:%s has a vector, %s, that is no direction: taken for %s",
        file.filename, dataset.name, told.tolist(), AXES[axis],
    )  # fmt: skip
    return np.array(AXES[axis])


def _rotations(dataset: Any) -> Iterator[str]:
    """Name rotations, other than by nothing, on which a translation depends."""
    seen = {dataset.name}
    while True:
        told = dataset.attrs.get("depends_on", ".")
        path = told.decode() if isinstance(told, bytes) else str(told)
        found = None if path == "." else dataset.parent.get(path)
        if found is None or not hasattr(found, "shape") or found.name in seen:
            return
        dataset = found
        seen.add(dataset.name)
        kind = dataset.attrs.get("transformation_type", "")
        kind = kind.decode() if isinstance(kind, bytes) else str(kind)
        if kind == "rotation" and np.any(dataset[()]):
            yield str(dataset.name)


def find_basis(file: Any, key: str) -> Floats | None:
    """Read the steps from pixel to pixel, (2, 3); in the wild they may lie transposed.

    None, which means upright frames, if there are none or they are of no use; the latter is said.
    """
    dataset = _numbers(file, key)
    if dataset is None or dataset.ndim < 2:
        return None
    steps: Floats = np.asarray(dataset[()], dtype=np.float64)
    steps = steps.reshape(-1, *steps.shape[-2:])[0]
    steps = steps.T if steps.shape == (3, 2) else steps
    if steps.shape == (2, 3) and np.isfinite(steps).all() and np.linalg.norm(steps, axis=1).all():
        return steps
    logger.error(
        "%s: %s are no two steps (x, y, z) from pixel to pixel, but %s: not used, frames are taken "
        "to be upright", file.filename, key, steps.tolist(),
    )  # fmt: skip
    return None


def _numbers(file: Any, key: str) -> Any:
    """Give a dataset of numbers, or None."""
    found = file.get(key)
    is_array = found is not None and hasattr(found, "shape") and found.shape
    return found if is_array and found.dtype.kind in "iuf" else None
