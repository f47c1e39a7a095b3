"""ML: the cost never rises, its options do what they say, what is not there yet is refused."""

import numpy as np
import pytest
from scipy import ndimage

from ptypy.engines.ML._balance import balance, light_on_object, object_under_probe
from ptypy.engines.ML._descent import ConjugateGradients
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
]


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


def test_at_the_truth_the_misfit_is_that_of_photon_noise(known):
    run = known(obj=True, noise=True)
    block = run.ptycho.model.blocks[0]
    model = run.model(block).astype(np.float64)
    expected = ((model - block.counts) ** 2 / (1 + block.counts)).mean()
    run.run("ML", numiter=1)
    assert costs(run)[0] == pytest.approx(expected, rel=0.1)
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


def test_without_floating_intensities_a_flickering_beam_costs(known):
    def last_cost(**options):
        run = known(flicker=0.1, noise=True)
        return costs(run.run("ML", numiter=60, probe_update_start=1000, **options))[-1]

    assert last_cost(floating_intensities=True) < 0.5 * last_cost()


def test_balanced_steps_get_further_where_probe_and_object_are_of_different_size(known):
    def last_cost(**options):
        run = known(probe=False, noise=True).run("DM", numiter=30)
        run.run("ML", "engine01", numiter=40, probe_update_start=0, **options)
        return costs(run)[-1]

    plain = last_cost()
    assert last_cost(scale_precond=True) < plain
    assert last_cost(wavefield_precond=True) < plain


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
        ("ML_type", "poisson"),
        ("ML_type", "euclid"),
        ("poly_line_coeffs", "all"),
        ("smooth_gradient", -1.0),
    ],
)
def test_what_is_not_there_yet_is_refused(known, option, value):
    with pytest.raises(ParameterError, match=rf"engines\.engine00\.{option}"):
        known().run("ML", numiter=1, **{option: value})


# ---------------------------------------------------------------- parts, against plain numpy


def vector(rng, *shapes):
    return [
        (rng.standard_normal(s) + 1j * rng.standard_normal(s)).astype(np.complex64) for s in shapes
    ]


class Bowl:
    """A quadratic cost with a known bottom: sum_k h_k |x_k - b_k|^2."""

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
    np.testing.assert_allclose(light_on_object(engine.blocks), light, atol=1e-4 * light.max())
    np.testing.assert_allclose(object_under_probe(engine.blocks), met, rtol=1e-4)
    expected = (light**2).sum() / (len(corners) * (light * np.abs(obj) ** 2).sum())
    assert balance(engine.blocks) == pytest.approx(expected, rel=1e-3)
