"""All that a visit of one frame may do, against complex128 NumPy: SDR, rPIE and WASP use it."""

import numpy as np
import pytest

from ptypy.accelerate import VisitSums, epie_sweep
from ptypy.errors import DataError

ORDER = [4, 0, 3, 1, 5, 2, 0]


@pytest.fixture(params=[False, True], ids=["whole pixels", "between pixels"])
def case(request, case_of_either_field):
    made = case_of_either_field
    made.shifts = None
    if request.param:
        made.shifts = np.random.default_rng(5).random((6, 2))
        made.obj = made.noise(6, 44 + 10, 70 + 8)
    return made


def shares(case, j):
    """Slices of the object that a frame sees, and what share of each."""
    v, u = (0.0, 0.0) if case.shifts is None else case.shifts[j]
    (y, x), (height, width) = case.corners[j], case.shape
    parts = {(0, 0): (1 - v) * (1 - u), (0, 1): (1 - v) * u, (1, 0): v * (1 - u), (1, 1): v * u}
    return [
        ((slice(y + dy, y + dy + height), slice(x + dx, x + dx + width)), share)
        for (dy, dx), share in parts.items()
        if share
    ]


def fit(case, j, wave, power_bound):
    f = case.forward(wave)
    modulus = np.sqrt((np.abs(f) ** 2).sum(axis=0))
    trusted, wanted = case.trusted(j), case.amplitude[j].astype(float)
    error = ((modulus - wanted) ** 2)[trusted].mean()
    if power_bound is not None:
        wanted = wanted + (modulus - wanted) * min(np.sqrt(power_bound / error), 1.0)
    return case.adjoint(f * np.where(trusted, wanted / modulus - 1, 0)), error


def visit(
    case, *, order=ORDER, object_step=0.7, probe_step=0.9, waves=False, coefficients=(0, 1, 1),
    power_bound=None, object_flat=None, object_blend=0.0, probe_flat=None, probe_blend=0.0,
):  # fmt: skip
    """The equations of the docstring, one after the other."""
    a, b, c = coefficients
    probe, obj, psi = (x.astype(complex) for x in (case.probe, case.obj, case.waves))
    sums = [np.zeros(s, t) for s, t in zip(
        [obj.shape, obj.shape, probe.shape, case.shape], [complex, float] * 2, strict=True
    )]  # fmt: skip
    errors = np.full((6, 3), np.nan)
    for j in order:
        view = sum(share * obj[part] for part, share in shares(case, j))
        old = psi[j] if waves else probe * view
        mixed = c * probe * view + (1 - c) * old
        lack, errors[j, 0] = fit(case, j, mixed, power_bound)
        new = (1 - a - b) * old + a * probe * view + b * (mixed + lack)
        d = new - probe * view
        errors[j, 2] = (np.abs(d) ** 2).sum() / view.size
        power, seen = (np.abs(probe) ** 2).sum(axis=0), np.abs(view) ** 2
        flat_o = (1 - object_blend) * power.max() if object_flat is None else (
            object_flat * power.mean())  # fmt: skip
        flat_p = (1 - probe_blend) * seen.max() if probe_flat is None else probe_flat
        towards = (probe.conj() * d).sum(axis=0)
        for part, share in shares(case, j):
            # On whole pixels the first line is conj(P) psi'.
            sums[0][part] += share * (towards + power * obj[part])
            sums[1][part] += share * power
        sums[2] += view.conj() * new
        sums[3] += seen
        for part, share in shares(case, j):
            obj[part] += object_step * share * towards / (flat_o + object_blend * power)
        probe = probe + probe_step * view.conj() * d / (flat_p + probe_blend * seen)
        psi[j] = new
    return probe, obj, psi, sums, errors


def empty_sums(case):
    return VisitSums(
        np.zeros(case.obj.shape, np.complex64),
        np.zeros(case.obj.shape, np.float32),
        np.zeros(case.probe.shape, np.complex64),
        np.zeros(case.shape, np.float32),
    )


def sweep(case, waves=False, with_sums=False, order=ORDER, **options):
    probe, obj = case.probe.copy(), case.obj.copy()
    psi = case.packed_waves.copy() if waves else None
    sums = empty_sums(case) if with_sums else None
    errors = epie_sweep(
        case.transform, probe, obj, case.corners, case.packed_amplitude, np.array(order),
        waves=psi, sums=sums, shifts=case.shifts,
        **({"object_step": 0.7, "probe_step": 0.9} | options),
    )  # fmt: skip
    return probe, obj, None if psi is None else case.transform.unpack_waves(psi), sums, errors


