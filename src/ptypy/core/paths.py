"""Where the files of a run go."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptypy.errors import ParameterError

__all__ = ["Paths"]

FIELDS = ("run", "engine", "iterations", "iteration")
"""What a template may name: ``%(run)s``, ``%(engine)s``, ``%(iterations)04d``."""

FIELD = re.compile(r"%\(?(\w+|%)\)?(?:(?<=\))[-#0 +]*\d*(?:\.\d+)?[a-zA-Z])?")
"""A field of a template, with how it is to be written, or a per cent sign."""


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

    def auto_files(self, runtime: Mapping[str, Any]) -> list[Path]:
        """Find what may be automatic saves of a run, of any engine and iteration.

        Returns
        -------
        list of Path
            The latest first.
        """
        pattern, expression = self._any_progress(runtime)
        found = []
        for name in glob.glob(pattern):  # noqa: PTH207 - the pattern may be absolute
            fits = re.fullmatch(expression, name)
            if fits:
                iterations = int(fits.groupdict().get("iterations") or 0)
                found.append((Path(name).stat().st_mtime_ns, iterations, name))
        return [Path(name) for *_, name in sorted(found, reverse=True)]

    def cut_short(self, runtime: Mapping[str, Any]) -> list[Path]:
        """Find what automatic saves have left whose process died while it wrote them."""
        folder, name = os.path.split(self._any_progress(runtime)[0])
        parts = glob.glob(str(Path(folder) / f".{name}.*-*.part"))  # noqa: PTH207
        return [Path(part) for part in parts if not _is_alive(part.split(".")[-2].split("-")[0])]

    def _any_progress(self, runtime: Mapping[str, Any]) -> tuple[str, str]:
        """Make patterns for `glob` and for `re` of the template of automatic saves."""
        template = str((self.io.get("autosave") or {}).get("rfile") or "")
        known = {"run": str(runtime.get("run")), "%": "%"}
        home = "" if Path(template).is_absolute() else f"{self.home}/".replace("//", "/")
        pattern, expression, end = glob.escape(home), re.escape(home), 0
        for field in FIELD.finditer(template):
            text = template[end : field.start()] + known.get(field[1], "")
            pattern += glob.escape(text)
            expression += re.escape(text)
            end = field.end()
            if field[1] not in known:
                pattern += "*"
                group = field[1] == "iterations" and "?P<" not in expression
                expression += r" *(?P<iterations>\d+) *" if group else "[^/]*"
        return pattern + glob.escape(template[end:]), expression + re.escape(template[end:])

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


def _is_alive(pid: str) -> bool:
    """Say whether a process of that number runs on this machine."""
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except OSError:
        return True
    return True
