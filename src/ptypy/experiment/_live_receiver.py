"""A thread that takes messages off ZeroMQ sockets.

It holds the only reference to the sockets, knows nothing of the scan, sleeps until a message
comes or there is room again, and ends when it is told to.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ptypy.errors import DataError, Fault, FormatError, ParameterError
from ptypy.experiment._live_buffer import LiveBuffer
from ptypy.experiment._live_session import Session
from ptypy.io.stream import Message

__all__ = ["Channel", "Receiver", "import_zmq"]

MOST_PARTS = 16
"""Parts of a message that are kept; more belong to no form that is known here."""
CUT_OFF = 8
"""ZeroMQ itself cuts a sender off whose messages are so many times larger than the limit."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages come from."""

    path: str
    """Parameter that holds the address."""
    address: str
    pattern: str
    """'pull' or 'sub'."""
    binds: bool
    """Whether the sender connects to us, or we to it."""
    read: Callable[[list[memoryview]], Message | None]
    """Turns parts into a message; raises FormatError."""
    carries_frames: bool = True


def import_zmq() -> Any:
    """Give the module zmq.

    Raises
    ------
    ParameterError
        If it is not installed.
    """
    try:
        import zmq
    except ImportError as error:
        raise ParameterError(
            f"streams need pyzmq, which does not load ({error}): `pip install 'ptypy[live]'`"
        ) from error
    return zmq


class Receiver:
    """Opens sockets, and takes messages into a buffer until it is closed.

    Parameters
    ----------
    channels : sequence of Channel
    session : Session
    buffer : LiveBuffer
    high_water : int
        Messages that ZeroMQ may keep for us in each socket.
    largest : int
        Bytes of a part of a message.

    Raises
    ------
    ParameterError
        If an address cannot be opened.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        session: Session,
        buffer: LiveBuffer,
        *,
        high_water: int,
        largest: int,
    ) -> None:
        self._zmq = import_zmq()
        self._session, self._buffer, self._largest = session, buffer, largest
        self._context = self._zmq.Context()
        self._failure: BaseException | None = None
        self._sockets: list[tuple[Any, Channel]] = []
        self.addresses: list[str] = []
        """The addresses in use, with the port that was free where '*' was asked for."""
        self._is_closing = threading.Event()
        self._bell, self._ringer = os.pipe()
        os.set_blocking(self._ringer, False)
        self._rope = threading.RLock()
        """Held while the bell is rung or taken down: a number of a closed file is used again."""
        try:
            for channel in channels:
                self._open(channel, high_water)
        except BaseException:
            self._close_sockets()
            raise
        buffer.on_room = self._ring
        self._thread = threading.Thread(target=self._run, name="ptypy-receiver", daemon=True)
        self._thread.start()

    def collect(self, wanted: int) -> None:
        """Say if receiving failed; frames come by themselves."""
        del wanted
        if self._failure is not None:
            raise DataError(f"receiving frames failed: {self._failure}") from self._failure

    def close(self) -> None:
        """Close sockets and end the thread. A second call does nothing."""
        if not self._is_closing.is_set():
            self._is_closing.set()
            self._ring()
            # A scan that nobody holds any more may be cleared away on whatever thread.
            if threading.current_thread() is not self._thread:
                self._thread.join()

    def _open(self, channel: Channel, high_water: int) -> None:
        zmq = self._zmq
        socket = self._context.socket(zmq.PULL if channel.pattern == "pull" else zmq.SUB)
        self._sockets.append((socket, channel))
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.RCVHWM, high_water)
        socket.set(zmq.MAXMSGSIZE, CUT_OFF * self._largest)
        if channel.pattern == "sub":
            socket.set(zmq.SUBSCRIBE, b"")
        try:
            (socket.bind if channel.binds else socket.connect)(channel.address)
        except zmq.ZMQError as error:
            verb = "listened at" if channel.binds else "connected to"
            remedy = f"cannot be {verb}: {error}"
            raise ParameterError([Fault(channel.path, repr(channel.address), remedy)]) from error
        self.addresses.append(socket.get(zmq.LAST_ENDPOINT).rstrip(b"\0").decode())

    def _ring(self) -> None:
        """Wake the thread."""
        with self._rope:
            if self._ringer >= 0:
                with contextlib.suppress(BlockingIOError):  # full: it wakes anyway
                    os.write(self._ringer, b".")

    def _run(self) -> None:
        try:
            self._receive()
        except Exception as error:  # noqa: BLE001 - handed to the thread that asks for frames
            self._failure = error
            self._buffer.finish("receiving failed")
        finally:
            self._close_sockets()

    def _receive(self) -> None:
        zmq = self._zmq
        while not self._is_closing.is_set() and not self._buffer.has_ended:
            poller = zmq.Poller()
            poller.register(self._bell, zmq.POLLIN)
            has_room = not self._buffer.is_full()
            for socket, channel in self._sockets:
                if has_room or not channel.carries_frames:
                    poller.register(socket, zmq.POLLIN)
            ready = dict(poller.poll())
            if self._bell in ready:
                os.read(self._bell, 4096)
            for socket, channel in self._sockets:
                if socket in ready:
                    self._take(socket, channel)

    def _take(self, socket: Any, channel: Channel) -> None:
        """Receive one message."""
        parts: list[memoryview] = []
        count, sizes, has_more = 0, 0, True
        while has_more:
            part = socket.recv(copy=False)
            has_more, count, sizes = part.more, count + 1, max(sizes, len(part))
            if count <= MOST_PARTS:
                parts.append(part.buffer)
        if count > MOST_PARTS:
            self._buffer.refuse("messages of too many parts", f"{count} parts")
        elif sizes > self._largest:
            remedy = f"{sizes} bytes; `largest_message` is {self._largest}"
            self._buffer.refuse("messages that are too large", remedy)
        else:
            self._read(parts, channel)

    def _read(self, parts: list[memoryview], channel: Channel) -> None:
        try:
            message = channel.read(parts)
        except FormatError as error:
            self._buffer.refuse(f"messages that cannot be read ({channel.path})", str(error))
            return
        except Exception as error:  # noqa: BLE001 - no message may stop those after it
            text = f"{type(error).__name__}: {error}"
            self._buffer.refuse(f"messages that cannot be read ({channel.path})", text)
            return
        if message is not None:
            self._session.take(message)

    def _close_sockets(self) -> None:
        for socket, _ in self._sockets:
            socket.close(linger=0)
        self._context.term()
        with self._rope:
            os.close(self._bell)
            os.close(self._ringer)
            self._ringer = -1
