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
    object_flat: float | Literal["max"] = "max",
    object_blend: float = 0.0,
    probe_flat: float | Literal["max"] = "max",
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

        O_l <- O_l + object_step sum_m conj(P_m) d_ml / (object_flat + object_blend sum_m |P_m|^2)
        P_m <- P_m + probe_step  sum_l conj(O_l) d_ml / (probe_flat  + probe_blend  sum_l |O_l|^2)

    all from the same old P and O. A *flat* of 'max' is the largest sum of squares there is at the
    moment. As it stands this is `ptypy.accelerate.epie_sweep`. Where a denominator is not
    positive, nothing moves. A probe or object that two sights share is moved by both.

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
        Let 'max' for ``probe_flat`` be taken over the whole object instead of the frame's view.
    update_probe : bool
        False leaves probes as they are.
    object_flat, probe_flat : float or 'max'
    object_blend, probe_blend : float
        Parts of the denominators, not negative.
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
        averages over all visits.

    Returns
    -------
    (N, 3) float64
        Of every frame, when it was last visited, as `project` gives it: mean of
        (|f| - amplitude)^2 over trusted pixels; NaN; mean of |psi' - psi|^2 over the pixels of
        the exit wave, summed over modes and sights. NaN for frames that were not visited.

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
    peaks = _Peaks(scene.sights) if update_probe and object_norm_is_global else None
    mover = Mover(scene, coefficients, power_bound)
    moves = [_Moves(sight, for_object, for_probe if update_probe else None) for sight in sights]
    errors = np.full((scene.frames, 3), np.nan)
    for j in visits.tolist():
        views = mover.look(j)
        exit_waves = None if waves is None else [wave[j] for wave in waves]
        errors[j, ::2] = mover.move(j, exit_waves)
        for k, move in enumerate(moves):
            if exit_waves is not None:
                np.subtract(exit_waves[k], mover.products[k], out=mover.moves[k])
            peak = None if peaks is None else peaks.of(k)
            move.find(j, views[k], mover.moves[k], peak)
            if object_totals is not None or probe_totals is not None:
                np.add(mover.products[k], mover.moves[k], out=mover.products[k])
                of_object = None if object_totals is None else object_totals[k]
                of_probe = None if probe_totals is None else probe_totals[k]
                move.add_totals(j, views[k], mover.products[k], of_object, of_probe)
        for move in moves:
            move.make(j)
        if peaks is not None:
            peaks.renew(j)
    return errors


@dataclass(frozen=True, slots=True)
class _Denominator:
    """A step and what it is divided by: flat + blend times a sum of squares."""

    step: float
    flat: float | None
    """None stands for the largest sum of squares."""
    blend: float

    @classmethod
    def of(cls, name: str, step: float, flat: float | str, blend: float) -> _Denominator:
        """Check the parts.

        Raises
        ------
        DataError
            If they are negative, or words but 'max'.
        """
        if isinstance(flat, str) and flat != "max":
            raise DataError(f"{name}_flat is {flat!r}; it must be a number or 'max'")
        level = None if isinstance(flat, str) else float(flat)
        if not (level is None or level >= 0) or not blend >= 0:
            raise DataError(f"{name}_flat is {flat}, {name}_blend {blend}; they can't be negative")
        return cls(float(step), level, float(blend))

    def divide(self, move: Complex, modes: Complex, peak: float | None) -> None:
        """Multiply a move by the step over the denominator, in place.

        Parameters
        ----------
        modes : (K, H, W)
            Whose squares are summed.
        peak : float, optional
            What to take for the largest sum of squares, if not that of ``modes``.
        """
        flat = self.flat
        if self.blend == 0.0:
            if flat is None:
                flat = float(find_power(modes).max()) if peak is None else peak
            pairs = reals(move)
            pairs *= self.step / flat if flat > 0 else 0.0
            return
        power = find_power(modes)
        if flat is None:
            flat = float(power.max()) if peak is None else peak
        power *= self.blend
        power += flat
        move *= np.divide(self.step, power, out=np.zeros_like(power), where=power > 0)


class _Moves:
    """The next moves of object and probe of one sight."""

    def __init__(
        self, sight: Sight, for_object: _Denominator, for_probe: _Denominator | None
    ) -> None:
        self._sight, self._for_object, self._for_probe = sight, for_object, for_probe
        self._object = np.empty((sight.object_modes, *sight.shape), sight.obj.dtype)
        self._probe = np.empty((sight.probe_modes, *sight.shape), sight.obj.dtype)

    def find(self, j: int, view: Complex, lack: Complex, peak: float | None) -> None:
        """Find what frame ``j``, which lacks (M, L, H, W), asks for."""
        probe = self._sight.probe_of(j)
        against_probe(probe, lack, self._object)
        self._for_object.divide(self._object, probe, None)
        if self._for_probe is not None:
            against_object(view, lack, self._probe)
            self._for_probe.divide(self._probe, view, peak)

    def make(self, j: int) -> None:
        """Move object and probe."""
        give_back(self._sight, self._sight.obj, j, self._object)
        if self._for_probe is not None:
            probe = self._sight.probe_of(j)
            probe += self._probe

    def add_totals(
        self,
        j: int,
        view: Complex,
        waves: Complex,
        of_object: tuple[Complex, Real] | None,
        of_probe: tuple[Complex, Real] | None,
    ) -> None:
        """Add what exit waves (M, L, H, W) say of object and probe to numerators and so on."""
        probe = self._sight.probe_of(j)
        if of_object is not None:
            total = np.empty_like(self._object)
            against_probe(probe, waves, total)
            give_back(self._sight, of_object[0], j, total)
            give_back(self._sight, of_object[1], j, find_power(probe))
        if of_probe is not None:
            total = np.empty_like(self._probe)
            against_object(view, waves, total)
            at: Any = j if of_probe[0].ndim == 4 else ...
            of_probe[0][at] += total
            of_probe[1][at] += find_power(view)


class _Peaks:
    """The largest sum of |O|^2 of every object, kept up to date row by row."""

    def __init__(self, sights: Sequence[Sight]) -> None:
        self._sights = sights
        # Sights that see the same memory, by whatever views of it, share their rows.
        self._keys = [(s.obj.ctypes.data, s.obj.shape, s.obj.strides) for s in sights]
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
