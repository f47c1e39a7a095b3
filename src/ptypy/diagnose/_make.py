"""Results from files and from runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.core.save_load import read_content
from ptypy.diagnose._coverage import coverage, light_at
from ptypy.diagnose._field import Field
from ptypy.diagnose._noise import noise_floor
from ptypy.diagnose._result import Result
from ptypy.errors import FormatError
from ptypy.utils import parallel
from ptypy.utils.parameters import asParam

if TYPE_CHECKING:
    from ptypy.core.classes import Storage
    from ptypy.core.manager import Block
    from ptypy.core.ptycho import Ptycho

__all__ = ["IN_PIXELS", "read_result", "result_of"]

IN_PIXELS = "lengths count pixels"
"""Among the ``tags`` of a scan: it has no geometry but one made up, in which a pixel of the
object as the whole frame resolves it is `PIXEL` wide."""

NO_ENERGY = "energy and distance mean nothing"
"""Among the ``tags`` of a scan: only what follows from them, the size of a pixel, is right."""

PIXEL = 1e-9
"""What stands for a pixel in files of such scans [m]."""


def read_result(path: str | Path) -> Result:
    """Read the result of a reconstruction.

    Parameters
    ----------
    path : path
        A ``.ptyr`` file of any kind, of this package or of PtyPy 0.9.

    Returns
    -------
    Result

    Raises
    ------
    FormatError
        If the file is missing or is not the result of a run.
    """
    content = read_content(path)
    pars = asParam(content.get("pars") or {})
    probes = {ID: _stored(path, ID, told) for ID, told in content["probe"].items()}
    objects = {}
    for ID, told in content["obj"].items():
        obj = _stored(path, ID, told)
        places, indices = (
            (content.get(name) or {}).get(ID) for name in ("positions", "position_indices")
        )
        if places is not None and len(places):
            probe = probes.get(ID) or next(iter(probes.values()), None)
            obj = _located(obj, np.asarray(places, np.float64), indices, probe)
        objects[ID] = obj
    runtime = content.get("runtime") or {}
    return Result(
        objects=_in_unit(objects, pars),
        probes=_in_unit(probes, pars),
        history=[dict(entry) for entry in runtime.get("iter_info") or []],
        parameters=pars,
        run=str(runtime.get("run") or pars.get("run") or ""),
        source=Path(path),
    )


def result_of(run: Ptycho) -> Result:
    """Copy what a run has reached. Every process must call it; all get the same."""
    blocks = run.model.blocks
    energies, placed = _colours(blocks)
    fields: dict[str, dict[str, Field]] = {}
    for kind, container in (("probe", run.probe), ("obj", run.obj)):
        fields[kind] = {
            ID: _held(storage, energies.get(id(storage)))
            for ID, storage in container.storages.items()
        }
    for ID, storage in run.obj.storages.items():
        places, indices = _gathered(placed.get(id(storage), []))
        if len(places):
            light = coverage(blocks, storage)
            fields["obj"][ID] = _with(fields["obj"][ID], places, indices, light)
    history = [dict(entry) for entry in run.runtime.iter_info]
    return Result(
        objects=_in_unit(fields["obj"], run.p),
        probes=_in_unit(fields["probe"], run.p),
        history=history,
        parameters=run.p.copy(99),
        run=str(run.runtime.run or ""),
        noise_floor=noise_floor(blocks) if history else None,
    )


def _colours(blocks: list[Block]) -> tuple[dict[int, float], dict[int, list[Any]]]:
    """Find the photon energy [keV] of each storage, and the blocks that see each object."""
    energies: dict[int, float] = {}
    placed: dict[int, list[Any]] = {}
    for block in blocks:
        for colour in block.colours:
            for storage in (colour.probe, colour.obj):
                energies.setdefault(id(storage), float(colour.geometry.energy))
            seen = placed.setdefault(id(colour.obj), [])
            if not any(other is block for other, _ in seen):
                seen.append((block, colour))
    return energies, placed


def _gathered(
    seen: list[tuple[Block, Any]],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Bring together where frames of all processes lie, in the order of arrival."""
    labels = sorted({block.label for block, _ in seen})
    rows = [np.empty((0, 5))]
    for block, colour in seen:
        number = np.full(len(block), labels.index(block.label))
        rows.append(
            np.column_stack([number, block.places, block.indices, colour.object_views.coord])
        )
    mine = np.concatenate(rows)
    every = parallel.allgather_dict({parallel.rank: mine}) if parallel.size > 1 else {0: mine}
    whole = np.concatenate([every[rank] for rank in sorted(every)])
    whole = whole[np.lexsort((whole[:, 1], whole[:, 0]))]
    return whole[:, 3:].copy(), whole[:, 2].astype(np.int64)


