"""An error against the truth counts what is wrong, and not what diffraction cannot tell."""

import numpy as np
import pytest
import scipy.ndimage

from ptypy.diagnose import compare_objects
from ptypy.errors import DataError


@pytest.fixture
def truth():
    rng = np.random.default_rng(3)
    smooth = scipy.ndimage.gaussian_filter(rng.standard_normal((2, 160, 150)), (0, 4, 4))
    smooth /= smooth.std()
    return (1 + 0.1 * smooth[0]) * np.exp(0.5j * smooth[1])


@pytest.fixture
def inside():
    weight = np.zeros((160, 150), bool)
    weight[30:-30, 30:-30] = True
    return weight


def test_factor_ramp_and_shift_are_no_error(truth, inside):
    y, x = np.indices(truth.shape)
    seen = np.roll(truth, (2, -3), (0, 1)) * 1.7 * np.exp(1j * (0.4 + 0.05 * y - 0.02 * x))
    found = compare_objects(seen, truth, inside)
    assert found.error < 0.01
    assert found.shift == pytest.approx((2, -3), abs=0.1)


def test_a_wrong_phase_is_an_error_of_its_size(truth, inside):
    rng = np.random.default_rng(0)
    wrong = truth * np.exp(1j * rng.normal(0, 0.1, truth.shape))
    assert compare_objects(wrong, truth, inside).phase_error == pytest.approx(0.1, rel=0.1)


def test_what_lies_outside_the_beam_does_not_count(truth, inside):
    spoilt = np.where(inside, truth, 5j)
    assert compare_objects(spoilt, truth, inside).error < 1e-6


def test_images_that_cannot_be_compared_are_refused(truth, inside):
    with pytest.raises(DataError, match=r"\(160, 150\).*\(10, 10\)"):
        compare_objects(truth, truth[:10, :10], inside)
