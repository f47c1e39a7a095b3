"""A page about a run, to be kept and sent: what was asked, what was done, what came out."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptypy.diagnose._lengths import write_length
from ptypy.diagnose._scan_facts import ScanFacts, scan_facts
from ptypy.errors import FormatError
from ptypy.utils import parallel
from ptypy.utils.markup import escape, fold, picture, table

if TYPE_CHECKING:
    from ptypy.core.ptycho import Ptycho
    from ptypy.diagnose._result import Result

__all__ = ["write_report"]

LIBRARIES = ("numpy", "scipy", "numba", "h5py", "hdf5plugin", "matplotlib")

LISTED = 64
"""Longest array that is written out among the parameters."""

WELL = 1.5
"""Up to so many times the noise a reconstruction explains the data well."""

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #22303c; background: #fff; margin: 0; }
main { max-width: 980px; margin: 0 auto; padding: 24px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 2px; } h2 { font-size: 19px; margin: 34px 0 8px; }
p.lead { font-size: 17px; margin: 4px 0 16px; } .pale { opacity: .65; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { background: #f4f4f2; padding: 10px 12px; border-radius: 4px; overflow-x: auto; }
table.wide { border-collapse: collapse; } table.wide th { text-align: left; font-weight: 600; }
table.wide th, table.wide td { padding: 3px 16px 3px 0; border-top: 1px solid #dfe3e6; }
img { border: 1px solid #e6e9eb; }
@media (prefers-color-scheme: dark) { body { background: #14191d; color: #dfe6ea; }
  pre { background: #1e252b; } img { border-color: #333; }
  table.wide th, table.wide td { border-color: #38424a; } }
@media print { main { max-width: none; } details { display: block; } }
"""


def write_report(
    run: Ptycho, path: str | Path, *, files: Sequence[str | Path] = (), command: str = ""
) -> Path | None:
    """Write a page about a run: one HTML file that needs no other and loads nothing.

    Every process must call it; the master writes. The file appears whole or not at all.

    Parameters
    ----------
    run : Ptycho
        With frames.
    path : path
        The file; one that is there is replaced.
    files : sequence of path
        What the run has written.
    command : str
        What was typed to start it.

    Returns
    -------
    Path or None
        The file; None on processes other than the master.

    Raises
    ------
    FormatError
        If it cannot be written.
    """
    from ptypy.diagnose._result import Result

    result = Result.from_run(run)
    facts = {}
    for label, scan in run.model.scans.items():
        if scan.blocks:
            facts[label] = scan_facts(scan.blocks)
    if not parallel.master:
        return None
    parts = [
        _head(run, result),
        picture(_png(result.plot()), "object, probe and error curve"),
        *(
            _data(label, known, run, in_pixels=result.unit == "px")
            for label, known in facts.items()
        ),
        _engines(result),
        _asked(run, command),
        _files(files),
        _papers(run),
        _versions(),
    ]
    name = escape(str(run.runtime.run or "run"))
    page = (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{name}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )
    return _whole(Path(path), page)


def _head(run: Ptycho, result: Result) -> str:
    """Say in a sentence what came out."""
    when = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    placed = [one.positions for one in result.objects.values() if one.positions is not None]
    lead = f"{sum(len(places) for places in placed)} frames"
    if result.history:
        lead += f"; {', '.join(result.engines)}, {result.iterations} iterations"
    if np.isfinite(result.residual):
        lead += f"; residual {result.residual:.4f}{_beside_noise(result)}"
    name = escape(str(run.runtime.run or "A run"))
    return (
        f"<h1>{name}</h1><div class='pale'>ptypy {escape(metadata.version('ptypy'))}, "
        f"{escape(when)}</div><p class='lead'>{escape(lead)}.</p>{table(result.describe())}"
    )


def _beside_noise(result: Result) -> str:
    """Say how far the residual is from what photons allow."""
    if not result.noise_floor:
        return ""
    ratio = result.residual / result.noise_floor
    if ratio < WELL:
        return f", {ratio:.2f} times what photon noise alone leaves"
    # So far from the solution the noise is not known well enough for a number.
    return (
        f", well above the {result.noise_floor:.2g} or so that photon noise alone would leave: the "
        "model does not explain all that was measured. More iterations, or better positions, masks "
        "or numbers of the setup, may"
    )


def _data(label: str, facts: ScanFacts, run: Ptycho, *, in_pixels: bool) -> str:
    """Say what the frames of a scan held."""
    from ptypy.diagnose._scan_pictures import draw_scan

    low, middle, high = np.percentile(facts.photons, (0, 50, 100))
    height, width = facts.mean.shape
    rows = {
        "loader": _source(run, label),
        "frames": f"{len(facts.indices)} of {height} x {width} px",
        "photons in a frame": f"{middle:.3g} (from {low:.3g} to {high:.3g})",
        "pixels trusted": f"{facts.trusted.mean():.2%}",
    }
    if not in_pixels:
        rows |= {
            "positions": _spread(facts),
            "energy": f"{facts.energy:.6g} keV",
            "distance": write_length(facts.distance),
            "pixel of the object": " x ".join(write_length(float(n)) for n in facts.pixel),
        }
    dark = int((facts.photons <= 0).sum())
    if dark:
        rows["without a photon"] = f"{dark} frames"
    worst = _worst(facts)
    if worst:
        rows["explained worst"] = worst
    drawn = picture(_png(draw_scan(facts, in_pixels=in_pixels)), "mean frame and positions")
    return f"<h2>Data: {escape(label)}</h2>{table(rows)}{drawn}"


