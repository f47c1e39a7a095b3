"""Sequential projections, one frame after the other, for any modes and colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ptypy.accelerate.plain._project import Mover, check_waves
from ptypy.accelerate.plain._sight import (
    Complex,
    Real,
    Scene,
    Sight,
    check_arrays,
    check_rows,
    real_type,
)
from ptypy.accelerate.plain._views import (
    against_object,
    against_probe,
    find_power,
    give_back,
    reals,
    square,
)
from ptypy.errors import DataError

__all__ = ["sweep"]

Totals = Sequence[tuple[Complex, Real]]


def sweep(
    sights: Sequence[Sight],
    amplitude: Real,
    order: npt.NDArray[np.int64],
    *,
    object_step: float,
    probe_step: float,
    object_norm_is_global: bool = False,
    update_probe: bool = True,
    object_flat: float | None = None,
    object_blend: float = 0.0,
    probe_flat: float | None = None,
    probe_blend: float = 0.0,
    waves: Sequence[Complex] | None = None,
    coefficients: tuple[float, float, float] = (0.0, 1.0, 0.0),
    power_bound: float | None = None,
    object_totals: Totals | None = None,
    probe_totals: Totals | None = None,
) -> npt.NDArray[np.float64]:
    """Visit frames one after the other and move objects and probes at each, in place.

    With psi' the exit waves that `project` makes of psi, all colours at once, and
    d = psi' - P O, every sight moves by

        O_l <- O_l + object_step sum_m conj(P_m) d_ml / D_O
        P_m <- P_m + probe_step  sum_l conj(O_l) d_ml / D_P

    all from the same old P and O, with

        D_O = (1 - object_blend) max sum_m |P_m|^2 + object_blend sum_m |P_m|^2
        D_P = (1 - probe_blend)  max sum_l |O_l|^2 + probe_blend  sum_l |O_l|^2

    As it stands this is `ptypy.accelerate.epie_sweep`, whose options mean the same. Where a
    denominator is not positive, nothing moves. A probe or object that several sights share is
    moved by all of them, and the sums in its denominator are over all of them.

    Parameters
    ----------
    sights : sequence of Sight
        Objects are overwritten, probes if ``update_probe``; of a probe for each frame, those of
        the frames visited.
    amplitude : (N, h, w) real
        Square roots of the counts; negative where a pixel is not to be trusted.
    order : (K,) int
        Frames to visit.
    object_step, probe_step : float
    object_norm_is_global : bool
        Take the maximum in D_P over the whole object instead of the frame's view.
    update_probe : bool
        False leaves probes as they are.
    object_flat : float, optional
        ``object_flat`` times the mean of sum_m |P_m|^2 over the frame in place of
        ``(1 - object_blend)`` times its maximum. Not negative.
    probe_flat : float, optional
        In place of ``(1 - probe_blend) max sum_l |O_l|^2``. Not negative.
    object_blend, probe_blend : float
        Not negative.
    waves : sequence of (N, M, L, H, W) complex, optional
        Exit waves psi, kept between visits: those of the frames visited are overwritten. If not
        given, psi is P O of the moment.
    coefficients : (float, float, float)
        a, b and c of `project`; without ``waves`` a and c make no difference.
    power_bound : float, optional
        See `project`.
    object_totals, probe_totals : sequence of pairs of arrays, optional
        For each sight a numerator and a denominator, of shapes as in `object_sums` and
        `probe_sums`. Added to, in place: conj(P) psi' with |P|^2, and conj(O) psi' with |O|^2,
        at each visit, P and O being those before the move. Their quotients are weighted
        averages over all visits. Between pixels conj(P) d and |P|^2 are shared among four pixels,
        and the latter counts for the object that each has: shares of O itself would blur it.

    Returns
    -------
    (N, 3) float64
        Of every frame, when it was last visited: mean of (|f| - amplitude)^2 over trusted pixels;
        NaN; mean of |d|^2 over the pixels of the exit wave, summed over modes and sights. NaN for
        frames that were not visited.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.

    References
    ----------
    Maiden and Rodenburg, Ultramicroscopy 109 (2009) 1256 (ePIE).
    Maiden, Johnson and Li, Optica 4 (2017) 736 (regularised denominators).
    Maiden, Mei and Li, Opt. Express 32 (2024) 21327 (weighted averages).
    """
    scene = Scene.of(sights, "amplitude", amplitude)
    _check_writeable(scene.sights, update_probe)
    if waves is not None:
        check_waves(sights, waves)
    _check_totals(scene, object_totals, probe_totals)
    visits = check_rows("order", order, scene.frames)
    for_object = _Denominator.of("object", object_step, object_flat, object_blend)
    for_probe = _Denominator.of("probe", probe_step, probe_flat, probe_blend)
    is_global = update_probe and object_norm_is_global and probe_flat is None
    peaks = _Peaks(scene.sights) if is_global else None
    mover = Mover(scene, coefficients, power_bound)
    moves = [_Moves(sight, for_object, for_probe if update_probe else None) for sight in sights]
    same_object, same_probe = (
        _partners([s.obj for s in sights]),
        _partners([s.probe for s in sights]),
    )
    errors = np.full((scene.frames, 3), np.nan)
    for j in visits.tolist():
        views = mover.look(j)
        exit_waves = None if waves is None else [wave[j] for wave in waves]
        errors[j, 0], _ = mover.move(j, exit_waves)
        change = 0.0
        for k, move in enumerate(moves):
            if exit_waves is not None:
                np.subtract(exit_waves[k], mover.products[k], out=mover.moves[k])
            move.find(j, views[k], mover.moves[k])
            change += square(mover.moves[k]) / mover.moves[k][0, 0].size
            if object_totals is not None or probe_totals is not None:
                np.add(mover.products[k], mover.moves[k], out=mover.products[k])
            if object_totals is not None:
                move.add_object_totals(j, mover.moves[k], mover.products[k], *object_totals[k])
            if probe_totals is not None:
                move.add_probe_totals(j, views[k], mover.products[k], *probe_totals[k])
        for k, move in enumerate(moves):
            light = [moves[i].light for i in same_object[k]]
            seen = [moves[i].seen for i in same_probe[k]]
            move.divide(light, seen, None if peaks is None else sum(map(peaks.of, same_probe[k])))
        for move in moves:
            move.make(j)
        errors[j, 2] = change
        if peaks is not None:
            peaks.renew(j)
    return errors


@dataclass(frozen=True, slots=True)
class _Denominator:
    """A step and what it is divided by; see `sweep`."""

    step: float
    flat: float | None
    """None stands for 1 - blend times the largest sum of squares."""
    blend: float
    times_mean: bool
    """Whether ``flat`` is to be multiplied by the mean sum of squares."""

    @classmethod
    def of(
        cls, name: Literal["object", "probe"], step: float, flat: float | None, blend: float
    ) -> _Denominator:
        """Check the parts.

        Raises
        ------
        DataError
            If they are negative.
        """
        level = None if flat is None else float(flat)
        if not (level is None or level >= 0) or not blend >= 0:
            raise DataError(f"{name}_flat is {flat}, {name}_blend {blend}; they can't be negative")
        return cls(float(step), level, float(blend), name == "object")

    def divide(self, move: Complex, powers: Sequence[Real], peak: float | None) -> None:
        """Multiply a move by the step over the denominator, in place.

        Parameters
        ----------
        powers : sequence of (H, W)
            Sums of squares of each sight that makes a move.
        peak : float, optional
            What to take for their largest sum, if not that which there is.
        """
        power = np.sum(powers, axis=0) if len(powers) > 1 else powers[0].copy()
        flat = self._find_flat(power, peak)
        if self.blend == 0.0:
            pairs = reals(move)
            pairs *= self.step / flat if flat > 0 else 0.0
            return
        power *= self.blend
        power += flat
        move *= np.divide(self.step, power, out=np.zeros_like(power), where=power > 0)

    def _find_flat(self, power: Real, peak: float | None) -> float:
        """Give what the denominator has in common for all pixels."""
        if self.flat is None:
            return (1.0 - self.blend) * (float(power.max()) if peak is None else peak)
        return self.flat * (float(power.mean(dtype=np.float64)) if self.times_mean else 1.0)


class _Moves:
    """The next moves of object and probe of one sight."""

    def __init__(
        self, sight: Sight, for_object: _Denominator, for_probe: _Denominator | None
    ) -> None:
        self._sight, self._for_object, self._for_probe = sight, for_object, for_probe
        self._object = np.empty((sight.object_modes, *sight.shape), sight.obj.dtype)
        self._probe = np.empty((sight.probe_modes, *sight.shape), sight.obj.dtype)
        self.light = self.seen = np.empty(0, real_type(sight.obj.dtype))
        """Sum of |P|^2 and of |O|^2 of the frame looked at last, (H, W)."""

    def find(self, j: int, view: Complex, lack: Complex) -> None:
        """Find where frame ``j``, which lacks (M, L, H, W), pulls."""
        probe = self._sight.probe_of(j)
        against_probe(probe, lack, self._object)
        self.light = find_power(probe)
        if self._for_probe is not None:
            against_object(view, lack, self._probe)
            self.seen = find_power(view)

    def divide(self, light: Sequence[Real], seen: Sequence[Real], peak: float | None) -> None:
        """Give the moves their lengths, from the powers of all sights that make them."""
        self._for_object.divide(self._object, light, None)
        if self._for_probe is not None:
            self._for_probe.divide(self._probe, seen, peak)

    def make(self, j: int) -> None:
        """Move object and probe."""
        give_back(self._sight, self._sight.obj, j, self._object)
        if self._for_probe is not None:
            probe = self._sight.probe_of(j)
            probe += self._probe

    def add_object_totals(
        self, j: int, lack: Complex, waves: Complex, numerator: Complex, denominator: Real
    ) -> None:
        """Add what exit waves (M, L, H, W) say of the object, ``lack`` being their part d."""
        sight, total = self._sight, np.empty_like(self._object)
        probe, power = sight.probe_of(j), self.light
        if sight.shifts is None:
            against_probe(probe, waves, total)
            give_back(sight, numerator, j, total)
            give_back(sight, denominator, j, power)
            return
        against_probe(probe, lack, total)
        give_back(sight, numerator, j, total)
        (height, width), (top, left) = sight.shape, sight.corners[j].tolist()
        weight = np.zeros((height + 1, width + 1), power.dtype)
        give_back(sight, weight, j, power, top, left=left)
        there = (..., slice(top, top + height + 1), slice(left, left + width + 1))
        numerator[there] += weight * sight.obj[there]
        denominator[there] += weight

    def add_probe_totals(
        self, j: int, view: Complex, waves: Complex, numerator: Complex, denominator: Real
    ) -> None:
        """Add what exit waves (M, L, H, W) say of the probe."""
        total = np.empty_like(self._probe)
        against_object(view, waves, total)
        at: Any = j if numerator.ndim == 4 else ...
        numerator[at] += total
        denominator[at] += find_power(view)


def _partners(arrays: Sequence[Complex]) -> list[list[int]]:
    """Say for each array which of them, itself among them, are in the very same memory."""
    places = [_place(array) for array in arrays]
    return [[i for i, other in enumerate(places) if other == place] for place in places]


def _place(array: Complex) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Tell arrays apart by their memory, by whatever views of it they are seen."""
    return array.ctypes.data, array.shape, array.strides


