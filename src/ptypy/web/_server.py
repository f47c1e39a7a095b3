"""The server of a page: on the loopback address, in this thread or in one of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ptypy.errors import FormatError, PtypyError
from ptypy.web._guard import Guard

__all__ = ["Client", "Server", "Subject"]

ADDRESS = "127.0.0.1"
Answer = tuple[Mapping[str, Any], bytes]


class Client(Protocol):
    """A page that somebody looks at."""

    def tell(self, head: Mapping[str, Any], payload: bytes = b"") -> None:
        """Send news; for the server's own thread."""


class Subject(Protocol):
    """What a server shows."""

    page: str
    """Its page: a file of ``page/``."""

    async def answer(self, client: Client, asked: dict[str, Any], payload: bytes) -> Answer:
        """Answer a question of a page."""

    def enter(self, client: Client) -> None:
        """Hear of a page that has been opened."""

    def leave(self, client: Client) -> None:
        """Hear of a page that is gone."""

    def close(self) -> None:
        """End, with the server."""


class Server:
    """Serves one subject to whoever has the token.

    Parameters
    ----------
    subject : Subject
    port : int
        0 takes one that is free.
    """

    def __init__(self, subject: Subject, port: int = 0) -> None:
        self.subject = subject
        self.guard = Guard()
        self._wanted = port
        self.port = 0
        """Where it listens, once it does."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self.clients: set[Any] = set()
        """Pages that look on."""

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{ADDRESS}:{self.port}/?token={self.guard.token}"

    def run(self, ready: Callable[[], None]) -> None:
        """Serve, in this thread, until `stop`, or until Ctrl-C.

        Parameters
        ----------
        ready : callable
            Called once it listens.

        Raises
        ------
        FormatError
            If nobody can listen at that port.
        """
        try:
            asyncio.run(self._serve(ready))
        finally:
            self.subject.close()

    def start(self) -> None:
        """Serve in a thread of its own; gives back once it listens.

        Raises
        ------
        FormatError
            As `run`.
        """
        ready, faults = threading.Event(), list[BaseException]()

        def work() -> None:
            try:
                self.run(ready.set)
            except PtypyError as error:
                faults.append(error)
                ready.set()

        self._thread = threading.Thread(target=work, name="ptypy-view", daemon=True)
        self._thread.start()
        ready.wait()
        if faults:
            raise faults[0]

    def stop(self) -> None:
        """End the server; from any thread."""
        if self._loop is not None and self._end is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end.set)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=10)

    def soon(self, function: Callable[[], None]) -> None:
        """Have a function called in the server's thread; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    def tell_all(self, head: Mapping[str, Any]) -> None:
        """Send news to all pages; from the server's thread."""
        for client in list(self.clients):
            client.tell(head)

    @property
    def watchers(self) -> int:
        """How many pages look on."""
        return len(self.clients)

    async def _serve(self, ready: Callable[[], None]) -> None:
        from tornado.httpserver import HTTPServer

        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        from ptypy.web._handlers import make_application

        server = HTTPServer(make_application(self), max_body_size=1 << 16)
        try:
            server.listen(self._wanted, address=ADDRESS)
        except OSError as error:
            raise FormatError(
                f"port {self._wanted} of {ADDRESS} cannot be listened at ({error.strerror}): give "
                "another, or 0 for any that is free"
            ) from error
        (socket,) = server._sockets.values()
        self.port = int(socket.getsockname()[1])
        ready()
        try:
            await self._end.wait()
        finally:
            server.stop()
            for client in list(self.clients):
                client.close(1001, "the server has ended")
            # Frames that say good-bye are on their way.
            await asyncio.sleep(0)
            await server.close_all_connections()
