"""Showing a file in the browser."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ptypy.errors import FormatError
from ptypy.web._open import RESULTS
from ptypy.web._server import Server, Subject

__all__ = ["make_server", "open_subject", "view"]

SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
"""Variables of the environment of which one is set where windows can be opened."""


def open_subject(path: str | Path) -> Subject:
    """Open a file for the page that fits it.

    Raises
    ------
    FormatError, DataError, ParameterError
        If it cannot be shown.
    """
    path = Path(path)
    if path.suffix.lower() in RESULTS:
        from ptypy.web._result import Result
        from ptypy.web._result_file import ResultFile

        return Result(ResultFile(path))
    from ptypy.web._preparation import Preparation

    preparation = Preparation(path)
    preparation.look()
    return preparation


def make_server(subject: Subject, port: int = 0) -> Server:
    """Make a server, if what it is made with is installed.

    Raises
    ------
    FormatError
        If Tornado is not.
    """
    try:
        import tornado  # noqa: F401
    except ImportError as error:
        raise FormatError(
            "the browser needs Tornado, which is not installed: pip install 'ptypy[view]'"
        ) from error
    return Server(subject, port)


def view(
    path: str | Path,
    *,
    port: int = 0,
    open_browser: bool = True,
    tell: Callable[[str], Any] = lambda _: None,
) -> None:
    """Show a file in the browser until Ctrl-C.

    Parameters
    ----------
    path : path
        A config, frames (HDF5, .ptyd), or a result (.ptyr).
    port : int
        Port of 127.0.0.1 to listen at; 0 takes one that is free.
    open_browser : bool
        Open a browser, unless this is a session over SSH, or has no screen.
    tell : callable
        Gets the address, and what else is worth saying.

    Raises
    ------
    FormatError, DataError, ParameterError
        If the file cannot be shown, or nobody can listen at that port.
    """
    server = make_server(open_subject(path), port)

    def ready() -> None:
        for line in describe_address(server):
            tell(line)
        if open_browser:
            open_page(server.address)

    try:
        server.run(ready)
    except KeyboardInterrupt:
        tell("ended")


def open_page(address: str) -> None:
    """Open a browser, unless this is a session over SSH, or has no screen."""
    if has_screen():
        # Some browsers come back only when they are closed.
        threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()


def has_screen() -> bool:
    """Say whether a browser would open where the user sits, and not in the terminal."""
    has_windows = sys.platform == "darwin" or any(map(os.environ.get, SCREENS))
    return has_windows and not is_remote()


def is_remote() -> bool:
    """Say whether this is a session over SSH, whose browser would be elsewhere."""
    return bool(os.environ.get("SSH_CONNECTION"))


def describe_address(server: Server) -> list[str]:
    """Say where to look, and how to get there from another machine."""
    lines = [f"open {server.address}"]
    if is_remote():
        port, machine = server.port, os.environ["SSH_CONNECTION"].split()[-2]
        user = os.environ.get("USER", "you")
        lines.append(
            f"from where you sit, first: ssh -N -L {port}:127.0.0.1:{port} {user}@{machine}"
        )
    return lines
