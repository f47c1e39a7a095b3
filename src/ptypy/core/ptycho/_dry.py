"""A run that only says what it would do."""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING

from ptypy.core.ptycho._doubts import doubt
from ptypy.core.ptycho._timing import saying_that_it_compiles
from ptypy.utils import parallel, verbose

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho
    from ptypy.engines import BaseEngine

__all__ = ["describe_plan"]


def describe_plan(run: Ptycho, engine: BaseEngine) -> None:
    """Let an engine get ready, say what it would do, and let go of it again.

    Frames and buffers are really made: what does not fit into memory fails now, not tonight.
    It is said whatever the level. Every process must call it.
    """
    doubt(run, engine)
    with saying_that_it_compiles():
        engine.initialize()
        engine.prepare()
    most = float(parallel.MPImax(_peak_memory()))
    engine.finalize()
    probes = [storage.data.shape for storage in run.probe.storages.values()]
    objects = [storage.data.shape for storage in run.obj.storages.values()]
    left = engine.numiter - engine.curiter
    history = [{"engine": engine.name, "iterations": left, "iteration": left}]
    result = run.paths.recon_file({"run": run.runtime.run, "iter_info": history})
    verbose.log(
        "CITATION",
        f"dry run: engine {engine.label} ({engine.name}) would do {left} iterations over "
        f"{run.num_frames} frames on {parallel.size} process{'es' if parallel.size > 1 else ''}, "
        f"with probes {_listed(probes)} and objects {_listed(objects)}; the largest process has "
        f"taken {most / 2**30:.2f} GiB at most so far; "
        + (f"the result would be like {result}" if result else "no result would be saved"),
    )


def _peak_memory() -> float:
    """Give the most memory that this process has had [bytes]."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) if sys.platform == "darwin" else 1024.0 * peak


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(" x ".join(str(n) for n in shape) for shape in shapes)
