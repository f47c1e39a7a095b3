"""What an HDF5 file holds is not trusted further than it should be: counts, units, frames."""

import h5py
import numpy as np
import pytest

from ptypy.errors import DataError, FormatError
from ptypy.experiment import Hdf5Loader, SwmrLoader
from ptypy.io.stored_frames import read_numbers
from ptypy.utils import Param

N, H, W = 6, 16, 20
PLACES = np.arange(N) * 1e-6


def counts(dtype=np.uint16):
    return np.random.default_rng(4).poisson(20, (N, H, W)).astype(dtype)


def write(path, frames, **more):
    with h5py.File(path, "w", libver="latest") as file:
        for name, values in {"frames": frames, "y": PLACES, "x": 2 * PLACES, **more}.items():
            if values is not None:
                file[name] = values
    return str(path)


def chunk_of(file, loader=Hdf5Loader, **more):
    parameters = Param(
        intensities=Param(file=file, key="frames"),
        positions=Param(file=file, slow_key="y", fast_key="x"),
        energy=8.0, distance=2.0, psize=75e-6,
    )  # fmt: skip
    parameters.update(more, in_place_depth=9)
    chunk = loader(parameters).next_chunk(100)
    assert not isinstance(chunk, str)
    return chunk


@pytest.mark.parametrize("loader", [Hdf5Loader, SwmrLoader])
@pytest.mark.parametrize(
    ("dtype", "bad"), [("uint8", 255), ("uint16", 2**16 - 1), ("uint32", 2**32 - 1), ("int32", -1)]
)
def test_what_no_detector_counts_is_not_taken_for_counts(tmp_path, loader, dtype, bad):
    frames = counts(dtype)
    frames[:, 3, 3], frames[2, 5, 6] = bad, bad
    expected = np.ones((N, H, W), bool)
    expected[:, 3, 3], expected[2, 5, 6] = False, False
    chunk = chunk_of(write(tmp_path / "a.h5", frames), loader)
    np.testing.assert_array_equal(np.broadcast_to(chunk.mask, expected.shape), expected)


def test_a_pixel_that_never_counts_needs_no_mask_of_its_own_in_every_frame(tmp_path):
    frames = counts("uint32")
    frames[:, 3, 3] = 2**32 - 1
    scan = Hdf5Loader(
        intensities=Param(file=write(tmp_path / "a.h5", frames), key="frames"),
        positions=Param(file=str(tmp_path / "a.h5"), slow_key="y", fast_key="x"),
    )
    scan.initialize()
    assert not scan.weight2d[3, 3]
    assert scan.load_block(np.arange(N))[2] is None


def test_saturated_counts_are_not_trusted_from_the_limit_on(tmp_path):
    frames = counts()
    frames[1, 2, 2], frames[1, 2, 3] = 500, 499
    chunk = chunk_of(write(tmp_path / "a.h5", frames), saturation=500.0)
    assert not chunk.mask[1, 2, 2]
    assert chunk.mask[1, 2, 3]
    assert (~chunk.mask).sum() == 1


def test_negative_floats_are_what_a_dark_frame_left_of_noise(tmp_path):
    frames = counts("float32")
    frames[1, 2, 2] = -0.5
    assert chunk_of(write(tmp_path / "a.h5", frames)).mask.all()


def test_invalid_counts_stay_invalid_when_dark_and_monitor_change_them(tmp_path):
    frames = counts()
    frames[1, 2, 2] = 2**16 - 1
    file = write(
        tmp_path / "a.h5", frames, dark=np.full((H, W), 3.0), monitor=np.linspace(0.9, 1.1, N)
    )
    more = {
        "darkfield": Param(file=file, key="dark"), "normalisation": Param(file=file, key="monitor"),
    }  # fmt: skip
    chunk = chunk_of(file, shape=(8, 10), center=(4, 5), **more)
    assert not chunk.mask[1, 2, 2]
    assert (~chunk.mask).sum() == 1


