"""Loaders that are chosen by ``data.source``."""

from __future__ import annotations

from ptypy.core.data import spell_out
from ptypy.errors import Fault, ParameterError
from ptypy.utils.parameters import Param

__all__ = ["spell_out_sources"]


def spell_out_sources(p: Param) -> list[Fault]:
    """Let scans choose their loader by ``data.source``, too; see `spell_out`.

    Returns
    -------
    list of Fault
        What is wrong with the sources of all scans.
    """
    faults: list[Fault] = []
    for label, scan in (p.get("scans") or {}).items():
        if isinstance(scan, Param) and "data" in scan:
            try:
                scan.data = spell_out(scan.data)
            except ParameterError as error:
                faults += [f._replace(path=f"scans.{label}.{f.path}") for f in error.faults]
    return faults
