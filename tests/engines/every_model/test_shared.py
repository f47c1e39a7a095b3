"""Several scans of one beam, or of one sample."""

import numpy as np
import pytest

from ptypy.utils import Param

SETUP = {"energy": 8.8, "distance": 2.0, "psize": 75e-6, "size": 32}
BOUND = 0.25
"""Photon noise is what projections are to leave alone: Var(sqrt n) = 1/4."""
WAYS = [
    ("DM", {"numiter": 60, "fourier_power_bound": BOUND}, (1.6, 0.03)),
    ("RAAR", {"numiter": 100, "fourier_power_bound": BOUND}, (1.8, 0.06)),
    ("ML", {"numiter": 120}, (1.25, 0.03)),
    ("EPIE", {"numiter": 120}, (1.25, 0.03)),
]
"""Engine, parameters, bounds of the residual [that of the truth] and the object's error."""
WAYS_IDS = ["DM", "RAAR", "ML", "EPIE"]


def scans_of(physics, *, one_beam):
    """Compute two scans: of two samples in one beam, or of one sample in two beams."""
    way, truths = physics.far_field(SETUP), []
    for number in (0, 1):
        alone = number and not one_beam
        beam = physics.beam(32, curvature=-60.0 if alone else 90.0)
        obj = physics.sample(64, 40 if number and one_beam else 7)
        colour = physics.Colour(beam, obj, way)
        truths.append(physics.Truth(SETUP, [colour], physics.raster(6, 5, 3 + number)))
    return truths


def noise(truths):
    squares = sum(t.noise**2 * t.frames.sum(dtype=float) for t in truths)
    return np.sqrt(squares / sum(t.frames.sum(dtype=float) for t in truths))


def start(reconstruct, truths, sharing, frames_per_block=1000):
    """Begin from the default beam: the scans are `a` and `b`, and `b` shares with `a`."""
    options = {"illumination": Param(diversity=None)}
    scans = {"a": (truths[0], options)}
    scans["b"] = (truths[1], {**options, "sharing": Param({f"{sharing}_share_with": "a"})})
    return reconstruct.scans(scans, frames_per_block)


@pytest.mark.parametrize(("engine", "pars", "bounds"), WAYS, ids=WAYS_IDS)
def test_two_samples_in_one_beam(physics, reconstruct, engine, pars, bounds):
    truths = scans_of(physics, one_beam=True)
    run = start(reconstruct, truths, "probe")
    run.run(engine, **pars)
    assert list(run.ptycho.probe.S) == ["SaG00"]
    assert run.block("a").probe is run.block("b").probe
    assert list(run.ptycho.obj.S) == ["SaG00", "SbG00"]
    assert run.residual < bounds[0] * noise(truths)
    for label in ("a", "b"):
        assert run.compared(label).error < bounds[1]


@pytest.mark.parametrize(("engine", "pars", "bounds"), WAYS, ids=WAYS_IDS)
def test_one_sample_in_two_beams(physics, reconstruct, engine, pars, bounds):
    truths = scans_of(physics, one_beam=False)
    run = start(reconstruct, truths, "object").place(obj=False, label="b")
    run.run(engine, **pars)
    assert list(run.ptycho.obj.S) == ["SaG00"]
    assert run.block("a").obj is run.block("b").obj
    assert list(run.ptycho.probe.S) == ["SaG00", "SbG00"]
    assert run.residual < bounds[0] * noise(truths)
    for label in ("a", "b"):
        assert run.compared(label).error < bounds[1]


@pytest.mark.parametrize("sharing", ["probe", "object"])
@pytest.mark.parametrize("engine", ["DM", "RAAR", "ML", "EPIE"])
def test_how_frames_are_split_into_blocks_does_not_matter(physics, reconstruct, engine, sharing):
    truths = scans_of(physics, one_beam=sharing == "probe")
    whole, split = (
        start(reconstruct, truths, sharing, frames).run(engine, numiter=3) for frames in (1000, 13)
    )
    assert len(split.blocks) == 6
    assert split.residual == pytest.approx(whole.residual, rel=1e-5)
    for name, storage in whole.ptycho.obj.S.items():
        other = split.ptycho.obj.S[name].data
        np.testing.assert_allclose(other, storage.data, atol=1e-3 * np.abs(storage.data).max())
