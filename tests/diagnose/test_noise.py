"""The noise floor is what Poisson statistics say, so that a user knows when to stop."""

import numpy as np
import pytest

from ptypy.diagnose import sqrt_variance


@pytest.mark.parametrize("mean", [0.05, 0.7, 5.0, 35.0, 60.0, 1000.0])
def test_the_variance_of_the_root_is_that_of_drawn_photons(mean):
    drawn = np.random.default_rng(1).poisson(mean, 400_000)
    expected = np.mean((np.sqrt(drawn) - np.sqrt(mean)) ** 2)
    assert sqrt_variance(mean) == pytest.approx(expected, rel=0.02)


def test_no_light_has_no_noise_and_much_light_a_quarter():
    assert sqrt_variance(0.0) == 0.0
    assert sqrt_variance(1e9) == pytest.approx(0.25)
