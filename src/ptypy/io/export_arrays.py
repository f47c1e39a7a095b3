"""Write prepared scans and results as arrays of NumPy: .npy and .npz."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.io._hdf5 import cannot_write, settled, temporary
from ptypy.io.export_scan import (
    Progress,
    blocks,
    counts_type,
    geometry,
    mask_of_all,
    masks_differ,
    positions_of,
    resolution,
    without_place,
)
from ptypy.io.ptyd import PtydReader

__all__ = ["write_npy_result", "write_npy_scan", "write_npz_result", "write_npz_scan"]

Array = npt.NDArray[Any]


def write_npy_scan(
    path: str | Path, reader: PtydReader, progress: Progress | None = None
) -> list[str]:
    """Write the frames of a prepared scan (N, H, W) as an .npy file.

    Returns
    -------
    list of str
        What has no place in it: all but the frames.
    """
    with _whole(path) as stream:
        _write_array(stream, _form(reader), (b.data for _, b in blocks(reader, progress)))
    return without_place(reader)


def write_npz_scan(
    path: str | Path,
    reader: PtydReader,
    progress: Progress | None = None,
    *,
    layout: str | None = None,
) -> list[str]:
    """Write a prepared scan as an .npz file.

    Parameters
    ----------
    path : path
    reader : PtydReader
    progress : callable, optional
        Is told how many more frames are written.
    layout : {'tike'}, optional
        ``'tike'``: ``data`` with zero frequency in the corner and ``scan`` in pixels of the object,
        from 1 on. If not given, ``frames``, ``positions`` [m], ``mask`` (True = trusted),
        ``indices``, ``energy`` [keV], ``distance`` [m], ``psize`` [m], ``center`` [px].

    Returns
    -------
    list of str
        What has no place in it.

    Raises
    ------
    DataError
        If ``layout`` needs what is not known.
    """
    tike = layout == "tike"
    known: dict[str, Any] = {}
    roll: tuple[int, int] | None = None
    points, mask = positions_of(reader), mask_of_all(reader)
    if tike:
        if points is None:
            raise DataError(f"{reader.path}: has no positions, which files of tike need")
        pixels = points / resolution(reader)
        known["scan"] = pixels - pixels.min(axis=0) + 1
        roll = _to_corner(reader)
        kept = ["positions", "center"]
    else:
        known |= {"positions": points, "mask": mask, "indices": reader.indices, **geometry(reader)}
        kept = ["positions", "mask", "masks", "indices", *geometry(reader)]
    with _whole(path) as stream, zipfile.ZipFile(stream, "w", allowZip64=True) as archive:
        counts = (b.data if roll is None else np.roll(b.data, roll, (1, 2))
                  for _, b in blocks(reader, progress))  # fmt: skip
        with archive.open("data.npy" if tike else "frames.npy", "w", force_zip64=True) as member:
            _write_array(member, _form(reader), counts)
        if masks_differ(reader) and not tike:
            count, height, width = _form(reader)[0]
            form = ((count, height, width), np.dtype(bool))
            with archive.open("mask.npy", "w", force_zip64=True) as member:
                _write_array(
                    member, form, (_trusted(b, (height, width)) for _, b in blocks(reader))
                )
        for name, value in known.items():
            if value is not None:
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)
    return without_place(reader, *kept)


def _to_corner(reader: PtydReader) -> tuple[int, int]:
    """Give by how many pixels frames are rolled to bring zero frequency into the corner."""
    height, width = reader.shape or (0, 0)
    y, x = geometry(reader).get("center", (height // 2, width // 2))
    return -round(y), -round(x)


def _form(reader: PtydReader) -> tuple[tuple[int, ...], np.dtype[Any]]:
    return (reader.num_frames, *(reader.shape or (0, 0))), counts_type(reader)


def _trusted(block: Any, shape: tuple[int, int]) -> Array:
    count = len(block.data)
    if block.weights is None:
        return np.ones((count, *shape), bool)
    return np.broadcast_to(np.asarray(block.weights) > 0, (count, *shape))


def _write_array(
    stream: Any, form: tuple[tuple[int, ...], np.dtype[Any]], parts: Iterable[Array]
) -> None:
    """Write an array part by part, as `numpy.save` writes it whole."""
    shape, dtype = form
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape,
    }  # fmt: skip
    np.lib.format.write_array_header_1_0(stream, header)
    for part in parts:
        stream.write(np.ascontiguousarray(part, dtype=dtype).reshape(-1).view(np.uint8).data)


@contextlib.contextmanager
def _whole(path: str | Path) -> Iterator[Any]:
    """Open a file beside its place, to be renamed when it is complete."""
    target = Path(os.path.realpath(path))
    with temporary(target) as aside:
        try:
            with aside.open("xb") as stream:
                yield stream
            settled(aside)
            aside.replace(target)
        except OSError as error:
            if isinstance(error, FormatError):
                raise
            raise cannot_write(target, error) from error


def write_npy_result(path: str | Path, content: Mapping[str, Any]) -> list[str]:
    """Write the first object of a result (layers, y, x), complex, as an .npy file.

    Returns
    -------
    list of str
        What has no place in it.
    """
    objects = content.get("obj") or {}
    if not objects:
        raise DataError(f"{path}: there is no object to write")
    first = np.asarray(next(iter(objects.values()))["data"])
    with _whole(path) as stream:
        _write_array(stream, (first.shape, first.dtype), [first])
    more = [f"object {ID}" for ID in list(objects)[1:]]
    return [*more, "sizes of pixels", "probes", "parameters", "history"]


def write_npz_result(path: str | Path, content: Mapping[str, Any]) -> list[str]:
    """Write objects and probes of a result as an .npz file.

    It holds ``object`` and ``probe`` (layers, y, x), complex; ``object_psize``, ``probe_psize``
    (y, x) [m]; ``object_origin``, the coordinate of its first pixel (y, x) [m]; ``energy`` [keV];
    ``residual`` of every iteration; ``positions`` (N, 2) [m], if they were refined. Where there is
    more than one object or probe, their IDs follow these names: ``object_ID``.

    Returns
    -------
    list of str
        What has no place in it.
    """
    arrays: dict[str, Any] = {}
    for part, word in (("obj", "object"), ("probe", "probe")):
        storages = content.get(part) or {}
        for ID, storage in storages.items():
            name = word if len(storages) == 1 else f"{word}_{ID}"
            arrays[name] = np.asarray(storage["data"])
            for key in ("psize", "origin"):
                if storage.get(f"_{key}") is not None and (part, key) != ("probe", "origin"):
                    arrays[f"{name}_{key}"] = np.asarray(storage[f"_{key}"])
            if storage.get("_energy"):
                arrays.setdefault("energy", np.asarray(float(storage["_energy"])))
    if not arrays:
        raise DataError(f"{path}: there are neither objects nor probes to write")
    history = (content.get("runtime") or {}).get("iter_info") or []
    if history:
        arrays["residual"] = np.array([float(one.get("residual", np.nan)) for one in history])
    refined = content.get("positions") or {}
    for ID, points in refined.items():
        arrays["positions" if len(refined) == 1 else f"positions_{ID}"] = np.asarray(points)
    with _whole(path) as stream, zipfile.ZipFile(stream, "w", allowZip64=True) as archive:
        for name, value in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, value, allow_pickle=False)
    return ["parameters"] if content.get("pars") else []
