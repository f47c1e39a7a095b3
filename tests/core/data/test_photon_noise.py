"""`add_poisson_noise`: counts of any loader become photons, the same ones each time."""

import numpy as np
import pytest

from ptypy.core.data import MoonFlowerScan, PtydScan, QuickScan
from ptypy.errors import DataError


@pytest.fixture
def mean():
    """Mean counts that say where a pixel came from; none are zero."""
    return np.arange(1, 1 + 6 * 16 * 16, dtype=np.uint16).reshape(6, 16, 16) % 97 + 20


def prepare(scan, size=100):
    chunks = []
    while not isinstance(chunk := scan.next_chunk(size), str):
        chunks.append(chunk)
    return np.concatenate([chunk.data for chunk in chunks])


def test_counts_of_any_loader_get_the_noise_of_photons(memory_scan):
    frames = np.full((20, 64, 64), 50.0, np.float32)
    noisy = prepare(memory_scan(frames, add_poisson_noise=True))
    assert noisy.mean() == pytest.approx(50, rel=0.01)
    assert noisy.var() == pytest.approx(50, rel=0.03)
    assert (noisy == np.round(noisy)).all()
    assert noisy.dtype == np.float32


def test_without_being_asked_for_no_noise_is_added(memory_scan, mean):
    np.testing.assert_array_equal(prepare(memory_scan(mean)), mean)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i4", "u4", "i8", "u8", ">u2", "bool"])
def test_whole_counts_stay_whole_and_never_overflow(memory_scan, dtype):
    dtype = np.dtype(dtype)
    top = 1 if dtype.kind == "b" else min(np.iinfo(dtype).max, 2**40)
    frames = np.full((2, 32, 32), top, dtype)
    noisy = prepare(memory_scan(frames, add_poisson_noise=True))
    assert noisy.dtype in (np.int32, np.int64)
    assert noisy.mean() == pytest.approx(float(top), rel=0.1)
    assert (noisy > int(top)).any()


def test_a_frame_has_the_same_noise_in_whatever_chunk_it_comes(memory_scan, mean):
    whole = prepare(memory_scan(mean, add_poisson_noise=True))
    parts = prepare(memory_scan(mean, add_poisson_noise=True), size=4)
    np.testing.assert_array_equal(parts, whole)


def test_frames_that_are_alike_have_noise_that_is_not(memory_scan):
    noisy = prepare(memory_scan(np.full((2, 16, 16), 50), add_poisson_noise=True))
    assert (noisy[0] != noisy[1]).mean() > 0.8


def test_noise_comes_after_dark_and_flat_and_before_nothing_else(memory_scan, mean):
    """The counts that reach the reconstruction scatter by their own root, not by the raw one's."""
    scan = memory_scan(np.full((20, 32, 32), 1100, np.uint16), add_poisson_noise=True)
    scan.correct_with(dark=np.full((32, 32), 1000))
    noisy = prepare(scan)
    assert noisy.mean() == pytest.approx(100, rel=0.01)
    assert noisy.var() == pytest.approx(100, rel=0.05)


def test_binned_pixels_scatter_by_the_root_of_their_sum(memory_scan):
    noisy = prepare(memory_scan(np.full((20, 64, 64), 25), add_poisson_noise=True, rebin=2))
    assert noisy.mean() == pytest.approx(100, rel=0.01)
    assert noisy.var() == pytest.approx(100, rel=0.05)


def test_pixels_that_are_not_trusted_keep_what_they_hold(memory_scan, mean):
    frames = mean.astype(float)
    mask = np.ones((16, 16), bool)
    mask[3, 4:8] = False
    frames[:, 3, 4:8] = [-1, np.nan, np.inf, 4e9]
    noisy = prepare(memory_scan(frames, mask=mask, add_poisson_noise=True))
    np.testing.assert_array_equal(noisy[:, ~mask], frames[:, ~mask])
    assert (noisy[:, mask] != frames[:, mask]).mean() > 0.8


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (-2.0, r"frame 1 counts -2.0 in the trusted pixel \(3, 4\).*zero or more"),
        (np.nan, "frame 1 holds trusted pixels that are no finite number"),
        (np.inf, "frame 1 holds trusted pixels that are no finite number"),
        (1e300, r"frame 1 counts up to 1e\+300: too many"),
    ],
)
def test_counts_that_no_photons_can_have_are_refused_with_words(memory_scan, count, told):
    frames = np.ones((3, 8, 8))
    frames[1, 3, 4] = count
    with pytest.raises(DataError, match=told):
        memory_scan(frames, add_poisson_noise=True).auto(3)


def test_a_scan_that_counts_its_photons_itself_is_not_made_noisy_twice():
    clean = MoonFlowerScan(num_frames=20, shape=32, photons=1e7, add_poisson_noise=False)
    noisy = MoonFlowerScan(num_frames=20, shape=32, photons=1e7, add_poisson_noise=True)
    expected, counts = prepare(clean), prepare(noisy)
    bright = expected > 50
    chi2 = ((counts[bright] - expected[bright]) ** 2 / expected[bright]).mean()
    assert chi2 == pytest.approx(1, abs=0.1)


def test_a_simulation_without_noise_of_its_own_gets_it():
    counts = QuickScan(add_poisson_noise=True).next_chunk(50).data
    assert counts[:, 1:20].var() == pytest.approx(1, abs=0.05)


def test_noise_is_added_once_and_the_saved_frames_are_read_as_they_are(memory_scan, mean, tmp_path):
    path = str(tmp_path / "noisy.ptyd")
    noisy = prepare(memory_scan(mean, add_poisson_noise=True, save="append", dfile=path))
    np.testing.assert_array_equal(prepare(PtydScan(dfile=path, add_poisson_noise=True)), noisy)
    assert (prepare(PtydScan(source=path, add_poisson_noise=True)) != noisy).any()


SCAN = """
import numpy as np
from ptypy.core.data import EOS, PtyScan


class Flat(PtyScan):
    PLACEHOLDERS = ()

    def load_positions(self):
        return np.zeros((7, 2))

    def load(self, indices):
        return {i: np.full((6, 8), 10 * i + 5, np.uint16) for i in indices}, {}, {}


scan = Flat(shape=None, add_poisson_noise=True, save="append", dfile=PATH)
while scan.auto(SIZE) != EOS:
    pass
"""


@pytest.mark.mpi
def test_noise_is_the_same_on_any_number_of_processes(mpirun, tmp_path):
    found = []
    for processes, size in ((1, 7), (2, 3), (3, 4)):
        path = str(tmp_path / f"{processes}.ptyd")
        done = mpirun(f"PATH = {path!r}\nSIZE = {size}\n{SCAN}", processes)
        assert done.returncode == 0, done.stderr
        found.append(prepare(PtydScan(dfile=path)))
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])
