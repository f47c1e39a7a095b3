"""Look into the result of a reconstruction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ptypy.diagnose._file_report import FileReport
from ptypy.diagnose._lengths import write_length
from ptypy.errors import FormatError
from ptypy.io import h5read, open_h5
from ptypy.io.h5tree import TROUBLE, shown_size

__all__ = ["describe_run"]

RISE = 1.05
"""A residual that ends so many times above its least has risen."""


def describe_run(report: FileReport, *, full: bool, place: str | None) -> None:
    """Add what a .ptyr file holds."""
    del full, place
    with open_h5(report.path) as file:
        content = file.get("content")
        if not hasattr(content, "keys"):
            raise FormatError(
                "has no group 'content', so it is not the result of a run; it holds "
                f"{', '.join(file) or 'nothing'}"
            )
        parts = set(content)
        for name, word in (("obj", "object"), ("probe", "probe")):
            if not hasattr(content.get(name), "keys"):
                report.faults.append(f"content/{name} is missing: there is no {word} in it")
                continue
            for ID in content[name]:
                _storage(report, word, str(ID), content[name][ID])
    for name, add in (("runtime", _history), ("pars", _parameters), ("positions", _positions)):
        if name in parts:
            try:
                add(report, h5read(report.path, f"content/{name}")[f"content/{name}"])
            except (FormatError, *TROUBLE) as error:
                report.faults.append(f"content/{name} cannot be read: {error}")


def _storage(report: FileReport, word: str, ID: str, group: Any) -> None:
    """Add one object or probe: its modes, size, pixels, and whether its values are numbers."""
    label = f"{word} {ID}"
    data: Any = group.get("data") if hasattr(group, "keys") else None
    if not hasattr(data, "shape") or data.ndim < 2 or not data.size:
        report.faults.append(f"{label} holds no picture")
        return
    layers, frame = int(np.prod(data.shape[:-2])), data.shape[-2:]
    values: dict[str, Any] = {"layers": layers, "shape": [int(n) for n in frame]}
    said = [f"{layers} x {shown_size(frame)} px" if layers > 1 else f"{shown_size(frame)} px"]
    psize = _numbers(group, "_psize")
    if psize is not None and psize.size in (1, 2) and (psize > 0).all():
        y, x = np.broadcast_to(psize, 2).tolist()
        values["psize_m"] = [y, x]
        said.append(
            f"pixel {write_length(y)}" + ("" if np.isclose(y, x) else f" x {write_length(x)}")
        )
        said.append(f"{write_length(frame[0] * y)} x {write_length(frame[1] * x)}")
    else:
        report.remarks.append(f"{label} does not say how large its pixels are")
    energy = _numbers(group, "_energy")
    if energy is not None and energy.size == 1:
        values["energy_keV"] = float(energy.flat[0])
        said.append(f"{float(energy.flat[0]):g} keV")
    powers = _powers(report, label, data)
    total = sum(powers)
    if word == "probe" and total > 0:
        values["photons"] = total
        said.append(f"{total:.4g} photons")
        if layers > 1:
            shares = [power / total for power in powers]
            values["mode_shares"] = shares
            shown = ", ".join(f"{100 * share:.1f} %" for share in shares[:6])
            said.append(f"modes {shown}{', ...' if layers > 6 else ''}")
    elif total == 0:
        report.remarks.append(f"{label} is zero everywhere")
    report.values.setdefault(f"{word}s", {})[ID] = values
    report.facts[label] = ", ".join(said)


def _powers(report: FileReport, label: str, data: Any) -> list[float]:
    """Sum the squares of every layer, one at a time; say so if they hold what is no number."""
    powers, strange = [], 0
    for index in np.ndindex(*data.shape[:-2]):
        layer = np.asarray(data[index])
        finite = np.isfinite(layer)
        strange += int(layer.size - finite.sum())
        powers.append(float((np.abs(layer[finite]).astype(np.float64) ** 2).sum()))
    if strange:
        report.faults.append(f"{label} holds {strange} pixels that are not finite numbers")
    return powers


def _numbers(group: Any, name: str) -> Any:
    try:
        found = np.asarray(group[name][()], dtype=np.float64)
    except TROUBLE:
        return None
    return found if np.isfinite(found).all() else None


def _history(report: FileReport, runtime: Any) -> None:
    """Add which engines were at work, and how the residual went."""
    history = runtime.get("iter_info") if isinstance(runtime, Mapping) else None
    history = [entry for entry in history or [] if isinstance(entry, Mapping)]
    for name in ("run", "start", "stop"):
        if isinstance(runtime, Mapping) and isinstance(runtime.get(name), str):
            report.values[name] = runtime[name]
    if not history:
        report.remarks.append("it does not say which iterations were done")
        return
    last = history[-1]
    engines = list(_engines(history))
    report.values["iterations"] = int(last.get("iterations", len(history)))
    report.values["engines"] = engines
    report.facts["engines"] = ", then ".join(
        f"{one['iterations']} of {one['name']}" for one in engines
    )
    seconds = sum(float(entry.get("duration", 0)) for entry in history)
    report.values["duration_s"] = seconds
    residuals = [float(entry.get("residual", np.nan)) for entry in history]
    known = [value for value in residuals if np.isfinite(value)]
    if known:
        report.values |= {"residual": known[-1], "least_residual": min(known)}
        report.facts["residual"] = (
            f"{known[-1]:.4f} at the end, from {known[0]:.4f}; {seconds:.3g} s for all iterations"
        )
        if known[-1] > RISE * min(known):
            report.remarks.append(
                f"the residual rose at the end: it was {min(known):.4f}, and is {known[-1]:.4f}"
            )
    if residuals and "residual" in last and not np.isfinite(residuals[-1]) and known:
        report.faults.append("the residual of the last iteration is not a finite number")
    errors = np.ravel(np.asarray(last.get("error", []), dtype=np.float64))
    report.values["error"] = [float(e) if np.isfinite(e) else None for e in errors]


def _engines(history: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give names of engines and how many iterations each did, in order."""
    current: dict[str, Any] = {}
    done = 0
    for entry in history:
        name, total = str(entry.get("engine", "unknown")), int(entry.get("iterations", done + 1))
        if not current or current["name"] != name:
            if current:
                yield current
            current = {"name": name, "iterations": 0}
        current["iterations"] += total - done
        done = total
    yield current


def _parameters(report: FileReport, pars: Any) -> None:
    """Add where the data came from, and how the beam was modelled."""
    scans = pars.get("scans") if isinstance(pars, Mapping) else None
    for label, scan in (scans or {}).items():
        data = scan.get("data") if isinstance(scan, Mapping) else None
        data = data if isinstance(data, Mapping) else {}
        source = next((data[k] for k in ("dfile", "source", "file") if data.get(k)), None)
        said = [str(scan.get("name", "")), str(data.get("name", "")), str(source or "")]
        report.facts[f"scan {label}"] = ", ".join(part for part in said if part)
        report.values.setdefault("scans", {})[str(label)] = {
            "model": said[0], "loader": said[1], "source": said[2],
        }  # fmt: skip


def _positions(report: FileReport, positions: Any) -> None:
    if not isinstance(positions, Mapping):
        return
    for ID, points in positions.items():
        found = np.asarray(points)
        report.facts[f"positions {ID}"] = f"{len(found)}, as they were refined"
        if not np.isfinite(found.astype(np.float64)).all():
            report.faults.append(f"positions of {ID} are not finite numbers")
