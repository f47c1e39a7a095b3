"""The object that a reconstruction starts from is what the parameters say of the sample."""

from __future__ import annotations

import numpy as np
import pytest

from ptypy.core.sample import object_from
from ptypy.errors import ParameterError

LAM = 1e-10


def test_a_sample_of_which_nothing_is_known_is_flat():
    np.testing.assert_array_equal(object_from(None, (5, 7), LAM), np.ones((5, 7)))
    flat = object_from({"fill": 0.5j}, (5, 7), LAM)
    assert (flat == 0.5j).all()
    assert flat.dtype == np.complex64


@pytest.mark.parametrize("shape", [(4, 5), (10, 3)])
def test_a_picture_lies_in_the_middle_of_the_region_and_fill_around_it(shape):
    picture = np.full(shape, 3j)
    picture[shape[0] // 2, shape[1] // 2] = 7
    sample = object_from({"model": picture, "fill": 0.5}, (8, 9), LAM)
    assert sample[4, 4] == 7
    inside = min(shape[0], 8) * min(shape[1], 9)
    assert (sample == 0.5).sum() == 8 * 9 - inside


def test_an_offset_moves_the_picture_and_leaves_fill_behind():
    picture = np.full((4, 4), 2.0)
    pars = {"model": picture, "process": {"offset": (-1, 2)}}
    sample = object_from(pars, (12, 12), LAM)
    np.testing.assert_array_equal(sample[3:7, 6:10], 2)
    assert (sample == 2).sum() == 16


def test_zoom_makes_the_picture_larger_and_keeps_its_values():
    picture = np.full((10, 10), 0.3 + 0.4j)
    sample = object_from({"model": picture, "process": {"zoom": (2, 1.5)}}, (40, 40), LAM)
    lit = np.isclose(sample, 0.3 + 0.4j)
    assert lit.sum() == 20 * 15
    np.testing.assert_allclose(sample[~lit], 1)


def test_a_map_of_thickness_becomes_the_phase_and_absorption_of_its_material():
    thickness = np.ones((6, 6))
    process = {"thickness": 2e-6, "ref_index": (4e-6, 1e-7), "smoothing": 0}
    sample = object_from({"model": thickness, "process": process}, (6, 6), LAM)
    wavenumber = 2 * np.pi / LAM
    np.testing.assert_allclose(np.angle(sample), -wavenumber * 2e-6 * 4e-6, rtol=1e-5)
    np.testing.assert_allclose(np.abs(sample), np.exp(-wavenumber * 2e-6 * 1e-7), rtol=1e-5)


def test_a_real_picture_is_a_transmission_unless_a_material_is_named():
    sample = object_from({"model": np.full((4, 4), 0.7)}, (4, 4), LAM)
    np.testing.assert_allclose(sample, 0.7)


@pytest.mark.parametrize("name", ["flower", "tree"])
def test_the_examples_transmit_no_more_than_arrives(name):
    sample = object_from(name, (90, 70), LAM)
    assert sample.shape == (90, 70)
    assert np.abs(sample).max() <= 1 + 1e-6
    assert np.abs(sample).std() + np.angle(sample).std() > 0.05


@pytest.mark.parametrize(
    ("pars", "says"),
    [
        ("rose", "is unknown"),
        ("stxm", "needs the coordinates of a scan"),
        ({"model": np.ones((3, 3)), "process": {"formula": "Au"}}, "ref_index"),
        ({"model": np.ones((3, 3)), "process": {"zoom": 0.0}}, "larger than zero"),
        (np.ones(3), "no picture"),
    ],
)
def test_samples_that_cannot_be_made_are_refused(pars, says):
    with pytest.raises(ParameterError, match=says):
        object_from(pars, (8, 8), LAM)
