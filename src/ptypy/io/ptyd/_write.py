"""Write prepared scans, chunk by chunk."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from ptypy.io._encode import Branch, encode_tree
from ptypy.io._hdf5 import replacing, stamp
from ptypy.io._nodes import fingerprints, stored_name, write_members, write_node
from ptypy.io.h5rw import h5options
from ptypy.io.ptyd._amend import FORM, Draft, amended
from ptypy.io.ptyd._aside import is_worth_keeping, set_parts_aside
from ptypy.io.ptyd._chunk import new_chunk
from ptypy.io.ptyd._entries import COMMON_KEY, SCAN_ID, WEIGHT2D
from ptypy.io.ptyd._filters import Compression
from ptypy.io.ptyd._form import checked
from ptypy.io.ptyd._open import holds_frames

__all__ = ["append_chunk", "create", "finish", "write_info", "write_meta"]


def create(
    path: str | Path,
    meta: Mapping[str, Any],
    info: Mapping[str, Any],
    *,
    announces_end: bool = False,
) -> dict[str, bytes]:
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
    announces_end : bool
        Whoever reads the file while it grows waits until `finish` was called.

    Returns
    -------
    dict
        Fingerprints of what was written, for `finish`.

    Raises
    ------
    DataError
        If ``meta`` holds values that HDF5 has no form for; it names every one.
    FormatError
        If the file cannot be written.
    """
    nodes = encode_tree({"chunks": {}, "meta": meta})
    nodes |= encode_tree({"info": info}, "describe")
    with replacing(path, keep_old=is_worth_keeping(Path(path)), form=FORM) as file:
        stamp(file, h5options["H5RW_VERSION"])
        for name, node in nodes.items():
            write_node(file, name, node)
        file.attrs["NX_class"] = "NXroot"
        file.attrs["default"] = "chunks"
        file["chunks"].attrs["NX_class"] = "NXentry"
        file["chunks"].attrs[SCAN_ID] = secrets.token_hex(8)
        if announces_end:
            file["chunks"].attrs["complete"] = False
        file.flush()  # a full disk shows here, before anything of the older set is moved
        set_parts_aside(Path(path))
    return fingerprints(nodes)


def write_meta(path: str | Path, meta: Mapping[str, Any]) -> None:
    """Replace the geometry of a prepared scan; a common mask stays.

    Parameters and errors are those of `create`.
    """
    _replace(path, meta=encode_tree({"meta": meta})["meta"])


def write_info(path: str | Path, info: Mapping[str, Any]) -> None:
    """Replace the record of the preparation.

    Parameters and errors are those of `create`.
    """
    _replace(path, info=encode_tree({"info": info}, "describe")["info"])


def finish(
    path: str | Path,
    meta: Mapping[str, Any],
    info: Mapping[str, Any],
    known: Mapping[str, bytes] | None = None,
) -> None:
    """End a prepared scan: replace geometry and record, and say that there will be no more frames.

    Parameters
    ----------
    path, meta, info
        As for `create`.
    known : mapping, optional
        What `create` returned, if nobody has changed geometry and record since: entries that are
        as they were are not written again.

    Errors are those of `create`.
    """
    nodes = encode_tree({"meta": meta}) | encode_tree({"info": info}, "describe")
    _replace(path, ends=True, known=known, **nodes)


def _replace(
    path: str | Path,
    *,
    ends: bool = False,
    known: Mapping[str, bytes] | None = None,
    **nodes: Any,
) -> None:
    """Replace entries at the top of a file, all of them in one step."""
    with amended(path, whole=not holds_frames(path)) as draft:
        for name, node in nodes.items():
            if known is not None and isinstance(draft.root.get(name), h5py.Group):
                _update(draft, name, node, known)
                continue
            has_common = name == "meta" and WEIGHT2D in draft.before
            common = draft.root[WEIGHT2D] if has_common else None
            draft.root.pop(name, None)
            write_node(draft.root, name, node)
            if common is not None and COMMON_KEY not in draft.root["meta"]:
                draft.root["meta"][COMMON_KEY] = common
        if ends:
            draft.fresh("chunks").attrs["complete"] = True
        stamp(draft.root, h5options["H5RW_VERSION"])


def _update(draft: Draft, name: str, node: Branch, known: Mapping[str, bytes]) -> None:
    """Write those members of a group that are not as they were."""
    now = fingerprints({name: node})
    changed = {key for key in now.keys() | known.keys() if now.get(key) != known.get(key)}
    mine = {key: key.partition("/")[2] for key in changed if key.startswith(f"{name}/")}
    if not mine:
        return
    group = draft.fresh(name)
    for stored in mine.values():
        group.pop(stored, None)
    members = tuple(
        (key, member) for key, member in node.members if stored_name(key) in mine.values()
    )
    write_members(group, members)


def append_chunk(  # noqa: PLR0917  -- the four arrays of a chunk, in the order of the format
    path: str | Path,
    number: int,
    data: npt.ArrayLike,
    indices: npt.ArrayLike,
    positions: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
    *,
    compression: Compression | None = None,
    link: str | Path | None = None,
) -> None:
    """Add frames to a prepared scan.

    The chunk is there, whole, when this function has ended, and before not at all. An error, or
    the death of the process at any moment, leaves the chunks before it as they were; see
    docs/explanations/ptyd-commit-protocol.md.

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
    compression : {'bitshuffle', 'gzip'}, optional
        Half to a tenth of the size for counts. ``'bitshuffle'`` is fast, and read by programs that
        have its filter (in Python: hdf5plugin); ``'gzip'`` is slow, and read by all.
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
    counts = np.asarray(data)
    form = checked(counts.shape, counts.dtype, indices, positions, weights)
    with new_chunk(path, number, form, compression=compression, link=link) as chunk:
        chunk.put(counts)
