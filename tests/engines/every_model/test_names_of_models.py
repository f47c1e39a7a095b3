"""Every name that a scan model may have leads to a reconstruction."""

import numpy as np
import pytest
import scipy.fft

from ptypy.utils import Param

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


@pytest.mark.parametrize("engine", ["RAAR", "ML"])
def test_probes_of_their_own_stay_finite_in_other_engines(reconstruct, truth, engine):
    run = reconstruct(truth, 13, name="BlockOPRModel").run(engine, numiter=5)
    assert run.is_finite
    assert len(run.ptycho.probe.S["SsG00"].data) == 36


KINDS = {
    "own transforms": {"ffttype": (scipy.fft.fft2, scipy.fft.ifft2)},
    "object modes": {
        "coherence": Param(num_object_modes=2),
        "sample": Param(diversity=Param(noise=(0.5, 4.0))),
    },
    "energies": {"coherence": Param(energies=[1.0, 0.97], object_dispersion="achromatic")},
    "coarse detector": {"resample": 2},
    "own probes": {"name": "BlockOPRModel"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ["DM", "RAAR", "ML"])
def test_how_frames_are_split_into_blocks_does_not_matter(reconstruct, truth, kind, engine):
    whole, split = (
        reconstruct(truth, number, **KINDS[kind]).run(engine, numiter=3) for number in (1000, 13)
    )
    assert len(split.blocks) == 3
    assert split.residual == pytest.approx(whole.residual, rel=1e-5)
    # Not where hardly any light was: there rounding decides.
    for name, storage in whole.ptycho.probe.S.items():
        other = split.ptycho.probe.S[name].data
        np.testing.assert_allclose(other, storage.data, atol=1e-3 * np.abs(storage.data).max())
