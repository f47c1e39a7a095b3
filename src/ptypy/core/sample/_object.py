"""From parameters to the transmission of the sample."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.sample._parameters import DEFAULT
from ptypy.core.sample._process import fitted, process
from ptypy.core.sample._seen import Region, latest, reconstructed, transmission_picture
from ptypy.errors import ParameterError
from ptypy.utils.modes import diversify
from ptypy.utils.parameters import Param

__all__ = ["object_from", "object_modes_from"]

_RUN_SUFFIXES = frozenset({".ptyr", ".pty", ".h5", ".hdf5"})


def object_from(
    pars: Mapping[str, Any] | str | npt.NDArray[Any] | None,
    shape: tuple[int, int],
    lam: float,
    region: Region | None = None,
) -> npt.NDArray[np.complex64]:
    """Make the object that a reconstruction starts from.

    Parameters
    ----------
    pars : mapping, str, array or None
        Entries of ``scans.<label>.sample``; a string or an array stands for `model`.
    shape : (int, int)
        Height and width of the scanned region [px].
    lam : float
        Wavelength [m]; matters to maps of thickness only.
    region : Region, optional
        Where its pixels lie; needed for what was seen before.

    Returns
    -------
    (H, W) complex64
        Transmission; pixel ``shape // 2`` of a model array lies on that of the region.

    Raises
    ------
    ParameterError
        If parameters do not fit, or ask for what is not supported.
    FormatError
        If a reconstruction to start from cannot be read.
    """
    return np.asarray(_object_layers(_completed(pars), shape, lam, region)[0], np.complex64)


def object_modes_from(
    pars: Mapping[str, Any] | str | npt.NDArray[Any] | None,
    shape: tuple[int, int],
    lam: float,
    modes: int,
    region: Region | None = None,
) -> npt.NDArray[np.complex64]:
    """Make several modes of the object that a reconstruction starts from.

    As `object_from`; modes that the model does not bring are made by ``sample.diversity``.

    Parameters
    ----------
    modes : int
        How many there should be.

    Returns
    -------
    (modes, H, W) complex64
        Modes that are made take their light from the first: the sum of squared moduli over
        all is that of the model's.

    Raises
    ------
    ParameterError
        As `object_from`, and if nothing says how modes should differ.
    """
    p = _completed(pars)
    known = _object_layers(p, shape, lam, region)[:modes].astype(np.complex128)
    layers = diversify(known, p.diversity, modes, "sample.diversity")
    powers = [np.sum(np.abs(part) ** 2) for part in (known, layers)]
    if len(known) < modes and powers[1] > 0:
        layers *= np.sqrt(powers[0] / powers[1])
    return layers.astype(np.complex64)


def _completed(pars: Mapping[str, Any] | str | npt.NDArray[Any] | None) -> Param:
    p: Param = DEFAULT.copy(99)
    p.update(pars if isinstance(pars, Mapping) else {"model": pars}, in_place_depth=99)
    return p


def _object_layers(
    p: Param, shape: tuple[int, int], lam: float, region: Region | None
) -> npt.NDArray[Any]:
    """Give the layers that a model brings, (K, H, W)."""
    fill = complex(p.fill)
    layers = _model(p, shape, region)
    if layers is None:
        return np.full((1, *shape), fill, np.complex64)
    if p.process is not None:
        layers = np.array([process(layer, p.process, lam, fill) for layer in layers])
    return np.array([fitted(layer.astype(np.complex64), shape, fill) for layer in layers])


def _model(p: Param, shape: tuple[int, int], region: Region | None) -> npt.NDArray[Any] | None:
    """Find the layers that the parameters name; None for a flat object."""
    model = p.model
    if model is None or (isinstance(model, str) and model in {"", "None"}):
        return None
    if isinstance(model, str):
        return _named(model, p, shape, region)
    array = np.asarray(model)
    if array.ndim < 2 or array.dtype.kind not in "biufc":
        raise ParameterError(
            f"sample.model: an array of {array.shape} {array.dtype} is no picture; "
            "give (H, W) or (modes, H, W) numbers"
        )
    return array.reshape(-1, *array.shape[-2:])


def _named(name: str, p: Param, shape: tuple[int, int], region: Region | None) -> npt.NDArray[Any]:
    from ptypy import resources

    examples = {"flower": resources.flower_obj, "tree": resources.tree_obj}
    if name in examples:
        return np.asarray(examples[name](shape))[None]
    is_file = Path(name).suffix in _RUN_SUFFIXES
    if not (name in {"recon", "stxm"} or is_file):
        raise ParameterError(
            f"sample.model  {name!r}  is unknown; choose None, an array, 'recon', 'stxm', "
            "'flower', 'tree' or the path of a .ptyr file"
        )
    if region is None:
        raise ParameterError(f"sample.model  {name!r}  needs the coordinates of a scan")
    if name == "stxm":
        return transmission_picture(shape, region)[None]
    return reconstructed(Path(name) if is_file else latest(p.recon.rfile), shape, region, p.fill)
