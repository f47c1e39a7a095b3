"""Pixels that do not count as others do: found in the first frames, not trusted in any."""

import json

import h5py
import numpy as np
import pytest

from ptypy.core.data import PtydScan
from ptypy.experiment import Hdf5Loader
from ptypy.simulations import Beamtime
from ptypy.utils import Param

Y, X = np.indices((64, 72))
MEAN = 60 * np.exp(-((Y - 30) ** 2 + (X - 40) ** 2) / 200) + 5
FRAMES = np.random.default_rng(4).poisson(MEAN, (40, 64, 72)).astype(np.uint16)
SPOILT = FRAMES.copy()
SPOILT[:, 5, 6] = 0
SPOILT[:, 20:23, 50:53] = 0
SPOILT[:, 33, 11] = np.random.default_rng(5).integers(400, 60000, 40)
SPOILT[:, 50, 20:22] = 3000
SPOILT[:, 31, 45] = 47
FAULTS = {
    "dead": [(5, 6), *((y, x) for y in (20, 21, 22) for x in (50, 51, 52))],
    "hot": [(33, 11), (50, 20), (50, 21)],
    "stuck": [(31, 45)],
}
ASKED = {"find_bad_pixels": True, "center": "fftshift", "shape": None, "energy": 8.0}


def places(kinds=FAULTS):
    return sorted(place for kind in kinds.values() for place in kind)


def found(scan, frames=40):
    chunk = scan.next_chunk(frames)
    return [tuple(place) for place in scan.info.found_bad_pixels.tolist()], chunk


def test_faults_of_each_kind_are_found_and_told_and_nothing_else(memory_scan, caplog):
    bad, chunk = found(memory_scan(SPOILT, **ASKED))
    assert bad == places()
    assert np.argwhere(~chunk.mask).tolist() == [list(place) for place in places()]
    assert "14 pixel(s) of the raw frame" in caplog.text
    assert "10 dead, 3 hot, 1 stuck" in caplog.text
    assert "the first is row 5, column 6" in caplog.text


def test_no_pixel_of_a_good_detector_is_found(memory_scan, caplog):
    for mean in (0.03, 0.3, 1.0, 4.0, MEAN, 50 * MEAN):
        frames = np.random.default_rng(6).poisson(mean, (40, 64, 72)).astype(np.uint32)
        assert found(memory_scan(frames, **ASKED))[0] == []
        memory_scan(frames, **ASKED | {"find_bad_pixels": False}).auto(40)
    assert "find_bad_pixels" not in caplog.text


@pytest.mark.parametrize("frames", [8, 20, 40])
def test_how_many_frames_there_are_changes_nothing_but_what_can_be_told(memory_scan, frames):
    bad, _ = found(memory_scan(SPOILT, **ASKED), frames)
    # That a pixel is stuck at what it should count takes 16 frames to tell from chance.
    kinds = FAULTS if frames >= 16 else {**FAULTS, "stuck": []}
    assert bad == places(kinds)


def test_too_few_frames_are_said_to_be_too_few(memory_scan, caplog):
    scan = memory_scan(SPOILT, **ASKED)
    chunk = scan.next_chunk(7)
    assert "needs 8 frames in the first block, and there are 7" in caplog.text
    assert chunk.mask.all()


def test_a_pixel_that_is_seldom_hot_stays_trusted(memory_scan):
    frames = FRAMES.copy()
    frames[:10, 12, 13] = 5000
    assert found(memory_scan(frames, **ASKED))[0] == []


def test_the_sharp_beam_itself_is_not_a_hot_pixel(memory_scan):
    frames = FRAMES.copy()
    frames[:, 31, 38] = np.random.default_rng(7).poisson(9000, 40)
    assert found(memory_scan(frames, **ASKED))[0] == []


def test_a_shadow_whose_rim_counts_is_not_trusted_but_the_dark_outside_is(memory_scan):
    mean = np.where(np.hypot(Y - 30, X - 36) < 26, 40.0, 0.0)
    mean[24:36, 30:42] = 0
    frames = np.random.default_rng(8).poisson(mean, (40, 64, 72))
    bad, chunk = found(memory_scan(frames, **ASKED))
    assert len(bad) == 144
    assert not chunk.mask[24:36, 30:42].any()


def test_faults_that_half_of_the_detector_has_are_not_faults_of_pixels(memory_scan, caplog):
    """Frames without any noise, as simulations give them, are the same again and again."""
    bad, _ = found(memory_scan(np.repeat(FRAMES[:1], 40, axis=0), **ASKED))
    assert bad == []
    assert "are constant in the first frames: that is not taken for a fault" in caplog.text


def test_whoever_does_not_ask_is_told_once_that_it_would_help(memory_scan, caplog):
    scan = memory_scan(SPOILT, **ASKED | {"find_bad_pixels": False})
    assert scan.next_chunk(20).mask.all()
    scan.next_chunk(20)
    assert caplog.text.count("find_bad_pixels=True") == 1
    assert "3 pixel(s) of the first frames are brighter" in caplog.text


def test_hot_pixels_do_not_pull_the_centre(memory_scan):
    asked = ASKED | {"find_bad_pixels": False, "center": None}
    clean, spoilt = memory_scan(FRAMES, **asked), memory_scan(SPOILT, **asked)
    clean.auto(40)
    spoilt.auto(40)
    np.testing.assert_allclose(spoilt.info.found_center, clean.info.found_center, atol=0.2)


