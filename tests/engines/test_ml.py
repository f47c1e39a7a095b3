"""ML: the cost never rises, its options do what they say, the truth is found within the noise."""

import numpy as np
import pytest
from scipy import ndimage

from ptypy.diagnose import compare_objects
from ptypy.engines.ML._balance import (
    balance,
    damped_inverse,
    light_on_object,
    object_under_probe,
)
from ptypy.engines.ML._descent import ConjugateGradients
from ptypy.engines.ML._line import lowest, walk
from ptypy.engines.ML._roughness import add_gradient, line_coefficients
from ptypy.engines.ML._unknowns import Unknowns
from ptypy.errors import ParameterError


def costs(run):
    """Mean misfit of each iteration of ML."""
    return np.array([entry.error[1] for entry in run.history if entry.engine == "ML"])


OPTIONS = [
    {},
    {"scale_precond": True},
    {"wavefield_precond": True},
    {"floating_intensities": True},
    {"intensity_renormalization": 0.2},
    {"probe_update_start": 0, "probe_fourier_support": 0.6},
    {"wavefield_precond": True, "probe_fourier_support": 0.6, "smooth_gradient": 1.0},
    {"ML_type": "poisson"},
    {"ML_type": "poisson", "floating_intensities": True, "poly_line_coeffs": "all"},
    {"ML_type": "Euclid", "wavefield_precond": True, "poly_line_coeffs": "all"},
    {"ML_type": "euclid", "floating_intensities": True},
    {"poly_line_coeffs": "all"},
]
TYPES = ["gaussian", "poisson", "euclid"]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("start", ["far", "near"])
def test_the_cost_never_rises(known, options, start):
    run = known(probe=start == "near", noise=True)
    run.run("ML", numiter=25, **options)
    fall = np.diff(costs(run))
    assert (fall <= 2e-6 * costs(run)[:-1]).all()
    assert costs(run)[-1] < 0.8 * costs(run)[0]


def test_ml_comes_as_close_to_noisy_frames_as_the_truth_does(known):
    """Closer even, as it has a little of the noise to adapt to."""
    truth = known(obj=True, noise=True).residual()
    run = known(probe=False, noise=True).run("DM", numiter=150)
    assert run.residual() > 1.1 * truth
    run.run("ML", "engine01", numiter=100, wavefield_precond=True)
    assert run.residual() < 1.02 * truth


@pytest.mark.parametrize("modes", [1, 2])
@pytest.mark.parametrize("kind", TYPES)
def test_whatever_the_noise_is_taken_for_the_object_is_found_within_it(known, kind, modes):
    truth = known(obj=True, noise=True, modes=modes)
    run = known(probe=False, noise=True, modes=modes).run("DM", numiter=60)
    run.run("ML", "engine01", numiter=60, ML_type=kind, wavefield_precond=True)
    assert run.residual() < 1.04 * truth.residual()
    found = compare_objects(run.window(), run.truth.obj, run.seen())
    photons = sum(block.counts.sum(dtype=float) for block in run.ptycho.model.blocks)
    # So much noise a pixel would have if each were measured by its own share of the photons.
    assert found.error < np.sqrt(run.truth.obj.size / photons)


@pytest.mark.parametrize("kind", ["poisson", "euclid"])
def test_faint_frames_are_read_better_as_photons_than_as_gaussian_noise(known, kind):
    def error(ml_type):
        run = known(noise=True, photons=3e3)
        run.run("ML", numiter=40, probe_update_start=1000, ML_type=ml_type)
        return run.object_error()

    assert error(kind) < 0.9 * error("gaussian")


def cost_by_numpy(kind, model, counts, photons):
    """Cost of a pixel by the page on engines, for counts of so many photons each."""
    u, v = photons * model, photons * counts
    if kind == "gaussian":
        return (u - v) ** 2 / (1 + v)
    u, v = u + 1e-3, v + 1e-3
    if kind == "poisson":
        return 2 * (u - v - v * np.log(u / v))
    return 4 * (np.sqrt(u) - np.sqrt(v)) ** 2


