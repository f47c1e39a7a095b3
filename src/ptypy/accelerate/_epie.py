"""One frame after the other: the extended ptychographic iterative engine and its relatives."""

# ruff: noqa: PLR0917 - the arrays come first, by place
from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._arrays import (
    Planes,
    Strips,
    add_vectors,
    check_array,
    check_measured,
    check_waves,
)
from ptypy.accelerate._buffers import aligned_zeros, lend
from ptypy.accelerate._compile import LANES
from ptypy.accelerate._lanes import ROW, VALUE, VECTOR
from ptypy.accelerate._patch import patch_size
from ptypy.accelerate._scene import Scene, check_object_sums
from ptypy.accelerate._transform import Transform
from ptypy.accelerate._visit_kernels import RULE, visit_frames
from ptypy.errors import DataError

__all__ = ["VisitSums", "epie_sweep"]


class VisitSums(NamedTuple):
    """Arrays that a sweep adds to, in place: what the visited frames say of object and probe.

    With P and O as each frame found them, and psi' = PO + d as it left them.
    """

    object_numerator: npt.NDArray[np.complex64]
    """sum conj(P_m) psi'_m over modes and frames, shape (Ho, Wo)."""
    object_denominator: npt.NDArray[np.float32]
    """sum |P_m|^2, shape (Ho, Wo)."""
    probe_numerator: npt.NDArray[np.complex64]
    """sum conj(O) psi'_m over frames, shape (M, H, W)."""
    probe_denominator: npt.NDArray[np.float32]
    """sum |O|^2, shape (H, W)."""


