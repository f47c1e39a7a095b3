"""Which engines are to run, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ptypy.engines import ENGINES
from ptypy.errors import Fault
from ptypy.utils.parameters import Param, asParam
from ptypy.utils.text_utils import did_you_mean

__all__ = ["engines_of"]

SENSIBLE = {"ML": {"scale_precond": True}}
"""What engines are told beside their number of iterations, where only their name is given."""


def engines_of(engine: Any, iterations: Any, faults: list[Fault]) -> Param:
    """Make the branch ``engines`` of the tree, or note what is wrong.

    Parameters
    ----------
    engine : str, mapping, or sequence of these
        Names, or the parameters of engines.
    iterations : int or sequence of int
        Of all engines, or of each.
    faults : list of Fault
        Receives what is wrong.
    """
    wanted = list(engine) if isinstance(engine, list | tuple) else [engine]
    counts = list(iterations) if np.ndim(iterations) == 1 else [iterations] * len(wanted)
    if not wanted:
        faults.append(Fault("engine", repr(engine), "names no engine"))
    if len(counts) != len(wanted):
        remedy = f"should be one number, or one for each of {len(wanted)} engines"
        faults.append(Fault("iterations", repr(iterations), remedy))
        counts = [1] * len(wanted)
    faults += [
        Fault("iterations", repr(count), "should be a whole number above zero")
        for count in dict.fromkeys(counts)
        if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 1
    ]
    engines = Param()
    for number, (one, count) in enumerate(zip(wanted, counts, strict=True)):
        if not isinstance(one, str | Mapping):
            faults.append(
                Fault("engine", repr(one), "should be a name, or parameters and a `name`")
            )
            continue
        told = asParam({"name": one}) if isinstance(one, str) else asParam(one)
        name = told.get("name")
        if name not in ENGINES:
            faults.append(Fault("engine", repr(name), f"is no engine{did_you_mean(name, ENGINES)}"))
            continue
        more = SENSIBLE.get(str(name), {}) if isinstance(one, str) else {}
        engines[f"engine{number:02d}"] = Param({"numiter": count, **more, **told})
    return engines
