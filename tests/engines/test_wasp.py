"""WASP: sequential projections, and at the end of an iteration their weighted average."""

import importlib

import numpy as np
import pytest

from ptypy.diagnose import compare_objects
from ptypy.engines import WASP, find_engine
from ptypy.errors import ParameterError


def test_wasp_brings_the_residual_down_and_finds_the_object(known):
    run = known(probe=False).run("WASP", numiter=100, fourier_relax_factor=0.0)
    residuals = [entry.residual for entry in run.history]
    assert residuals[-1] < 0.02 * residuals[0]
    assert compare_objects(run.window(), run.truth.obj, run.seen()).error < 0.05


def test_it_stays_where_noise_lets_it_arrive(known):
    run = known(probe=False, noise=True, photons=2e4).run("WASP", numiter=100)
    residuals = np.array([entry.residual for entry in run.history])
    assert residuals[-20:].max() < 1.01 * residuals.min()


def test_a_seed_gives_the_same_orders_under_any_label(known):
    one, other, third = (
        known(probe=False).run("WASP", label, numiter=2, random_seed=seed)
        for label, seed in (("a", 7), ("b", 7), ("a", 8))
    )
    np.testing.assert_array_equal(one.obj.data, other.obj.data)
    assert not np.array_equal(one.obj.data, third.obj.data)


def test_pixels_that_no_frame_saw_stay_as_they_are(known):
    run = known()
    run.obj.data[...] = 0.5j
    seen = np.zeros(run.obj.data.shape[1:], bool)
    (block,) = run.ptycho.model.blocks
    for y, x in block.corners:
        seen[y : y + 33, x : x + 33] = True
    run.run("WASP", numiter=3)
    assert (~seen).any()
    assert (run.obj.data[0][~seen] == np.complex64(0.5j)).all()
    assert not np.isclose(run.obj.data[0][seen], 0.5j).all()


def test_frames_that_are_taken_for_noise_move_nothing(known):
    run = known()
    obj = run.obj.data.copy()
    run.run("WASP", numiter=2, fourier_power_bound=1e12)
    np.testing.assert_allclose(run.obj.data, obj, atol=1e-4)


def test_a_larger_alpha_is_a_smaller_step_on_the_way(known):
    """The averages of two frames' wishes are the same; what they found before them is not."""
    one, other = (known().run("WASP", numiter=1, alpha=alpha) for alpha in (0.5, 50.0))
    assert not np.allclose(one.window(), other.window(), atol=1e-3)


def test_the_modulus_of_the_object_is_kept_in_its_limits(known):
    run = known(probe=False).run("WASP", numiter=3, clip_object=(0.8, 1.0))
    modulus = np.abs(run.obj.data)
    assert modulus.min() > 0.799
    assert modulus.max() < 1.001


def test_smoothing_tames_what_hardly_any_light_fell_on(known):
    random = np.random.default_rng(0)
    roughness = []
    for std in (None, 2.0):
        run = known()
        noise = random.standard_normal(run.obj.data.shape)
        run.obj.data[...] += 0.3 * noise.astype(np.float32)
        run.run("WASP", numiter=3, obj_smooth_std=std)
        dark = ~run.seen(1e-5)
        roughness.append(np.abs(np.diff(run.window(), axis=0))[dark[1:]].mean())
    assert roughness[1] < 0.3 * roughness[0]


@pytest.mark.parametrize(
    ("pars", "fault"),
    [({"clip_object": (2, 1)}, "clip_object"), ({"fourier_power_bound": -1.0}, "below zero")],
)
def test_limits_that_are_none_are_refused(known, pars, fault):
    with pytest.raises(ParameterError, match=fault):
        known().run("WASP", numiter=1, **pars)


@pytest.mark.parametrize("name", ["WASP", "WASP_serial", "WASP_cupy", "WASP_pycuda"])
def test_scripts_find_it_where_ptypy_kept_it(name):
    module = importlib.import_module(f"ptypy.custom.{name}")
    assert getattr(module, name) is WASP
    assert find_engine(name) is WASP