RULES = {
    "rPIE": {"object_blend": 0.9, "probe_blend": 0.3},
    "SDR": {
        "waves": True, "coefficients": (-1.2, 0.8, 2.5), "object_blend": 0.9, "probe_blend": 0.1,
    },
    "waves that lag": {"waves": True, "coefficients": (0.1, 0.6, 1.3)},
    "half a projection": {"coefficients": (0.0, 0.5, 1.0)},
    "WASP": {"object_flat": 1.1, "object_blend": 1.0, "probe_flat": 0.8, "probe_blend": 1.0},
    "WASP that leaves noise alone": {
        "object_flat": 2.0, "object_blend": 1.0, "probe_flat": 0.8, "probe_blend": 1.0,
        "power_bound": 0.3,
    },
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_a_sweep_is_what_its_equations_say(case, far, rule):
    probe, obj, psi, sums, errors = sweep(case, with_sums=True, **rule)
    expected = visit(case, **rule)
    rounding = 5 * case.rounding  # seven frames build upon each other
    assert far(probe, expected[0]) < rounding
    assert far(obj, expected[1]) < rounding
    if psi is not None:
        assert far(psi, expected[2]) < 2 * rounding
    for found, wanted in zip(sums, expected[3], strict=True):
        assert far(found, wanted) < rounding
    np.testing.assert_allclose(errors, expected[4], rtol=1e-3)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_summing_up_changes_nothing_else(case, rule):
    with_sums, without = (sweep(case, with_sums=answer, **rule) for answer in (True, False))
    for one, other in zip(with_sums[:2], without[:2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_sums_are_added_to_what_is_there(case, far):
    first = sweep(case, with_sums=True)[3]
    twice = empty_sums(case)
    for _ in range(2):
        epie_sweep(
            case.transform, case.probe.copy(), case.obj.copy(), case.corners,
            case.packed_amplitude, np.array(ORDER), object_step=0.7, probe_step=0.9,
            sums=twice, shifts=case.shifts,
        )  # fmt: skip
    for one, both in zip(first, twice, strict=True):
        assert far(both, 2 * one.astype(both.dtype)) < 1e-6


def test_an_object_and_a_probe_that_explain_everything_are_the_quotients(case, far):
    """Between pixels the shares of many views would blur the object."""
    views = [sum(s * case.obj[part] for part, s in shares(case, j)) for j in range(6)]
    models = [case.forward(case.probe.astype(complex) * view) for view in views]
    amplitude = np.sqrt((np.abs(np.stack(models)) ** 2).sum(axis=1))
    case.packed_amplitude = case.transform.pack_measured(amplitude, case.mask)
    _, _, _, sums, _ = sweep(case, with_sums=True, order=range(6))
    lit = sums.object_denominator > 1e-2 * sums.object_denominator.max()
    quotient = sums.object_numerator[lit] / sums.object_denominator[lit]
    assert far(quotient, case.obj[lit]) < 1e-4
    assert far(sums.probe_numerator / sums.probe_denominator, case.probe) < 1e-4


@pytest.mark.parametrize("shape", [(32, 32), (33, 47), (20, 61)])
def test_no_size_of_frame_is_special(make_case, far, shape):
    case = make_case(shape, modes=2)
    case.shifts = None
    rule = RULES["SDR"]
    probe, obj, psi, sums, _ = sweep(case, with_sums=True, **rule)
    expected = visit(case, **rule)
    for found, wanted in zip((probe, obj, psi, *sums), (*expected[:3], *expected[3]), strict=True):
        assert far(found, wanted) < 3e-5


def test_where_no_light_falls_nothing_is_divided_by_nothing(case):
    case.probe[:, :20] = 0
    case.obj[:, :5] = 0
    for rule in ({"object_blend": 1.0, "probe_blend": 1.0}, RULES["WASP"]):
        probe, obj, *_ = sweep(case, object_step=0.1, probe_step=0.1, **(rule | {"probe_flat": 0}))
        assert np.isfinite(probe).all()
        assert np.isfinite(obj).all()


def test_a_probe_that_rests_is_summed_up_all_the_same(case, far):
    probe, _, _, sums, _ = sweep(case, with_sums=True, update_probe=False)
    assert np.array_equal(probe, case.probe)
    assert far(sums.probe_numerator, visit(case, probe_step=0.0)[3][2]) < 1e-5


def test_sums_of_another_shape_are_refused(case):
    sums = empty_sums(case)._replace(probe_denominator=np.zeros((3, 3), np.float32))
    with pytest.raises(DataError, match="probe_denominator is float32 of shape"):
        epie_sweep(
            case.transform, case.probe, case.obj, case.corners, case.packed_amplitude,
            np.arange(6), object_step=1.0, probe_step=1.0, sums=sums, shifts=case.shifts,
        )  # fmt: skip
