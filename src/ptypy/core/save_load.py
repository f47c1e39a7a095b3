"""What of a run goes into a ``.ptyr`` file, and how it comes back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptypy.errors import FormatError
from ptypy.utils.parameters import Param, asParam

if TYPE_CHECKING:
    from ptypy.core.classes import Container, Storage
    from ptypy.core.ptycho import Ptycho

__all__ = [
    "KINDS",
    "describe_run",
    "describe_storage",
    "read_content",
    "restore_container",
    "restore_runtime",
    "snapshot",
]

KINDS = ("minimal", "dls", "used_params", "dump")
"""What can be saved: see `describe_run`."""

SUFFIXES = (".ptyr", ".pty")


def describe_run(run: Ptycho, kind: str) -> Param:
    """Gather what a file of a run holds.

    Parameters
    ----------
    run : Ptycho
    kind : {'minimal', 'dls', 'used_params', 'dump'}
        All hold probes, objects, parameters and history. ``dls`` and ``dump`` add the
        coordinates of every pixel, ``used_params`` has the parameters of scans and engines
        complete with their defaults.

    Returns
    -------
    Param
        ``probe``, ``obj`` (storages by ID), ``pars``, ``runtime``. Refined positions, which all
        processes must gather, are added by `ptypy.core.ptycho`.
    """
    energies = _energies(run)
    grids = kind in ("dls", "dump")
    content = Param()
    for name in ("probe", "obj"):
        container: Container = getattr(run, name)
        content[name] = {
            ID: describe_storage(storage, energy=energies.get(id(storage)), grids=grids)
            for ID, storage in container.storages.items()
        }
    pars = run.p.copy(99)
    if kind == "used_params":
        for label, engine in run.engines.items():
            pars.engines[label] = engine.used_parameters()
        for label, scan in run.model.scans.items():
            pars.scans[label] = scan.p.copy(99)
    for scan in (pars.get("scans") or {}).values():
        if not isinstance(scan.get("ffttype", ""), str):
            # Functions have no form in a file: who goes on from it has to give them again.
            scan["ffttype"] = "scipy"
    content["pars"] = pars
    content["runtime"] = snapshot(run.runtime)
    return content


def snapshot(runtime: Param) -> Param:
    """Copy the history of a run, so that it does not grow along with it."""
    return Param({k: list(v) if isinstance(v, list) else v for k, v in runtime.items()})


def describe_storage(
    storage: Storage, *, energy: float | None = None, grids: bool = False
) -> dict[str, Any]:
    """Gather what is known about a storage, under the names of PtyPy 0.9.

    Parameters
    ----------
    storage : Storage
    energy : float, optional
        Photon energy of the scan that it belongs to [keV].
    grids : bool
        Add the coordinates of every pixel.
    """
    description = {
        "ID": storage.ID,
        "data": storage.data.copy(),
        "shape": tuple(int(n) for n in storage.data.shape),
        "nlayers": len(storage.data),
        "layermap": list(storage.layermap),
        "fill_value": storage.fill_value,
        "padding": storage.padding,
        "padonly": storage.padonly,
        "_psize": np.asarray(storage.psize, np.float64),
        "_center": np.asarray(storage.center, np.float64),
        "_origin": np.asarray(storage.origin, np.float64),
        "_energy": energy,
    }
    if grids:
        description["grids"] = np.stack(storage.grids())
    return description


def read_content(file: str | Path) -> Param:
    """Read what `describe_run` gathered, of any kind and also from PtyPy 0.9.

    Raises
    ------
    FormatError
        If the file is missing or is not the result of a run.
    """
    from ptypy.io import ptyr

    path = Path(file)
    if path.suffix not in SUFFIXES:
        raise FormatError(f"{path}: results of runs are files that end in .ptyr")
    content = Param(ptyr.read_run(path))
    missing = [name for name in ("probe", "obj") if not isinstance(content.get(name), Mapping)]
    if missing:
        raise FormatError(f"{path}: holds no {' and no '.join(missing)}: not the result of a run")
    return content


def restore_container(container: Container, saved: Mapping[str, Mapping[str, Any]]) -> None:
    """Put saved arrays back into a container.

    A storage that is there keeps its views; what is not there is made. Of another number of
    layers, as probes of single frames have while frames arrive, as many come back as both have;
    those that are there beyond them stay as they are.

    Parameters
    ----------
    container : Container
    saved : Mapping
        Storages by ID, as `describe_storage` describes them.
    """
    for ID, description in saved.items():
        data = np.asarray(description["data"])
        storage = container.storages.get(ID)
        if storage is None:
            container.new_storage(
                ID,
                data=data,
                psize=description.get("_psize", 1.0),
                origin=description.get("_origin"),
                fill=description.get("fill_value", 0.0),
                padonly=bool(description.get("padonly", False)),
                padding=int(description.get("padding", 0)),
            )
        elif storage.data.shape[1:] == data.shape[1:] and _lies_alike(storage, description):
            layers = min(len(storage.data), len(data))
            storage.data[:layers] = data[:layers]
        else:
            _replace(storage, data, description)


def restore_runtime(run: Ptycho, content: Mapping[str, Any]) -> None:
    """Put the saved history back into a run."""
    runtime = asParam(content.get("runtime") or {})
    runtime["iter_info"] = [asParam(entry) for entry in runtime.get("iter_info") or []]
    run.runtime.update(runtime)


def _lies_alike(storage: Storage, saved: Mapping[str, Any]) -> bool:
    """Say whether saved data has coordinate zero on the pixel that a storage has it on."""
    center = saved.get("_center")
    return center is None or np.allclose(np.asarray(center)[-2:], storage.center, rtol=0, atol=1e-6)


def _replace(storage: Storage, data: np.ndarray[Any, Any], saved: Mapping[str, Any]) -> None:
    """Give a storage data of another size, and room for its views."""
    storage.fill(data)
    if saved.get("_center") is not None:
        storage.center = np.asarray(saved["_center"])[-2:]
    storage.reformat()


def _energies(run: Ptycho) -> dict[int, float]:
    """Find the photon energy [keV] of each probe and object, the first of those in common."""
    energies: dict[int, float] = {}
    for block in run.model.blocks:
        for colour in block.colours:
            for storage in (colour.probe, colour.obj):
                energies.setdefault(id(storage), float(colour.geometry.energy))
    return energies
