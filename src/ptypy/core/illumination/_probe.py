"""From parameters to the field at the sample."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.geometry import Geo
from ptypy.core.illumination._aperture import aperture
from ptypy.core.illumination._parameters import DEFAULT
from ptypy.core.illumination._way import opening_size, travel
from ptypy.errors import FormatError, ParameterError
from ptypy.utils.array_utils import crop_pad_symmetric_2d
from ptypy.utils.modes import diversify
from ptypy.utils.parameters import Param

__all__ = ["init_storage", "probe_from"]

Field = npt.NDArray[np.complex128]

_RUN_SUFFIXES = frozenset({".ptyr", ".pty", ".h5", ".hdf5"})


def probe_from(
    pars: Mapping[str, Any] | str | npt.NDArray[Any] | None,
    geometry: Geo,
    photons: float | None = None,
    modes: int = 1,
) -> npt.NDArray[np.complex64]:
    """Make the probe that a reconstruction starts from.

    Parameters
    ----------
    pars : mapping, str, array or None
        Entries of ``scans.<label>.illumination``; a string or an array stands for `model`.
    geometry : Geo
        Setup; the field is sampled with its `resolution`.
    photons : float, optional
        Total power of the probe [photons] if the parameters give none. Without either the
        power stays what the model gives.
    modes : int
        Number of probe modes.

    Returns
    -------
    (modes, H, W) complex64
        Field at the sample [sqrt(photons)], optical axis on pixel ``shape // 2``. The squared
        moduli of all modes together sum up to the photons.

    Raises
    ------
    ParameterError
        If parameters do not fit, or the field they describe is dark.
    FormatError
        If a reconstruction to start from cannot be read.
    """
    p: Param = DEFAULT.copy(99)
    p.update(pars if isinstance(pars, Mapping) else {"model": pars}, in_place_depth=99)
    height, width = (int(n) for n in geometry.shape)
    field = _arriving(p, geometry, (height, width))
    field = diversify(field, p.diversity, modes, "illumination.diversity")
    wanted = photons if p.photons is None else p.photons
    power = float(np.sum(np.abs(field) ** 2))
    if not (np.isfinite(power) and power > 0):
        raise ParameterError(
            "illumination: the probe that these parameters describe is "
            f"{'dark' if power == 0 else 'not finite'}; check aperture, offset and model"
        )
    if wanted is not None:
        field = field * np.sqrt(wanted / power)
    return field.astype(np.complex64)


def init_storage(
    storage: Any,
    pars: Mapping[str, Any] | str | npt.NDArray[Any] | None = None,
    energy: float | None = None,
    shape: tuple[int, int] | None = None,
) -> None:
    """Fill a probe's storage; as many modes as it has layers.

    Parameters
    ----------
    storage : Storage
        Its pixel size is taken as the resolution.
    pars : mapping, str, array or None
        As for `probe_from`.
    energy : float, optional
        Photon energy [keV]; matters to propagation only.
    shape : (int, int), optional
        Of the probe [px], if it is not to be that of the storage.
    """
    geometry = Geo(
        energy=energy,
        resolution=storage.psize,
        shape=storage.shape[-2:] if shape is None else shape,
    )
    storage.fill(probe_from(pars, geometry, None, len(storage.data)))


def _arriving(p: Param, geometry: Geo, shape: tuple[int, int]) -> Field:
    """Give the field at the sample before modes and power, (K, H, W)."""
    model = _model(p, geometry, shape)
    way = p.propagation or DEFAULT.propagation
    factor = float(way.get("antialiasing") or 1)
    wide = (round(shape[0] * factor), round(shape[1] * factor))
    field = np.ones((1, *wide), np.complex128) if model is None else _fitted(model, wide)
    pupil_pixel = geometry.resolution
    if way.get("focussed"):
        pupil_pixel = geometry.lam * float(way["focussed"]) / (np.array(wide) * geometry.resolution)
    opening = dict(p.aperture or {"form": None})
    size = opening_size(way, geometry.lam, opening)
    if model is None or size is not None:
        y, x = ((np.arange(n) - n // 2) * step for n, step in zip(wide, pupil_pixel, strict=True))
        opening["size"] = np.array(shape) * pupil_pixel / 3 if size is None else size
        field = aperture(field, np.meshgrid(y, x, indexing="ij"), opening)
    return _fitted(travel(field, way, geometry, pupil_pixel), shape)


def _model(p: Param, geometry: Geo, shape: tuple[int, int]) -> npt.NDArray[Any] | None:
    """Find the field that the parameters name; None for a plane wave."""
    model = p.model
    if model is None or (isinstance(model, str) and model in {"", "None"}):
        return None
    if isinstance(model, str):
        return _named(model, p, geometry, shape)
    array = np.asarray(model)
    if array.ndim < 2 or array.dtype.kind not in "biufc":
        raise ParameterError(
            f"illumination.model: an array of {array.shape} {array.dtype} is no field; "
            "give (H, W) or (modes, H, W) numbers"
        )
    return array.reshape(-1, *array.shape[-2:])


def _named(name: str, p: Param, geometry: Geo, shape: tuple[int, int]) -> npt.NDArray[Any]:
    if name == "moon":
        from ptypy.resources import moon_pr

        return moon_pr(shape)[None]
    if name == "stxm":
        raise ParameterError(
            "illumination.model  'stxm'  is not supported: a transmission picture says nothing of "
            "the probe; choose None, an array, 'moon', 'recon' or the path of a .ptyr file"
        )
    if name == "recon":
        return _reconstructed(_latest(p.recon.rfile), p.recon.get("label"), geometry)
    if Path(name).suffix in _RUN_SUFFIXES:
        return _reconstructed(Path(name), p.recon.get("label"), geometry)
    raise ParameterError(
        f"illumination.model  {name!r}  is unknown; choose None, an array, 'moon', 'recon' or "
        "the path of a .ptyr file"
    )


def _latest(pattern: str) -> Path:
    """Find the file that was written last among those that fit a pattern."""
    path = Path(pattern.replace("\\*", "*"))
    files = sorted(path.parent.glob(path.name), key=lambda file: file.stat().st_mtime)
    if not files:
        raise FormatError(
            f"illumination.recon.rfile: no file fits {str(path)!r}; "
            "give the path of a reconstruction (.ptyr)"
        )
    return files[-1]


def _reconstructed(path: Path, label: str | None, geometry: Geo) -> npt.NDArray[Any]:
    """Read the probe of an earlier reconstruction, (modes, H, W)."""
    from ptypy.io import ptyr
    from ptypy.utils.verbose import logger

    run = ptyr.read_run(str(path))
    probes: Mapping[str, Any] = run.get("content", run).get("probe") or {}
    names = [name for name in probes if label is None or label in name]
    if not names:
        raise FormatError(
            f"{path} holds no probe{f' of label {label!r}' if label else ''}; "
            f"it holds {', '.join(probes) or 'none'}"
        )
    stored = probes[names[0]]
    psize = np.asarray(stored.get("_psize", geometry.resolution), np.float64)
    if not np.allclose(psize, geometry.resolution, rtol=0.01):
        logger.warning(
            "the probe of %s has pixels of %s m, this scan of %s m: it is taken pixel by pixel",
            path,
            psize,
            geometry.resolution,
        )
    data = np.asarray(stored["data"])
    return data.reshape(-1, *data.shape[-2:])


def _fitted(field: npt.NDArray[Any], shape: tuple[int, int]) -> Field:
    """Crop or pad with zeros; pixel ``shape // 2`` stays pixel ``shape // 2``."""
    middle = (field.shape[-2] // 2, field.shape[-1] // 2)
    return crop_pad_symmetric_2d(field, shape, middle)[0].astype(np.complex128)
