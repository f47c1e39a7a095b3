"""The noise floor that a user compares with is that of the truth, whatever the model."""

import numpy as np
import pytest

from ptypy.diagnose import model_intensity, noise_floor
from ptypy.utils import Param

FAR = {"energy": 8.8, "distance": 2.0, "psize": 75e-6, "size": 32}
NEAR = {"energy": 17.0, "distance": 0.4, "psize": 1e-6, "size": 32}
ENERGIES = [1.0, 0.97]


def of_near_field(physics):
    colour = physics.Colour(physics.speckle(32), physics.sample(64, 7), physics.near_field(NEAR))
    return physics.Truth(NEAR, [colour], physics.raster(6), propagation="nearfield"), {}


def of_modes(physics):
    states = np.concatenate([physics.sample(64, 7), 0.5 * physics.sample(64, 20)])
    colour = physics.Colour(physics.beam(32, 2), states, physics.far_field(FAR))
    modes = Param(num_probe_modes=2, num_object_modes=2)
    diversity = Param(noise=(0.5, 4.0))
    pars = {"coherence": modes, "sample": Param(diversity=diversity)}
    return physics.Truth(FAR, [colour], physics.raster(6)), pars


def of_energies(physics):
    colours = []
    for energy in ENERGIES:
        way = physics.far_field(FAR, energy=8.8 * energy)
        places = physics.raster(6) * energy
        colours.append(physics.Colour(physics.beam(32), physics.sample(64, 7), way, places))
    return physics.Truth(FAR, colours, physics.raster(6)), {"coherence": Param(energies=ENERGIES)}


def of_coarse_detector(physics):
    way = physics.far_field(FAR, psize=FAR["psize"] / 2, size=64, center=32.5)
    colour = physics.Colour(physics.beam(64), physics.sample(96, 7), way)
    return physics.Truth(FAR, [colour], physics.raster(6), bins=2), {"resample": 2}


def of_own_probes(physics):
    colour = physics.Colour(physics.beam(32), physics.sample(64, 7), physics.far_field(FAR))
    return physics.Truth(FAR, [colour], physics.raster(6)), {"name": "BlockOPRModel"}


@pytest.mark.parametrize(
    "kind", [of_near_field, of_modes, of_energies, of_coarse_detector, of_own_probes]
)
def test_intensity_and_floor_are_those_of_the_truth(physics, reconstruct, kind):
    truth, pars = kind(physics)
    run = reconstruct(truth, 13, **pars).place(obj=True)
    # Single precision, and places that are told apart by 1/1024 of a pixel.
    for block in run.blocks:
        found = model_intensity(block, np.arange(len(block)))
        expected = truth.expected[block.indices]
        np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max())
    # The drawn photons scatter about the expectation; there are some 10^4 of pixels with light.
    assert noise_floor(run.blocks) == pytest.approx(truth.noise, rel=0.02)
