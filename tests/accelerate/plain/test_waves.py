"""Exit waves, projections, overlap sums and model: every kind of scan against its equations."""

import numpy as np
import pytest

from ptypy import accelerate
from ptypy.accelerate import plain
from ptypy.errors import DataError

TIGHT = 1e-11


@pytest.fixture(params=[(44, 70), (31, 45)], ids=str)
def case(request, make_case, field, angular_spectrum):
    transfer = None if field == "far field" else angular_spectrum(request.param, 2.5, 1.0)
    return make_case(request.param, modes=2, transfer=transfer)


@pytest.fixture(params=[False, True], ids=["on pixels", "between pixels"])
def shifts(request, case):
    if not request.param:
        return None
    case.obj = case.noise(6, case.obj.shape[0] + 1, case.obj.shape[1] + 1)
    return np.random.default_rng(5).random((len(case.corners), 2))


# --- the same as the compiled kernels ----------------------------------------------------------


def test_exit_waves_are_those_of_the_compiled_kernels(case, shifts, as_sight, far):
    sight = as_sight(case, shifts)
    waves = np.empty((6, *sight.wave_shape), np.complex64)
    plain.initial_waves([sight], [waves], threads=2)
    packed = case.transform.empty_waves(6, 2)
    accelerate.initial_waves(
        case.transform, packed, case.probe, case.obj, case.corners, shifts=shifts
    )
    assert far(waves[:, :, 0], case.transform.unpack_waves(packed)) < 1e-6


@pytest.mark.parametrize("bound", [None, 0.3, 3.0])
def test_a_projection_is_that_of_the_compiled_kernels(case, shifts, bound, as_sight, far):
    options = {"coefficients": (-0.8, 1.0, 1.8), "power_bound": bound, "threads": 2}
    waves = case.waves[:, :, None].copy()
    sight = as_sight(case, shifts)
    errors = plain.project([sight], [waves], case.seen[0], **options)
    packed = case.packed_waves.copy()
    expected = accelerate.project(
        case.transform, packed, case.probe, case.obj, case.corners, case.packed_amplitude,
        shifts=shifts, **options,
    )  # fmt: skip
    assert waves.dtype == np.complex64
    assert far(waves[:, :, 0], case.transform.unpack_waves(packed)) < 2 * case.rounding
    np.testing.assert_allclose(errors, expected, rtol=1e-4)


@pytest.mark.parametrize("with_present", [False, True])
def test_sums_over_the_object_are_those_of_the_compiled_kernels(
    case, shifts, with_present, as_sight, far
):
    sight, present = as_sight(case, shifts), case.obj if with_present else None
    numerator, denominator = np.zeros_like(sight.obj), np.zeros(case.obj.shape, np.float32)
    expected = np.zeros_like(case.obj), np.zeros_like(denominator)
    accelerate.object_sums(
        case.transform, case.packed_waves, case.probe, case.corners, *expected,
        obj=present, shifts=shifts,
    )  # fmt: skip
    plain.object_sums(
        sight, case.waves[:, :, None], numerator, denominator,
        obj=sight.obj if with_present else None, threads=2,
    )  # fmt: skip
    assert far(numerator[0], expected[0]) < 1e-5
    assert far(denominator, expected[1]) < 1e-5


def test_sums_over_the_probe_are_those_of_the_compiled_kernels(case, shifts, as_sight, far):
    sums = np.zeros_like(case.probe), np.zeros(case.shape, np.float32)
    expected = np.zeros_like(case.probe), np.zeros(case.shape, np.float32)
    accelerate.probe_sums(
        case.transform, case.packed_waves, case.obj, case.corners, *expected, shifts=shifts
    )
    plain.probe_sums(as_sight(case, shifts), case.waves[:, :, None], *sums, threads=2)
    assert far(sums[0], expected[0]) < 1e-5
    assert far(sums[1], expected[1]) < 1e-5


def test_the_model_is_that_of_the_compiled_kernels(case, shifts, as_sight):
    expected = accelerate.model_error(
        case.transform, case.probe, case.obj, case.corners, case.packed_amplitude, shifts=shifts
    )
    sights = [as_sight(case, shifts)]
    np.testing.assert_allclose(plain.model_error(sights, case.seen[0]), expected, rtol=1e-4)
    some = plain.model_error(sights, case.seen[0], rows=np.array([4, 1, 4]))
    np.testing.assert_allclose(some, expected[[4, 1, 4]], rtol=1e-4)


