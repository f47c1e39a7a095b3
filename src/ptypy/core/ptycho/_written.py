"""What a run has left, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ptypy.utils import parallel

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho

__all__ = ["describe_result", "files_of"]


def files_of(run: Ptycho) -> list[tuple[Path, str]]:
    """List the files that a run has written, with what each is, those that are there."""
    files = []
    steps = list(_last_of_engines(run))
    for number, entry in enumerate(steps, 1):
        path = run.paths.recon_file({"run": run.runtime.run, "iter_info": [entry]})
        what = f"after {entry['engine']}, {entry['iterations']} iterations in all"
        if number == len(steps):
            what = f"the result, {what}"
        files.append((path, what))
    files += [(path, "automatic save, to go on from") for path in run.autosaves]
    return [(path, what) for path, what in files if path is not None and path.exists()]


def _last_of_engines(run: Ptycho) -> Iterator[dict[str, object]]:
    """Give the last entry of the history of each engine, in the order in which they ran."""
    history = run.runtime.iter_info
    for entry, following in zip(history, [*history[1:], None], strict=True):
        if following is None or following["iteration"] <= entry["iteration"]:
            yield entry


def describe_result(run: Ptycho) -> list[str]:
    """Say in a few lines how a run went. Every process must call it.

    Returns
    -------
    list of str
        How many iterations it did, how well the model fits the frames, and how well it could.
    """
    from ptypy.diagnose import noise_floor

    history = run.runtime.iter_info
    if not history:
        return ["nothing was iterated"]
    seconds = sum(entry["duration"] for entry in history)
    latest = history[-1]
    several = f" on {parallel.size} processes" if parallel.size > 1 else ""
    frames = f"{latest['iterations']} iterations over {run.num_frames} frames"
    lines = [f"{frames} in {_time(seconds)}{several}"]
    residual = float(latest["residual"])
    if residual == residual:  # noqa: PLR0124  (NaN is not itself: the engine has no residual)
        floor = noise_floor(run.model.blocks)
        lines.append(
            f"residual {residual:.4f}: {_judged(residual, floor)} (photon noise alone: about "
            f"{floor:.4f})"
        )
    return lines


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _judged(residual: float, floor: float) -> str:
    """Say what a residual means."""
    if residual < 1.2 * floor:
        return "as good as the photons allow"
    if residual < 2 * floor:
        return "near what the photons allow"
    # So far from the solution the noise is not known well enough for a number.
    return "well above what photon noise leaves" if floor else "not judged"
