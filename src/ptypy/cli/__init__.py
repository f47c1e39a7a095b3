"""The ``ptypy`` command."""

from ptypy.cli._main import main

__all__ = ["main"]
