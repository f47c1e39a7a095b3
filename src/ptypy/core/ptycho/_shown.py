"""A run as text and as a notebook shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ptypy.utils.markup import card, fold, lines, table

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho

__all__ = ["Shown"]


class Shown:
    """The part of `Ptycho` that says what it is. Asks no other process."""

    def __repr__(self) -> str:
        return lines("Ptycho", _describe(cast("Ptycho", self)))

    def _repr_html_(self) -> str:
        run = cast("Ptycho", self)
        body = table(_describe(run))
        for name in ("probe", "obj"):
            container = getattr(run, name, None)
            if container is not None and container.storages:
                body += fold(name, container._repr_html_())
        return card("Ptycho", body + fold("parameters", run.p._repr_html_()))


def _describe(run: Ptycho) -> dict[str, str]:
    """Tell in words what runs, and how far it has come."""
    if not hasattr(run, "runtime"):
        return {"run": "not made yet"}
    said = {"run": str(run.runtime.run)}
    blocks = run.model.blocks if hasattr(run, "model") else []
    for label, pars in (run.p.scans or {}).items():
        counts = [len(block) for block in blocks if block.label == label]
        data = pars.get("data") or {}
        what = f"{pars.get('name')} of {data.get('name')}"
        if counts:
            height, width = next(b for b in blocks if b.label == label).counts.shape[1:]
            what += f", {sum(counts)} frames of {height} x {width} px here"
        else:
            what += ", no frames yet"
        said[f"scan {label}"] = what
    for label, pars in (run.p.engines or {}).items():
        engine = run.engines.get(label)
        done = "not made yet" if engine is None else f"{engine.curiter}"
        total = pars.get("numiter") if engine is None else engine.numiter
        of = f"{total} iterations, {done}" if engine is None else f"{done} of {total} iterations"
        said[f"engine {label}"] = f"{pars.get('name')}, {of}"
    if run.runtime.iter_info:
        latest = run.runtime.iter_info[-1]
        said["done"] = f"{latest['iterations']} iterations"
        residual = float(latest.get("residual", np.nan))
        if np.isfinite(residual):
            said["residual"] = f"{residual:.4f}"
    return said