class _Peaks:
    """The largest sum of |O|^2 of every object, kept up to date row by row."""

    def __init__(self, sights: Sequence[Sight]) -> None:
        self._sights = sights
        self._keys = [_place(sight.obj) for sight in sights]
        squares = [find_power(sight.obj).max(axis=1) for sight in sights]
        self._rows = dict(zip(self._keys, squares, strict=True))

    def of(self, k: int) -> float:
        """Give that of the object of sight ``k``."""
        return float(self._rows[self._keys[k]].max())

    def renew(self, j: int) -> None:
        """Look again where frame ``j`` lies."""
        for sight, key in zip(self._sights, self._keys, strict=True):
            top = int(sight.corners[j, 0])
            seen = slice(top, top + sight.shape[0] + 1)
            self._rows[key][seen] = find_power(sight.obj[:, seen]).max(axis=1)


def _check_writeable(sights: Sequence[Sight], update_probe: bool) -> None:
    for sight in sights:
        if not sight.obj.flags.writeable:
            raise DataError("obj is changed in place, but it is read-only")
        if update_probe and not sight.probe.flags.writeable:
            raise DataError("probe is changed in place, but it is read-only")


def _check_totals(scene: Scene, of_object: Totals | None, of_probe: Totals | None) -> None:
    """Refuse totals that do not fit their sights."""
    sights, kind = scene.sights, real_type(scene.dtype)
    if of_object is not None:
        shapes = [s.obj.shape for s in sights]
        check_arrays("object_totals", [pair[0] for pair in of_object], shapes, scene.dtype)
        planes = [shape[1:] for shape in shapes]
        check_arrays("object_totals", [pair[1] for pair in of_object], planes, kind)
    if of_probe is not None:
        ahead = [(scene.frames,) * (np.ndim(pair[0]) == 4) for pair in of_probe]
        shapes = [(*a, s.probe_modes, *s.shape) for a, s in zip(ahead, sights, strict=False)]
        check_arrays("probe_totals", [pair[0] for pair in of_probe], shapes, scene.dtype)
        planes = [(*a, *s.shape) for a, s in zip(ahead, sights, strict=False)]
        check_arrays("probe_totals", [pair[1] for pair in of_probe], planes, kind)