@pytest.mark.parametrize("photons", [1.0, 0.2])
@pytest.mark.parametrize("kind", TYPES)
def test_at_the_truth_the_misfit_is_that_of_photon_noise(known, kind, photons):
    run = known(obj=True, noise=True)
    block = run.ptycho.model.blocks[0]
    model, counts = run.model(block).astype(np.float64), block.counts.astype(np.float64)
    expected = cost_by_numpy(kind, model, counts, photons).mean()
    run.run("ML", numiter=1, ML_type=kind, intensity_renormalization=photons)
    assert costs(run)[0] == pytest.approx(expected, rel=0.15)
    assert costs(run)[0] < expected


def test_how_frames_are_split_into_blocks_does_not_matter(known):
    whole = known(frames_per_block=1000).run("ML", numiter=10, scale_precond=True, reg_del2=True)
    parts = known(frames_per_block=10).run("ML", numiter=10, scale_precond=True, reg_del2=True)
    np.testing.assert_allclose(costs(parts), costs(whole), rtol=1e-4)
    seen = whole.seen(0.05)
    np.testing.assert_allclose(parts.window()[seen], whole.window()[seen], atol=1e-3)


def test_the_residual_is_that_of_the_definitions_page(known):
    run = known(noise=True, hot=True).run("ML", numiter=3, probe_update_start=0)
    assert run.history[-1].residual == pytest.approx(run.residual(), rel=1e-4)


def test_a_flickering_beam_is_measured(known):
    run = known(flicker=0.1, noise=True).run("DM", numiter=80, probe_update_start=1000)
    run.run("ML", "engine01", numiter=60, floating_intensities=True, probe_update_start=1000)
    found, true = run.ptycho.runtime.float_intens, run.truth.factors
    # Frames at the rim share their factor with the object that they alone see.
    inner = np.zeros((8, 8), bool)
    inner[2:-2, 2:-2] = True
    found, true = found[inner.ravel()], true[inner.ravel()]
    np.testing.assert_allclose(found / found.mean(), true / true.mean(), atol=0.03)


@pytest.mark.parametrize("kind", TYPES)
def test_a_flickering_beam_does_not_make_the_object_brighter(known, kind):
    """A beam that is brighter in all frames and an object that is clearer look the same."""
    run = known(flicker=0.1, noise=True)
    run.run("ML", numiter=40, floating_intensities=True, probe_update_start=1000, ML_type=kind)
    assert run.ptycho.runtime.float_intens.mean() == pytest.approx(1, abs=1e-6)
    brightness = np.abs(run.window()[run.seen()]).mean()
    assert brightness == pytest.approx(np.abs(run.truth.obj[run.seen()]).mean(), rel=0.02)
    assert run.history[-1].residual == pytest.approx(scaled_residual(run), rel=1e-3)


def scaled_residual(run):
    (block,) = run.ptycho.model.blocks
    model = run.model(block) * run.ptycho.runtime.float_intens[:, None, None]
    return np.sqrt(((np.sqrt(model) - np.sqrt(block.counts)) ** 2).sum() / block.counts.sum())


def test_factors_and_a_prior_agree_on_the_objects_brightness(known):
    options = {"floating_intensities": True, "reg_del2": True, "reg_del2_amplitude": 0.1}
    run = known(flicker=0.1, noise=True)
    run.run("ML", numiter=40, probe_update_start=1000, **options)
    assert run.ptycho.runtime.float_intens.mean() == pytest.approx(1, abs=1e-6)
    assert costs(run)[-1] < 0.01 * costs(run)[0]


@pytest.mark.parametrize("kind", TYPES)
def test_without_floating_intensities_a_flickering_beam_costs(known, kind):
    def last_cost(**options):
        options["ML_type"] = kind
        run = known(flicker=0.1, noise=True)
        return costs(run.run("ML", numiter=60, probe_update_start=1000, **options))[-1]

    assert last_cost(floating_intensities=True) < 0.5 * last_cost()


