"""Beams that have drifted are moved back, and the frames do not see it."""

import numpy as np
import pytest

from ptypy.utils import Param

FAR = {"energy": 8.8, "distance": 2.0, "psize": 75e-6, "size": 32}
NEAR = {"energy": 17.0, "distance": 0.4, "psize": 1e-6, "size": 32}
STILL = {"numiter": 1, "fourier_power_bound": 1e9, "probe_center_tol": 0.5, "probe_support": None}
"""One iteration in which nothing is moved but what is not in the middle."""


def drifted(physics, setup, way, *, by, curvature=90.0):
    beam = np.roll(physics.beam(32, radius=6.0, curvature=curvature), by, axis=(1, 2))
    obj = np.pad(physics.sample(64, 7), ((0, 0), (8, 8), (8, 8)), constant_values=1)
    near = setup is NEAR
    return physics.Truth(
        setup,
        [physics.Colour(beam, obj, way(setup))],
        physics.raster(6) + 8,
        propagation="nearfield" if near else "farfield",
    )


def off_center(storage):
    power = (np.abs(storage.data) ** 2).sum(axis=0)
    return [np.average(np.arange(32) - 16, weights=power.sum(axis=axis)) for axis in (1, 0)]


def test_in_the_far_field(physics, reconstruct):
    truth = drifted(physics, FAR, physics.far_field, by=(3, -2))
    run = reconstruct(truth).place(obj=True).run("DM", probe_update_start=0, **STILL)
    assert np.abs(off_center(run.block().probe)).max() < 0.5
    assert run.residual == pytest.approx(truth.noise, rel=1e-2)


def test_two_beams_on_one_sample_move_together(physics, reconstruct):
    truths = [
        drifted(physics, FAR, physics.far_field, by=(4, 0)),
        drifted(physics, FAR, physics.far_field, by=(1, 0), curvature=-60.0),
    ]
    sharing = {"sharing": Param(object_share_with="a")}
    run = reconstruct.scans({"a": (truths[0], {}), "b": (truths[1], sharing)})
    run.place(obj=True, label="a").place(label="b").run("DM", probe_update_start=0, **STILL)
    # The middle of both is moved to the middle of the frame.
    found = [off_center(run.block(label).probe)[0] for label in "ab"]
    np.testing.assert_allclose(found, [2, -1], atol=0.6)
    assert run.residual == pytest.approx(np.mean([t.noise for t in truths]), rel=1e-2)


SLICES = {"number_of_slices": 2, "alpha": 0.0, "beta": 0.0, "fslices": None}
"""Slices that nothing is written to."""


def test_two_beams_on_one_sample_of_slices_move_together(physics, reconstruct):
    truths = [
        drifted(physics, FAR, physics.far_field, by=(4, 0)),
        drifted(physics, FAR, physics.far_field, by=(1, 0), curvature=-60.0),
    ]
    sharing = {"sharing": Param(object_share_with="a")}
    run = reconstruct.scans({"a": (truths[0], {}), "b": (truths[1], sharing)})
    run.place(obj=True, label="a").place(label="b")
    still = {"probe_center_tol": 0.5, "probe_support": None, "slice_thickness": 1e-9, **SLICES}
    run.run("ThreePIE", numiter=1, **still)
    found = [off_center(run.block(label).probe)[0] for label in "ab"]
    np.testing.assert_allclose(found, [2, -1], atol=0.6)
    assert run.residual == pytest.approx(np.mean([t.noise for t in truths]), rel=1e-2)


def test_in_the_near_field_neither_probe_nor_slices_move(physics, reconstruct):
    run = reconstruct(drifted(physics, NEAR, physics.near_field, by=(3, -2))).place(obj=True)
    probe, obj = run.block().probe.data.copy(), run.block().obj.data.copy()
    run.run("ThreePIE", numiter=1, probe_center_tol=0.5, **SLICES)
    np.testing.assert_allclose(run.block().probe.data, probe, atol=1e-4 * np.abs(probe).max())
    np.testing.assert_allclose(run.block().obj.data, obj, atol=1e-4)


@pytest.mark.parametrize("dispersion", ["achromatic", None])
def test_beams_of_two_energies(physics, reconstruct, dispersion):
    truth = drifted(physics, FAR, physics.far_field, by=(3, 0))
    first = truth.colours[0]
    relative, resolution = 0.95, truth.resolution if dispersion else None
    way = physics.far_field(FAR, energy=8.8 * relative, resolution=resolution)
    places = None if dispersion else truth.corners * relative
    beam = np.roll(first.probe, (-3 if dispersion else -2, 0), axis=(1, 2))
    truth.colours.append(physics.Colour(0.7 * beam, first.obj, way, places))
    truth.__post_init__()
    coherence = Param(energies=[1.0, relative], object_dispersion=dispersion)
    run = reconstruct(truth, coherence=coherence).place(obj=True)
    run.run("DM", probe_update_start=0, **STILL)
    # The faint ramp that a physical probe would have to gain moves frames by 0.005 px.
    assert run.residual == pytest.approx(truth.noise, rel=0.1)
    first, second = (off_center(colour.probe)[0] for colour in run.block().colours)
    assert first - second == pytest.approx(3 if dispersion else 0, abs=0.5)


@pytest.mark.parametrize("engine", ["DM", "EPIE"])
def test_in_the_near_field_a_beam_is_where_the_detector_sees_it(physics, reconstruct, engine):
    truth = drifted(physics, NEAR, physics.near_field, by=(3, -2))
    run = reconstruct(truth).place(obj=True)
    still = {**STILL} if engine == "DM" else {"numiter": 1, "probe_center_tol": 0.5}
    run.run(engine, **still)
    assert run.residual < 1.5 * truth.noise
    np.testing.assert_allclose(off_center(run.block().probe), [3, -2], atol=0.3)
