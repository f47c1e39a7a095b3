"""Frames that stay in their file until they are needed are those that HDF5 would have read."""

import pickle

import h5py
import hdf5plugin
import numpy as np
import pytest

from ptypy.errors import DataError, FormatError
from ptypy.io.stored_frames import Window, read_frames
from ptypy.io.stored_stack import frames_in, hold_frames, map_frames

LAYOUTS = {
    "contiguous": {},
    "chunked": {"chunks": True},
    "bitshuffle": {"chunks": True, **hdf5plugin.Bitshuffle(cname="lz4")},
    "small blocks": {"chunks": True, **hdf5plugin.Bitshuffle(nelems=64, cname="lz4")},
}
WANTED = np.array([3, 4, 5, 9, 0, 7])


def write(path, options, shape=(12, 17, 23), dtype=np.uint16, userblock=0):
    frames = np.random.default_rng(1).poisson(6, shape).astype(dtype)
    options = dict(options)
    if options.get("chunks") is True:
        options["chunks"] = (*[1] * (len(shape) - 2), *shape[-2:])
    with h5py.File(path, "w", userblock_size=userblock) as file:
        file.create_dataset("data", data=frames, **options)
    return frames


@pytest.fixture
def path(tmp_path):
    return tmp_path / "raw.h5"


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "u8", "f4", "f8"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_frames_are_those_that_hdf5_reads(path, layout, dtype):
    frames = write(path, LAYOUTS[layout], dtype=dtype)
    with h5py.File(path) as file:
        stack = map_frames(file["data"], WANTED)
    assert stack.shape == (6, 17, 23)
    assert stack.dtype == dtype
    np.testing.assert_array_equal(np.asarray(stack), frames[WANTED])
    np.testing.assert_array_equal(stack[4], frames[0])
    np.testing.assert_array_equal(stack[1:3], frames[4:6])
    np.testing.assert_array_equal(stack.take(np.array([5, 0])), frames[[7, 3]])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rasters_and_one_scan_of_several_are_counted_as_when_they_are_read(path, layout):
    write(path, LAYOUTS[layout], (3, 4, 5, 17, 23))
    with h5py.File(path) as file:
        read = read_frames(file["data"], WANTED, outer=1)
        np.testing.assert_array_equal(map_frames(file["data"], WANTED, outer=1), read)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_part_of_a_frame_goes_where_it_belongs_in_a_padded_one(path, layout):
    write(path, LAYOUTS[layout])
    window = Window(slice(2, 9), slice(4, 20), (21, 30), (3, 5))
    with h5py.File(path) as file:
        stack = map_frames(file["data"], WANTED, window)
        np.testing.assert_array_equal(stack, read_frames(file["data"], WANTED, window))


def test_another_process_is_sent_the_frames_themselves(path):
    frames = write(path, LAYOUTS["bitshuffle"])
    with h5py.File(path) as file:
        sent = pickle.loads(pickle.dumps(map_frames(file["data"], WANTED)))  # noqa: S301
    assert isinstance(sent, np.ndarray)
    np.testing.assert_array_equal(sent, frames[WANTED])


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "gzip", "chunks": True},
        {"shuffle": True, "chunks": True},
        {"chunks": (1, 8, 8)},
        {"chunks": (2, 17, 23)},
        dict(hdf5plugin.Bitshuffle(cname="zstd"), chunks=True),
        dict(hdf5plugin.Bitshuffle(cname="none"), chunks=True),
        {"dtype": ">u2"},
        {"dtype": "f2"},
    ],
    ids=str,
)
def test_what_only_hdf5_can_read_is_left_to_it(path, options):
    write(path, options)
    with h5py.File(path) as file:
        assert map_frames(file["data"], WANTED) is None


def test_frames_behind_a_block_of_other_bytes_are_left_to_hdf5(path):
    write(path, {}, userblock=512)
    with h5py.File(path) as file:
        assert map_frames(file["data"], WANTED) is None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_frame_that_nobody_wrote_is_left_to_hdf5(path, layout):
    options = {**LAYOUTS[layout], "shape": (12, 17, 23), "dtype": "u2"}
    options |= {"chunks": (1, 17, 23)} if "chunks" in options else {}
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("data", **options)
        if dataset.chunks:
            dataset[:4] = 1
    with h5py.File(path) as file:
        assert map_frames(file["data"], WANTED) is None


def test_a_file_that_was_cut_short_while_it_was_open_is_said_to_be(path):
    write(path, {})
    with h5py.File(path) as file:
        dataset = file["data"]
        with path.open("r+b") as raw:
            raw.truncate(dataset.id.get_offset() + 100)
        with pytest.raises(FormatError, match=r"raw\.h5:/data: the file ends before its frames"):
            map_frames(dataset, WANTED)


def test_a_damaged_frame_is_named(path):
    write(path, LAYOUTS["bitshuffle"])
    with h5py.File(path) as file:
        chunk = file["data"].id.get_chunk_info_by_coord((9, 0, 0))
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(bytes(chunk.size))
    with h5py.File(path) as file:
        stack = map_frames(file["data"], WANTED)
    assert stack[2].shape == (17, 23)
    with pytest.raises(FormatError, match=r"raw\.h5:/data: frame 9 cannot be read"):
        stack[3]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("numbers", [[11, 12], [-1]])
def test_a_number_that_no_frame_has_is_refused(path, layout, numbers):
    """Compiled code would give whatever lies behind the dataset, or in front of it."""
    write(path, LAYOUTS[layout])
    wrong = rf"data: frame {numbers[-1]} was asked for; there are 12 frames"
    with h5py.File(path) as file, pytest.raises(DataError, match=wrong):
        map_frames(file["data"], np.array(numbers))
    with pytest.raises(DataError, match="in memory: frame 12 was asked for; there are 12"):
        hold_frames(np.zeros((12, 3, 3), np.uint16), np.array([0, 12]), "in memory")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_this_program_has_written_a_moment_ago_is_seen(path, layout):
    write(path, LAYOUTS[layout])
    with h5py.File(path, "r+") as file:
        for value in (77, 78):
            file["data"][9] = value
            assert (np.asarray(frames_in(file["data"], WANTED))[3] == value).all()


def test_a_chunk_that_is_said_to_be_shorter_than_a_frame_is_left_to_hdf5(path):
    write(path, LAYOUTS["chunked"])
    size = (17 * 23 * 2).to_bytes(4, "little") + bytes(4)  # of a chunk, in the index of chunks
    content = path.read_bytes()
    assert content.count(size) >= 12
    path.write_bytes(content.replace(size, (16).to_bytes(4, "little") + bytes(4)))
    with h5py.File(path) as file:
        assert map_frames(file["data"], WANTED) is None