def epie_sweep(
    transform: Transform,
    probe: npt.NDArray[np.complex64],
    obj: npt.NDArray[np.complex64],
    corners: npt.NDArray[np.int64],
    amplitude: npt.NDArray[np.float32],
    order: npt.NDArray[np.int64],
    *,
    object_step: float,
    probe_step: float,
    object_norm_is_global: bool = False,
    update_probe: bool = True,
    shifts: npt.NDArray[np.float64] | None = None,
    waves: npt.NDArray[np.float32] | None = None,
    coefficients: tuple[float, float, float] = (0.0, 1.0, 1.0),
    power_bound: float | None = None,
    object_flat: float | None = None,
    object_blend: float = 0.0,
    probe_flat: float | None = None,
    probe_blend: float = 0.0,
    sums: VisitSums | None = None,
    support: npt.NDArray[np.bool_] | None = None,
    support_every: int | None = None,
) -> npt.NDArray[np.float64]:
    """Visit frames one after the other and move object and probe at each, in place.

    With M and (a, b, c) those of `project`, and psi the frame's exit wave, or PO where none are
    kept,

        psi' = (1-a-b) psi + a PO + b M(c PO + (1-c) psi),      d_m = psi'_m - P_m O

        O   <- O   + object_step sum_m conj(P_m) d_m / D_O
        P_m <- P_m + probe_step  conj(O) d_m         / D_P

    both from the same old P and O. Without further options d = M(PO) - PO, and D_O and D_P are
    the maxima of sum_m |P_m|^2 and |O|^2: the extended engine of Maiden and Rodenburg. A ``blend``
    takes part of them from the pixel itself, the regularised engine of Maiden, Johnson and Li:

        D_O = (1 - object_blend) max sum_m |P_m|^2 + object_blend sum_m |P_m|^2
        D_P = (1 - probe_blend)  max |O|^2         + probe_blend  |O|^2

    Parameters
    ----------
    transform : Transform
    probe, obj, corners, shifts
        As for `initial_waves`. The object is overwritten, the probe if ``update_probe``. Between
        pixels, O is what the frame sees, and each of four pixels gets its share of the move.
    amplitude : packed measured frames
        Square roots of the counts; see `Transform.pack_measured`.
    order : (K,) int
        Frames to visit.
    object_step, probe_step : float
    object_norm_is_global : bool
        Take max |O|^2 over the whole object instead of the frame's view.
    update_probe : bool
        False leaves the probe as it is.
    waves : packed waves of all N frames and M modes, optional
        Exit waves psi that are kept from visit to visit; those of visited frames become psi'.
    coefficients : (float, float, float)
        a, b and c.
    power_bound : float, optional
        See `project`.
    object_flat : float, optional
        ``object_flat`` times the mean of sum_m |P_m|^2 over the frame in place of
        ``(1 - object_blend)`` times its maximum.
    probe_flat : float, optional
        In place of ``(1 - probe_blend) max |O|^2``; an object without absorption has |O|^2 = 1.
    object_blend, probe_blend : float
    sums : VisitSums, optional
        Added to, in place. Between pixels an object that explains the waves would be blurred by
        its shares: there sum_m |P_m|^2 goes to four pixels with the object that each has.
    support : (H, W) bool, optional
        Outside of it the probe is set to zero, if ``update_probe``, at the end and, with
        ``support_every``, after about so many visits.
    support_every : int, optional

    Returns
    -------
    (N, 3) float64
        Of every frame, when it was last visited: mean of (|f| - amplitude)^2 over trusted
        pixels; NaN; mean of |d|^2 over the frame's pixels, summed over modes. NaN for
        frames that were not visited.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.

    References
    ----------
    Maiden and Rodenburg, Ultramicroscopy 109 (2009) 1256; Maiden, Johnson and Li, Optica 4
    (2017) 736.
    """
    scene = Scene.of(transform, probe, obj, corners, shifts)
    check_array("obj", obj, (None, None), np.complex64, writeable=True)
    check_array("probe", probe, (None, *transform.shape), np.complex64, writeable=update_probe)
    check_measured("amplitude", transform, amplitude, scene.frames)
    if waves is not None:
        check_waves(transform, waves, scene.frames, scene.modes, writeable=True)
    order = _check_order(order, scene.frames)
    a, b, c = (float(value) for value in coefficients)
    rule = {
        "object_step": object_step,
        "object_flat": -1.0 if object_flat is None else max(object_flat, 0.0),
        "object_blend": object_blend,
        "probe_step": probe_step if update_probe else 0.0,
        "probe_flat": -1.0 if probe_flat is None else max(probe_flat, 0.0),
        "probe_blend": probe_blend,
        "pull": a + b * c,
        "b": b,
        "c": c,
        "power_bound": -1.0 if power_bound is None else max(power_bound, 0.0),
        "scale": transform.scale,
    }
    totals = None if sums is None else _Totals(scene, sums)
    is_global = object_norm_is_global and update_probe and probe_flat is None
    errors = np.full((scene.frames, 3), np.nan)
    inside = None if support is None or not update_probe else _Support(transform, support)
    for stretch in _stretches(order, support_every if inside is not None else None):
        visited = _visit(scene, amplitude, stretch, rule, waves, totals, is_global)
        errors[stretch] = visited[stretch]
        if inside is not None:
            inside.confine(scene.strips)
    scene.planes.write_to(obj)
    if update_probe:
        scene.strips.write_to(probe, 1.0 / transform.scale)
    if totals is not None:
        totals.write_to_arrays()
    return errors


