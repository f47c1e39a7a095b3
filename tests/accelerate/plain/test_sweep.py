"""Sweeps that visit one frame after the other: against the compiled ones, and their equations."""

import numpy as np
import pytest

from ptypy import accelerate
from ptypy.accelerate import plain
from ptypy.errors import DataError

ORDER = np.array([2, 0, 3, 1, 2])
STEPS = {"object_step": 0.7, "probe_step": 0.9}
TIGHT = 1e-10


COMPILED = {
    "ePIE": {},
    "global norm": {"object_norm_is_global": True},
    "probe at rest": {"update_probe": False},
    "SDR": {"object_blend": 0.9, "probe_blend": 0.1, "coefficients": (-0.6, 0.8, 2.0)},
    "WASP": {"object_flat": 1.1, "object_blend": 1.0, "probe_flat": 0.8, "probe_blend": 1.0,
             "power_bound": 0.3},
}  # fmt: skip


@pytest.mark.parametrize("options", COMPILED.values(), ids=COMPILED)
@pytest.mark.parametrize("between", [False, True], ids=["on pixels", "between pixels"])
def test_a_sweep_is_that_of_the_compiled_kernels(make_case, options, between, as_sight, far):
    case, shifts = make_case((31, 45), modes=2), None
    if between:
        case.obj = case.noise(6, 31 + 10, 45 + 8)
        shifts = np.random.default_rng(5).random((6, 2))
    sight, order = as_sight(case, shifts), np.array([4, 0, 3, 1, 2, 0])
    errors = plain.sweep([sight], case.seen[0], order, **STEPS, **options)
    expected = accelerate.epie_sweep(
        case.transform, case.probe, case.obj, case.corners, case.packed_amplitude, order,
        shifts=shifts, **STEPS, **options,
    )  # fmt: skip
    assert far(sight.probe, case.probe) < 2e-5
    assert far(sight.obj[0], case.obj) < 2e-5
    np.testing.assert_allclose(errors, expected, rtol=1e-4)


@pytest.mark.parametrize("between", [False, True], ids=["on pixels", "between pixels"])
def test_totals_are_the_sums_of_the_compiled_kernels(make_case, between, as_sight, far):
    case, shifts = make_case((31, 45), modes=2), None
    if between:
        case.obj = case.noise(6, 31 + 10, 45 + 8)
        shifts = np.random.default_rng(5).random((6, 2))
    sight, order = as_sight(case, shifts), np.array([4, 0, 3, 1, 2, 5])
    of_object = np.zeros_like(sight.obj), np.zeros(case.obj.shape, np.float32)
    of_probe = np.zeros_like(sight.probe), np.zeros(case.shape, np.float32)
    plain.sweep(
        [sight], case.seen[0], order, **STEPS, object_totals=[of_object], probe_totals=[of_probe]
    )
    sums = accelerate.VisitSums(*(np.zeros_like(x) for x in (of_object[0][0], of_object[1])),
                                *(np.zeros_like(x) for x in of_probe))  # fmt: skip
    accelerate.epie_sweep(
        case.transform, case.probe, case.obj, case.corners, case.packed_amplitude, order,
        shifts=shifts, sums=sums, **STEPS,
    )  # fmt: skip
    found = of_object[0][0], of_object[1], *of_probe
    for total, expected in zip(found, sums, strict=True):
        assert far(total, expected) < 2e-5


def denominator(level, blend, modes, whole):
    """Of what all pixels have in common, if it isn't the maximum, and of each pixel's own."""
    power = (np.abs(modes) ** 2).sum(0)
    top = (np.abs(modes if whole is None else whole) ** 2).sum(0).max()
    return ((1 - blend) * top if level is None else level) + blend * power


def visit(scan, j, options):
    """Change a scan as its equations say; give the error, change, and what totals would get."""
    a, b, c = options.get("coefficients", (0, 1, 0))
    many = range(len(scan.sights))
    products, views = [scan.product(k, j) for k in many], [scan.look(k, j).copy() for k in many]
    probes = [scan.probe(k, j).copy() for k in many]
    old = [w[j].copy() for w in scan.waves] if options.get("waves") else products
    mixed = [c * p + (1 - c) * w for p, w in zip(products, old, strict=True)]
    fitted, error = scan.fitted(mixed, j)
    new = [(1 - a - b) * old[k] + a * products[k] + b * fitted[k] for k in many]
    for k in many:
        scan.waves[k][j] = new[k]
        d = new[k] - products[k]
        global_norm = scan.sights[k].obj.copy() if options.get("object_norm_is_global") else None
        level = options.get("object_flat")
        if level is not None:
            level *= (np.abs(probes[k]) ** 2).sum(0).mean()
        for_object = denominator(level, options.get("object_blend", 0), probes[k], None)
        for_probe = denominator(
            options.get("probe_flat"), options.get("probe_blend", 0), views[k], global_norm
        )
        move = np.einsum("myx,mlyx->lyx", probes[k].conj(), d)
        probe = scan.probe(k, j)
        probe += 0.9 * np.einsum("lyx,mlyx->myx", views[k].conj(), d) / for_probe
        scan.give(k, j, scan.sights[k].obj, 0.7 * move / for_object)
    change = sum(
        (np.abs(n - p) ** 2).sum() / p[0, 0].size for n, p in zip(new, products, strict=True)
    )
    return error, change, probes, views, new