@pytest.mark.parametrize("photons", [1e4, 1e8])
def test_how_bright_the_beam_is_does_not_matter_to_the_steps(known, photons):
    """The probe is in units of the counts, the object has none: steps must know of it."""
    run = known(photons=photons).run("ML", numiter=40, probe_update_start=0)
    assert costs(run)[-1] < 1e-3 * costs(run)[0]


def test_a_preconditioner_of_every_pixel_gets_further(known):
    def last_cost(**options):
        run = known(probe=False, noise=True).run("DM", numiter=30)
        run.run("ML", "engine01", numiter=20, probe_update_start=0, **options)
        return costs(run)[-1]

    assert last_cost(wavefield_precond=True) < last_cost()


def test_one_wild_pixel_where_no_light_goes_does_not_stop_the_probe(known):
    def last_cost(wild):
        run = known(probe=False, noise=True).run("DM", numiter=30)
        run.obj.data[0, 0, 0] = wild
        run.run("ML", "engine01", numiter=20, probe_update_start=0, wavefield_precond=True)
        return costs(run)[-1]

    assert last_cost(1e3) < 1.1 * last_cost(1.0)


def test_going_to_the_bottom_of_each_line_takes_fewer_steps(known):
    def last_cost(**options):
        run = known(probe=False, noise=True).run("DM", numiter=20)
        run.run("ML", "engine01", numiter=8, ML_type="poisson", **options)
        return costs(run)[-1]

    assert last_cost(poly_line_coeffs="all") < last_cost()


def test_the_prior_makes_objects_smoother(known):
    def roughness(**options):
        run = known(noise=True).run("ML", numiter=40, probe_update_start=1000, **options)
        return np.abs(np.diff(run.window(), axis=0)[run.seen(0.02)[1:]]).mean()

    strong, weak = {"reg_del2": True, "reg_del2_amplitude": 3.0}, {"reg_del2": False}
    assert roughness(**strong) < roughness(**weak)


def test_smoothed_gradients_make_smooth_first_steps(known):
    def first_step(**options):
        run = known(noise=True).run("ML", numiter=1, **options)
        step = run.obj.data[0] - 1
        return np.abs(ndimage.laplace(step.real)).sum() / np.abs(step.real).sum()

    assert first_step(smooth_gradient=2.0) < 0.5 * first_step()


def test_the_probe_keeps_to_its_support(known):
    run = known(probe=False).run("ML", numiter=5, probe_update_start=0, probe_support=0.3)
    y, x = np.indices((32, 32)) - 16
    assert (run.probe.data[:, np.pi * (y**2 + x**2) >= 0.3 * 32 * 32] == 0).all()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("ML_type", "laplace"),
        ("poly_line_coeffs", "cubic"),
        ("smooth_gradient", -1.0),
        ("wavefield_delta_probe", 0.0),
    ],
)
def test_what_has_no_meaning_is_refused(known, option, value):
    with pytest.raises(ParameterError, match=rf"engines\.engine00\.{option}"):
        known().run("ML", numiter=1, **{option: value})


# ---------------------------------------------------------------- parts, against plain numpy


def vector(rng, *shapes):
    return [
        (rng.standard_normal(s) + 1j * rng.standard_normal(s)).astype(np.complex64) for s in shapes
    ]


class Bowl:
    """A quadratic cost with a known bottom: sum_k h_k |x_k - b_k|^2."""

    exact = False

    def __init__(self, rng, size=12):
        (self.bottom,) = vector(rng, (size,))
        self.hardness = rng.uniform(1, 30, size)
        self.x = Unknowns([np.zeros(size, np.complex64)], [])

    def unknowns(self):
        return self.x

    def evaluate(self, gradient):
        off = self.x.objects[0] - self.bottom
        gradient.objects[0][...] = self.hardness * off
        return float((self.hardness * np.abs(off) ** 2).sum())

    def precondition(self, gradient, out):
        out.assign(gradient)

    def expand(self, direction):
        off, d = self.x.objects[0] - self.bottom, direction.objects[0]
        linear = 2 * (self.hardness * (off.conj() * d).real).sum()
        return (
            self.evaluate(self.x.like()),
            float(linear),
            float((self.hardness * np.abs(d) ** 2).sum()),
        )