# --- what the equations say --------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(8, 6), (7, 6), (5, 7)], ids=str)
@pytest.mark.parametrize("near", [False, True], ids=["far field", "near field"])
def test_the_way_back_is_the_adjoint_of_the_way_to_the_detector(make_scan, shape, near, far):
    scan = make_scan(shape, near=near, colours=1, r=1)
    forward, adjoint = scan.sights[0].forward, scan.sights[0].adjoint
    wave, there = scan.waves[0][0], scan.waves[0][1]
    assert far(forward(wave.copy()), scan.send(0, wave)) < TIGHT
    assert far(adjoint(there.copy()), scan.send_back(0, there)) < TIGHT


@pytest.mark.parametrize("bound", [None, 3.0, 1e9])
def test_all_modes_and_colours_share_the_light_of_a_pixel(scan, bound, far):
    a, b, c = -0.7, 0.9, 1.8
    after = scan.changed
    errors = plain.project(
        after.sights, after.waves, scan.amplitude, coefficients=(a, b, c), power_bound=bound,
        threads=2,
    )  # fmt: skip
    for j in range(scan.frames):
        products = [scan.product(k, j) for k in range(len(scan.sights))]
        old = [wave[j] for wave in scan.waves]
        mixed = [c * p + (1 - c) * w for p, w in zip(products, old, strict=True)]
        fitted, error = scan.fitted(mixed, j, bound)
        new = [
            (1 - a - b) * w + a * p + b * m
            for w, p, m in zip(old, products, fitted, strict=True)
        ]  # fmt: skip
        for found, expected in zip(after.waves, new, strict=True):
            assert far(found[j], expected) < TIGHT
        change = sum(
            (np.abs(n - w) ** 2).sum() / w[0, 0].size for n, w in zip(new, old, strict=True)
        )
        np.testing.assert_allclose(errors[j], (error, np.nan, change), rtol=1e-10)


def test_a_projected_wave_explains_its_frame(make_scan):
    scan = make_scan()
    plain.project(scan.sights, scan.waves, scan.amplitude, coefficients=(0.0, 1.0, 0.0))
    for j in range(scan.frames):
        model, trusted = scan.intensity([w[j] for w in scan.waves]), scan.counts[j] >= 0
        np.testing.assert_allclose(model[trusted], scan.counts[j][trusted], rtol=1e-10)


def test_sums_over_all_frames_are_what_their_equations_say(scan, far):
    for k, (sight, waves) in enumerate(zip(scan.sights, scan.waves, strict=True)):
        of_obj = np.zeros_like(sight.obj), np.zeros(sight.obj.shape[1:])
        expected = np.zeros_like(sight.obj), np.zeros(sight.obj.shape[1:])
        plain.object_sums(sight, waves, *of_obj, threads=2)
        of_probe = np.zeros_like(sight.probe), np.zeros(sight.shape)
        if sight.probe.ndim == 4:
            of_probe = of_probe[0], np.zeros((scan.frames, *sight.shape))
        plain.probe_sums(sight, waves, *of_probe, threads=2)
        lit = [np.zeros_like(total) for total in of_probe]
        for j, wave in enumerate(waves):
            probe, view = scan.probe(k, j), scan.look(k, j)
            scan.give(k, j, expected[0], np.einsum("myx,mlyx->lyx", probe.conj(), wave))
            scan.give(k, j, expected[1], (np.abs(probe) ** 2).sum(0))
            at = j if sight.probe.ndim == 4 else ...
            lit[0][at] += np.einsum("lyx,mlyx->myx", view.conj(), wave)
            lit[1][at] += (np.abs(view) ** 2).sum(0)
        for found, wanted in zip((*of_obj, *of_probe), (*expected, *lit), strict=True):
            assert far(found, wanted) < TIGHT


def test_what_a_frame_sees_and_what_it_gives_back_are_adjoint(make_scan):
    # <P (S d), psi> summed over frames is <d, sums of psi>, S being the way frames see.
    scan = make_scan(shifts=True, colours=1)
    sight, waves = scan.sights[0], scan.waves[0]
    numerator, denominator = np.zeros_like(sight.obj), np.zeros(sight.obj.shape[1:])
    plain.object_sums(sight, waves, numerator, denominator)
    products = np.empty_like(waves)
    plain.initial_waves([sight], [products])
    assert np.vdot(products, waves) == pytest.approx(np.vdot(sight.obj, numerator), rel=1e-12)


