"""What can be seen to be wrong before the first iteration, said in a line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.utils import parallel
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.core.classes import Storage
    from ptypy.core.manager import ScanModel
    from ptypy.core.ptycho._ptycho import Ptycho
    from ptypy.engines import BaseEngine

__all__ = ["distance_to_next", "doubt", "doubt_sample", "tell_of_lonely"]

FEW = 4
"""Fewer frames than this tell less than probe and object have unknowns, however they overlap."""

WILD = 100.0
"""By how much the power of the model may be off the measured one before it is a mistake:
objects that absorb nine tenths and beams that flicker are far within."""

Positions = npt.NDArray[np.float64]


def doubt(run: Ptycho, engine: BaseEngine) -> None:
    """Look at frames, positions and the power of the probe before an engine begins.

    Frames are looked at once, when all have arrived; the power before every engine. All of it
    is logged at a level that is always seen. Every process must call it.

    Raises
    ------
    DataError
        If a probe or an object is zero or not finite: no engine can go on from that.
    """
    for label, scan in run.model.scans.items():
        if not scan.blocks:
            continue
        _doubt_power(label, scan, engine)
        if run.model.end_of_scan and label not in run.doubted:
            run.doubted.add(label)
            _doubt_frames(label, scan)
            _doubt_positions(label, scan)


def doubt_sample(label: str, scan: ScanModel, engine: BaseEngine | None) -> None:
    """Look at the first frames of a scan, and at the power of its probe. Nothing is changed."""
    _doubt_frames(label, scan)
    if engine is not None:
        _doubt_power(label, scan, engine)


def _doubt_frames(label: str, scan: ScanModel) -> None:
    """Say which frames are dark or wholly untrusted, and whether they are very few."""
    assert scan.statistics is not None  # noqa: S101 - there are blocks
    dark: list[int] = []
    untrusted: list[int] = []
    counted = 0
    for block in scan.blocks:
        seen = np.broadcast_to(block.mask.any(axis=(-2, -1)), len(block))
        photons = scan.statistics.Itotal[counted : counted + len(block)]
        counted += len(block)
        untrusted += block.indices[~seen].tolist()
        dark += block.indices[seen & (photons <= 0)].tolist()
    total = int(parallel.allreduce(sum(len(block) for block in scan.blocks)))
    for found, what, remedy in (
        (
            untrusted,
            "have no trusted pixel: they tell nothing and change nothing",
            "look at their masks, and at NaN and infinity in them",
        ),
        (
            dark,
            "have no photon in a trusted pixel: the object is made dark there",
            "if the shutter was closed, leave these frames out",
        ),
    ):
        everywhere = sorted(parallel.allgather_dict(dict.fromkeys(found, True)))
        if everywhere:
            logger.error(
                "scan %s: %d of %d frames (%s) %s; %s.",
                label, len(everywhere), total, _some(everywhere), what, remedy,
            )  # fmt: skip
    if total < FEW:
        logger.error(
            "scan %s: there %s only %d frame%s. Probe and object have more unknowns than that many "
            "frames tell: what comes out is one of many answers. Ptychography needs frames that "
            "overlap, ten or more.",
            label, "is" if total == 1 else "are", total, "" if total == 1 else "s",
        )  # fmt: skip


def _doubt_positions(label: str, scan: ScanModel) -> None:
    """Say which frames overlap no other: nothing ties them to the rest of the object."""
    indices = np.concatenate([block.indices for block in scan.blocks])
    places = np.concatenate([block.positions for block in scan.blocks])
    found = parallel.allgather_dict(dict(zip(indices.tolist(), places, strict=True)))
    block = scan.blocks[0]
    tell_of_lonely(label, found, np.array(block.counts.shape[-2:]) * block.obj.psize)


def tell_of_lonely(label: str, found: Mapping[int, Positions], field: Positions) -> None:
    """Say which frames overlap no other.

    Parameters
    ----------
    label : str
        Of the scan.
    found : mapping
        Position of each frame [m], (y, x), by its number.
    field : (2,) float64
        What a frame shows [m].
    """
    if len(found) < 2:
        return
    order = sorted(found)
    lonely = np.flatnonzero(distance_to_next(np.stack([found[k] for k in order]) / field) >= 1.0)
    if not len(lonely):
        return
    whole = len(lonely) == len(order)
    first = order[lonely[0]]
    logger.error(
        "scan %s: %s (%s) overlap no other: frame %d lies at (%.4g, %.4g) m, and a frame shows "
        "%.3g x %.3g m. %s",
        label,
        "all frames" if whole else f"{len(lonely)} of {len(order)} frames",
        _some([order[k] for k in lonely]),
        first, *found[first], *field,
        "Are positions in metres, and are energy, distance and psize right?" if whole
        else "Correct these positions, or leave these frames out.",
    )  # fmt: skip


def _doubt_power(label: str, scan: ScanModel, engine: BaseEngine) -> None:
    """Say that the model is much brighter or darker than the frames; refuse what is zero."""
    block = scan.blocks[0]
    brightest = block.max_power
    light = passing = 0.0
    for colour in block.colours:
        for storage, name in ((colour.probe, "probe"), (colour.obj, "object")):
            if not (np.isfinite(power := _power(storage)) and power > 0):
                what = "is zero everywhere" if power == 0 else "is not finite"
                number = "" if len(block.colours) == 1 else f" {storage.ID}"
                raise DataError(
                    f"scan {label!r}: the {name}{number} that engine {engine.label} is to begin "
                    f"with {what}: give it values, or begin anew"
                )
        power = _power(colour.probe) * float(colour.geometry.p.transmitted)
        if block.probe_rows is not None:
            # Each frame has as many layers for itself.
            power *= block.probe_rows.shape[1] / colour.probe.nlayers
        light += power
        passing += power * _power(colour.obj) / colour.obj.data[0].size
    passed = passing / light
    ratio = passing / brightest
    if not 1 / WILD <= ratio <= WILD:
        logger.error(
            "scan %s: engine %s begins with a probe that brings %.3g photons, through an object "
            "of mean |O|^2 %.3g; the brightest frame has %.3g. Leave `illumination.photons` out, "
            "and the probe is scaled to the frames.",
            label, engine.label, light, passed, brightest,
        )  # fmt: skip


def _power(storage: Storage) -> float:
    """Sum up the squared moduli of all layers."""
    return float(np.sum(np.abs(storage.data.astype(np.complex128)) ** 2))


def distance_to_next(places: Positions) -> Positions:
    """Give the distance of each place to the one next to it, the larger of both axes."""
    from scipy.spatial import cKDTree

    distances = np.asarray(cKDTree(places).query(places, k=2, p=np.inf)[0], np.float64)
    return distances[:, 1]


def _some(indices: list[int]) -> str:
    """Name frames, not more than a few."""
    shown = ", ".join(str(k) for k in indices[:5])
    more = ", …" if len(indices) > 5 else ""
    return f"number{'s' if len(indices) > 1 else ''} {shown}{more}"