def test_conjugate_gradients_solve_a_quadratic_in_as_many_steps_as_it_has_curvatures():
    bowl = Bowl(np.random.default_rng(0))
    descent = ConjugateGradients(bowl)
    start = descent.cost
    for _ in range(12):
        descent.step()
    assert descent.cost < 1e-6 * start
    np.testing.assert_allclose(bowl.x.objects[0], bowl.bottom, atol=1e-2)


def test_a_step_that_would_climb_is_shortened():
    """A line expansion that promises ten times too much must not raise the cost."""

    class Boaster(Bowl):
        def expand(self, direction):
            constant, linear, quadratic = super().expand(direction)
            return constant, linear, quadratic / 10

    descent = ConjugateGradients(Boaster(np.random.default_rng(1)))
    costs = [descent.cost]
    for _ in range(10):
        descent.step()
        costs.append(descent.cost)
    assert (np.diff(costs) <= 0).all()
    assert costs[-1] < 0.1 * costs[0]


def test_a_parabola_that_opens_downwards_is_no_reason_to_jump():
    class Dome(Bowl):
        def expand(self, direction):
            constant, linear, _ = super().expand(direction)
            return constant, linear, -1.0

    descent = ConjugateGradients(Dome(np.random.default_rng(2)))
    start = descent.cost
    descent.step()
    assert descent.cost < start


def test_conjugate_gradients_go_on_where_somebody_rescales_the_object():
    """As for a beam's factors: the cost stays, the numbers do not."""

    class Rescaled(Bowl):
        factor = 1.0

        def evaluate(self, gradient):
            off = self.x.objects[0] / self.factor - self.bottom
            gradient.objects[0][...] = self.hardness * off / self.factor
            return float((self.hardness * np.abs(off) ** 2).sum())

        def expand(self, direction):
            off, d = (
                self.x.objects[0] / self.factor - self.bottom,
                direction.objects[0] / self.factor,
            )
            linear = 2 * (self.hardness * (off.conj() * d).real).sum()
            return 0.0, float(linear), float((self.hardness * np.abs(d) ** 2).sum())

    bowl = Rescaled(np.random.default_rng(3))
    descent = ConjugateGradients(bowl)
    start = descent.cost
    for k in range(12):
        descent.step()
        factor = 1.05 if k % 2 else 1 / 1.05
        bowl.factor *= factor
        bowl.x.objects[0][...] *= factor
        descent.magnify_object(0, factor)
    assert descent.cost < 1e-4 * start


def test_a_point_that_somebody_moves_at_the_bottom_goes_back_there():
    """The gradient there is none; at the new point it must be found anew."""
    bowl = Bowl(np.random.default_rng(4))
    descent = ConjugateGradients(bowl)
    for _ in range(40):
        descent.step()
    bowl.x.objects[0][...] += 1.0
    moved = bowl.evaluate(bowl.x.like())
    for _ in range(30):
        descent.step()
    assert descent.cost == pytest.approx(bowl.evaluate(bowl.x.like()))
    assert descent.cost < 1e-6 * moved


def test_an_object_that_is_set_back_between_iterations_is_found_again(known):
    run = known(noise=True)
    start = run.obj.data.copy()

    def set_back(ptycho):
        if len(run.history) == 30:
            run.obj.data[...] = start

    run.ptycho.on_iteration(set_back)
    run.run("ML", numiter=60, probe_update_start=1000)
    residuals = [entry.residual for entry in run.history]
    assert residuals[30] == pytest.approx(residuals[0], rel=0.05)
    assert residuals[59] == pytest.approx(residuals[29], rel=0.01)
    assert residuals[59] == pytest.approx(run.residual(), rel=1e-3)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_bottom_of_a_polynomial_is_found_in_any_unit(unit):
    # (t - 1)^2 (t - 3)^2 - t has two bottoms beyond 0, the deeper one near 3.
    polynomial = np.polynomial.Polynomial.fromroots([1, 1, 3, 3]) - np.polynomial.Polynomial([0, 1])
    found = lowest(polynomial(np.polynomial.Polynomial([0, 1 / unit])).coef)
    assert found == pytest.approx(3.0 * unit, rel=0.05)


