"""Look into a prepared scan."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.diagnose._file_report import FileReport, listed
from ptypy.diagnose._frame_statistics import FrameStatistics, choose_frames, count_frames
from ptypy.diagnose._lengths import write_length
from ptypy.errors import FormatError
from ptypy.io.h5tree import TROUBLE, shown_size
from ptypy.io.ptyd import PtydReader, validate
from ptypy.utils.units import wavelength

__all__ = ["add_frames", "add_geometry", "add_positions", "describe_scan"]


def describe_scan(report: FileReport, *, full: bool, place: str | None) -> None:
    """Add what a .ptyd file holds."""
    del place
    said = validate(report.path, deep=full)
    try:
        reader = PtydReader(report.path)
    except FormatError:
        _add_new(report.faults, said)
        return
    # What is wrong with single frames comes first; what is only missing, last.
    faults = [text for text in said if "checksum" in text or "not finite" in text]
    _add_new(report.faults, faults)
    _add_new(report.remarks, [text for text in said if text not in faults])
    count, chunks = reader.num_frames, reader.chunks
    if not count:
        return
    shape, dtype = reader.shape or (0, 0), reader.dtype
    ended = {None: "", True: ", complete", False: ", its writer has not ended it"}
    report.facts["frames"] = (
        f"{count} of {shape[0]} x {shape[1]} px, {dtype}, in {len(chunks)} chunk"
        f"{'s' * (len(chunks) != 1)}{ended[reader.is_complete]}"
    )
    report.values |= {
        "frames": count,
        "shape": [int(n) for n in shape],
        "dtype": str(dtype),
        "chunks": len(chunks),
        "is_complete": reader.is_complete,
    }
    meta = reader.meta
    add_geometry(
        report, shape, energy=meta.get("energy"), distance=meta.get("distance"),
        psize=meta.get("psize"), center=meta.get("center"),
    )  # fmt: skip
    kinds = {chunk.weights_kind for chunk in chunks}
    report.facts["mask"] = " and ".join(
        {"frame": "one for every frame", "common": "one for all frames", "none": "none"}[kind]
        for kind in sorted(kinds)
    )
    if chunks[0].positions is not None:
        points = np.concatenate([c.positions for c in chunks if c.positions is not None])
        add_positions(report, points, count, shape)
    _look_at_frames(report, reader, full=full)


def _look_at_frames(report: FileReport, reader: PtydReader, *, full: bool) -> None:
    shape = reader.shape or (0, 0)
    wanted = choose_frames(
        reader.num_frames, shape[0] * shape[1] * reader.dtype.itemsize, full=full
    )

    def read(number: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
        block = reader.read(number, number + 1)
        weights = block.weights
        return block.data[0], None if weights is None else weights.reshape(shape) > 0

    found = count_frames(read, reader.num_frames, wanted, trouble=(FormatError, *TROUBLE))
    add_frames(report, "chunks", found)


def add_geometry(
    report: FileReport,
    shape: tuple[int, int],
    *,
    energy: Any = None,
    distance: Any = None,
    psize: Any = None,
    center: Any = None,
) -> None:
    """Add energy [keV], distance [m], pixel size [m] and centre [px], as far as they are known."""
    if (value := _positive(report, "energy", energy)) is not None:
        report.values["energy_keV"] = float(value[0])
        report.facts["energy"] = (
            f"{value[0]:g} keV (wavelength {write_length(wavelength(float(value[0])))})"
        )
    if (far := _positive(report, "distance", distance)) is not None:
        report.values["distance_m"] = float(far[0])
        report.facts["distance"] = write_length(float(far[0]))
    if (pixel := _positive(report, "psize", psize)) is not None:
        y, x = np.broadcast_to(pixel, 2).tolist()
        report.values["psize_m"] = [y, x]
        report.facts["pixel size"] = (
            write_length(y) if y == x else f"{write_length(y)} x {write_length(x)}"
        )
        if value is not None and far is not None:
            wave = wavelength(float(value[0]))
            fine = [float(wave * far[0] / (n * p)) for n, p in zip(shape, (y, x), strict=True)]
            report.values["resolution_m"] = fine
            same = np.isclose(fine[0], fine[1], rtol=1e-6)
            across = "" if same else f" x {write_length(fine[1])}"
            report.facts["resolution"] = (
                f"{write_length(fine[0])}{across}, if the detector is in the far field"
            )
    if center is not None and not isinstance(center, str) and np.size(center) == 2:
        y, x = (float(n) for n in np.ravel(center))
        report.values["center_px"] = [y, x]
        report.facts["center"] = f"({y:g}, {x:g}) px"
        if not (0 <= y <= shape[0] - 1 and 0 <= x <= shape[1] - 1):
            report.remarks.append(
                f"the centre, ({y:g}, {x:g}) px, lies outside of frames of {shown_size(shape)} px"
            )


def _positive(report: FileReport, name: str, value: Any) -> npt.NDArray[np.float64] | None:
    """Give one or two numbers larger than zero; say so if they are not."""
    if value is None or isinstance(value, str):
        return None
    try:
        found = np.ravel(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.size not in (1, 2) or not np.isfinite(found).all() or not (found > 0).all():
        report.faults.append(f"{name} is {value!s:.60}; it should be larger than zero")
        return None
    return found


def add_positions(
    report: FileReport, points: npt.NDArray[np.float64], frames: int, shape: tuple[int, int]
) -> None:
    """Add how far positions (N, 2) [m] reach, and how far they are from one another."""
    if len(points) != frames:
        report.faults.append(f"there are {len(points)} positions for {frames} frames")
    strange = ~np.isfinite(points).all(axis=1)
    if strange.any():
        lost = listed(np.flatnonzero(strange).tolist())
        report.faults.append(f"positions of {lost} are not finite numbers")
    known = points[~strange]
    if len(known) < 1:
        return
    extent = np.ptp(known, axis=0)
    step = _step(known)
    report.values |= {"positions_extent_m": extent.tolist(), "positions_step_m": step}
    far = f"{write_length(float(extent[0]))} (y) x {write_length(float(extent[1]))} (x)"
    near = "" if step is None else f", {write_length(step)} from one to the nearest other"
    report.facts["positions"] = f"{len(points)} over {far}{near}"
    if len(known) > 1 and not extent.any():
        report.remarks.append("all positions are the same: did the stage not move, or not report?")
        return
    if extent.max() > 0.1:
        report.remarks.append(
            f"positions reach over {far}: are they in metres? Micrometres need the factor 1e-6"
        )
    fine = report.values.get("resolution_m")
    if fine and step is not None:
        field = [n * pixel for n, pixel in zip(shape, fine, strict=True)]
        if step > min(field):
            report.remarks.append(
                f"positions are {write_length(step)} apart and a frame sees "
                f"{write_length(min(field))} of the object: frames do not overlap. Check the units "
                "of the positions and the geometry"
            )
        elif 0 < extent.max() < min(fine):
            report.remarks.append(
                f"all positions lie within a pixel of the object ({write_length(min(fine))}): "
                "check their units"
            )


def _step(points: npt.NDArray[np.float64]) -> float | None:
    """Give the median distance to the nearest other position [m]; of a choice if they are many."""
    if len(points) < 2:
        return None
    from scipy.spatial import cKDTree

    some = points[:: max(1, len(points) // 5000)]
    distances = np.asarray(cKDTree(points).query(some, k=2)[0])
    return float(np.median(distances[:, 1]))


def add_frames(report: FileReport, name: str, found: FrameStatistics, *, raw: bool = False) -> None:
    """Add what frames are like, and what is wrong with them."""
    report.frames[name] = found
    where = f"{name}: " if name != "chunks" else ""
    for number, text in list(found.unreadable.items())[:3]:
        _add_new(report.faults, [text.removeprefix(f"{report.path}: ") or f"frame {number}"])
    if len(found.unreadable) > 3:
        report.faults.append(f"{where}{listed(list(found.unreadable))} cannot be read")
    if found.strange:
        report.faults.append(
            f"{where}{listed(found.strange)} with trusted pixels that are not finite numbers; mask "
            "them"
        )
    if found.negative:
        report.remarks.append(
            f"{where}{listed(found.negative)} with counts below zero, down to {found.least:g}: "
            "they stand for bad pixels, or an offset that was subtracted"
        )
    if found.empty:
        report.remarks.append(f"{where}{listed(found.empty)} without any counts")
    if found.gaps:
        report.remarks.append(
            f"{where}{found.gaps} pixels stand at the limit in every frame: gaps between modules "
            "or dead pixels. They must be masked"
        )
    if found.saturated:
        report.remarks.append(f"{where}{listed(found.saturated)} with saturated pixels")
    elif found.may_saturate and raw:
        report.remarks.append(
            f"{where}the largest count, {found.largest:g}, stands at {found.at_largest} pixels: "
            "the detector may saturate there"
        )


def _add_new(texts: list[str], more: list[str]) -> None:
    texts.extend(text for text in more if text not in texts)
