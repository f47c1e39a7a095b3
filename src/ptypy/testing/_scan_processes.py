"""Run one example on several processes: ``mpiexec -n 2 python -m ptypy.testing._scan_processes``.

The processes read what to do from a folder, and leave there what they were given.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ptypy.io import h5read, h5write
from ptypy.testing._scan_example import Delivered, ScanExample, require
from ptypy.utils.parameters import Param

__all__ = ["find_mpiexec", "on_processes"]

PARAMETERS = "parameters.h5"

LONGEST = 120.0
"""After so long a run counts as hanging [s]."""


def find_mpiexec() -> str | None:
    """Find mpiexec, the one beside this interpreter first; None without it or without mpi4py."""
    if importlib.util.find_spec("mpi4py") is None:
        return None
    beside = shutil.which("mpiexec", path=str(Path(sys.executable).parent))
    return beside or shutil.which("mpiexec")


def on_processes(
    example: ScanExample, changed: Mapping[str, Any], folder: Path, *, processes: int, frames: int
) -> Delivered:
    """Read an example on several processes and put together what each was given.

    Parameters
    ----------
    example : ScanExample
    changed : mapping
        Parameters that count instead of those of the example.
    folder : Path
        An empty folder for what the processes write.
    processes, frames : int
        How many processes, and how many frames a package.

    Raises
    ------
    AssertionError
        If the run failed, or a frame came to no process or to two.
    """
    job = {
        "module": example.loader.__module__,
        "file": inspect.getsourcefile(example.loader),
        "name": example.loader.__qualname__,
        "frames": frames,
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    parameters = {**example.parameters, **changed}
    h5write(folder / PARAMETERS, Param(parameters))
    path = os.pathsep.join([entry for entry in sys.path if entry])
    done = subprocess.run(  # noqa: S603 -- our own module, on the interpreter that runs this
        [
            str(find_mpiexec()), "-n", str(processes),
            sys.executable, "-m", "ptypy.testing._scan_processes", str(folder),
        ],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=LONGEST, check=False,
    )  # fmt: skip
    require(done.returncode == 0, f"the run on {processes} processes failed:\n{done.stderr}")
    return _joined(folder, processes)


def _joined(folder: Path, processes: int) -> Delivered:
    frames: dict[int, Any] = {}
    masks: dict[int, Any] = {}
    parts = []
    for rank in range(processes):
        with np.load(folder / f"process{rank}.npz") as part:
            parts.append(dict(part))
    for rank, part in enumerate(parts):
        for index, frame, mask in zip(part["own"], part["frames"], part["mask"], strict=True):
            require(int(index) not in frames, f"frame {index} came to two processes")
            frames[int(index)], masks[int(index)] = frame, mask
        for key in ("indices", "positions", "shape", "center", "psize", "energy", "distance"):
            same = np.array_equal(part[key], parts[0][key])
            require(same, f"process {rank} and process 0 were told different {key}")
    indices = [int(index) for index in parts[0]["indices"]]
    lost = [index for index in indices if index not in frames]
    require(not lost, f"frames {lost} came to no process")
    keys = ("shape", "center", "psize", "energy", "distance")
    return Delivered(
        np.stack([frames[index] for index in indices]),
        np.stack([masks[index] for index in indices]),
        parts[0]["positions"],
        indices,
        Param({key: parts[0][key] for key in keys}),
    )


def _find_class(job: Mapping[str, Any]) -> Any:
    """Import the loader by the name of its module, or from its file."""
    try:
        found: Any = importlib.import_module(job["module"])
    except ImportError:
        spec = importlib.util.spec_from_file_location(job["module"], job["file"])
        if spec is None or spec.loader is None:
            raise
        found = importlib.util.module_from_spec(spec)
        sys.modules[job["module"]] = found
        spec.loader.exec_module(found)
    for name in job["name"].split("."):
        found = getattr(found, name)
    return found


def _main(folder: Path) -> None:
    from ptypy.core.data import Chunk
    from ptypy.utils import parallel

    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    loader = _find_class(job)
    scan = loader(Param(h5read(folder / PARAMETERS)))
    chunks = []
    while True:
        chunk = scan.next_chunk(job["frames"])
        if chunk == scan.EOS:
            break
        if isinstance(chunk, Chunk):
            chunks.append(chunk)
    filled = [chunk for chunk in chunks if len(chunk.data)]
    masks = [np.broadcast_to(chunk.mask, chunk.data.shape) for chunk in filled]
    nothing = np.empty((0, *chunks[0].data.shape[1:]))
    meta = chunks[-1].meta
    told: dict[str, Any] = {key: np.asarray(meta[key]) for key in ("shape", "center", "psize")}
    told |= {key: np.asarray(float(meta[key])) for key in ("energy", "distance")}
    np.savez(
        folder / f"process{parallel.rank}.npz",
        own=np.concatenate([chunk.indices_node for chunk in chunks]),
        frames=np.concatenate([chunk.data for chunk in filled]) if filled else nothing,
        mask=np.concatenate(masks) if filled else nothing.astype(bool),
        indices=np.concatenate([chunk.indices for chunk in chunks]),
        positions=np.concatenate([chunk.positions for chunk in chunks]),
        **told,
    )


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
