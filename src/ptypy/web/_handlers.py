"""Requests and messages: what is let in, and who answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from importlib import resources
from typing import Any

from tornado import web, websocket

from ptypy.errors import PtypyError
from ptypy.utils.verbose import logger
from ptypy.web._guard import COOKIE, HEADERS
from ptypy.web._server import Server
from ptypy.web._wire import LARGEST, pack, unpack

__all__ = ["make_application"]

TYPES = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "txt": "text/plain",
}
FAULTS = (PtypyError, OSError, KeyError, TypeError, ValueError, IndexError)
"""What a question may end with; the page is told, and others are answered as before."""


def make_application(server: Server) -> web.Application:
    """Make the application: a door for the token, the files of the page, and a socket."""
    room, own = server.guard.room, {"server": server}
    return web.Application(
        [
            (r"/", _Door, own),
            (f"{room}socket", _Socket, own),
            (f"{room}(.*)", _File, {**own, "files": _read_page()}),
        ],
        default_handler_class=_Guarded,
        default_handler_args=own,
        websocket_max_message_size=LARGEST,
        websocket_ping_interval=20,
        log_function=lambda _: None,
    )


def _read_page() -> dict[str, bytes]:
    """Read all files that pages are made of: there are no others that a request could name."""
    root = resources.files("ptypy.web") / "page"
    files: dict[str, bytes] = {}
    for folder, prefix in ((root, ""), (root / "vendor", "vendor/")):
        for entry in folder.iterdir():
            if entry.is_file():
                files[prefix + entry.name] = entry.read_bytes()
    return files


class _Guarded(web.RequestHandler):
    """Refuses whatever should not be here; see `ptypy.web._guard`."""

    def initialize(self, server: Server) -> None:
        self.server = server

    def set_default_headers(self) -> None:
        for name, value in HEADERS.items():
            self.set_header(name, value)
        self.clear_header("Server")

    def prepare(self) -> Awaitable[None] | None:
        guard, headers = self.server.guard, self.request.headers
        host = headers.get("Host", "")
        if not guard.knows_host(host):
            self.refuse(f"this server answers to 127.0.0.1 and localhost, not to {host!r}")
        elif not guard.is_own(headers.get("Origin"), host):
            self.refuse("requests from other pages are refused")
        elif not self.is_admitted():
            self.refuse("open the address that `ptypy view` printed: it holds the token")
        return None

    def is_admitted(self) -> bool:
        return self.server.guard.admits(self.get_cookie(COOKIE))

    def refuse(self, why: str) -> None:
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{why}\n")

    def write_error(self, status_code: int, **_: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code}\n")


class _Door(_Guarded):
    """Takes the token and leads on."""

    def is_admitted(self) -> bool:
        return self.server.guard.opens(self.get_query_argument("token", ""))

    def get(self) -> None:
        guard = self.server.guard
        self.set_cookie(COOKIE, guard.cookie, path=guard.room, httponly=True, samesite="Lax")
        self.redirect(guard.room)


class _File(_Guarded):
    """A file of the page."""

    def initialize(self, server: Server, files: dict[str, bytes] | None = None) -> None:
        super().initialize(server)
        self.files = files or {}

    def get(self, name: str) -> None:
        name = name or self.server.subject.page
        content = self.files.get(name)
        if content is None:
            raise web.HTTPError(404)
        kind = TYPES[name.rpartition(".")[2]]
        self.set_header("Content-Type", f"{kind}; charset=utf-8")
        self.finish(content)


class _Socket(_Guarded, websocket.WebSocketHandler):
    """Questions and answers."""

    def check_origin(self, origin: str) -> bool:
        return self.server.guard.is_own(origin, self.request.headers.get("Host", ""))

    def open(self, *_: str, **__: str) -> None:
        self.set_nodelay(True)
        self._answering: set[asyncio.Task[None]] = set()
        self.server.clients.add(self)
        self.server.subject.enter(self)

    def on_close(self) -> None:
        self.server.clients.discard(self)
        self.server.subject.leave(self)

    def on_message(self, message: str | bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._reply(message))
        self._answering.add(task)
        task.add_done_callback(self._see)

    def _see(self, task: asyncio.Task[None]) -> None:
        """Tell of a fault of ours, which nobody thought of, in the terminal and on the page."""
        self._answering.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            logger.error("a question of the page could not be answered", exc_info=fault)
            text = f"{type(fault).__name__}: {fault}; more is in the terminal"
            self.tell({"event": "trouble", "text": text})

    def tell(self, head: Mapping[str, Any], payload: bytes = b"") -> None:
        self._send(pack(head, payload))

    def _send(self, message: bytes) -> None:
        try:
            self.write_message(message, binary=True)
        except websocket.WebSocketClosedError:
            self.server.clients.discard(self)

    async def _reply(self, message: str | bytes) -> None:
        number = None
        try:
            asked, payload = unpack(message)
            number = asked.get("id")
            head, numbers = await self.server.subject.answer(self, asked, payload)
            self._send(pack({**head, "id": number}, numbers))
        except FAULTS as error:
            self.tell({"id": number, "error": str(error) or type(error).__name__})