def _source(run: Ptycho, label: str) -> str:
    data = (run.p.scans.get(label) or {}).get("data") or {}
    frames = data.get("intensities")
    inner = frames.get("file") if isinstance(frames, Mapping) else None
    named = [data.get("name"), *(data.get(key) for key in ("file", "source", "dfile")), inner]
    return ", ".join(dict.fromkeys(str(each) for each in named if isinstance(each, (str, Path))))


def _spread(facts: ScanFacts) -> str:
    high, wide = np.ptp(facts.positions, axis=0)
    return f"over {write_length(float(high))} x {write_length(float(wide))} (y, x)"


def _worst(facts: ScanFacts) -> str:
    """Name the frames that the model explains much worse than others."""
    known = facts.residuals[np.isfinite(facts.residuals)]
    if len(known) < 10:
        return ""
    middle = np.median(known)
    limit = middle + 6 * 1.4826 * np.median(np.abs(known - middle))
    wrong = np.flatnonzero(facts.residuals > max(limit, 1.2 * middle))
    wrong = wrong[np.argsort(-facts.residuals[wrong])]
    if not len(wrong):
        return "none stands out"
    named = ", ".join(str(n) for n in facts.indices[wrong[:12]])
    return f"{len(wrong)} frames stand out: {named}{' ...' if len(wrong) > 12 else ''}"


def _engines(result: Result) -> str:
    """Say what each engine did."""
    lines = []
    for label in result.engines:
        entries = [entry for entry in result.history if entry["engine"] == label]
        seconds = float(sum(entry.get("duration", 0.0) for entry in entries))
        count = int(entries[-1].get("iteration", len(entries)))
        left = [
            entry["residual"] for entry in entries if np.isfinite(entry.get("residual", np.nan))
        ]
        cells = [
            label,
            str(count),
            f"{seconds:.1f} s",
            f"{seconds / max(count, 1):.3g} s",
            f"{left[0]:.4f} to {left[-1]:.4f}" if left else "",
        ]
        lines.append("".join(f"<td>{escape(cell)}</td>" for cell in cells))
    if not lines:
        return ""
    titles = ("engine", "iterations", "time", "an iteration", "residual")
    head = "".join(f"<th>{title}</th>" for title in titles)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<h2>What was done</h2><table class='wide'><tr>{head}</tr>{body}</table>"


def _asked(run: Ptycho, command: str) -> str:
    """Show the parameters, in a form that can be run again."""
    lost: list[str] = []
    text = json.dumps(_plain(run.p, "", lost), indent=2)
    link = "data:application/json;base64," + base64.b64encode(text.encode()).decode()
    name = f"{run.runtime.run or 'run'}.json"
    words = "<h2>How to repeat it</h2><p>"
    words += f"It was started by <code>{escape(command)}</code>. " if command else ""
    words += (
        f"Save <a download='{escape(name, quote=True)}' href='{link}'>its parameters</a>, then "
        f"<code>ptypy run {escape(name)}</code> does the same with ptypy of this version.</p>"
    )
    if lost:
        listed = ", ".join(f"<code>{escape(path)}</code>" for path in lost)
        words += f"<p>What is no plain value cannot be repeated from there: {listed}.</p>"
    return words + fold("All parameters", f"<pre>{escape(text)}</pre>")


def _plain(value: Any, path: str, lost: list[str]) -> Any:
    """Turn parameters into what JSON knows; notes those that it does not."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v, f"{path}.{k}".lstrip("."), lost) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, path, lost) for each in value]
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biuf":
        if value.size <= LISTED:
            return _plain(value.tolist(), path, lost)
    elif isinstance(value, float) and not np.isfinite(value):
        return str(value)
    elif value is None or isinstance(value, (str, bool, int, float, Path)):
        return str(value) if isinstance(value, Path) else value
    lost.append(path)
    return repr(value)[:200]


def _files(files: Sequence[str | Path]) -> str:
    if not files:
        return ""
    names = "".join(f"<li><code>{escape(str(name))}</code></li>" for name in files)
    return f"<h2>Files</h2><ul>{names}</ul>"


def _papers(run: Ptycho) -> str:
    if not run.citations:
        return ""
    papers = "".join(f"<li>{escape(paper)}</li>" for paper in run.citations)
    return f"<h2>Please cite</h2><ul>{papers}</ul>"


def _versions() -> str:
    rows = {"Python": platform.python_version(), "system": platform.platform()}
    rows |= {name: metadata.version(name) for name in LIBRARIES}
    rows["processes"] = str(parallel.size)
    return "<h2>Made with</h2>" + table(rows)


def _png(figure: Any) -> bytes:
    store = io.BytesIO()
    figure.savefig(store, dpi=95, format="png")
    return store.getvalue()


def _whole(path: Path, page: str) -> Path:
    aside = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(page, encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise FormatError(f"{path}: the report cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
    return path
