"""Write objects as pairs of TIFF pictures: phase and amplitude, float32."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.io._hdf5 import cannot_write, temporary

__all__ = ["tiff_names", "write_tiff_result"]

DESCRIPTION = 270
"""Number of the tag that describes a TIFF picture."""


def tiff_names(path: str | Path) -> tuple[Path, Path]:
    """Name the pictures of phase and of amplitude after the name that was asked for."""
    path = Path(path)
    return path.with_stem(f"{path.stem}_phase"), path.with_stem(f"{path.stem}_amplitude")


def write_tiff_result(path: str | Path, content: Mapping[str, Any]) -> list[str]:
    """Write phase [rad] and amplitude of the first object as two TIFF pictures, float32.

    They are called ``NAME_phase.tif`` and ``NAME_amplitude.tif``; the phase is as it is in the
    result, from -π to π, neither turned nor unwrapped. Both are there, or none. The description in
    each says what it is and how large a pixel is [m].

    Returns
    -------
    list of str
        What has no place in it.

    Raises
    ------
    DataError
        If there is no object.
    """
    objects = content.get("obj") or {}
    if not objects:
        raise DataError(f"{path}: there is no object to write")
    ID, storage = next(iter(objects.items()))
    data = np.asarray(storage["data"])
    layers = data.reshape(-1, *data.shape[-2:])
    psize = np.broadcast_to(np.ravel(storage.get("_psize", np.nan)), 2).tolist()
    phase_path, amplitude_path = tiff_names(os.path.realpath(path))
    with contextlib.ExitStack() as stack:
        pairs = []
        for target, layer, word in (
            (phase_path, np.angle(layers[0]), "phase [rad]"),
            (amplitude_path, np.abs(layers[0]), "amplitude"),
        ):
            aside = stack.enter_context(temporary(target))
            _write(aside, target, layer, f"{word} of object {ID}", psize)
            pairs.append((aside, target))
        for aside, target in pairs:
            aside.replace(target)
    lost = [f"{len(layers) - 1} further layers of the object"] * (len(layers) > 1)
    lost += [f"object {other}" for other in list(objects)[1:]]
    return [*lost, "probes", "parameters", "history"]


def _write(
    aside: Path, target: Path, picture: npt.NDArray[Any], title: str, psize: list[float]
) -> None:
    from PIL import Image  # comes with matplotlib

    said = json.dumps({"title": title, "pixel_size_m": psize, "axes": "yx"})
    try:
        Image.fromarray(picture.astype(np.float32)).save(
            aside, format="TIFF", tiffinfo={DESCRIPTION: said}
        )
    except OSError as error:
        raise cannot_write(target, error) from error
