"""Every name that a scan model may have leads to a reconstruction."""

import numpy as np
import pytest

SETUP = {"energy": 8.8, "distance": 2.0, "psize": 75e-6, "size": 32}
BOUND = {"fourier_power_bound": 0.25}


@pytest.fixture(scope="module")
def truth(physics):
    """One sample in one beam."""
    colour = physics.Colour(physics.beam(32), physics.sample(64, 7), physics.far_field(SETUP))
    return physics.Truth(SETUP, [colour], physics.raster(6))


@pytest.mark.parametrize("name", ["Vanilla", "BlockVanilla", "Full", "GradFull", "BlockGradFull"])
@pytest.mark.parametrize("way", [("DM", BOUND, 1.6), ("ML", {}, 1.25)], ids=["DM", "ML"])
def test_models_of_one_probe_and_one_object(reconstruct, truth, name, way):
    engine, pars, excess = way
    run = reconstruct(truth, name=name).run(engine, numiter=80, **pars)
    assert run.residual < excess * truth.noise
    assert run.compared().error < 0.03


@pytest.mark.parametrize("name", ["OPRModel", "BlockOPRModel"])
@pytest.mark.parametrize("frames_per_block", [1000, 13])
def test_frames_with_probes_of_their_own(reconstruct, truth, name, frames_per_block):
    run = reconstruct(truth, frames_per_block, name=name)
    (probe,) = run.ptycho.probe.S.values()
    assert probe.shape == (36, 32, 32)
    probe.data[...] = truth.colours[0].probe
    run.run("DM", numiter=10, **BOUND)
    assert run.is_finite
    # Free probes can explain more than photons: noise is fitted, too.
    assert run.residual < 1.6 * truth.noise
    assert np.ptp(np.abs(probe.data), axis=0).max() > 0
