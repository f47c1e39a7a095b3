"""Write prepared scans as PtyLab reads them: HDF5 with flat names, SI units."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ptypy.errors import DataError
from ptypy.io._hdf5 import replacing
from ptypy.io.export_scan import (
    Progress,
    blocks,
    counts_type,
    geometry,
    mask_of_all,
    positions_of,
    without_place,
)
from ptypy.io.ptyd import PtydReader
from ptypy.utils.units import wavelength

__all__ = ["write_ptylab_scan"]


def write_ptylab_scan(
    path: str | Path, reader: PtydReader, progress: Progress | None = None
) -> list[str]:
    """Write a prepared scan as HDF5 with the names of PtyLab.

    ``ptychogram`` (N, y, x), ``encoder`` (N, 2) [m], ``wavelength`` [m], ``zo`` [m], ``dxd`` [m].
    Beside these, unknown to PtyLab: ``mask`` (y, x), not zero where a pixel may be trusted.

    Returns
    -------
    list of str
        What has no place in it.

    Raises
    ------
    DataError
        If energy, distance, pixel size or positions are not known, or pixels are not square.
    """
    known, points = geometry(reader), positions_of(reader)
    missing = [name for name in ("energy", "distance", "psize") if name not in known]
    missing += ["positions"] * (points is None)
    if missing:
        raise DataError(f"{reader.path}: {', '.join(missing)} not known, which this form needs")
    if not np.isclose(known["psize"][0], known["psize"][1], rtol=1e-6):
        raise DataError(f"{reader.path}: pixels of {known['psize']} m; this form has square ones")
    mask = mask_of_all(reader)
    with replacing(path) as file:
        file.attrs["default"] = "/"
        file.attrs["NX_class"] = "NXroot"
        shape = (reader.num_frames, *(reader.shape or (0, 0)))
        frames = file.create_dataset("ptychogram", shape, counts_type(reader))
        for name, value, unit in (
            ("encoder", points, "m"),
            ("wavelength", wavelength(known["energy"]), "m"),
            ("zo", known["distance"], "m"),
            ("dxd", known["psize"][0], "m"),
        ):
            file[name] = value
            file[name].attrs["units"] = unit
        file["orientation"] = 0
        if mask is not None:
            file["mask"] = mask.astype(np.uint8)
            file["mask"].attrs["long_name"] = "not zero where a pixel may be trusted"
        for place, block in blocks(reader, progress):
            frames[place] = block.data
    return without_place(reader, "positions", "mask", "energy", "distance", "psize")