def _stretches(order: npt.NDArray[np.int64], length: int | None) -> list[npt.NDArray[np.int64]]:
    """Cut the order into stretches of about a length; None leaves it whole."""
    parts = 1 if length is None else max(1, len(order) // max(1, length))
    return [np.ascontiguousarray(part) for part in np.array_split(order, parts)]


class _Support:
    """Where a probe may be lit, in the kernels' layout.

    Parameters
    ----------
    transform : Transform
    inside : (H, W) bool
    """

    def __init__(self, transform: Transform, inside: npt.NDArray[np.bool_]) -> None:
        check_array("support", inside, transform.shape, np.bool_)
        strips = Strips(transform, inside[None].astype(np.complex64), 1.0)
        self._shape = (-1, transform.strips, transform.shape[0], 2, LANES)
        self._inside = strips.memory.reshape(self._shape)[0, :, :, :1].copy()

    def confine(self, probe: Strips) -> None:
        """Set a probe to zero outside."""
        waves = probe.memory.reshape(self._shape)
        waves *= self._inside


def _light_of(scene: Scene) -> tuple[float, float]:
    """Give the largest |P|^2 and their sum over pixels, of the probe as it is packed."""
    shape = (-1, scene.transform.strips, scene.transform.shape[0], 2, LANES)
    light = (scene.strips.memory.reshape(shape) ** 2).sum(axis=(0, 3))
    return float(light.max()), float(light.sum(dtype=np.float64))


def _visit(
    scene: Scene,
    amplitude: npt.NDArray[np.float32],
    order: npt.NDArray[np.int64],
    rule: dict[str, float],
    waves: npt.NDArray[np.float32] | None,
    totals: _Totals | None,
    object_norm_is_global: bool,
) -> npt.NDArray[np.float64]:
    """Visit frames of a scene, everything in the kernels' layouts; give their errors."""
    transform, rows = scene.transform, scene.planes.shape[0]
    errors = np.full((scene.frames, 3), np.nan)
    valid = np.zeros(LANES, np.float32)
    valid[: (transform.shape[1] - 1) % LANES + 1] = 1
    peaks = np.zeros(rows) if object_norm_is_global else None
    table = np.array([float(rule[name]) for name in RULE])
    frame = scene.modes * transform.scratch_size(0)
    size = scene.modes * transform.scratch_size(1 if rule["power_bound"] < 0 else transform.blocks)
    plain = waves is None and totals is None and _is_plain(rule)
    with lend(1, size + patch_size(transform, 2 if totals is None else 5)) as scratch:
        visit_frames(
            *scene.arguments,
            order.ctypes.data,
            len(order),
            rows,
            amplitude.ctypes.data,
            table.ctypes.data,
            int(plain),
            0 if waves is None else waves.ctypes.data,
            *((0, 0) if totals is None else totals.addresses),
            0 if peaks is None else peaks.ctypes.data,
            *_light_of(scene),
            scratch[0].ctypes.data,
            scratch[0][frame:].ctypes.data,
            scratch[0][size:].ctypes.data,
            valid.ctypes.data,
            errors.ctypes.data,
        )
    return errors


def _is_plain(rule: dict[str, float]) -> bool:
    """Say whether nothing is asked for but the two steps."""
    return (
        rule["object_flat"] < 0
        and rule["probe_flat"] < 0
        and rule["object_blend"] == rule["probe_blend"] == 0
        and rule["b"] == 1
    )


class _Totals:
    """Room for `VisitSums` in the kernels' layouts."""

    def __init__(self, scene: Scene, sums: VisitSums) -> None:
        height, width = scene.planes.shape
        check_object_sums(
            sums.object_numerator, sums.object_denominator, (height, width), "object_"
        )
        modes, shape = scene.modes, scene.transform.shape
        for name, wanted, dtype in (
            ("probe_numerator", (modes, *shape), np.complex64),
            ("probe_denominator", shape, np.float32),
        ):
            check_array(name, getattr(sums, name), wanted, dtype, writeable=True)
        self.scene, self.sums = scene, sums
        self.planes = Planes((height, width), planes=3)
        self.mode_bytes = scene.strips.mode_bytes
        self.strips = aligned_zeros(((2 * modes + 1) * self.mode_bytes // (2 * VALUE),))

    @property
    def addresses(self) -> tuple[int, int]:
        """Of three planes over the object, and of strips for each mode and the denominator."""
        return self.planes.address, self.strips.ctypes.data

    def write_to_arrays(self) -> None:
        """Add all to the arrays, without the factor that the probe was packed with."""
        scale, at = self.scene.transform.scale, self.strips.ctypes.data
        self.planes.add_to(self.sums.object_numerator, 0, 0, scale**-2)
        self.planes.add_to(self.sums.object_denominator, 2, 0, scale**-2)
        for mode in self.sums.probe_numerator:
            add_vectors(at, ROW, 0, mode, 1.0 / scale)
            at += self.mode_bytes
        add_vectors(at, VECTOR, 0, self.sums.probe_denominator, 1.0)


def _check_order(order: npt.NDArray[np.int64], frames: int) -> npt.NDArray[np.int64]:
    """Give the order as int64, after making sure that every frame in it exists."""
    order = np.asarray(order)
    if order.ndim != 1 or order.dtype.kind not in "iu":
        raise DataError(f"order is {order.dtype} of shape {order.shape}; it must be integers (K,)")
    order = np.ascontiguousarray(order, np.int64)
    if len(order) and (order.min() < 0 or order.max() >= frames):
        raise DataError(f"order names frames {order.min()} to {order.max()} of {frames}")
    return order
