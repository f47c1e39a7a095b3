"""Frames that lie elsewhere than the stage says, in scans of every kind."""

import numpy as np
import pytest

from ptypy.utils import Param

FAR = {"energy": 8.8, "distance": 2.0, "psize": 75e-6, "size": 32}
NEAR = {"energy": 17.0, "distance": 0.4, "psize": 1e-6, "size": 48}


def lie(number, px=2.0):
    return np.random.default_rng(9).uniform(-px, px, (number, 2))


def refinement(truth, **more):
    pixel = truth.resolution
    return Param(start=4, amplitude=2 * pixel, max_shift=4 * pixel, **more)


@pytest.mark.parametrize("engine", ["DM", "RAAR", "EPIE", "ML"])
def test_in_the_near_field(physics, reconstruct, engine):
    colour = physics.Colour(
        physics.speckle(48), physics.sample(90, 7, absorption=0.3), physics.near_field(NEAR)
    )
    corners = np.random.default_rng(5).integers(4, 33, (40, 2))
    truth = physics.Truth(NEAR, [colour], corners, propagation="nearfield", wrong=lie(40))
    run = reconstruct(truth).place()
    assert run.position_error > 1.5
    run.run(engine, numiter=30, position_refinement=refinement(truth))
    assert run.position_error < 0.3


@pytest.mark.parametrize("engine", ["DM", "ML"])
def test_of_an_object_of_two_states(physics, reconstruct, engine):
    first = physics.sample(72, 7)[0]
    second = first * np.exp(0.5j * physics.blobs((72, 72), 50))
    states = np.stack([np.sqrt(0.6) * first, np.sqrt(0.4) * second])
    colour = physics.Colour(physics.beam(32), states, physics.far_field(FAR))
    truth = physics.Truth(FAR, [colour], physics.raster(6) + 4, wrong=lie(36))
    modes = {
        "coherence": Param(num_object_modes=2),
        "sample": Param(diversity=Param(noise=(0.3, 8.0), power=0.3)),
    }
    run = reconstruct(truth, **modes).place()
    before = run.position_error
    run.run(engine, numiter=40, position_refinement=refinement(truth))
    assert run.position_error < 0.6 * before
