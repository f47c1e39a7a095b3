"""Objects and probes drawn by code."""

import numpy as np
import pytest

from ptypy.resources import flower_obj, moon_pr, tree_obj


@pytest.mark.parametrize("draw", [flower_obj, tree_obj])
def test_an_object_shifts_the_phase_by_a_radian_and_absorbs_a_little(draw):
    sample = draw((150, 120))
    assert sample.shape == (150, 120)
    assert sample.dtype == np.complex64
    assert np.ptp(np.angle(sample)) == pytest.approx(1, abs=0.2)
    assert np.abs(sample).min() >= 0.8 - 1e-6
    assert np.abs(sample).max() <= 1 + 1e-6


@pytest.mark.parametrize("draw", [flower_obj, tree_obj, moon_pr])
def test_a_picture_is_the_same_every_time(draw):
    np.testing.assert_array_equal(draw(64), draw((64, 64)))


# Twigs thinner than a pixel are drawn a pixel wide, so a small tree has thicker ones.
@pytest.mark.parametrize(("draw", "alike"), [(flower_obj, 0.95), (tree_obj, 0.85)])
def test_a_larger_picture_shows_the_same_scene(draw, alike):
    fine = draw(240)
    coarse = fine.reshape(80, 3, 80, 3).mean(axis=(1, 3))
    likeness = np.corrcoef(np.angle(coarse).ravel(), np.angle(draw(80)).ravel())[0, 1]
    assert likeness > alike


def test_the_moon_fits_its_frame_and_looks_the_same_from_no_other_side():
    probe = moon_pr(64)
    power = np.abs(probe) ** 2
    edge = power.sum() - power[8:-8, 8:-8].sum()
    assert edge < 1e-6 * power.sum()
    for other in (probe[::-1], probe[:, ::-1], probe.T, probe[::-1, ::-1], probe.conj()):
        overlap = abs(np.vdot(probe, other)) / power.sum()
        assert overlap < 0.95