def test_masks_of_single_frames_lose_these_pixels_too(memory_scan):
    class Each(memory_scan):
        def load(self, indices):
            frames, *_ = super().load(indices)
            return frames, {}, {i: np.arange(72) != i + np.zeros((64, 1)) for i in indices}

    bad, chunk = found(Each(SPOILT, **ASKED))
    assert bad == places()
    for k in (0, 7, 39):
        assert not chunk.mask[k][:, k].any()
        assert not any(chunk.mask[k][place] for place in bad)


def test_a_mask_of_the_region_alone_loses_them_where_they_are(memory_scan):
    asked = ASKED | {"shape": 32}
    _, chunk = found(memory_scan(SPOILT, mask=np.ones((32, 32)), **asked))
    whole = np.ones((64, 72), bool)
    whole[tuple(np.transpose(places()))] = False
    assert np.array_equal(chunk.mask, whole[16:48, 20:52])


def test_they_are_kept_with_the_frames_and_gone_on_with(memory_scan, tmp_path):
    path = str(tmp_path / "s.ptyd")
    asked = ASKED | {"save": "append", "dfile": path, "resume": True}
    memory_scan(SPOILT, **asked).auto(20)
    # Frames that are good now are of the same detector.
    scan = memory_scan(np.concatenate([SPOILT[:20], FRAMES[:20]]), **asked)
    bad, _ = found(scan, 20)
    assert bad == places()
    scan.auto(20)
    whole = PtydScan(dfile=path).next_chunk(40)
    assert not any(whole.mask[..., y, x].any() for y, x in bad)
    assert whole.mask.sum() == whole.mask.size - len(bad) * whole.mask.size // (64 * 72)


def test_packed_and_corrected_frames_of_a_beamtime_give_its_bad_pixels(tmp_path):
    """250 dead and 250 hot pixels, drawn at random, of which it tells us the mask."""
    files = Beamtime(frames=40).write(tmp_path)
    with h5py.File(files["detector"]) as file:
        true = file["entry/bad_pixels"][:] > 0
        hot = true & (file["entry/data"][:].min(axis=0) > 4000)
    p = Param(intensities=Param(file=str(files["detector"]), key="entry/data"))
    p.positions = Param(file=str(files["stage"]), slow_key="scan/y", fast_key="scan/x",
                        slow_multiplier=1e-6, fast_multiplier=1e-6)  # fmt: skip
    p.darkfield = Param(file=str(files["detector"]), key="entry/dark")
    scan = Hdf5Loader(p, shape="auto", center=None, find_bad_pixels=True, distance=2.0,
                      psize=55e-6, energy=8.0)  # fmt: skip
    bad = np.zeros(true.shape, bool)
    bad[tuple(np.transpose(found(scan)[0]))] = True
    assert (bad & hot).sum() == hot.sum()
    assert not (bad & ~true).any()
    # The beam holds 256 px, and what is hot beyond does not count.
    assert tuple(scan.info.found_shape) == (256, 256)
    np.testing.assert_allclose(scan.info.found_center, (171, 139), atol=1.5)


def test_who_takes_the_parameters_of_a_scan_for_another_does_not_take_what_it_found(memory_scan):
    scan = memory_scan(SPOILT, **ASKED)
    found(scan)
    other = memory_scan(FRAMES, **scan.info | {"find_bad_pixels": False})
    assert other.next_chunk(40).mask.all()
    assert "found_bad_pixels" not in other.info
    assert found(memory_scan(FRAMES, **scan.info))[0] == []


@pytest.mark.mpi
def test_any_number_of_processes_finds_the_same(mpirun, tmp_path):
    np.save(tmp_path / "frames.npy", SPOILT)
    script = f"""
import json
import numpy as np
from ptypy.core.data import PtyScan
from ptypy.utils import parallel

class Scan(PtyScan):
    PLACEHOLDERS = ()
    def load_positions(self):
        return np.arange(80.).reshape(40, 2)
    def load_block(self, indices):
        return np.load({str(tmp_path / "frames.npy")!r})[indices], None, None

class Masked(Scan):
    def load_block(self, indices):  # a mask hides what glows, but not in frames of all processes
        frames, masks = super().load_block(indices)[0], np.ones((len(indices), 64, 72), bool)
        frames[:, :4] = np.random.default_rng(7).poisson(50, frames[:, :4].shape)
        masks[np.asarray(indices) >= 12, :4] = False
        return frames, None, masks

masked = Masked(shape="auto", center=(32, 36), find_bad_pixels=True, energy=8.)
masked.next_chunk(40)
decided = {{parallel.rank: (masked.region_in_raw, masked.info.found_bad_pixels.tolist())}}
decided = list(parallel.allgather_dict(decided).values())
assert decided == decided[:1] * parallel.size

scan = Scan(shape="auto", center=None, find_bad_pixels=True, energy=8.)
chunk = scan.next_chunk(40)
info = scan.info
told = [info.found_center.tolist(), info.found_shape.tolist(), info.found_bad_pixels.tolist(),
        int(chunk.mask.sum(axis=(-1, -2)).max())]
if parallel.rank == parallel.size - 1:
    print("TOLD", json.dumps(told))
"""

    def told(processes):
        done = mpirun(script, processes)
        assert done.returncode == 0, done.stderr
        line = next(line for line in done.stdout.splitlines() if "TOLD" in line)
        return json.loads(line.split("TOLD")[1])

    one, three = told(1), told(3)
    assert one == three
    assert [tuple(place) for place in one[2]] == places()
