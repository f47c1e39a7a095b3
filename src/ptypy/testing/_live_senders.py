"""Senders of frames through ZeroMQ: the plain form, and Stream V1 and V2 of Dectris."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import ParameterError
from ptypy.testing._live_simulator import Simulator

__all__ = ["DectrisSender", "PlainSender", "pack"]

Array = npt.NDArray[Any]
TAGS = {"u1": 64, "u2": 69, "u4": 70, "i2": 77, "i4": 78, "f4": 85}
GIVE_UP = 60_000
"""So long a sender waits for a receiver [ms]."""
LINGER = 10_000
"""So long it waits, at the end, for what is on its way to be taken [ms]."""

_NUMBERS = count()


def pack(frame: Array, encoding: str) -> bytes:
    """Pack a frame as detectors do.

    Parameters
    ----------
    frame : (H, W)
    encoding : {'none', 'lz4', 'bslz4'}
        The last two with the framing of the HDF5 filters.
    """
    if encoding == "none":
        return frame.tobytes()
    import h5py
    import hdf5plugin

    filters = {"lz4": hdf5plugin.LZ4, "bslz4": hdf5plugin.Bitshuffle}
    name = f"sent {next(_NUMBERS)}"  # files of one name are one file to HDF5, in memory too
    with h5py.File(name, "w", driver="core", backing_store=False) as file:
        data = file.create_dataset(
            "d", data=frame.ravel(), chunks=(frame.size,), **filters[encoding]()
        )
        return bytes(data.id.read_direct_chunk((0,))[1])


@dataclass
class Sender(Simulator):
    """What senders share.

    Parameters
    ----------
    address : str
        Where to send; with the port ``*`` a free one is taken if ``bind``.
    bind : bool
        Whether receivers connect to the sender.
    pattern : {'push', 'pub'}
        With 'pub' it waits for the first that listens.
    encoding : {'none', 'lz4', 'bslz4'}
        How frames are packed.
    junk : list of int
        Before these frames something is sent that is no message.
    high_water : int
        Messages that are kept for a receiver; with 'push' more have to wait, with 'pub' they
        are lost.
    """

    address: str = "tcp://127.0.0.1:*"
    bind: bool = True
    pattern: str = "push"
    encoding: str = "none"
    junk: list[int] = field(default_factory=list)
    high_water: int = 100

    def run(self, ready: Callable[[str], object] = str) -> None:
        """Send the scan; see `Simulator.run`."""
        self.recording  # noqa: B018 - takes its time: before anybody is told to look
        with self._socket(ready) as socket:
            for parts in self._start():
                socket.send_multipart(parts)
            for index in self._indices():
                if index in self.junk:
                    for parts in self._junk(index):
                        socket.send_multipart(parts)
                for parts in self._frame(index):
                    socket.send_multipart(parts)
            if self.ends:
                for parts in self._end():
                    socket.send_multipart(parts)

    def _start(self) -> Iterator[Sequence[bytes]]:
        raise NotImplementedError

    def _frame(self, index: int) -> Iterator[Sequence[bytes]]:
        raise NotImplementedError

    def _end(self) -> Iterator[Sequence[bytes]]:
        raise NotImplementedError

    def _junk(self, index: int) -> Iterator[Sequence[bytes]]:
        """Give messages that are broken in different ways."""
        yield [b"GET / HTTP/1.1"]
        yield [b""]
        yield [b"\xd9\xd9\xf7\xa2dtypeeimage"]
        yield [json.dumps({"type": "frame", "htype": "dimage-1.0"}).encode(), b"x"]
        *first, last = next(iter(self._frame(index)))
        yield [*first, last[: len(last) // 2]]

    @contextmanager
    def _socket(self, ready: Callable[[str], object]) -> Iterator[Any]:
        zmq = _import_zmq()
        with zmq.Context() as context, context.socket(self._kind(zmq)) as socket:
            socket.set(zmq.SNDTIMEO, GIVE_UP)
            socket.set(zmq.RCVTIMEO, GIVE_UP)
            socket.set(zmq.LINGER, LINGER)
            socket.set(zmq.SNDHWM, self.high_water)
            (socket.bind if self.bind else socket.connect)(self.address)
            ready(socket.get(zmq.LAST_ENDPOINT).rstrip(b"\0").decode())
            if self.pattern == "pub":
                socket.recv()  # somebody listens
            yield socket

    def _kind(self, zmq: Any) -> Any:
        return zmq.PUSH if self.pattern == "push" else zmq.XPUB


@dataclass
class PlainSender(Sender):
    """Sends a scan in the plain form of ptypy.

    Parameters
    ----------
    scan : str
        Name of the scan.
    positions : {'with frames', 'apart', 'none', 'only'}
        Positions in the headers of frames; in messages of their own; not at all; or nothing but
        positions, beside a detector that knows none.
    """

    scan: str = "rehearsal"
    positions: str = "with frames"

    def _header(self, kind: str, **entries: Any) -> bytes:
        return json.dumps({"type": kind, "scan": self.scan, **entries}).encode()

    def _start(self) -> Iterator[Sequence[bytes]]:
        scan = self.recording
        if self.positions != "only":
            entries = {
                "frames": len(scan.frames), "energy": scan.energy, "distance": scan.distance,
                "psize": scan.psize, "mask": True, "shape": scan.mask.shape,
            }  # fmt: skip
            yield [self._header("start", **entries), scan.mask.tobytes()]

    def _frame(self, index: int) -> Iterator[Sequence[bytes]]:
        frame = self.recording.frames[index]
        position = self.recording.positions[index].tolist()
        if self.positions in ("apart", "only"):
            yield [self._header("position", index=index, position=position)]
        if self.positions == "only":
            return
        entries = {"index": index, "shape": frame.shape, "dtype": frame.dtype.str}
        if self.positions == "with frames":
            entries["position"] = position
        if self.encoding != "none":
            entries["encoding"] = self.encoding
        yield [self._header("frame", **entries), pack(frame, self.encoding)]

    def _end(self) -> Iterator[Sequence[bytes]]:
        if self.positions != "only":
            yield [self._header("end", frames=len(self.recording.frames))]


@dataclass
class DectrisSender(Sender):
    """Sends a scan as a Dectris detector does.

    Parameters
    ----------
    version : {1, 2}
        Of the stream: JSON and blobs, or CBOR.
    header_detail : {'none', 'basic', 'all'}
        Of Stream V1.
    series : int
        Number of the series.
    """

    encoding: str = "bslz4"
    version: int = 1
    header_detail: str = "all"
    series: int = 1

    def _start(self) -> Iterator[Sequence[bytes]]:
        yield self._start1() if self.version == 1 else [self._cbor("start", **self._config2())]

    def _frame(self, index: int) -> Iterator[Sequence[bytes]]:
        frame = self.recording.frames[index]
        if self.version == 2:
            data = {"threshold_1": self._typed(frame, self.encoding)}
            yield [self._cbor("image", image_id=index, real_time=[1, 1000], data=data)]
            return
        bits = 8 * frame.dtype.itemsize
        names = {"none": "<", "lz4": "lz4<", "bslz4": f"bs{bits}-lz4<"}
        packed = pack(frame, self.encoding)
        if self.encoding == "lz4":
            packed = packed[16:]  # one naked block
        about = {
            "htype": "dimage_d-1.0", "shape": frame.shape[::-1], "type": frame.dtype.name,
            "encoding": names[self.encoding], "size": len(packed),
        }  # fmt: skip
        config = {"htype": "dconfig-1.0", "start_time": 0, "stop_time": 1, "real_time": 1}
        first = {"htype": "dimage-1.0", "series": self.series, "frame": index, "hash": ""}
        yield [_json(first), _json(about), packed, _json(config)]

    def _end(self) -> Iterator[Sequence[bytes]]:
        if self.version == 2:
            yield [self._cbor("end")]
        else:
            yield [_json({"htype": "dseries_end-1.0", "series": self.series})]

    def _start1(self) -> Sequence[bytes]:
        scan = self.recording
        detail = self.header_detail
        parts = [_json({"htype": "dheader-1.0", "series": self.series, "header_detail": detail})]
        if detail != "none":
            config = {
                "photon_energy": scan.energy * 1e3, "detector_distance": scan.distance,
                "y_pixel_size": scan.psize[0], "x_pixel_size": scan.psize[1],
                "nimages": len(scan.frames), "ntrigger": 1,
            }  # fmt: skip
            parts.append(_json(config))
        if detail == "all":
            tables = {
                "dflatfield-1.0": np.ones(scan.mask.shape, np.float32),
                "dpixelmask-1.0": (~scan.mask).astype(np.uint32),
            }
            for name, table in tables.items():
                shape, kind = table.shape[::-1], table.dtype.name
                parts.append(_json({"htype": name, "shape": shape, "type": kind}))
                parts.append(table.tobytes())
        return parts

    def _config2(self) -> dict[str, Any]:
        scan = self.recording
        return {
            "series_unique_id": f"rehearsal-{self.series}", "channels": ["threshold_1"],
            "incident_energy": scan.energy * 1e3, "detector_translation": [0.0, 0.0, scan.distance],
            "pixel_size_y": scan.psize[0], "pixel_size_x": scan.psize[1],
            "number_of_images": len(scan.frames), "image_dtype": scan.frames.dtype.name,
            "pixel_mask": {"threshold_1": self._typed((~scan.mask).astype(np.uint32), "none")},
        }  # fmt: skip

    def _cbor(self, kind: str, **entries: Any) -> bytes:
        cbor2 = _import_cbor2()
        message = {"type": kind, "series_id": self.series, **entries}
        return bytes(cbor2.dumps(cbor2.CBORTag(55799, message)))

    def _typed(self, array: Array, encoding: str) -> Any:
        tag = _import_cbor2().CBORTag
        content: Any = pack(array, encoding)
        if encoding != "none":
            content = tag(56500, [encoding, array.dtype.itemsize, content])
        return tag(40, [list(array.shape), tag(TAGS[array.dtype.str[1:]], content)])


def _import_zmq() -> Any:
    try:
        import zmq
    except ImportError as error:
        raise ParameterError("senders need pyzmq: `pip install 'ptypy[live]'`") from error
    return zmq


def _import_cbor2() -> Any:
    try:
        import cbor2
    except ImportError as error:
        raise ParameterError(
            "to send Stream V2, cbor2 is needed: `pip install 'ptypy[live]'`"
        ) from error
    return cbor2


def _json(header: dict[str, Any]) -> bytes:
    return json.dumps(header).encode()