WAYS = {
    "ePIE": {},
    "global norm": {"object_norm_is_global": True},
    "regularised": {"object_flat": 0.8, "object_blend": 0.9, "probe_flat": 0.1, "probe_blend": 0.5},
    "top and power": {"object_blend": 0.9, "probe_blend": 0.5},
    "waves kept": {"waves": True, "coefficients": (-0.6, 0.9, 1.7), "object_flat": 3.0},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_sweep_is_what_its_equations_say(scan, way, far):
    options, expected, after = WAYS[way], scan.changed, scan.changed
    keywords = options | {"waves": after.waves if "waves" in options else None}
    errors = plain.sweep(after.sights, scan.amplitude, ORDER, **STEPS, **keywords)
    for j in ORDER:
        error, change, *_ = visit(expected, j, options)
        wanted = error, np.nan, change
    np.testing.assert_allclose(errors[ORDER[-1]], wanted, rtol=1e-8)
    for found, right in zip(after.sights, expected.sights, strict=True):
        assert far(found.probe, right.probe) < TIGHT
        assert far(found.obj, right.obj) < TIGHT
    if "waves" in options:
        assert far(after.waves[0], expected.waves[0]) < TIGHT


def test_totals_weigh_what_every_visit_says(scan, far):
    expected, after = scan.changed, scan.changed
    of_object = [(np.zeros_like(s.obj), np.zeros(s.obj.shape[1:])) for s in scan.sights]
    of_probe = [(np.zeros_like(s.probe), np.zeros_like(s.probe[..., 0, :, :].real))
                for s in scan.sights]  # fmt: skip
    plain.sweep(
        after.sights, scan.amplitude, ORDER, **STEPS, object_totals=of_object,
        probe_totals=of_probe,
    )  # fmt: skip
    wanted = [
        [np.zeros_like(x) for x in (*o, *p)] for o, p in zip(of_object, of_probe, strict=True)
    ]
    for j in ORDER:
        before = [s.obj.copy() for s in expected.sights]
        *_, probes, views, new = visit(expected, j, {})
        for k, (top, below, probe_top, probe_below) in enumerate(wanted):
            d = new[k] - np.einsum("myx,lyx->mlyx", probes[k], views[k])
            scan.give(k, j, top, np.einsum("myx,mlyx->lyx", probes[k].conj(), d))
            weight = np.zeros_like(below)
            scan.give(k, j, weight, (np.abs(probes[k]) ** 2).sum(0))
            # On whole pixels these two are conj(P) psi'.
            np.add(top, weight * before[k], out=top)
            np.add(below, weight, out=below)
            at = j if scan.sights[k].probe.ndim == 4 else ...
            probe_top[at] += np.einsum("lyx,mlyx->myx", views[k].conj(), new[k])
            probe_below[at] += (np.abs(views[k]) ** 2).sum(0)
    for found, right in zip(zip(of_object, of_probe, strict=True), wanted, strict=True):
        for total, correct in zip((*found[0], *found[1]), right, strict=True):
            assert far(total, correct) < TIGHT
    assert far(after.sights[0].obj, expected.sights[0].obj) < TIGHT


def test_an_object_that_two_colours_share_is_moved_by_both(make_scan, far):
    scan = make_scan()
    first, second = scan.sights
    shared = plain.Sight(
        second.probe, first.obj, second.corners, None, second.forward, second.adjoint
    )
    scan.sights[1] = shared
    before = first.obj.copy()
    moves = []
    for k, sight in enumerate((first, shared)):
        products = [scan.product(k, 1) for k in range(2)]
        d = scan.fitted(products, 1)[0][k] - products[k]
        probe, move = sight.probe, np.zeros_like(before)
        peak = sum((np.abs(s.probe) ** 2).sum(0) for s in scan.sights).max()
        scan.give(k, 1, move, 0.7 * np.einsum("myx,mlyx->lyx", probe.conj(), d) / peak)
        moves.append(move)
    plain.sweep(scan.sights, scan.amplitude, np.array([1]), **STEPS)
    assert far(first.obj - before, sum(moves)) < TIGHT


def test_a_step_of_what_two_colours_share_fits_both(make_scan):
    """Each colour by itself would go all the way, and both together twice as far."""
    scan = make_scan(modes=(1, 1), r=1)
    first, second = scan.sights
    sight = plain.Sight(second.probe, first.obj, first.corners, None, second.forward,
                        second.adjoint)  # fmt: skip
    scan.sights[1] = sight
    truth = scan.changed
    scan.counts = np.stack([
        truth.intensity([truth.product(k, j) for k in range(2)]) for j in range(scan.frames)
    ])  # fmt: skip
    first.obj[...] *= 1.1
    steps = {"object_step": 1.0, "probe_step": 0.0, "object_flat": 0.0, "object_blend": 1.0}
    plain.sweep(scan.sights, scan.amplitude, np.array([1]), **steps)
    assert np.abs(scan.look(0, 1) - truth.look(0, 1)).max() < TIGHT


def test_the_brightest_place_is_that_of_an_object_moved_by_both(make_scan, far):
    scan = make_scan(modes=(1, 1))
    first, second = scan.sights
    scan.sights[1] = plain.Sight(
        second.probe, first.obj[:], second.corners, None, second.forward, second.adjoint
    )
    after = scan.changed
    # Kept up to date along the way, or found anew: one frame at a time.
    options = STEPS | {"object_norm_is_global": True}
    plain.sweep(scan.sights, scan.amplitude, ORDER, **options)
    shared = after.sights[0].obj
    sights = [
        plain.Sight(s.probe, shared, s.corners, None, s.forward, s.adjoint) for s in after.sights
    ]
    for j in ORDER:
        plain.sweep(sights, scan.amplitude, np.array([j]), **options)
    assert far(scan.sights[1].obj, shared) < TIGHT
    assert far(scan.sights[1].probe, sights[1].probe) < TIGHT


def test_a_probe_for_each_frame_changes_where_a_frame_was_visited(make_scan):
    scan = make_scan(own_probes=True)
    after = scan.changed
    errors = plain.sweep(after.sights, scan.amplitude, np.array([1, 3]), **STEPS)
    for old, new in zip(scan.sights, after.sights, strict=True):
        same = [np.array_equal(a, b) for a, b in zip(old.probe, new.probe, strict=True)]
        assert same == [True, False, True, False]
    assert np.isnan(errors[[0, 2]]).all()


def test_what_explains_its_frames_stays(make_scan, far):
    scan = make_scan(shifts=True)
    models = [scan.intensity([scan.product(k, j) for k in range(2)]) for j in range(4)]
    scan.counts = np.where(scan.counts < 0, -1, models)
    after = scan.changed
    errors = plain.sweep(after.sights, scan.amplitude, ORDER, **STEPS, object_blend=1.0)
    assert far(after.sights[1].obj, scan.sights[1].obj) < TIGHT
    assert far(after.sights[1].probe, scan.sights[1].probe) < TIGHT
    assert errors[:, 0].max() < 1e-20


@pytest.mark.parametrize("blend", [0.0, 1.0])
def test_where_there_is_no_light_nothing_is_divided_by_it(make_scan, blend):
    scan = make_scan()
    for sight in scan.sights:
        sight.probe[:] = 0
        sight.obj[0] = 0
    plain.sweep(
        scan.sights, scan.amplitude, ORDER, **STEPS, object_flat=0.0, object_blend=blend,
        probe_flat=0.0, probe_blend=blend,
    )  # fmt: skip
    assert all(np.isfinite(s.obj).all() and np.isfinite(s.probe).all() for s in scan.sights)


def test_what_cannot_be_is_refused(make_scan):
    scan = make_scan()

    def refuse(message, order=ORDER, sights=scan.sights, **options):
        with pytest.raises(DataError, match=message):
            plain.sweep(sights, scan.amplitude, order, **STEPS, **options)

    refuse("order names frames 0 to 4 of 4", order=np.arange(5))
    refuse("object_flat is -2", object_flat=-2.0)
    refuse("can't be negative", probe_blend=-1.0)
    refuse("waves", waves=[scan.waves[0], scan.waves[1][1:]])
    refuse("object_totals", object_totals=[(scan.sights[0].obj, np.zeros((3, 3)))] * 2)
    first, second = scan.sights
    fixed = second.obj.copy()
    fixed.flags.writeable = False
    other = plain.Sight(second.probe, fixed, second.corners, None, second.forward, second.adjoint)
    refuse("obj is changed in place", sights=[first, other])
