"""The flower in moonlight: a scan that is known exactly."""

import numpy as np
import pytest

from ptypy.core.data import EOS, WAIT, MoonFlowerScan, QuickScan
from ptypy.errors import ParameterError


@pytest.mark.parametrize(
    ("asked", "delivered"), [(50, 50), (100, 92), (150, 124), (200, 161), (300, 246), (600, 433)]
)
def test_the_round_scan_has_as_many_points_as_scripts_expect(asked, delivered):
    scan = MoonFlowerScan(num_frames=asked, shape=32)
    assert len(scan.pos) == scan.num_frames == delivered


def test_the_raster_has_a_point_for_every_crossing():
    assert len(MoonFlowerScan(num_frames=100, shape=32, model="raster").pos) == 121


def test_views_of_the_object_are_where_the_positions_say():
    scan = MoonFlowerScan(num_frames=60, shape=32)
    steps = (scan.pos - scan.pos[0]) / scan.geo.resolution
    np.testing.assert_allclose(steps, scan.pixel - scan.pixel[0], atol=1e-6)


def test_frames_are_the_propagated_exit_waves():
    scan = MoonFlowerScan(num_frames=20, shape=32, add_poisson_noise=False)
    package = scan.auto(20)
    y, x = scan.pixel[7]
    exit_wave = scan.pr * scan.obj[y : y + 32, x : x + 32]
    # The far field by its definition; zero frequency is where the setup has its axis.
    pixel = np.arange(32)
    down, across = (
        np.exp(-2j * np.pi * np.outer(pixel - axis, pixel) / 32) for axis in scan.geo.center
    )
    expected = np.abs(down @ (scan.geo.pre_phase * exit_wave) @ across.T) ** 2 / 32**2
    frame = package["iterable"][7]["data"]
    np.testing.assert_allclose(frame, expected, rtol=1e-3, atol=1e-5 * expected.max())
    assert np.abs(frame - expected.T).max() > 0.1 * expected.max()  # a turned frame would fail
    # Parseval: as many photons leave the sample as arrive.
    assert frame.sum() == pytest.approx((np.abs(exit_wave) ** 2).sum(), rel=1e-4)


def test_the_beam_has_the_photons_asked_for():
    scan = MoonFlowerScan(num_frames=20, shape=32, photons=5e6)
    assert (np.abs(scan.pr) ** 2).sum() == pytest.approx(5e6, rel=1e-4)
    counts = [e["data"].sum() for e in scan.auto(20)["iterable"]]
    assert max(counts) < 5e6
    assert min(counts) > 0.6 * 5e6  # the object absorbs at most 36 % of the intensity


def test_counts_are_photons_with_their_noise():
    clean = MoonFlowerScan(num_frames=30, shape=32, photons=1e6, add_poisson_noise=False)
    noisy = MoonFlowerScan(num_frames=30, shape=32, photons=1e6)
    expected, counts = clean.next_chunk(30).data, noisy.next_chunk(30).data
    assert counts.dtype == np.int32
    bright = expected > 50
    chi2 = ((counts[bright] - expected[bright]) ** 2 / expected[bright]).mean()
    assert chi2 == pytest.approx(1, abs=0.1)


def test_a_frame_is_the_same_in_whatever_chunk_it_comes():
    whole = MoonFlowerScan(num_frames=20, shape=32).next_chunk(20).data
    scan = MoonFlowerScan(num_frames=20, shape=32)
    parts = [scan.next_chunk(7).data for _ in range(3)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_blurred_detector_sees_softer_speckle():
    sharp = MoonFlowerScan(num_frames=20, shape=32, add_poisson_noise=False)
    soft = MoonFlowerScan(num_frames=20, shape=32, add_poisson_noise=False, psf=2.0)
    assert soft.next_chunk(5).data.std() < sharp.next_chunk(5).data.std()


def test_data_that_are_late_make_the_scan_wait():
    scan = MoonFlowerScan(num_frames=20, shape=32, block_wait_count=1)
    answers = [scan.auto(8) for _ in range(6)]
    kinds = [a if isinstance(a, str) else len(a["iterable"]) for a in answers]
    assert kinds == [8, WAIT, 8, WAIT, 4, EOS]


def test_frames_may_be_rectangular():
    chunk = MoonFlowerScan(num_frames=20, shape=(32, 48)).next_chunk(4)
    assert chunk.data.shape[1:] == (32, 48)


def test_simulated_geometry_needs_no_warning(caplog):
    MoonFlowerScan(num_frames=20, shape=32).auto(2)
    assert not caplog.records


@pytest.mark.parametrize("scan", [MoonFlowerScan, QuickScan])
@pytest.mark.parametrize("count", [-5, 0])
def test_a_number_of_frames_that_cannot_be_is_refused(scan, count):
    with pytest.raises(ParameterError, match="num_frames") as error:
        scan(num_frames=count)
    assert [fault.path for fault in error.value.faults] == ["num_frames"]
    assert "at least 1" in error.value.faults[0].remedy


def test_an_unknown_pattern_is_told():
    with pytest.raises(ParameterError, match="round, raster, spiral"):
        MoonFlowerScan(model="hexagon")


def test_load_gives_frames_by_index_for_those_who_call_it():
    raw, positions, weights = MoonFlowerScan(num_frames=20, shape=32).load(indices=[3, 5])
    assert sorted(raw) == [3, 5]
    assert positions == weights == {}


def test_the_quick_scan_gives_one_bright_pixel_again_and_again():
    chunk = QuickScan().next_chunk(1000)
    assert chunk.data.shape[1:] == (64, 64)
    assert (chunk.data == chunk.data[0]).all()
    assert chunk.data.max() == 1e7
