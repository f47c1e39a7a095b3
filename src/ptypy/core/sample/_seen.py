"""Objects that were seen before: in an earlier reconstruction, or in the frames themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError, ParameterError

__all__ = ["Region", "latest", "reconstructed", "transmission_picture"]

_SAME_PIXEL = 1e-3
"""Relative; an object of other pixels is interpolated, and that is told."""

_NEIGHBOURS = 4
"""Frames that a pixel of a transmission picture is averaged over."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Where an object lies, and what its scan has seen of it."""

    psize: npt.NDArray[np.float64]
    """Size of a pixel [m], (y, x)."""
    center: npt.NDArray[np.float64]
    """Pixel at coordinate zero, (y, x), fractions included."""
    ID: str = ""
    """Name of the object's storage."""
    positions: npt.NDArray[np.float64] | None = None
    """Of the frames that a transmission picture is made of [m], shape (M, 2)."""
    photons: npt.NDArray[np.float64] | None = None
    """In each of these frames, shape (M,)."""


def latest(pattern: str) -> Path:
    """Find the file that was written last among those that fit a pattern."""
    path = Path(pattern.replace("\\*", "*"))
    files = sorted(path.parent.glob(path.name), key=lambda file: file.stat().st_mtime)
    if not files:
        raise FormatError(
            f"sample.recon.rfile: no file fits {str(path)!r}; "
            "give the path of a reconstruction (.ptyr)"
        )
    return files[-1]


def reconstructed(
    path: Path, shape: tuple[int, int], region: Region, fill: complex
) -> npt.NDArray[Any]:
    """Lay the object of an earlier reconstruction where its coordinates say, (K, H, W)."""
    from scipy import ndimage

    from ptypy.io import ptyr
    from ptypy.utils.verbose import logger

    run = ptyr.read_run(str(path))
    objects: Mapping[str, Any] = run.get("content", run).get("obj") or {}
    if region.ID not in objects and len(objects) != 1:
        raise FormatError(
            f"{path} holds no object {region.ID!r}; it holds {', '.join(objects) or 'none'}"
        )
    stored = objects[region.ID if region.ID in objects else next(iter(objects))]
    layers = np.asarray(stored["data"])
    layers = layers.reshape(-1, *layers.shape[-2:]).astype(np.complex128)
    psize = np.ravel(stored.get("_psize", region.psize))[-2:].astype(float)
    center = stored.get("_center")
    center = np.array(layers.shape[1:]) // 2 if center is None else np.ravel(center)[-2:]
    if not np.allclose(psize, region.psize, rtol=_SAME_PIXEL, atol=0):
        logger.warning(
            "the object of %s has pixels of %s m, this scan of %s m: it is interpolated",
            path, psize, region.psize,
        )  # fmt: skip
    places = [
        (np.arange(n) - region.center[axis]) * region.psize[axis] / psize[axis] + center[axis]
        for axis, n in enumerate(shape)
    ]
    grid = np.array(np.meshgrid(*places, indexing="ij"))
    # Whole pixels stay exactly what they are, also those on the edge.
    near = np.rint(grid)
    grid = np.where(np.abs(grid - near) < _SAME_PIXEL, near, grid)
    return np.array([
        ndimage.map_coordinates(layer, grid, order=1, mode="constant", cval=complex(fill))
        for layer in layers
    ])  # fmt: skip


def transmission_picture(shape: tuple[int, int], region: Region) -> npt.NDArray[np.complex128]:
    """Spread the root of what each frame let through over the pixels around its position.

    Every pixel is the mean of the frames nearest to it, weighted by the inverse square of their
    distance (Shepard, Proc. 23rd ACM Conf. (1968) 517).
    """
    from scipy.spatial import cKDTree

    if region.positions is None or region.photons is None or not (region.photons > 0).any():
        raise ParameterError("sample.model  'stxm'  needs frames with photons in them")
    seen = np.sqrt(region.photons / region.photons.max())
    y, x = ((np.arange(n) - c) * s for n, c, s in zip(
        shape, region.center, region.psize, strict=True))  # fmt: skip
    pixels = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
    count = min(_NEIGHBOURS, len(seen))
    distance, frame = cKDTree(region.positions).query(pixels, k=range(1, count + 1))
    weight = 1 / np.maximum(distance, region.psize.min()) ** 2
    return np.asarray((seen[frame] * weight).sum(axis=-1) / weight.sum(axis=-1) + 0j)
