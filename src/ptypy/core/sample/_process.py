"""What is done to a model before it is the object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.sample._parameters import DEFAULT
from ptypy.errors import ParameterError
from ptypy.utils.array_utils import crop_pad

__all__ = ["fitted", "process"]

Field = npt.NDArray[np.complex128]


def process(
    model: npt.NDArray[Any], p: Mapping[str, Any], lam: float, fill: complex
) -> npt.NDArray[Any]:
    """Do to a model what ``sample.process`` says."""
    if p.get("formula") not in {None, "None", ""}:
        raise ParameterError(
            f"sample.process.formula  {p['formula']!r}  is not supported yet; "
            "give the index of refraction itself: `ref_index`, (delta, beta)"
        )
    if p.get("zoom") is not None:
        model = _zoomed(model, np.array(np.broadcast_to(p["zoom"], 2), float))
    if not np.iscomplexobj(model) and _is_thickness(p):
        model = _transmission(model, p, lam)
    rows, columns = (int(n) for n in np.broadcast_to(p.get("offset") or 0, 2))
    if rows or columns:
        height, width = model.shape
        room = (height + 2 * abs(rows), width + 2 * abs(columns))
        model = np.roll(fitted(model + 0j, room, fill), (rows, columns), axis=(0, 1))
    return model


def _zoomed(model: npt.NDArray[Any], factor: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    from scipy import ndimage

    if not (factor > 0).all():
        raise ParameterError(f"sample.process.zoom  {factor}  should be larger than zero")
    if np.iscomplexobj(model):
        parts = (ndimage.zoom(part, factor, order=1) for part in (model.real, model.imag))
        return np.asarray(next(parts) + 1j * next(parts))
    return np.asarray(ndimage.zoom(model.astype(float), factor, order=1))


def _is_thickness(p: Mapping[str, Any]) -> bool:
    """Say whether somebody chose a thickness or an index of refraction."""
    usual = DEFAULT.process
    index = p.get("ref_index")
    chosen = index is not None and tuple(index) != tuple(usual.ref_index)
    return chosen or p.get("thickness", usual.thickness) != usual.thickness


def _transmission(model: npt.NDArray[Any], p: Mapping[str, Any], lam: float) -> Field:
    """Turn a map of thickness into what it lets through: exp(2 pi i t / lam (n - 1))."""
    from scipy import ndimage

    delta, beta = p.get("ref_index") or DEFAULT.process.ref_index
    thickness = model.astype(float) * float(p.get("thickness") or DEFAULT.process.thickness)
    if p.get("smoothing"):
        thickness = ndimage.gaussian_filter(thickness, float(p["smoothing"]), mode="nearest")
    return np.asarray(np.exp(2j * np.pi / lam * thickness * (-delta + 1j * beta)))


def fitted(array: npt.NDArray[Any], shape: tuple[int, int], fill: complex) -> npt.NDArray[Any]:
    """Crop or pad with ``fill``; pixel ``shape // 2`` stays pixel ``shape // 2``."""
    planes = [new - old for new, old in zip(shape, array.shape, strict=True)]
    return crop_pad(array, planes, cen=[length // 2 for length in array.shape], fillpar=fill)
