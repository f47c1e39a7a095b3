"""Further probe modes, made of the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.illumination._noise import rough
from ptypy.errors import ParameterError

__all__ = ["diversify"]

Field = npt.NDArray[np.complex128]

_SEED = 20130225


def diversify(field: npt.NDArray[Any], diversity: Mapping[str, Any] | None, modes: int) -> Field:
    """Complete a probe to a number of modes.

    Each further mode is the first one, changed by noise and shift, less what the modes before
    it hold already: all are orthogonal, as modes of a partially coherent beam are.

    Parameters
    ----------
    field : (K, H, W) complex
        The modes that are known; more than ``modes`` are dropped.
    diversity : mapping or None
        ``illumination.diversity``: noise, power, shift.
    modes : int
        How many there should be.

    Returns
    -------
    (modes, H, W) complex128
        The power of each new mode, relative to the first, is that of ``diversity.power``.

    Raises
    ------
    ParameterError
        If modes are missing and nothing says how they should differ from the first.
    """
    known = np.asarray(field, np.complex128)[:modes]
    if len(known) == modes:
        return known
    how = diversity or {}
    noise, shift = how.get("noise"), how.get("shift")
    if noise is None and not shift:
        raise ParameterError(
            f"illumination.diversity  {diversity!r}  leaves {modes} probe modes alike, and equal "
            "modes never part: give it `noise` or `shift`"
        )
    powers = np.atleast_1d(np.asarray(how.get("power", 0.1), np.float64))
    rng = np.random.default_rng(_SEED)
    main = known[0]
    strength = np.linalg.norm(main)
    result = list(known)
    for number in range(len(known), modes):
        mode = main if noise is None else main * rough(main.shape, noise, rng)
        if shift:
            angle = rng.uniform(0, 2 * np.pi)
            steps = np.rint(shift * np.array([np.sin(angle), np.cos(angle)])).astype(int)
            mode = np.roll(mode, tuple(int(n) for n in steps), axis=(0, 1))
        for other in result:
            weight = np.vdot(other, other).real
            if weight > 0:
                mode = mode - other * (np.vdot(other, mode) / weight)
        remains = np.linalg.norm(mode)
        if remains <= 1e-6 * strength:
            raise ParameterError(
                "illumination.diversity: noise and shift are too weak to make another mode"
            )
        power = powers[min(number - 1, len(powers) - 1)]
        result.append(mode * (np.sqrt(power) * strength / remains))
    return np.array(result)
