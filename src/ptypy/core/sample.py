"""The first guess of the object: flat, an array, or an example.

`object_from` makes the transmission of the sample from ``scans.<label>.sample``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import ParameterError
from ptypy.utils.array_utils import crop_pad
from ptypy.utils.descriptor import EvalDescriptor
from ptypy.utils.parameters import Param

__all__ = ["DEFAULT", "object_from", "sample_desc"]

Field = npt.NDArray[np.complex128]

sample_desc = EvalDescriptor("sample")
sample_desc.from_string(r"""
[model]
type = str, ndarray
default = None
help = What is known of the sample
doc = ``None``: nothing, it is flat. An array (H, W), complex: its transmission, the middle of the
  array in the middle of the scanned region. ``'flower'`` and ``'tree'``: examples.
userlevel = 0

[fill]
type = float, complex
default = 1
help = Transmission wherever nothing is known
userlevel = 1

[recon]
type = Param
default =
help = Where the model ``'recon'`` comes from; not supported yet

[recon.rfile]
type = str
default = \*.ptyr
help = Path of the file
userlevel = 0

[stxm]
type = Param
default =
help = Settings of the model ``'stxm'``; not supported yet

[stxm.label]
type = str
default = None
help = Label of the scan that the picture comes from
userlevel = 1

[process]
type = Param, None
default =
help = What is done with the model; ``None`` for nothing
userlevel = 1

[process.offset]
type = tuple, list
default = (0,0)
help = Shift of the model [px], (y, x), towards larger coordinates
userlevel = 2

[process.zoom]
type = list, tuple, float
default = None
lowlim = 0.0
help = Magnification of the model, (y, x) or one number for both
userlevel = 2

[process.formula]
type = str
default = None
help = Chemical formula that gives the index of refraction; not supported yet
userlevel = 2

[process.density]
type = float
default = 1
help = Density that goes with `formula` [g/ccm]; not supported yet
userlevel = 2

[process.thickness]
type = float
default = 1e-06
help = Thickness of the sample where a real model is one [m]
userlevel = 2

[process.ref_index]
type = list, tuple
default = (0.5, 0.0)
lowlim = 0.0
help = (delta, beta): the index of refraction is 1 - delta + i beta
doc = A real model is a map of thickness, in units of `thickness`, if this or `thickness` is given
  other values than by default; else it is a transmission, as a complex model always is.
userlevel = 2

[process.smoothing]
type = int
default = 2
lowlim = 0
help = Width by which a map of thickness is smoothed [px]
userlevel = 2

[diversity]
type = Param
default =
help = How object modes beyond the first differ from it; there is one mode only so far

[diversity.noise]
type = tuple
default = None
help = Noise that makes another mode of the first: (rms phase [rad], finest feature [px])
userlevel = 1

[diversity.power]
type = tuple, float
default = 0.1
help = Power of each further mode, relative to the first
userlevel = 1

[diversity.shift]
type = float
default = None
help = Distance by which each further mode is shifted [px]
userlevel = 2
""")

DEFAULT: Param = sample_desc.make_default(99)


def object_from(
    pars: Mapping[str, Any] | str | npt.NDArray[Any] | None,
    shape: tuple[int, int],
    lam: float,
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

    Returns
    -------
    (H, W) complex64
        Transmission; pixel ``shape // 2`` of a model array lies on that of the region.

    Raises
    ------
    ParameterError
        If parameters do not fit, or ask for what is not there yet.
    """
    p: Param = DEFAULT.copy(99)
    p.update(pars if isinstance(pars, Mapping) else {"model": pars}, in_place_depth=99)
    fill = complex(p.fill)
    model = _model(p.model, shape)
    if model is None:
        return np.full(shape, fill, np.complex64)
    if p.process is not None:
        model = _process(model, p.process, lam, fill)
    return _fitted(model.astype(np.complex64), shape, fill)


def _model(model: Any, shape: tuple[int, int]) -> npt.NDArray[Any] | None:
    if model is None or (isinstance(model, str) and model in {"", "None"}):
        return None
    if isinstance(model, str):
        return _named(model, shape)
    array = np.asarray(model)
    if array.ndim < 2 or array.dtype.kind not in "biufc":
        raise ParameterError(
            f"sample.model: an array of {array.shape} {array.dtype} is no picture; "
            "give (H, W) numbers"
        )
    return np.asarray(array.reshape(-1, *array.shape[-2:])[0])


def _named(name: str, shape: tuple[int, int]) -> npt.NDArray[Any]:
    from ptypy import resources

    examples = {"flower": resources.flower_obj, "tree": resources.tree_obj}
    if name in examples:
        return np.asarray(examples[name](shape))
    problem = "is not supported yet" if name in {"recon", "stxm"} else "is unknown"
    raise ParameterError(
        f"sample.model  {name!r}  {problem}; choose None, an array, 'flower' or 'tree'"
    )


def _process(
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
        model = np.roll(_fitted(model + 0j, room, fill), (rows, columns), axis=(0, 1))
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


def _fitted(array: npt.NDArray[Any], shape: tuple[int, int], fill: complex) -> npt.NDArray[Any]:
    """Crop or pad with ``fill``; pixel ``shape // 2`` stays pixel ``shape // 2``."""
    planes = [new - old for new, old in zip(shape, array.shape, strict=True)]
    return crop_pad(array, planes, cen=[length // 2 for length in array.shape], fillpar=fill)
