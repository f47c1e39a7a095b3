"""How frames of a chunk are compressed: by HDF5's gzip, or by bitshuffle and LZ4.

HDF5 would compress under a lock of the whole process. Frames are packed here, in threads, into the
very bytes that HDF5 would make of them, or unpack.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.io._stored_places import BITSHUFFLE, LZ4, are_packed
from ptypy.io.ptyd._arrays import GZIP
from ptypy.io.ptyd._checksums import over_frames, over_parts

__all__ = ["SIZES", "Compression", "compression_of", "filters_for", "measure_packed", "pack_units"]

Array = npt.NDArray[Any]

SIZES = (1, 2, 4, 8)
"""Bytes of the numbers that bitshuffle packs here."""

Compression: TypeAlias = Literal["gzip", "bitshuffle"]
"""Names of the ways to compress."""


def filters_for(compression: str | None, dtype: np.dtype[Any]) -> dict[str, Any]:
    """Give what h5py wants to know to make a dataset of compressed frames.

    Raises
    ------
    DataError
        If there is no such way to compress, or not for numbers of this type.
    """
    if compression is None:
        return {}
    if compression == "gzip":
        return GZIP
    if compression != "bitshuffle":
        raise DataError(f"compression {compression!r} is none of None, 'gzip' and 'bitshuffle'")
    import hdf5plugin  # noqa: F401  -- HDF5 makes no dataset with a filter that it does not know

    if dtype.itemsize not in SIZES:
        raise DataError(
            f"compression 'bitshuffle' packs numbers of 1, 2, 4 or 8 bytes, not {dtype}: convert "
            "them, or take 'gzip'"
        )
    return {"compression": BITSHUFFLE, "compression_opts": (0, LZ4)}


def compression_of(dataset: Any) -> Compression | None:
    """Say how a dataset is compressed; None: not, or in a way that is not written here."""
    if dataset.compression == "gzip":
        return "gzip"
    return "bitshuffle" if dataset.chunks is not None and are_packed(dataset) else None


def pack_units(compression: str, units: Array) -> list[bytes]:
    """Compress units of frames, in several threads if there is much to do.

    Parameters
    ----------
    compression : {'gzip', 'bitshuffle'}
    units : (n, m, H, W) array
        Each is a chunk of HDF5.

    Returns
    -------
    list of bytes
        One for each.
    """
    if compression == "gzip":
        return over_frames(_deflated, units)
    from ptypy.io.packed_chunks import pack_chunks

    def pack(part: slice) -> Sequence[bytes]:
        return pack_chunks(units[part])

    return [unit for part in over_parts(pack, len(units), units[:1].nbytes) for unit in part]


def _deflated(unit: Array) -> bytes:
    """Shuffle bytes, then compress: HDF5's filters ``shuffle`` and ``gzip`` of level 1."""
    raw = unit.reshape(-1).view(np.uint8).reshape(-1, unit.itemsize)
    return zlib.compress(np.ascontiguousarray(raw.T).data, 1)


def measure_packed(frames: Array, dtype: np.dtype[Any]) -> tuple[int, int]:
    """Say how many bytes frames have when they are stored, and when bitshuffle and LZ4 pack them.

    Parameters
    ----------
    frames : (n, H, W) array
    dtype : dtype
        That they are stored in.
    """
    block = np.ascontiguousarray(frames, dtype=dtype)
    if not block.size or dtype.itemsize not in SIZES:
        return block.nbytes, block.nbytes
    return block.nbytes, sum(len(unit) for unit in pack_units("bitshuffle", block[:, None]))