@pytest.mark.parametrize("loader", [Hdf5Loader, SwmrLoader])
def test_units_that_datasets_name_are_converted_and_said(tmp_path, caplog, loader):
    file = write(tmp_path / "a.h5", counts(), y=PLACES * 1e6, x=PLACES * 1e3, e=8000.0, p=75.0)
    with h5py.File(file, "a") as opened:
        for name, unit in (("y", "um"), ("x", np.array([b"millimetre"])), ("e", "eV"), ("p", "µm")):
            opened[name].attrs["units"] = unit
    groups = {
        "recorded_energy": Param(file=file, key="e"), "recorded_psize": Param(file=file, key="p"),
        "positions": Param(fast_multiplier=-1.0),
    }  # fmt: skip
    chunk = chunk_of(file, loader, **groups)
    np.testing.assert_allclose(chunk.positions, np.stack([PLACES, -PLACES], axis=1), atol=1e-18)
    assert chunk.meta.energy == pytest.approx(8.0)
    np.testing.assert_allclose(chunk.meta.psize, 75e-6)
    for part in ("a.h5:y is in 'um'", "a.h5:x is in 'millimetre'", "a.h5:e is in 'ev'"):
        assert caplog.text.count(part) == 1


def test_a_multiplier_counts_and_what_contradicts_it_is_said(tmp_path, caplog):
    file = write(tmp_path / "a.h5", counts(), y=PLACES * 1e6, x=PLACES * 1e6)
    with h5py.File(file, "a") as opened:
        opened["y"].attrs["units"], opened["x"].attrs["units"] = "um", "m"
    signs = Param(slow_multiplier=-1e-6, fast_multiplier=1e-6)
    np.testing.assert_allclose(chunk_of(file, positions=signs).positions[:, 0], -PLACES)
    assert "a.h5:x is in 'm' by its own word, and the multiplier is 1e-06" in caplog.text
    assert "a.h5:y" not in caplog.text


def test_units_that_nobody_knows_are_said(tmp_path, caplog):
    file = write(tmp_path / "a.h5", counts())
    with h5py.File(file, "a") as opened:
        opened["y"].attrs["units"] = "counts"
    chunk_of(file)
    assert "a.h5:y is in 'counts', which is not known here: taken for m" in caplog.text


def chunked(path, written):
    """Frames of which some chunks were never written."""
    file = write(path, None)
    with h5py.File(file, "a") as opened:
        frames = opened.create_dataset("frames", (N, H, W), "u2", chunks=(1, H, W))
        for k in written:
            frames[k] = counts()[k]
    return file


def test_frames_that_nobody_wrote_are_not_taken_for_zeros(tmp_path):
    file = chunked(tmp_path / "a.h5", range(4))
    with pytest.raises(DataError, match=r"of 6 frames 2 were never written.*frame 4.*num_frames=4"):
        chunk_of(file)
    np.testing.assert_array_equal(chunk_of(file, num_frames=4).data, counts()[:4])
    order = Param(indices=[3, 1])
    np.testing.assert_array_equal(chunk_of(file, frameorder=order).data, counts()[[3, 1]])
    with pytest.raises(DataError, match="of 6 frames 1 were never written"):
        chunk_of(chunked(tmp_path / "b.h5", [0, 1, 3, 4, 5]))


def test_a_dataset_that_was_only_made_is_not_taken_for_zeros(tmp_path):
    file = write(tmp_path / "a.h5", None)
    with h5py.File(file, "a") as opened:
        opened.create_dataset("frames", (N, H, W), "u2")
    with pytest.raises(DataError, match="6 were never written"):
        chunk_of(file)


def virtual(path, sources, count=N):
    layout = h5py.VirtualLayout((count, H, W), "u2")
    for k, source in sources:
        layout[k] = source[k % source.shape[0]]
    with h5py.File(path, "a") as file:
        file.create_virtual_dataset("frames", layout)