def test_an_object_of_several_modes_that_explains_the_waves_stays(make_scan, far):
    scan = make_scan(shifts=True, colours=1)
    sight = scan.sights[0]
    plain.initial_waves([sight], scan.waves)
    # Both object modes meet both probe modes: each is found by itself.
    numerator, denominator = np.zeros_like(sight.obj), np.zeros(sight.obj.shape[1:])
    plain.object_sums(sight, scan.waves[0], numerator, denominator, obj=sight.obj)
    lit = denominator > 1e-3 * denominator.max()
    assert far((numerator / np.where(lit, denominator, 1))[:, lit], sight.obj[:, lit]) < TIGHT


def test_the_model_adds_up_the_light_of_all_colours(scan):
    errors = plain.model_error(scan.sights, scan.amplitude, threads=2)
    for j in range(scan.frames):
        model = scan.intensity([scan.product(k, j) for k in range(len(scan.sights))])
        trusted = scan.counts[j] >= 0
        model, counts = model[trusted], scan.counts[j][trusted]
        expected = (
            ((np.sqrt(model) - np.sqrt(counts)) ** 2).sum(),
            ((model - counts) ** 2 / (counts + 1)).sum(),
            counts.sum(),
        )
        np.testing.assert_allclose(errors[j], expected, rtol=1e-10)


def test_a_transform_of_a_user_may_give_any_array_of_the_same_shape(make_scan, far):
    scan = make_scan(colours=1, r=1)
    sight = scan.sights[0]
    double = plain.Sight(
        sight.probe.astype(np.complex64), sight.obj.astype(np.complex64), sight.corners, None,
        lambda w: np.asfortranarray(np.fft.fft2(w.astype(complex), norm="ortho")),
        lambda w: np.asfortranarray(np.fft.ifft2(w.astype(complex), norm="ortho")),
    )  # fmt: skip
    counts = np.fft.ifftshift(scan.amplitude, axes=(-2, -1))
    expected = plain.model_error([sight], scan.amplitude)
    np.testing.assert_allclose(plain.model_error([double], counts), expected, rtol=1e-5)


def test_a_dark_model_and_frames_without_trust_leave_numbers(make_scan):
    scan = make_scan()
    scan.sights[0].obj[:] = scan.sights[1].obj[:] = 0
    scan.counts[0] = -1
    for wave in scan.waves:
        wave[:] = 0
    errors = plain.project(scan.sights, scan.waves, scan.amplitude, coefficients=(-1, 1, 2))
    assert errors[0, 0] == 0
    assert all(np.isfinite(wave).all() for wave in scan.waves)
    assert np.isfinite(plain.model_error(scan.sights, scan.amplitude)).all()


def test_a_process_without_frames_of_its_own_has_nothing_to_say(make_scan):
    scan = make_scan(frames=2)
    sights = [changed(s, corners=s.corners[:0]) for s in scan.sights]
    waves, amplitude = [w[:0] for w in scan.waves], scan.amplitude[:0]
    assert plain.model_error(sights, amplitude).shape == (0, 3)
    assert plain.project(sights, waves, amplitude, coefficients=(0, 1, 0)).shape == (0, 3)
    sums = np.zeros_like(sights[0].obj), np.zeros(sights[0].obj.shape[1:])
    plain.object_sums(sights[0], waves[0], *sums)
    assert not sums[1].any()


def changed(sight, **fields):
    names = ("probe", "obj", "corners", "shifts", "forward", "adjoint")
    return plain.Sight(**{name: getattr(sight, name) for name in names} | fields)


def test_what_does_not_fit_is_refused(make_scan):
    scan = make_scan(shifts=True)
    first, second = scan.sights

    def refuse(message, *sights, amplitude=scan.amplitude):
        with pytest.raises(DataError, match=message):
            plain.model_error(sights, amplitude)

    refuse("no sight")
    refuse("obj is complex64", changed(first, obj=first.obj.astype(np.complex64)))
    refuse("corners", first, changed(second, corners=second.corners[1:]))
    refuse("reach beyond the object", changed(first, corners=first.corners + 1))
    refuse("from 0 to below 1", changed(first, shifts=first.shifts + 1))
    refuse("whole multiple", first, amplitude=scan.amplitude[:, 1:])
    refuse("a frame for each corner", first, amplitude=scan.amplitude[1:])
    refuse("real numbers", first, amplitude=scan.waves[0][0, 0])
    refuse("made .* of waves", changed(first, forward=lambda wave: wave[..., 1:]))
    with pytest.raises(DataError, match="one for each sight"):
        plain.project(scan.sights, scan.waves[:1], scan.amplitude, coefficients=(0, 1, 0))
    with pytest.raises(DataError, match=r"modulus of 2.*no wave gains"):
        plain.plain_forward((4, 4), complex, np.full((4, 4), 2.0))
