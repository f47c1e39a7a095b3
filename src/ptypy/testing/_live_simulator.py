"""Beamlines without beam: what simulators of live sources share."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError

__all__ = ["Recording", "Running", "Simulator"]


@dataclass(frozen=True)
class Recording:
    """A scan as a detector and a stage would give it."""

    frames: npt.NDArray[Any]
    """Counts (N, H, W)."""
    positions: npt.NDArray[np.float64]
    """(N, 2), (y, x) [m]."""
    mask: npt.NDArray[np.bool_]
    """(H, W), True where a pixel may be trusted."""
    energy: float
    """[keV]"""
    distance: float
    """[m]"""
    psize: tuple[float, float]
    """(y, x) [m]"""


@dataclass
class Simulator:
    """Sends or writes a scan, frame by frame.

    ``run()`` does so in this process, ``start()`` in another one; or type, in a terminal,
    ``python -m ptypy.testing NAME parameter=value ...``.

    Parameters
    ----------
    frames : int
        Number of scan points of a simulated scan; a few less come out.
    shape : int
        Edge of its frames [px].
    source : path, optional
        A ``.ptyd`` file with a scan to be sent instead of a simulated one.
    interval : float
        Time between two frames [s].
    order : list of int, optional
        Indices of the frames, as they are to be sent: leave some out, repeat or shuffle them, to
        see what the other side does. All, in order, if not given.
    ends : bool
        Whether the end is declared.
    """

    frames: int = 60
    shape: int = 64
    source: str | None = None
    interval: float = 0.0
    order: list[int] | None = None
    ends: bool = True

    @cached_property
    def recording(self) -> Recording:
        """The scan that is sent."""
        return _simulated(self.frames, self.shape) if self.source is None else _read(self.source)

    def run(self, ready: Callable[[str], object] = str) -> None:
        """Send the scan.

        Parameters
        ----------
        ready : callable
            Called with the address or the path when a receiver may look there, before the first
            frame is sent.
        """
        raise NotImplementedError

    def start(self) -> Running:
        """Send the scan from another process; returns when a receiver may look for it."""
        return Running(self)

    def _indices(self) -> Iterator[int]:
        """Give the frames to send, at their times."""
        order = range(len(self.recording.frames)) if self.order is None else self.order
        for number, index in enumerate(order):
            if number and self.interval:
                time.sleep(self.interval)
            yield index


class Running:
    """A simulator in a process of its own. As a context manager it is stopped at the end."""

    def __init__(self, simulator: Simulator) -> None:
        given = {f.name: getattr(simulator, f.name) for f in fields(simulator) if f.init}
        words = [f"{name}={json.dumps(value)}" for name, value in given.items()]
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
            [sys.executable, "-m", "ptypy.testing", type(simulator).__name__, *words],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        word, _, self.address = self.process.stdout.readline().strip().partition(" ")
        if word != "ready":
            self.stop()
            raise DataError(f"the simulator {type(simulator).__name__} did not start; see above")

    def wait(self, timeout: float = 60.0) -> int:
        """Wait until all is sent; give the exit code of the process."""
        code = self.process.wait(timeout)
        self.stop()
        return code

    def stop(self) -> None:
        """End the process."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def _simulated(frames: int, shape: int) -> Recording:
    from ptypy.core.data import MoonFlowerScan

    scan = MoonFlowerScan(
        num_frames=frames, shape=shape, energy=6.2, distance=0.5, psize=75e-6, density=0.12,
        photons=1e6,
    )  # fmt: skip
    positions = scan.load_positions()
    counts, _, _ = scan.load_block(np.arange(len(positions)))
    mask = np.ones(counts.shape[1:], dtype=bool)
    mask[shape // 3, shape // 5] = False
    counts = counts.astype(np.uint16 if counts.max() < 2**16 - 1 else np.uint32)
    counts[:, ~mask] = np.iinfo(counts.dtype).max
    # Of this one nothing but the mask says that it is bad.
    mask[shape // 2, shape // 7] = False
    counts[:, shape // 2, shape // 7] = 7
    return Recording(counts, positions, mask, 6.2, 0.5, (75e-6, 75e-6))


def _read(path: str) -> Recording:
    from ptypy.core.data import Chunk, PtydScan

    scan = PtydScan(source="file", dfile=path)
    chunk = scan.next_chunk(10**9)
    if not isinstance(chunk, Chunk) or chunk.positions is None:
        raise DataError(f"{path}: holds no frames with positions to send")
    counts = chunk.data
    if counts.dtype.kind == "f":
        counts = np.rint(counts).astype(np.uint32)
    mask = np.asarray(chunk.mask if chunk.mask.ndim == 2 else chunk.mask.all(axis=0))
    size_y, size_x = (float(n) for n in np.broadcast_to(chunk.meta.psize, 2))
    meta = chunk.meta
    return Recording(
        counts, chunk.positions, mask, float(meta.energy), float(meta.distance), (size_y, size_x)
    )
