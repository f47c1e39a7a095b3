"""Pixels that hold no number: nobody trusts them, and somebody says so."""

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import PtydScan, register
from ptypy.core.data._pipeline import Prepared
from ptypy.core.data._trust import distrust
from ptypy.utils import Param


@pytest.fixture
def frames():
    return np.random.default_rng(3).poisson(20, (6, 8, 12)).astype(np.float32)


def told(caplog):
    return [record for record in caplog.records if "not finite" in record.message]


def prepare(scan, size):
    """Prepare all frames; give counts and masks, a mask for every frame."""
    data, masks = [], []
    while not isinstance(chunk := scan.next_chunk(size), str):
        data.append(chunk.data)
        masks.append(np.broadcast_to(chunk.mask, chunk.data.shape))
    return np.concatenate(data), np.concatenate(masks)


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_a_pixel_without_a_number_is_not_trusted_in_its_frame_and_in_no_other(
    memory_scan, frames, strange
):
    before = frames.copy()
    frames[2, 3, 4] = strange
    data, mask = prepare(memory_scan(frames), 6)
    assert np.argwhere(~mask).tolist() == [[2, 3, 4]]
    assert np.isfinite(data).all()
    np.testing.assert_array_equal(data[mask], before[mask])


def test_the_loaders_own_frames_are_left_as_they_were(memory_scan, frames):
    frames[2, 3, 4] = np.nan

    class Block(memory_scan):
        def load_block(self, indices):
            return self.frames[indices[0] : indices[-1] + 1], None, None

    for kind in (memory_scan, Block):
        chunk = kind(frames).next_chunk(6)
        assert np.isnan(frames[2, 3, 4])
        assert not np.shares_memory(chunk.data, frames)


def test_how_many_there_are_is_told_once_and_loudly(memory_scan, frames, caplog):
    frames[1, 0, :3] = np.nan
    frames[3, 0, 0] = np.inf
    frames[5, :, 0] = np.nan
    prepare(memory_scan(frames), 2)
    (said,) = [record for record in told(caplog) if record.levelname == "ERROR"]
    assert said.message.startswith("3 pixel(s) in 1 frame(s), the first is 1")
    (all_of_them,) = [record for record in told(caplog) if record.levelname == "WARNING"]
    assert all_of_them.message.startswith("12 pixel(s) in 3 frame(s) of the whole scan")


def test_pixels_that_a_mask_excludes_already_need_no_word(memory_scan, frames, caplog):
    frames[:, 1, 1] = np.nan
    mask = np.ones((8, 12), bool)
    mask[1, 1] = False
    chunk = memory_scan(frames, mask=mask).next_chunk(6)
    np.testing.assert_array_equal(chunk.mask, mask)
    assert not told(caplog)


def test_a_gap_that_is_in_every_frame_makes_one_mask_for_all(memory_scan, frames):
    frames[:, :, 5] = np.nan
    chunk = memory_scan(frames).next_chunk(6)
    assert chunk.mask.shape == (8, 12)
    assert np.argwhere(~chunk.mask.any(axis=0)).tolist() == [[5]]


