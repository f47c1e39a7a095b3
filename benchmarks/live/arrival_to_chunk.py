"""Time from a frame's arrival, on a socket or in a folder, to its being in a chunk.

    python benchmarks/live/arrival_to_chunk.py [--frames 200] [--size 512] [--rate 50] [--rounds 3]

A process of its own sends frames, first at a steady rate, then as fast as they are taken. The
sources take turns; medians over all rounds are printed. *Latency*: from the moment the frame was
handed to the socket, or its file had its name, to the return of `next_chunk(1)`. *Kept up with*:
frames a second, in chunks of 32, when the sender does not wait.

A last line is of a reconstruction (DM) that goes on meanwhile: latency until a frame is in a block
of it, at the same rate, and the frames a second that it keeps up with.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ptypy.core import Ptycho
from ptypy.core.data import EOS, WAIT, PtyScan
from ptypy.experiment import DectrisStream, FolderWatch, ZmqStream
from ptypy.testing import DectrisSender, pack
from ptypy.utils import Param

CHUNK = 32
SETUP = {"energy": 7.0, "distance": 1.0, "psize": 1e-4}
STEP = 1e-7
"""Between scan points [m]."""
BEGIN = 0.2
"""Time for a socket to connect [s]."""


def counts(size: int) -> np.ndarray:
    """A frame like that of a detector: a bright middle, single photons around it."""
    y, x = np.mgrid[:size, :size] - size / 2
    light = 200 * np.exp(-(x**2 + y**2) / (2 * (size / 12) ** 2)) + 0.05
    return np.random.default_rng(0).poisson(light).astype(np.uint16)


def pushed(messages: Iterator[list[bytes]], ready: Any) -> Iterator[None]:
    """Push one message after another; the first is not timed."""
    import zmq

    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.bind("tcp://127.0.0.1:*")
        ready.send(socket.get(zmq.LAST_ENDPOINT).rstrip(b"\0").decode())
        socket.send_multipart(next(messages))
        yield
        for message in messages:
            socket.send_multipart(message)
            yield


def plain(size: int, count: int, ready: Any) -> Iterator[None]:
    """Send frames in the plain form, not packed."""
    frame = counts(size).tobytes()

    def messages() -> Iterator[list[bytes]]:
        yield [json.dumps({"type": "start", "frames": count}).encode()]
        for index in range(count):
            place = [index // 15 * STEP, index % 15 * STEP]
            header = {"index": index, "shape": [size, size], "dtype": "uint16", "position": place}
            yield [json.dumps({"type": "frame", **header}).encode(), frame]
        yield [b'{"type": "end"}']

    yield from pushed(messages(), ready)


def dectris(size: int, count: int, ready: Any) -> Iterator[None]:
    """Send Stream V2, packed as bitshuffle + LZ4."""
    import cbor2

    sender = DectrisSender(version=2)
    packed = cbor2.CBORTag(56500, ["bslz4", 2, pack(counts(size), "bslz4")])
    typed = cbor2.CBORTag(40, [[size, size], cbor2.CBORTag(69, packed)])

    def messages() -> Iterator[list[bytes]]:
        yield [sender._cbor("start", number_of_images=count)]
        for index in range(count):
            yield [sender._cbor("image", image_id=index, data={"a": typed})]
        yield [sender._cbor("end")]

    yield from pushed(messages(), ready)


def folder(size: int, count: int, ready: Any) -> Iterator[None]:
    """Write .npy files, which get their names when they are whole."""
    home = Path(tempfile.mkdtemp())
    ready.send(str(home))
    frame = counts(size)
    yield
    for index in range(count):
        np.save(home / ".next.npy", frame)
        (home / ".next.npy").rename(home / f"frame_{index:05d}.npy")
        yield
    (home / "finished").touch()
    yield


def send(source: Callable, size: int, rate: float, ready: Any, times: Any) -> None:
    """Send from another process, and note when each frame was on its way."""
    count = len(times)
    steps = source(size, count, ready)
    next(steps)
    due = time.monotonic() + BEGIN
    for index in range(count):
        if rate:
            time.sleep(max(0.0, due + index / rate - time.monotonic()))
        next(steps)
        times[index] = time.monotonic()
    for _ in steps:
        pass


def listen(source: Callable, address: str, count: int) -> PtyScan:
    setup = {"shape": None, **SETUP}
    nowhere = np.zeros((count, 2))
    if source is plain:
        return ZmqStream(address=address, **setup)
    if source is dectris:
        return DectrisStream(address=address, positions_theory=nowhere, **setup)
    return FolderWatch(
        folder=address, settle=0, pattern="frame*", end_file="finished", positions_theory=nowhere,
        **setup,
    )  # fmt: skip


def run(source: Callable, size: int, count: int, rate: float) -> tuple[list[float], float]:
    """Give the latency of every frame [s], and frames a second."""
    spawn = multiprocessing.get_context("spawn")
    mine, theirs = spawn.Pipe()
    times = spawn.Array("d", count, lock=False)
    process = spawn.Process(target=send, args=(source, size, rate, theirs, times))
    process.start()
    address = mine.recv()
    scan = listen(source, address, count)
    arrived = np.zeros(count)
    first = None
    while (chunk := scan.next_chunk(1 if rate else CHUNK)) != EOS:
        if chunk == WAIT:
            scan.wait(1.0)
            continue
        now = time.monotonic()
        first = (now, len(chunk.indices)) if first is None else first
        arrived[chunk.indices] = now
    process.join()
    speed = (count - first[1]) / max(arrived.max() - first[0], 1e-9)
    return (arrived - np.array(times[:])).tolist(), speed


class Watched(Ptycho):
    """A run that notes when frames have come into its blocks."""

    arrived: np.ndarray

    def load_new_data(self) -> Any:
        blocks = super().load_new_data()
        for block in blocks or []:
            self.arrived[block.indices] = time.monotonic()
        return blocks


def reconstruct(size: int, count: int, rate: float) -> tuple[list[float], float]:
    """Give the latency of every frame [s], and frames a second, while DM iterates."""
    spawn = multiprocessing.get_context("spawn")
    mine, theirs = spawn.Pipe()
    times = spawn.Array("d", count, lock=False)
    process = spawn.Process(target=send, args=(plain, size, rate, theirs, times))
    process.start()
    p = Param(verbose_level="CRITICAL", frames_per_block=CHUNK)
    p.io = Param(rfile=None, autosave=Param(active=False), autoplot=Param(active=False))
    data = Param(name="ZmqStream", address=mine.recv(), shape=size, **SETUP)
    beam = Param(aperture=Param(form="circ", size=5e-7))
    p.scans = Param(live=Param(name="BlockFull", data=data, illumination=beam))
    p.engines = Param(e=Param(name="DM", numiter=1))
    run = Watched(p, level=1)
    run.arrived = np.zeros(count)
    run.run()
    process.join()
    speed = count / (run.arrived.max() - min(times[:]))
    return (run.arrived - np.array(times[:])).tolist(), speed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    latencies: dict[str, list[float]] = {}
    speeds: dict[str, list[float]] = {}
    sources = {"ZmqStream": plain, "DectrisStream": dectris, "FolderWatch": folder}
    for _ in range(given.rounds):
        for name, source in sources.items():
            latencies.setdefault(name, []).extend(
                run(source, given.size, given.frames, given.rate)[0]
            )
            speeds.setdefault(name, []).append(run(source, given.size, given.frames, 0)[1])
        found, _ = reconstruct(given.size, given.frames, given.rate)
        latencies.setdefault("while DM runs", []).extend(found)
        speeds.setdefault("while DM runs", []).append(reconstruct(given.size, given.frames, 0)[1])
    print(f"{given.size} x {given.size} px of uint16, {given.frames} frames")
    print(f"{'':14}{'latency [ms]: median':>22}{'95 %':>8}{'worst':>8}{'kept up with [1/s]':>20}")
    for name, found in latencies.items():
        ms = 1e3 * np.array(found)
        print(
            f"{name:14}{np.median(ms):22.2f}{np.quantile(ms, 0.95):8.2f}{ms.max():8.2f}"
            f"{statistics.median(speeds[name]):20.0f}"
        )


if __name__ == "__main__":
    main()
