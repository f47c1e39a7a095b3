"""Everything that can be known to be wrong before a file is touched."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ptypy import defaults_tree
from ptypy.core.paths import Paths, fill_in
from ptypy.engines import find_engine
from ptypy.errors import Fault, ParameterError
from ptypy.utils import verbose
from ptypy.utils.parameters import Param

__all__ = ["check"]

_NOT_YET = {
    "ipython_kernel": (False, "is not supported yet: leave it out"),
}
"""Parameter: (the one value that works, what is wrong with others)."""


def check(p: Param, *, needs_scans: bool, found: Sequence[Fault] = ()) -> None:
    """Check the parameters of a run: names, types, limits, and what this version can do.

    Parameters
    ----------
    p : Param
        Parameters, complete with their defaults.
    needs_scans : bool
        The run is to load data, so there must be some.
    found : sequence of Fault
        What is known to be wrong already; of the same groups nothing more is said.

    Raises
    ------
    ParameterError
        With every fault that was found.
    """
    faults = list(found)
    told = {fault.path.rpartition(".")[0] for fault in found}
    try:
        defaults_tree["ptycho"].validate(p)
    except ParameterError as error:
        if not error.faults:
            raise
        faults += [f for f in error.faults if not any(f.path.startswith(group) for group in told)]
    known = {fault.path for fault in faults}
    faults += [fault for fault in _more_faults(p, needs_scans) if fault.path not in known]
    if faults:
        raise ParameterError(faults)


def check_engine(label: str, pars: Mapping[str, Any]) -> None:
    """Check the parameters of one engine.

    Raises
    ------
    ParameterError
        With every fault that was found.
    """
    check(Param(engines=Param({label: pars})), needs_scans=False)


def _more_faults(p: Param, needs_scans: bool) -> Iterator[Fault]:
    """Find what types and limits alone do not tell."""
    for path, (works, remedy) in _NOT_YET.items():
        value = _look_up(p, path, works)
        if value is not None and value != works:
            yield Fault(path, repr(value), remedy)
    if needs_scans and not p.get("scans"):
        yield Fault("scans", "{}", "is empty: name a scan, e.g. `p.scans.mine = Param(...)`")
    yield from _verbosity(p)
    yield from _templates(p)
    yield from _home(p)
    yield from _engines(p)


def _look_up(p: Param, path: str, default: Any) -> Any:
    """Give what stands at a path, or the default if nothing does."""
    try:
        return p[path]
    except KeyError:
        return default


def _verbosity(p: Param) -> Iterator[Fault]:
    """Find a level that the log does not know."""
    level = p.get("verbose_level")
    if not isinstance(level, str) or level.strip().isdigit():
        return
    if level.strip().upper() not in verbose.LEVEL_NAMES:
        remedy = f"is not one of 0 … 5, {', '.join(verbose.LEVEL_NAMES)}"
        yield Fault("verbose_level", repr(level), remedy)


def _templates(p: Param) -> Iterator[Fault]:
    """Find names of files that cannot be filled in."""
    for path in ("io.rfile", "io.autosave.rfile", "io.autoplot.imfile"):
        template = _look_up(p, path, None)
        if not isinstance(template, str):
            continue
        try:
            fill_in(template, {"run": "run"})
        except ParameterError as error:
            yield Fault(path, repr(template), str(error))


def _home(p: Param) -> Iterator[Fault]:
    """Find a folder for results that cannot be written to, before hours are spent on them."""
    io = p.get("io") or {}
    if not p.get("engines") or not io.get("rfile"):
        return
    home = Paths(io).home
    there = next(
        folder for folder in (home.absolute(), *home.absolute().parents) if folder.exists()
    )
    if not there.is_dir():
        yield Fault("io.home", repr(str(home)), f"cannot hold results: {there} is a file")
    elif not os.access(there, os.W_OK | os.X_OK):
        yield Fault("io.home", repr(str(home)), f"cannot hold results: {there} is not writable")


def _engines(p: Param) -> Iterator[Fault]:
    """Find what engines know but cannot do yet."""
    engines = p.get("engines")
    if not isinstance(engines, Mapping):
        return
    for label, pars in engines.items():
        if not isinstance(pars, Mapping):
            if pars is None:
                remedy = "should be a Param with a `name`; remove it to leave the engine out"
                yield Fault(f"engines.{label}", "None", remedy)
            continue
        try:
            engine = find_engine(str(pars.get("name")))
        except ParameterError:
            continue  # an unknown name is reported with all other unknown names
        for fault in engine.list_unsupported(pars):
            yield Fault(f"engines.{label}.{fault.path}", fault.value, fault.remedy)
