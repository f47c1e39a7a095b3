"""Where the files of a run go."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptypy.errors import ParameterError

__all__ = ["Paths"]

FIELDS = ("run", "engine", "iterations", "iteration")
"""What a template may name: ``%(run)s``, ``%(engine)s``, ``%(iterations)04d``."""


class Paths:
    """Names of the files of a run, from the templates in ``p.io``.

    Parameters
    ----------
    io : Mapping
        ``home``: folder that relative names are relative to. ``rfile``, ``autosave.rfile``,
        ``autoplot.imfile``: templates with the fields ``%(run)s``, ``%(engine)s``,
        ``%(iterations)04d`` (of all engines together) and ``%(iteration)04d`` (of the
        latest engine).
    """

    def __init__(self, io: Mapping[str, Any]) -> None:
        self.io = io

    @property
    def home(self) -> Path:
        """Folder that relative names are relative to."""
        return Path(self.io.get("home") or "./").expanduser()

    def recon_file(self, runtime: Mapping[str, Any]) -> Path | None:
        """Name the file of the result so far; None if none is wanted."""
        return self._fill_in(self.io.get("rfile"), runtime)

    def auto_file(self, runtime: Mapping[str, Any]) -> Path | None:
        """Name the file of an automatic save; None if none is wanted."""
        return self._fill_in((self.io.get("autosave") or {}).get("rfile"), runtime)

    def plot_file(self, runtime: Mapping[str, Any]) -> Path | None:
        """Name the picture of the result so far; None if none is wanted."""
        return self._fill_in((self.io.get("autoplot") or {}).get("imfile"), runtime)

    def _fill_in(self, template: str | None, runtime: Mapping[str, Any]) -> Path | None:
        """Fill in a template with what the run has done so far."""
        return self.home / fill_in(template, runtime) if template else None


def fill_in(template: str, runtime: Mapping[str, Any]) -> str:
    """Fill in a template.

    Parameters
    ----------
    template : str
        Text with fields such as ``%(run)s``.
    runtime : Mapping
        ``run``, and ``iter_info`` whose last entry tells engine and iterations; a run that
        has not begun has the engine ``None`` and zero iterations.

    Raises
    ------
    ParameterError
        If the template names a field that does not exist or is not well formed.
    """
    history = runtime.get("iter_info") or [{}]
    latest = history[-1]
    values = {
        "run": runtime.get("run"),
        "engine": latest.get("engine"),
        "iterations": latest.get("iterations", 0),
        "iteration": latest.get("iteration", 0),
    }
    try:
        return template % values
    except (KeyError, TypeError, ValueError) as error:
        fields = ", ".join(f"%({name})s" for name in FIELDS)
        raise ParameterError(
            f"cannot make a file name of {template!r} ({error}): the fields are {fields}; "
            f"a per cent sign itself is written %%"
        ) from error
