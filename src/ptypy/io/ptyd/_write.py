"""Write prepared scans, chunk by chunk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.io._encode import encode_tree, write_node
from ptypy.io._hdf5 import arriving, open_h5, replacing, stamp
from ptypy.io.h5rw import h5options
from ptypy.io.ptyd._aside import is_worth_keeping, set_parts_aside
from ptypy.io.ptyd._entries import WEIGHT2D, common_mask, entry, resolve_link

__all__ = [
    "append_chunk",
    "check_chunk",
    "create",
    "dress_chunk",
    "new_array",
    "write_info",
    "write_meta",
]

GZIP: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
"""Filters that every HDF5 library has, and that PtyPy 0.9 reads without plugins."""

GROUP_BYTES = 16384
"""Compressed frames smaller than this share an HDF5 chunk. Larger ones must not: PtyPy 0.9 reads
frame by frame, and would unpack a chunk of 1 MiB for each (16 to 32 times slower, measured)."""

PART_BYTES = 1 << 26
"""How much is handed to HDF5 at once [byte]."""

LOG_SCALE = '{"signal_scale_type": "log"}'
"""For viewers built on silx: diffraction is looked at on a logarithmic scale."""


def create(path: str | Path, meta: Mapping[str, Any], info: Mapping[str, Any]) -> None:
    """Begin a prepared scan: a file without frames.

    The file is there completely or not at all. One that was there before is kept as
    ``path + '.old'``, in place of an older one of these; its chunk files beside it, too.
    One without frames is not, if an older one is there.

    Parameters
    ----------
    path : path
        Missing directories are made.
    meta : mapping
        Geometry of the prepared frames: ``energy`` [keV], ``distance`` [m], ``psize`` [m],
        ``center`` [px], ``shape`` [px], ``num_frames``, ``label``, ``version``. None is kept as
        None and means the same as leaving it out.
    info : mapping
        The parameters of the preparation, for the record. What HDF5 has no form for is stored
        as the text it prints as.

    Raises
    ------
    DataError
        If ``meta`` holds values that HDF5 has no form for; it names every one.
    FormatError
        If the file cannot be written.
    """
    nodes = encode_tree({"chunks": {}, "meta": meta})
    nodes |= encode_tree({"info": info}, "describe")
    with replacing(path, keep_old=is_worth_keeping(Path(path))) as file:
        stamp(file, h5options["H5RW_VERSION"])
        for name, node in nodes.items():
            write_node(file, name, node)
        file.attrs["NX_class"] = "NXroot"
        file.attrs["default"] = "chunks"
        file["chunks"].attrs["NX_class"] = "NXentry"
        set_parts_aside(Path(path))


def write_meta(path: str | Path, meta: Mapping[str, Any]) -> None:
    """Replace the geometry of a prepared scan; a common mask stays.

    Parameters and errors are those of `create`.
    """
    _replace(path, "meta", encode_tree({"meta": meta})["meta"])


def write_info(path: str | Path, info: Mapping[str, Any]) -> None:
    """Replace the record of the preparation.

    Parameters and errors are those of `create`.
    """
    _replace(path, "info", encode_tree({"info": info}, "describe")["info"])


def _replace(path: str | Path, name: str, node: Any) -> None:
    with open_h5(path, "r+") as file:
        with arriving(file) as aside:
            write_node(aside, name, node)
            if name == "meta" and WEIGHT2D in file and "weight2d" not in aside["meta"]:
                file.copy(WEIGHT2D, aside["meta"])
            file.pop(name, None)
            file.move(aside[name].name, name)
        stamp(file, h5options["H5RW_VERSION"])


@dataclass(frozen=True, slots=True)
class _Frames:
    """What goes into a chunk, checked."""

    data: npt.NDArray[Any]
    indices: npt.NDArray[np.int64]
    positions: npt.NDArray[np.float64] | None
    weights: npt.NDArray[Any] | None
    """(M, H, W), or (H, W) for all frames, or None."""


def append_chunk(  # noqa: PLR0917  -- the four arrays of a chunk, in the order of the format
    path: str | Path,
    number: int,
    data: npt.ArrayLike,
    indices: npt.ArrayLike,
    positions: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
    *,
    compression: Literal["gzip"] | None = None,
    link: str | Path | None = None,
) -> None:
    """Add frames to a prepared scan.

    The chunk is written under another name and moved into place when it is complete, and the
    file is closed again: an error, in this chunk or later, leaves the chunks before it readable.
    (A process that is killed while HDF5 updates its tables can still spoil the file.)

    A mask that is the same for all frames of all chunks is stored once, as ``meta/weight2d``,
    and `weights` of the chunk stay empty.

    Parameters
    ----------
    path : path
        A file made by `create`.
    number : int
        Number of the chunk: 0, 1, 2, ...
    data : (M, H, W) array
        Photon counts. Their type is kept: integers stay integers.
    indices : (M,) array of int
        Scan-point index of every frame.
    positions : (M, 2) array or None
        Positions (y, x) [m].
    weights : (M, H, W) or (H, W) array, or None
        Larger than zero where a pixel may be trusted. None: the common mask of the file if it
        has one, else every pixel is trusted.
    compression : {'gzip'}, optional
        Half to an eighth of the size, at a twentieth of the speed.
    link : path, optional
        Write the chunk to a file of its own, and a link to it, relative to ``path``, into the
        file.

    Raises
    ------
    DataError
        If the arrays do not fit one another; it says everything that does not.
    FormatError
        If the file cannot be opened or written, or has this chunk already.
    """
    frames = _checked(data, indices, positions, weights)
    filters = GZIP if compression == "gzip" else {}
    with open_h5(path, "r+") as file:
        chunks = file.get("chunks")
        if not isinstance(chunks, h5py.Group):
            raise FormatError(f"{path}: has no group 'chunks'; make the file with `ptyd.create`")
        name = str(int(number))
        if chunks.get(name, getlink=True) is not None:
            raise FormatError(f"{path}: chunk {name} is there already; chunks are not replaced")
        stored = _weights_to_store(file, Path(path), frames)
        if link is None:
            with arriving(file) as aside:
                _write_frames(aside.create_group(name), frames, stored, filters)
                file.move(aside[name].name, f"chunks/{name}")
        else:
            target = Path(os.path.realpath(link))
            with replacing(target) as part:
                stamp(part, h5options["H5RW_VERSION"])
                _write_frames(part, frames, stored, filters)
            directory = os.path.realpath(Path(path).parent)
            chunks[name] = h5py.ExternalLink(os.path.relpath(target, directory), "/")
        # Viewers show the chunk that was there first.
        chunks.attrs.setdefault("default", name)
        stamp(file, h5options["H5RW_VERSION"])


def check_chunk(
    data: npt.ArrayLike,
    indices: npt.ArrayLike,
    positions: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
) -> None:
    """See that a chunk can be saved, before any file is touched.

    Parameters and DataError are those of `append_chunk`.
    """
    _checked(data, indices, positions, weights)


def _checked(
    data: npt.ArrayLike,
    indices: npt.ArrayLike,
    positions: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
) -> _Frames:
    """Make arrays of what was given.

    Raises
    ------
    DataError
        With everything that does not fit.
    """
    counts = np.asarray(data)
    if counts.ndim != 3 or counts.dtype.kind not in "biuf" or not counts.size:
        raise DataError(
            f"frames are {counts.dtype} of shape {counts.shape}; they should be real numbers of "
            "shape (frames, height, width)"
        )
    faults = []
    frames, height, width = counts.shape
    numbers = np.asarray(indices)
    if numbers.shape != (frames,) or numbers.dtype.kind not in "iu":
        faults.append(f"indices are {numbers.dtype} of shape {numbers.shape}, not int ({frames},)")
    elif np.unique(numbers).size < frames:
        faults.append("two frames have the same index")
    places = None if positions is None else np.asarray(positions, dtype=np.float64)
    if places is not None and places.shape != (frames, 2):
        faults.append(f"positions have shape {places.shape}, not ({frames}, 2)")
    elif places is not None and not np.isfinite(places).all():
        faults.append("positions hold values that are not finite numbers")
    trust = None if weights is None else np.asarray(weights)
    if trust is not None and trust.shape not in ((height, width), counts.shape):
        faults.append(f"weights have shape {trust.shape}, not {(height, width)} or {counts.shape}")
    elif trust is not None and trust.dtype.kind not in "biuf":
        faults.append(f"weights are {trust.dtype}, not bool or real numbers")
    if faults:
        raise DataError("a chunk does not fit together: " + "; ".join(faults))
    if trust is not None and trust.ndim == 3 and (trust == trust[0]).all():
        trust = trust[0]
    return _Frames(counts, numbers.astype(np.int64), places, trust)


def _weights_to_store(file: Any, path: Path, frames: _Frames) -> npt.NDArray[Any]:
    """Choose between an empty array, with the mask stored once, and weights for every frame.

    All chunks of a file are of one kind: PtyPy 0.9 asks the first frame of a package whether
    there are weights, and takes the answer for all its frames.
    """
    common = common_mask(file)
    present = sorted((name for name in file["chunks"] if name.isdecimal()), key=int)
    if not present and frames.weights is not None and frames.weights.ndim == 2:
        _set_common_mask(file, frames.weights)
        common = frames.weights
    spelled_out = bool(present) and _has_weights(file, path, present[0])
    if not spelled_out:
        if frames.weights is None or (common is not None and _same(frames.weights, common)):
            return np.zeros(0, dtype=bool)
        for name in present:
            _spell_out(file, path, name, common)
    if frames.weights is not None:
        mask = frames.weights
    else:
        mask = np.ones(frames.data.shape[1:], dtype=bool) if common is None else common
    return np.broadcast_to(mask, frames.data.shape)


def _same(weights: npt.NDArray[Any], common: npt.NDArray[Any]) -> bool:
    return weights.dtype == common.dtype and np.array_equal(weights, common)


def _set_common_mask(file: Any, mask: npt.NDArray[Any]) -> None:
    file.pop(WEIGHT2D, None)
    if "meta" not in file:
        file.create_group("meta").attrs["type"] = "dict"
    write_node(file, WEIGHT2D, encode_tree({"mask": mask})["mask"])


def _has_weights(file: Any, path: Path, name: str) -> bool:
    link = file["chunks"].get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        with open_h5(resolve_link(path, link)) as part:
            return entry(part[link.path], "weights") is not None
    return entry(file["chunks"][name], "weights") is not None


def _spell_out(file: Any, path: Path, name: str, common: npt.NDArray[Any] | None) -> None:
    """Give an earlier chunk the weights it stood for, frame by frame."""
    link = file["chunks"].get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        with open_h5(resolve_link(path, link), "r+") as part:
            _spell_out_group(part, part[link.path], common)
    else:
        _spell_out_group(file, file["chunks"][name], common)


def _spell_out_group(file: Any, group: Any, common: npt.NDArray[Any] | None) -> None:
    shape = group["data"].shape
    mask = np.ones(shape[1:], dtype=bool) if common is None else common
    with arriving(file) as aside:
        _write_array(aside, "weights", np.broadcast_to(mask, shape), GZIP)
        group.pop("weights", None)
        file.move(aside["weights"].name, f"{group.name.rstrip('/')}/weights")


def _write_frames(
    group: Any, frames: _Frames, weights: npt.NDArray[Any], filters: dict[str, Any]
) -> None:
    _write_array(group, "data", frames.data, filters)
    _write_array(group, "indices", frames.indices, {})
    if frames.positions is not None:
        _write_array(group, "positions", frames.positions, {})
    _write_array(group, "weights", weights, GZIP)
    dress_chunk(group)


def dress_chunk(group: Any) -> None:
    """Say in the attributes of a complete chunk what PtyPy 0.9 and viewers want to know."""
    group["indices"].attrs["type"] = "arraylist"
    group["data"].attrs["interpretation"] = "image"
    group.attrs["NX_class"] = "NXdata"
    group.attrs["signal"] = "data"
    group.attrs["SILX_style"] = LOG_SCALE
    if group.name != "/":
        group.attrs["type"] = "dict"


def new_array(
    group: Any,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    filters: Mapping[str, Any] | None = None,
) -> Any:
    """Make a dataset for an entry of a chunk; filters act if there is something to filter."""
    options = dict(filters or {}) if all(shape) else {}
    if options:
        frame = int(np.prod(shape[1:])) * dtype.itemsize
        options["chunks"] = (max(1, min(shape[0], GROUP_BYTES // frame)), *shape[1:])
    dataset = group.create_dataset(name, shape, dtype, **options)
    dataset.attrs["type"] = "array"
    return dataset


def _write_array(group: Any, name: str, array: npt.NDArray[Any], filters: dict[str, Any]) -> None:
    dataset = new_array(group, name, array.shape, array.dtype, filters)
    # In parts: a mask that is broadcast to every frame would be copied out as a whole.
    step = max(1, PART_BYTES // max(1, array.itemsize * array[:1].size))
    for start in range(0, len(array), step):
        dataset[start : start + step] = array[start : start + step]