def _held(storage: Storage, energy: float | None) -> Field:
    return Field(
        label=storage.ID,
        data=storage.data.copy(),
        pixel_size=storage.psize,
        origin=storage.origin,
        energy=energy,
    )


def _stored(path: str | Path, ID: str, told: Mapping[str, Any]) -> Field:
    """Make a field of what a file says of a storage."""
    data = np.asarray(told.get("data") if isinstance(told, Mapping) else None)
    if data.dtype.kind != "c" or data.ndim not in {2, 3}:
        raise FormatError(
            f"{path}: {ID!r} holds {data.dtype} of shape {data.shape}, and probes and objects are "
            "complex (modes, H, W)"
        )
    data = data.reshape(-1, *data.shape[-2:])
    size = _pair(told.get("_psize"), (1.0, 1.0))
    middle = np.array(data.shape[1:]) // 2
    origin = _pair(told.get("_origin"), tuple(-middle * size))
    energy = told.get("_energy")
    energy = None if energy is None or np.size(energy) != 1 else float(np.ravel(energy)[0])
    return Field(label=ID, data=data, pixel_size=size, origin=origin, energy=energy)


def _pair(value: Any, otherwise: tuple[float, ...]) -> npt.NDArray[np.float64]:
    if value is None:
        return np.array(otherwise, np.float64)
    return np.broadcast_to(np.asarray(value, np.float64).ravel()[-2:], 2).copy()


def _located(
    obj: Field, places: npt.NDArray[np.float64], indices: Any, probe: Field | None
) -> Field:
    """Add where the frames lay, and the light that follows from it."""
    known = np.arange(len(places)) if indices is None else np.asarray(indices, np.int64)
    if probe is None:
        return _with(obj, places, known, None)
    power = np.asarray(np.sum(np.abs(probe.data) ** 2, axis=0, dtype=np.float64))
    middle = np.array(power.shape) // 2
    corners = np.rint((places - obj.origin) / obj.pixel_size).astype(np.int64) - middle
    shape = (int(obj.data.shape[-2]), int(obj.data.shape[-1]))
    return _with(obj, places, known, light_at(corners, power, shape))


def _with(
    obj: Field,
    places: npt.NDArray[np.float64],
    indices: npt.NDArray[np.int64],
    light: npt.NDArray[np.float64] | None,
) -> Field:
    return replace(obj, positions=places, indices=indices, coverage=light)


def _in_unit(fields: Mapping[str, Field], pars: Mapping[str, Any]) -> dict[str, Field]:
    """Count pixels where lengths were made up, and leave out energies that were."""
    found = {}
    for ID, one in fields.items():
        tags = _tags(ID, pars)
        if IN_PIXELS in tags:
            one = replace(  # noqa: PLW2901 -- the same field, told in other words
                one,
                pixel_size=one.pixel_size / PIXEL,
                origin=one.origin / PIXEL,
                positions=None if one.positions is None else one.positions / PIXEL,
                unit="px",
            )
        found[ID] = replace(one, energy=None) if NO_ENERGY in tags else one
    return found


def _tags(ID: str, pars: Mapping[str, Any]) -> list[str]:
    """Find the tags of the scan that a storage was made for."""
    for label, scan in (pars.get("scans") or {}).items():
        if isinstance(scan, Mapping) and ID[1:] in {label, f"{label}G00"}:
            return list(scan.get("tags") or [])
    return []
