"""What every writer of prepared scans to files of other forms needs: frames in blocks, one mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.io.ptyd import Block, PtydReader
from ptypy.utils.units import wavelength

__all__ = [
    "Progress",
    "blocks",
    "counts_type",
    "geometry",
    "mask_of_all",
    "masks_differ",
    "positions_of",
    "resolution",
    "without_place",
]

Progress = Callable[[int], None]
"""Is told how many more frames are written."""

STEP_BYTES = 1 << 25
"""So much is read at once [byte]; a conversion takes a few times this of memory."""


def blocks(reader: PtydReader, progress: Progress | None = None) -> Iterator[tuple[slice, Block]]:
    """Read all frames, some at a time.

    Yields
    ------
    place : slice
        Which frames they are.
    block : Block
    """
    height, width = reader.shape or (0, 0)
    step = max(1, STEP_BYTES // max(1, height * width * reader.dtype.itemsize))
    for start in range(0, reader.num_frames, step):
        stop = min(start + step, reader.num_frames)
        yield slice(start, stop), reader.read(start, stop)
        if progress is not None:
            progress(stop - start)


def counts_type(reader: PtydReader) -> np.dtype[Any]:
    """Give the type that frames are written in: as they are stored; booleans as small integers."""
    return np.dtype(np.uint8) if reader.dtype.kind == "b" else reader.dtype.newbyteorder("=")


def masks_differ(reader: PtydReader) -> bool:
    """Say whether frames have masks of their own."""
    chunks = reader.chunks
    if any(chunk.weights_kind == "frame" for chunk in chunks):
        return True
    masks = [chunk.mask for chunk in chunks]
    first = masks[0] if masks else None
    return any(
        (mask is None) != (first is None)
        or (mask is not None and first is not None and not np.array_equal(mask > 0, first > 0))
        for mask in masks
    )


def mask_of_all(reader: PtydReader) -> npt.NDArray[np.bool_] | None:
    """Give the mask of all frames (H, W); None if nothing is masked, or masks differ."""
    chunks = reader.chunks
    if not chunks or masks_differ(reader) or chunks[0].mask is None:
        return None
    return np.asarray(chunks[0].mask > 0)


def positions_of(reader: PtydReader) -> npt.NDArray[np.float64] | None:
    """Give the positions of all frames (N, 2), (y, x) [m]; None if there are none."""
    known = [chunk.positions for chunk in reader.chunks if chunk.positions is not None]
    return np.concatenate(known) if known else None


def geometry(reader: PtydReader) -> dict[str, Any]:
    """Give what is known of ``energy`` [keV], ``distance`` [m], ``psize`` and ``center`` (y, x)."""
    meta = reader.meta
    found: dict[str, Any] = {}
    for name in ("energy", "distance"):
        if meta.get(name) is not None:
            found[name] = float(np.ravel(meta[name])[0])
    if meta.get("psize") is not None:
        y, x = np.broadcast_to(np.asarray(meta["psize"], dtype=np.float64).ravel(), 2).tolist()
        found["psize"] = (y, x)
    center = meta.get("center")
    if center is not None and not isinstance(center, str) and np.size(center) == 2:
        y, x = (float(n) for n in np.ravel(center))
        found["center"] = (y, x)
    return found


def resolution(reader: PtydReader) -> npt.NDArray[np.float64]:
    """Give the size of a pixel of the object in the far field, (y, x) [m].

    Raises
    ------
    DataError
        If energy, distance or pixel size is not known.
    """
    known = geometry(reader)
    missing = [name for name in ("energy", "distance", "psize") if name not in known]
    if missing:
        raise DataError(
            f"{reader.path}: {', '.join(missing)} not known, so positions cannot be counted in "
            "pixels of the object; prepare the scan with them"
        )
    width = np.array(reader.shape or (1, 1)) * np.array(known["psize"])
    return np.asarray(wavelength(known["energy"]) * known["distance"] / width)


def without_place(reader: PtydReader, *kept: str) -> list[str]:
    """Say what of a prepared scan a file does not hold.

    Parameters
    ----------
    reader : PtydReader
    *kept : str
        What it does hold, of ``positions``, ``mask``, ``masks``, ``energy``, ``distance``,
        ``psize``, ``center``, ``indices``.
    """
    there = dict.fromkeys(geometry(reader), True)
    there["positions"] = positions_of(reader) is not None
    differ = masks_differ(reader)
    there["masks"] = differ
    mask = mask_of_all(reader)
    there["mask"] = mask is not None and not mask.all()
    there["indices"] = not np.array_equal(reader.indices, np.arange(reader.num_frames))
    words = {
        "psize": "size of a pixel", "center": "centre", "masks": "masks of single frames",
        "indices": "numbers of the scan points",
    }  # fmt: skip
    lost = [words.get(name, name) for name, held in there.items() if held and name not in kept]
    return [*lost, *(["parameters of the preparation"] if reader.info else [])]