def test_gaps_in_a_virtual_dataset_are_not_taken_for_zeros(tmp_path):
    part = write(tmp_path / "part.h5", counts())
    source = h5py.VirtualSource(part, "frames", (N, H, W))
    whole = write(tmp_path / "whole.h5", None)
    virtual(whole, [(k, source) for k in range(N)])
    np.testing.assert_array_equal(chunk_of(whole).data, counts())
    gap = write(tmp_path / "gap.h5", None)
    virtual(gap, [(k, source) for k in range(4)])
    with pytest.raises(DataError, match="2 were never written"):
        chunk_of(gap)
    other = write(tmp_path / "other.h5", None)
    wrong = h5py.VirtualSource(part, "nothing", (N, H, W))
    virtual(other, [(k, wrong) for k in range(N)])
    with pytest.raises(FormatError, match=r"part\.h5:nothing, which is not there"):
        chunk_of(other)


def test_a_source_of_a_virtual_dataset_that_was_cut_short_is_not_taken_for_zeros(tmp_path):
    chunked(tmp_path / "part.h5", range(4))
    file = write(tmp_path / "a.h5", None)
    layout = h5py.VirtualLayout((N, H, W), "u2")
    layout[:] = h5py.VirtualSource("part.h5", "frames", (N, H, W))
    with h5py.File(file, "a") as opened:
        opened.create_virtual_dataset("frames", layout)
    with pytest.raises(DataError, match="2 were never written"):
        chunk_of(file)


def patterned(path):
    """Frames in files whose names hold their number, which HDF5 counts for itself."""
    for k in range(2):
        write(path.parent / f"part{k}.h5", counts()[3 * k : 3 * k + 3])
    unlimited = h5py.h5s.UNLIMITED
    space = h5py.h5s.create_simple((N, H, W), (unlimited, H, W))
    space.select_hyperslab((0, 0, 0), (unlimited, 1, 1), stride=(3, 1, 1), block=(3, H, W))
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_virtual(space, b"part%b.h5", b"frames", h5py.h5s.create_simple((3, H, W)))
    file = write(path, None)
    with h5py.File(file, "a") as opened:
        h5py.h5d.create(opened.id, b"frames", h5py.h5t.STD_U16LE, space, how)
    return file


def test_files_counted_by_a_pattern_are_read(tmp_path):
    file = patterned(tmp_path / "a.h5")
    np.testing.assert_array_equal(chunk_of(file).data, counts())
    with h5py.File(file) as opened:
        np.testing.assert_array_equal(read_numbers(opened["frames"], [4, 1]), counts()[[4, 1]])


def test_frames_without_any_count_are_said(tmp_path, caplog):
    frames = counts()
    frames[[2, 4]] = 0
    chunk_of(write(tmp_path / "a.h5", frames))
    assert "2 of 6 frames hold no count at all, the first of them is frame 2" in caplog.text


@pytest.mark.parametrize("there", [N - 1, N + 1])
def test_the_first_of_frames_and_positions_are_used_when_asked(tmp_path, there):
    places = np.arange(there) * 1e-6
    file = write(tmp_path / "a.h5", counts(), y=places, x=places)
    least = min(there, N)
    with pytest.raises(DataError, match=f"`num_frames={least}` uses the first of both"):
        chunk_of(file)
    chunk = chunk_of(file, num_frames=least)
    np.testing.assert_array_equal(chunk.data, counts()[:least])
    np.testing.assert_array_equal(chunk.positions[:, 0], places[:least])


def test_a_block_of_as_many_motors_as_frames_says_how_it_was_taken(tmp_path, caplog):
    block = np.arange(N * N).reshape(N, N) * 1e-6
    file = write(tmp_path / "a.h5", counts(), y=block)
    where = Param(slow_key="y", slow_index=1)
    np.testing.assert_array_equal(chunk_of(file, positions=where).positions[:, 0], block[1])
    assert "either axis could count the motors" in caplog.text


def test_exchanged_axes_of_a_live_raster_are_refused(tmp_path):
    file = write(tmp_path / "a.h5", counts().reshape(2, 3, H, W), y=PLACES[:3], x=PLACES[:2])
    with pytest.raises(DataError, match="slow and fast are exchanged"):
        chunk_of(file, SwmrLoader, timeout=0)
