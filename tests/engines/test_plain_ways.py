"""The way of a wave to the detector, as blocks on the plain kernels take it."""

import numpy as np
import pytest
import scipy.fft

from ptypy.core.geometry import Geo
from ptypy.engines._plain_block import make_way
from ptypy.utils import Param

SETUP = {"energy": 8.8, "distance": 0.004, "psize": 1e-7}
HC = 1.239841984e-9  # keV m


def angular_spectrum(wave):
    """Propagate by the book, in double precision."""
    lam = HC / SETUP["energy"]
    squares = [(lam * np.fft.fftfreq(n, SETUP["psize"])) ** 2 for n in wave.shape[-2:]]
    cosine = np.sqrt(1 - np.add.outer(*squares))
    kernel = np.exp(2j * np.pi * SETUP["distance"] / lam * (cosine - 1))
    return np.fft.ifft2(np.fft.fft2(wave) * kernel)


@pytest.mark.parametrize(("dtype", "rounding"), [(np.complex64, 1e-5), (np.complex128, 1e-8)])
@pytest.mark.parametrize("own", [None, (scipy.fft.fft2, scipy.fft.ifft2)])
def test_a_near_field_is_the_angular_spectrum_in_the_precision_of_the_wave(dtype, rounding, own):
    pars = Param(shape=(24, 20), propagation="nearfield", **SETUP)
    if own is not None:
        pars.ffttype = own
    forward, adjoint = make_way(Geo(pars=pars), dtype, phased=False)
    rng = np.random.default_rng(6)
    wave, other = rng.standard_normal((2, 3, 24, 20)) + 1j * rng.standard_normal((2, 3, 24, 20))
    there, back = forward(wave.astype(dtype)), adjoint(other.astype(dtype))
    assert there.dtype == back.dtype == dtype
    np.testing.assert_allclose(there, angular_spectrum(wave), atol=rounding * 10)
    np.testing.assert_allclose(np.vdot(other, there), np.vdot(back, wave), rtol=rounding * 10)
