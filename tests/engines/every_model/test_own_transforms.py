"""The user's own transforms, which plain kernels call, give what compiled ones give."""

import numpy as np
import pytest
import scipy.fft

from ptypy.utils import Param

SETUP = {"energy": 8.8, "distance": 2.0, "psize": 75e-6, "size": 32}


@pytest.fixture(scope="module")
def truth(physics):
    """One scan of two probe modes."""
    way = physics.far_field(SETUP)
    colour = physics.Colour(physics.beam(32, 2), physics.sample(64, 7), way)
    return physics.Truth(SETUP, [colour], physics.raster(6))


@pytest.mark.parametrize(
    ("engine", "pars", "tolerance"),
    [
        # The difference map goes on searching, and rounding goes along.
        ("DM", {}, 1e-3),
        ("DM", {"subpix": None, "fourier_relax_factor": 0.0}, 1e-3),
        ("RAAR", {}, 1e-3),
        ("ML", {}, 1e-5),
        ("ML", {"ML_type": "poisson"}, 1e-5),
        ("ML", {"floating_intensities": True}, 1e-5),
        ("ML", {"wavefield_precond": True, "reg_del2": True}, 1e-5),
    ],
    ids=str,
)
def test_compiled_and_own_transforms_go_the_same_way(reconstruct, truth, engine, pars, tolerance):
    runs = []
    for ffttype in ("scipy", (scipy.fft.fft2, scipy.fft.ifft2)):
        run = reconstruct(truth, coherence=Param(num_probe_modes=2), ffttype=ffttype)
        runs.append(run.run(engine, numiter=6, **pars))
    compiled, plain = runs
    assert plain.residual == pytest.approx(compiled.residual, abs=1e-6)
    for container in ("obj", "probe"):
        one, other = (getattr(run.ptycho, container).S["SsG00"].data for run in runs)
        assert np.abs(one - other).max() < tolerance * np.abs(one).max()


def test_the_users_functions_are_those_that_are_called(reconstruct, truth):
    called = []

    def fft2(wave):
        called.append(wave.shape)
        return scipy.fft.fft2(wave)

    run = reconstruct(truth, coherence=Param(num_probe_modes=2), ffttype=(fft2, scipy.fft.ifft2))
    run.run("ML", numiter=1)
    assert called
    assert all(shape[-2:] == (32, 32) for shape in called)
