"""Where the optical axis is looked for, and when."""

import numpy as np
import pytest

from ptypy.errors import DataError, ParameterError

SPOT = (9, 14)


@pytest.fixture
def spots():
    """Frames of 24 x 30 with the beam at row 9, column 14, and a hot pixel far off."""
    y, x = np.mgrid[:24, :30]
    beam = 1000 * np.exp(-((y - SPOT[0]) ** 2 + (x - SPOT[1]) ** 2) / 4)
    frames = np.random.default_rng(3).poisson(beam, (5, 24, 30))
    frames[:, 22, 1] = 10**6
    return frames


@pytest.fixture
def mask():
    mask = np.ones((24, 30), bool)
    mask[22, 1] = False
    return mask


def brightest(package):
    frame = package["iterable"][0]["data"] * package["iterable"][0]["mask"]
    return tuple(int(n) for n in np.unravel_index(frame.argmax(), frame.shape))


@pytest.mark.parametrize(
    "asked",
    [
        {"center": None},
        {"center": None, "auto_center": None},
        {"center": None, "auto_center": True},
        {"center": "fftshift", "auto_center": True},
        {"center": (1, 2), "auto_center": True},
    ],
)
def test_the_beam_is_found_if_no_centre_is_given_or_finding_it_is_demanded(
    memory_scan, spots, mask, asked
):
    package = memory_scan(spots, mask=mask, shape=12, **asked).auto(5)
    np.testing.assert_allclose(brightest(package), (6, 6), atol=1)
    assert tuple(package["common"].center) == (6, 6)


@pytest.mark.parametrize(
    "asked",
    [
        {"center": SPOT},
        {"center": SPOT, "auto_center": None},
        {"center": SPOT, "auto_center": False},
        {"center": list(SPOT)},
        {"center": np.array(SPOT)},
        {"center": (9.3, 13.6)},
    ],
)
def test_a_centre_that_is_given_is_used(memory_scan, spots, mask, asked):
    package = memory_scan(spots, mask=mask, shape=12, **asked).auto(5)
    # The brightest pixel of a noisy spot may be a neighbour of its middle.
    np.testing.assert_allclose(brightest(package), (6, 6), atol=1)


def test_without_a_centre_and_without_looking_it_is_the_middle(memory_scan, spots, mask):
    scan = memory_scan(spots, mask=mask, shape=12, center=None, auto_center=False)
    frame = scan.auto(1)["iterable"][0]["data"]
    np.testing.assert_array_equal(frame, spots[0][6:18, 9:21])


def test_one_number_is_the_centre_of_both_axes(memory_scan, spots):
    one = memory_scan(spots, shape=12, center=10).auto(1)["iterable"][0]["data"]
    np.testing.assert_array_equal(one, spots[0][4:16, 4:16])


def test_the_centre_that_was_found_holds_for_later_chunks(memory_scan, spots, mask):
    later = np.roll(spots, 5, axis=2)
    scan = memory_scan([*spots, *later], mask=mask, shape=12, center=None)
    scan.auto(5)
    np.testing.assert_allclose(brightest(scan.auto(5)), (6, 11), atol=1)


def test_a_dark_offset_does_not_pull_the_centre_to_the_middle(memory_scan, spots, mask):
    scan = memory_scan(spots + 500, mask=mask, shape=12, center=None)
    scan.correct_with(dark=np.full((24, 30), 500))
    np.testing.assert_allclose(brightest(scan.auto(5)), (6, 6), atol=1)


def test_what_was_asked_for_is_not_overwritten_by_what_was_found(memory_scan, spots, mask):
    scan = memory_scan(spots, mask=mask, shape=12, center=None)
    scan.auto(5)
    assert scan.info.center is None
    assert scan.info.shape == 12


def test_frames_without_counts_are_cut_about_their_middle(memory_scan, caplog):
    package = memory_scan(np.zeros((2, 8, 8)), shape=4, center=None).auto(2)
    assert tuple(package["common"].center) == (2, 2)
    assert "no counts" in caplog.text


def test_a_centre_outside_the_frame_is_refused(memory_scan, spots):
    with pytest.raises(DataError, match=r"center \(24, 3\) is outside.*24 x 30"):
        memory_scan(spots, shape=12, center=(24, 3)).auto(1)


@pytest.mark.parametrize("center", ["ffftshift", (1, 2, 3), (np.nan, 1), "corner", True])
def test_a_centre_that_is_none_is_refused_before_any_frame_is_read(memory_scan, spots, center):
    with pytest.raises(ParameterError, match="center"):
        memory_scan(spots, center=center)


def test_zero_frequency_in_the_corner_gets_the_advice_to_shift(memory_scan, spots):
    with pytest.raises(ParameterError, match="fftshift to the last two axes"):
        memory_scan(spots, center="fft")


def test_a_flat_field_does_not_pull_the_centre_to_the_side_that_counts_better(
    memory_scan, spots, mask
):
    flat = np.ones((24, 30))
    flat[:, 18:] = 5.0
    scan = memory_scan((spots + 40) * flat, mask=mask, shape=12, center=None)
    scan.correct_with(dark=40 * flat, flat=flat)
    np.testing.assert_allclose(brightest(scan.auto(5)), (6, 6), atol=1)
    skewed = memory_scan((spots + 40) * flat, mask=mask, center=None)
    skewed.correct_with(flat=flat)
    even = memory_scan(spots + 40, mask=mask, center=None)
    for scan in (skewed, even):
        scan.auto(5)
    np.testing.assert_allclose(skewed.info.found_center, even.info.found_center, atol=1e-6)