def test_a_polynomial_whose_higher_terms_are_zero_is_the_parabola_it_is():
    assert lowest([1.0, -4.0, 2.0, 0.0, 0.0]) == pytest.approx(1.0)
    assert lowest([1.0, -4.0, 0.0]) is None


@pytest.mark.parametrize("guess", [0.01, 1.0, 50.0])
def test_a_walk_along_a_line_ends_near_its_bottom(guess):
    """Of 2 log(cosh(t - 3)), whose parabola at 0 is nearly flat."""

    def expand(t):
        return 2 * np.log(np.cosh(t - 3)), 2 * np.tanh(t - 3), 1 / np.cosh(t - 3) ** 2

    _, slope, _ = expand(0.0)
    found = guess
    for _ in range(3):
        found = walk(expand, slope, found)
    assert found == pytest.approx(3.0, abs=0.1)


def test_the_damping_of_a_probe_is_a_share_of_what_its_light_meets():
    curvature = np.full((8, 8), 5.0)
    curvature[0, 0] = 1e6
    probe = np.zeros((1, 8, 8), np.complex64)
    probe[0, 2:6, 2:6] = 3
    inverse = damped_inverse(curvature, 0.1, probe)
    np.testing.assert_allclose(inverse[4, 4], 1 / 5.5, rtol=1e-6)
    np.testing.assert_allclose(damped_inverse(curvature, 0.1)[4, 4], 1 / 100005.0, rtol=1e-6)


def neighbour_sum(obj):
    """Roughness by its definition: squared distance to each of four neighbours."""
    total = 0.0
    height, width = obj.shape
    for y in range(height):
        for x in range(width):
            for v, u in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if 0 <= v < height and 0 <= u < width:
                    total += abs(complex(obj[y, x]) - complex(obj[v, u])) ** 2
    return total


def test_roughness_its_gradient_and_its_expansion_agree():
    rng = np.random.default_rng(4)
    obj, direction = vector(rng, (6, 7), (6, 7))
    gradient = np.zeros_like(obj)
    assert add_gradient(obj, 0.5, gradient) == pytest.approx(0.5 * neighbour_sum(obj), rel=1e-5)
    constant, linear, quadratic = line_coefficients(obj, direction, 0.5)
    assert linear == pytest.approx(2 * np.vdot(gradient, direction).real, rel=1e-4)
    moved = 0.5 * neighbour_sum(obj + 0.3 * direction)
    assert constant + 0.3 * linear + 0.09 * quadratic == pytest.approx(moved, rel=1e-5)


def test_a_constant_object_is_not_rough():
    gradient = np.zeros((5, 5), np.complex64)
    assert add_gradient(np.full((5, 5), 2 + 1j, np.complex64), 1.0, gradient) == 0
    assert not gradient.any()


def test_light_and_balance_are_what_summing_frame_by_frame_gives(known):
    run = known(modes=2, frames_per_block=30, obj=True)
    engine = run.ptycho.init_engine("e", {"name": "ML"})
    engine.initialize()
    engine.prepare()
    obj, light = run.obj.data[0], np.zeros(run.obj.data.shape[1:])
    met, corners = np.zeros((32, 32)), [c for b in run.ptycho.model.blocks for c in b.corners]
    for y, x in corners:
        light[y : y + 32, x : x + 32] += (np.abs(run.probe.data) ** 2).sum(axis=0)
        met += np.abs(obj[y : y + 32, x : x + 32]) ** 2
    blocks, (probe,) = engine.blocks, engine.blocks[0].illuminations
    np.testing.assert_allclose(light_on_object(run.obj, blocks), light, atol=1e-4 * light.max())
    np.testing.assert_allclose(object_under_probe(probe, blocks), met, rtol=1e-4)
    expected = (light**2).sum() / (len(corners) * (light * np.abs(obj) ** 2).sum())
    assert balance(probe, blocks) == pytest.approx(expected, rel=1e-3)
