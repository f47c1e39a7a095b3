"""Further modes of a field, made of the first by smooth noise and shifts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import ParameterError

__all__ = ["diversify", "rough", "stay_alike"]

Field = npt.NDArray[np.complex128]

_SEED = 20130225

_FWHM = 2 * np.sqrt(2 * np.log(2))


def stay_alike(how: Mapping[str, Any] | None) -> bool:
    """Say whether nothing is given that would make another mode differ from the first."""
    return not how or (how.get("noise") is None and not how.get("shift"))


def diversify(
    field: npt.NDArray[Any],
    diversity: Mapping[str, Any] | None,
    modes: int,
    path: str,
) -> Field:
    """Complete a field to a number of modes.

    Each further mode is the first one, changed by noise and shift, less what the modes before
    it hold already: all are orthogonal, as modes of a partially coherent beam are.

    Parameters
    ----------
    field : (K, H, W) complex
        The modes that are known; more than ``modes`` are dropped.
    diversity : mapping or None
        noise, power, shift: see ``illumination.diversity``.
    modes : int
        How many there should be.
    path : str
        Of these parameters, for messages.

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
    if stay_alike(diversity):
        raise ParameterError(
            f"{path}  {diversity!r}  leaves {modes} modes alike, and equal modes never part: give "
            "it `noise` or `shift`, or a model with as many modes"
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
            raise ParameterError(f"{path}: noise and shift are too weak to make another mode")
        power = powers[min(number - 1, len(powers) - 1)]
        result.append(mode * (np.sqrt(power) * strength / remains))
    return np.array(result)


def rough(
    shape: tuple[int, ...], noise: Sequence[float], rng: np.random.Generator
) -> npt.NDArray[np.complex128]:
    """Draw a factor of random phase and modulus around one.

    Parameters
    ----------
    shape : (H, W)
    noise : (2,) or (4,) float
        Standard deviation of the phase [rad] and size of its finest feature [px], then, if
        given, the same for the modulus.
    rng : Generator
        Source of the noise.

    Returns
    -------
    (H, W) complex128

    Raises
    ------
    ParameterError
        If ``noise`` has neither two nor four members.
    """
    values: list[Any] = [noise] if np.isscalar(noise) else list(noise)
    if len(values) not in {2, 4}:
        raise ParameterError(
            f"noise {noise!r}: give (rms phase [rad], finest feature [px]), "
            "or these and the same two for the modulus"
        )
    factor = np.exp(1j * _smooth(shape, values[0], values[1], rng))
    if len(values) == 4 and values[2]:
        factor = factor * (1 + _smooth(shape, values[2], values[3] or 0.0, rng))
    return np.asarray(factor)


def _smooth(
    shape: tuple[int, ...], rms: float, finest: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Draw numbers of a given standard deviation, alike over ``finest`` pixels."""
    from scipy import ndimage

    white = rng.standard_normal(shape)
    soft = ndimage.gaussian_filter(white, finest / _FWHM, mode="wrap") if finest > 1 else white
    deviation = soft.std()
    return np.asarray(soft * (rms / deviation if deviation > 0 else 0.0))
