"""Write prepared scans and results as CXI (version 1.6), with the classes of NeXus.

The conventions are those of `ptypy.io.cxi`: SI units, ``translation`` is the place (x, y, z) of the
sample, frames are upright for who looks along the beam, in ``mask`` a set bit marks a bad pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ptypy.errors import DataError
from ptypy.io._hdf5 import replacing
from ptypy.io.export_scan import (
    Progress,
    blocks,
    counts_type,
    geometry,
    mask_of_all,
    masks_differ,
    positions_of,
    without_place,
)
from ptypy.io.ptyd import PtydReader
from ptypy.utils.units import KEV, wavelength

__all__ = ["write_cxi_result", "write_cxi_scan"]

VERSION = 160
INVALID = 1
"""Bit of a CXI mask: the pixel holds nothing of use."""

DETECTOR = "entry_1/instrument_1/detector_1"
TRANSLATION = "entry_1/sample_1/geometry_1/translation"

CLASSES = {
    "entry_1": "NXentry", "entry_1/instrument_1": "NXinstrument",
    "entry_1/instrument_1/source_1": "NXsource", "entry_1/instrument_1/beam_1": "NXbeam",
    DETECTOR: "NXdetector", "entry_1/sample_1": "NXsample",
    "entry_1/sample_1/geometry_1": "NXcollection", "entry_1/data_1": "NXdata",
}  # fmt: skip


def write_cxi_scan(
    path: str | Path, reader: PtydReader, progress: Progress | None = None
) -> list[str]:
    """Write a prepared scan as a CXI file; it is there completely, or not at all.

    Parameters
    ----------
    path : path
    reader : PtydReader
    progress : callable, optional
        Is told how many more frames are written.

    Returns
    -------
    list of str
        What has no place in it.

    Raises
    ------
    FormatError
        If it cannot be written, or frames cannot be read.
    """
    known = geometry(reader)
    with replacing(path) as file:
        file["cxi_version"] = VERSION
        _classify(file)
        file.attrs["default"] = "entry_1"
        file["entry_1"].attrs["default"] = "data_1"
        _write_beam(file, known)
        _write_detector(file[DETECTOR], known)
        points = positions_of(reader)
        if points is not None:
            # The sample's place in the laboratory; y upwards and x to the left make it the beam's
            # on the sample, whose rows run down and columns to the right.
            place = np.stack([points[:, 1], points[:, 0], np.zeros(len(points))], axis=1)
            file[TRANSLATION] = place
            file[TRANSLATION].attrs["units"] = "m"
            file[f"{DETECTOR}/translation"] = h5py.SoftLink(f"/{TRANSLATION}")
            file["entry_1/data_1/translation"] = h5py.SoftLink(f"/{TRANSLATION}")
        _write_frames(file[DETECTOR], reader, progress)
        file["entry_1/data_1/data"] = h5py.SoftLink(f"/{DETECTOR}/data")
        file["entry_1/data_1"].attrs["signal"] = "data"
        # Viewers would look for axes of the names that CXI gives them at the frames.
        file["entry_1/data_1"].attrs["axes"] = [".", ".", "."]
    # A corner says where the centre is only with pixels of known size.
    kept = ["center"] if "psize" in known else []
    return without_place(reader, "positions", "mask", "masks", "energy", "distance", "psize", *kept)


def _classify(file: Any) -> None:
    """Make the groups, and say what they are."""
    file.attrs["NX_class"] = "NXroot"
    for name, word in CLASSES.items():
        file.require_group(name).attrs["NX_class"] = word


def _write_beam(file: Any, known: Mapping[str, Any]) -> None:
    energy = known.get("energy")
    if energy is None:
        return
    # CXI asks for joules at the source; NeXus has the photons' energy at the beam.
    _put(file, "entry_1/instrument_1/source_1/energy", energy / KEV["j"], "J")
    _put(file, "entry_1/instrument_1/source_1/wavelength", wavelength(energy), "m")
    _put(file, "entry_1/instrument_1/beam_1/incident_beam_energy", energy, "keV")


def _write_detector(group: Any, known: Mapping[str, Any]) -> None:
    distance, psize, center = (known.get(name) for name in ("distance", "psize", "center"))
    if distance is not None:
        _put(group, "distance", distance, "m")
    if psize is None:
        return
    _put(group, "y_pixel_size", psize[0], "m")
    _put(group, "x_pixel_size", psize[1], "m")
    # Rows run down and columns to the right, for who looks along the beam.
    basis = np.array([[0.0, -psize[0], 0.0], [-psize[1], 0.0, 0.0]])
    _put(group, "basis_vectors", basis, "m")
    if center is not None:
        corner = -(center[0] + 0.5) * basis[0] - (center[1] + 0.5) * basis[1]
        corner[2] = distance or 0.0
        _put(group, "corner_position", corner, "m")


def _write_frames(group: Any, reader: PtydReader, progress: Progress | None) -> None:
    shape = (reader.num_frames, *(reader.shape or (0, 0)))
    data = group.create_dataset("data", shape, counts_type(reader))
    data.attrs["axes"] = "translation:y:x"
    data.attrs["interpretation"] = "image"
    mask = mask_of_all(reader)
    masks = None
    if mask is not None:
        group["mask"] = np.where(mask, 0, INVALID).astype(np.uint32)
    elif masks_differ(reader):
        masks = group.create_dataset(
            "mask", shape, np.uint32, chunks=(1, *shape[1:]), compression="gzip", shuffle=True
        )
    for place, block in blocks(reader, progress):
        data[place] = block.data
        if masks is not None and block.weights is not None:
            masks[place] = np.where(block.weights > 0, 0, INVALID)


def _put(group: Any, name: str, value: Any, unit: str) -> None:
    group[name] = value
    group[name].attrs["units"] = unit


def write_cxi_result(path: str | Path, content: Mapping[str, Any]) -> list[str]:
    """Write objects and probes of a result as images of a CXI file.

    Objects are ``image_1`` and so on, probes follow; the first probe is also
    ``instrument_1/source_1/illumination``.

    Parameters
    ----------
    path : path
    content : mapping
        ``obj`` and ``probe``: by ID, mappings with ``data`` (layers, y, x), ``_psize`` and
        ``_energy``, as `ptypy.io.ptyr.read_run` gives them.

    Returns
    -------
    list of str
        What has no place in it.

    Raises
    ------
    DataError
        If there is no picture in it.
    """
    pictures = [
        (part, ID, storage)
        for part in ("obj", "probe")
        for ID, storage in (content.get(part) or {}).items()
    ]
    if not pictures:
        raise DataError(f"{path}: there are neither objects nor probes to write")
    with replacing(path) as file:
        file["cxi_version"] = VERSION
        file.attrs["NX_class"] = "NXroot"
        file.attrs["default"] = "entry_1"
        entry = file.create_group("entry_1")
        entry.attrs["NX_class"] = "NXentry"
        entry.attrs["default"] = "image_1"
        for number, (part, ID, storage) in enumerate(pictures, 1):
            image = entry.create_group(f"image_{number}")
            _write_image(image, part, ID, storage)
            energy = storage.get("_energy")
            source = "entry_1/instrument_1/source_1"
            if energy and f"{source}/energy" not in file:
                file.require_group(source).attrs["NX_class"] = "NXsource"
                file["entry_1/instrument_1"].attrs["NX_class"] = "NXinstrument"
                _put(file, f"{source}/energy", float(energy) / KEV["j"], "J")
            if part == "probe" and f"{source}/illumination" not in file:
                file.require_group(source)
                file[f"{source}/illumination"] = h5py.SoftLink(f"/{image.name.strip('/')}/data")
    lost = [name for name in ("pars", "runtime", "positions") if content.get(name)]
    words = {"pars": "parameters", "runtime": "history", "positions": "refined positions"}
    return [words[name] for name in lost]


def _write_image(image: Any, part: str, ID: str, storage: Mapping[str, Any]) -> None:
    """Write one object or probe as an image, with its axes."""
    data = np.asarray(storage["data"])
    image.attrs["NX_class"] = "NXdata"
    image.attrs["signal"] = "data"
    image["data"] = data
    image["data"].attrs["interpretation"] = "image"
    image["data"].attrs["long_name"] = f"{'object' if part == 'obj' else 'probe'} {ID}"
    image["data_space"] = "real"
    image["title"] = f"{'object' if part == 'obj' else 'probe'} {ID}"
    psize = np.ravel(storage.get("_psize", ()))
    if psize.size not in (1, 2):
        return
    origin = np.ravel(storage.get("_origin", (0.0, 0.0)))
    for name, size, first, count in zip(
        "yx",
        np.broadcast_to(psize, 2),
        np.broadcast_to(origin[-2:], 2),
        data.shape[-2:],
        strict=True,
    ):
        _put(image, f"{name}_pixel_size", float(size), "m")
        _put(image, name, first + size * np.arange(count), "m")
    image.attrs["axes"] = ["."] * (data.ndim - 2) + ["y", "x"]