@pytest.mark.parametrize("asked", [{}, {"shape": (4, 8), "orientation": 5}, {"rebin": 2}])
def test_the_result_does_not_depend_on_the_size_of_chunks(memory_scan, frames, asked):
    frames[2, 3, 4] = frames[4, 5, 6] = np.nan
    expected = prepare(memory_scan(frames, **asked), 6)
    for size in (1, 2, 4):
        for got, wanted in zip(prepare(memory_scan(frames, **asked), size), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_a_block_of_pixels_with_one_that_is_no_number_is_not_trusted(memory_scan, frames):
    frames[2, 3, 4] = np.nan
    _, mask = prepare(memory_scan(frames, rebin=2), 6)
    assert np.argwhere(~mask).tolist() == [[2, 1, 2]]


def test_weights_of_such_pixels_are_zero(memory_scan, frames):
    frames[2, 3, 4] = np.nan
    weights = np.full((8, 12), 0.5)
    chunk = memory_scan(frames, mask=weights).next_chunk(6)
    assert chunk.weights[2, 3, 4] == 0
    np.testing.assert_array_equal(chunk.weights > 0, chunk.mask)


def test_a_division_by_zero_in_a_class_of_ones_own_is_caught_too(memory_scan, frames):
    flat = np.ones((8, 12))
    flat[1, 2] = 0

    class Divides(memory_scan):
        def correct(self, raw, weights, common):
            with np.errstate(all="ignore"):
                return {i: frame / flat for i, frame in raw.items()}, weights

    frames[0, 1, 2] = 0  # 0 / 0
    chunk = Divides(frames).next_chunk(6)
    assert np.argwhere(~chunk.mask).tolist() == [[1, 2]]
    assert np.isfinite(chunk.data).all()


def test_pixels_without_dark_or_flat_are_counted_too(memory_scan, frames, caplog):
    dark, flat = np.zeros((8, 12)), np.ones((8, 12))
    dark[0, 0], flat[1, 2:5] = np.nan, 0
    mask = np.ones((8, 12), bool)
    mask[1, 2] = False
    scan = memory_scan(frames, mask=mask)
    scan.correct_with(dark=dark, flat=flat)
    _, trusted = prepare(scan, 2)
    assert (~trusted[0]).sum() == 4
    (said,) = [record for record in caplog.records if "flat field that is zero" in record.message]
    assert said.levelname == "ERROR"
    assert said.message.startswith("3 pixel(s)")


def test_pixels_without_a_flat_outside_the_region_need_no_word(memory_scan, frames, caplog):
    flat = np.ones((8, 12))
    flat[0] = 0
    scan = memory_scan(frames, shape=4)
    scan.correct_with(flat=flat)
    scan.auto(6)
    assert "flat field" not in caplog.text


def test_frames_without_a_single_number_do_not_move_the_centre(memory_scan, frames):
    frames[:] = 0
    frames[:, 5, 7] = 100
    frames[1] = np.inf
    frames[2, 0, 0] = np.inf
    scan = memory_scan(frames, shape=4, center=None)
    scan.auto(6)
    assert scan.region_in_raw == (3, 5, 4, 4)


@register("ScanWithGapsForThisTest")
class ScanWithGaps(PtydScan):
    """Prepared frames, some pixels of which are lost again."""

    PLACEHOLDERS = ()

    def load_block(self, indices):
        frames, positions, weights = super().load_block(indices)
        frames = frames.astype(np.float32)
        frames[:, 20, 20:24] = np.nan
        frames[indices % 3 == 0, 9, 9] = np.inf
        return frames, positions, weights


def test_a_reconstruction_goes_on_with_the_pixels_that_are_numbers(tmp_path):
    from ptypy.core.data import MoonFlowerScan

    path = str(tmp_path / "moon.ptyd")
    scan = MoonFlowerScan(num_frames=60, shape=32, save="append", dfile=path)
    while scan.auto(20) != scan.EOS:
        pass
    p = Param(io=Param(home=str(tmp_path), rfile=None, autosave=Param(active=False)))
    p.scans = Param(moon=Param(name="BlockFull", data=Param()))
    p.scans.moon.data = Param(name="ScanWithGapsForThisTest", source=path)
    p.engines = Param(dm=Param(name="DM", numiter=5))
    p.frames_per_block = 20
    run = Ptycho(p, level=5)
    errors = [entry["error"][0] for entry in run.runtime.iter_info]
    assert np.isfinite(errors).all()
    (obj,) = run.obj.storages.values()
    assert np.isfinite(obj.data).all()


def test_frames_of_the_loader_are_copied_only_where_something_must_be_written():
    data = np.ones((3, 4, 4))
    prepared = Prepared(data, np.ones((4, 4), bool), None)
    same, found = distrust(prepared, [0, 1, 2], is_private=False)
    assert same.data is data
    assert found.frames == 0


SCAN = """
import numpy as np
from ptypy.core.data import EOS, PtyScan
from ptypy.utils import parallel


class Holes(PtyScan):
    PLACEHOLDERS = ()

    def load_positions(self):
        return np.zeros((7, 2))

    def load(self, indices):
        raw = {i: np.full((6, 8), i + 1, np.float32) for i in indices}
        weights = {}
        for i, frame in raw.items():
            if KIND == "some" and i in (2, 6):
                frame[1, i] = np.nan
            if KIND == "all":
                frame[1, 2] = np.nan
        if KIND == "weights":
            # One array for all frames of a call: not the same in each.
            one = np.ones((6, 8))
            one[indices[0] % 6] = 0.5 if indices[0] else 0
            weights = dict.fromkeys(indices, one)
        return raw, {}, weights


scan = Holes(shape=None, save="append", dfile=PATH)
while (chunk := scan.next_chunk(SIZE)) != EOS:
    dims = parallel.allgather_dict({parallel.rank: (chunk.mask.ndim, chunk.weights is None)})
    assert len(set(dims.values())) == 1, dims
    assert chunk.mask.ndim == 2 or chunk.mask.shape == chunk.data.shape
    assert chunk.data.dtype == np.float32
"""


@pytest.mark.mpi
@pytest.mark.parametrize("kind", ["some", "all"])
def test_processes_agree_on_the_masks_however_the_frames_are_dealt(mpirun, tmp_path, kind):
    found = []
    for processes, size in ((1, 7), (2, 3), (3, 1)):
        path = str(tmp_path / f"{processes}.ptyd")
        header = f"PATH, SIZE, KIND = {path!r}, {size}, {kind!r}\n"
        done = mpirun(header + SCAN, processes)
        assert done.returncode == 0, done.stderr
        found.append(prepare(PtydScan(dfile=path), 100))
    for other in found[1:]:
        for got, wanted in zip(other, found[0], strict=True):
            np.testing.assert_array_equal(got, wanted)
    assert (~found[0][1]).sum() == {"some": 2, "all": 7}[kind]


@pytest.mark.mpi
def test_masks_that_differ_from_process_to_process_are_all_saved(mpirun, tmp_path):
    path = str(tmp_path / "two.ptyd")
    done = mpirun(f"PATH, SIZE, KIND = {path!r}, 7, 'weights'\n{SCAN}", 2)
    assert done.returncode == 0, done.stderr
    _, mask = prepare(PtydScan(dfile=path), 100)
    assert (~mask[:3, 0]).all()
    assert mask[3:].all()
