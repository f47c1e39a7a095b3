"""What we pack with bitshuffle and LZ4, hdf5plugin unpacks to the last bit; and so do we."""

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptypy.io.packed_chunks import pack_chunks, unpack_frames

TYPES = ["u1", "<i2", "<u2", ">u2", "<u4", "<f4", "<i8", "<f8"]


def unpacked_by_hdf5(packed, shape, kind):
    """Let HDF5 unpack one chunk after the other."""
    with h5py.File("any", "w", driver="core", backing_store=False) as file:
        form = {"shape": (len(packed), *shape), "dtype": kind, "chunks": (1, *shape)}
        data = file.create_dataset("data", **form, **hdf5plugin.Bitshuffle())
        for k, chunk in enumerate(packed):
            data.id.write_direct_chunk((k, 0, 0), chunk)
        return data[...]


def unpacked_by_us(packed, shape, kind):
    held = [np.frombuffer(chunk, np.uint8) for chunk in packed]
    out = np.empty((len(packed), *shape), kind)
    places = np.array([chunk.ctypes.data for chunk in held])
    faults = unpack_frames(places, np.array([chunk.size for chunk in held]), 1, 0, out)
    assert not faults.any()
    return out


def draw(kind, shape, content, seed):
    """Draw frames: photons, noise that nothing can pack, patterns, one value, or half of each."""
    random = np.random.default_rng(seed)
    kind, count = np.dtype(kind), int(np.prod(shape))
    size = count * kind.itemsize
    noise = random.integers(0, 256, size, np.uint8)
    photons = random.poisson(random.choice([0.1, 1, 10, 100]), count).astype(kind).view(np.uint8)
    pattern = np.resize(random.integers(0, 256, random.integers(1, 300), np.uint8), size)
    runs = np.repeat(random.integers(0, 3, size, np.uint8), random.integers(1, 40, size))[:size]
    mixed = np.where(np.arange(size) // random.integers(1, size + 1) % 2, photons, noise)
    choice = {"noise": noise, "photons": photons, "pattern": pattern, "runs": runs, "mixed": mixed}
    return choice[content].view(kind).reshape(shape)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(TYPES),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 130), st.integers(1, 130)),
    content=st.sampled_from(["noise", "photons", "pattern", "runs", "mixed"]),
    seed=st.integers(0, 1 << 20),
)
def test_frames_come_back_to_the_last_bit(kind, shape, content, seed):
    frames = draw(kind, shape, content, seed)
    packed = pack_chunks(frames)
    assert unpacked_by_hdf5(packed, shape[1:], kind).tobytes() == frames.tobytes()
    assert unpacked_by_us(packed, shape[1:], kind).tobytes() == frames.tobytes()


def test_counts_are_packed_nearly_as_small_as_by_hdf5():
    frames = np.random.default_rng(1).poisson(1, (8, 128, 128)).astype(np.uint16)
    with h5py.File("any", "w", driver="core", backing_store=False) as file:
        how = hdf5plugin.Bitshuffle()
        data = file.create_dataset("data", data=frames, chunks=(1, 128, 128), **how)
        theirs = data.id.get_storage_size()
    assert sum(map(len, pack_chunks(frames))) < 1.03 * theirs


@pytest.mark.parametrize("kind", ["u1", "u4"])
def test_noise_grows_by_half_a_percent_at_most(kind):
    frames = np.random.default_rng(1).integers(0, 256, (1, 512, 512), np.uint8).view(kind)
    assert len(pack_chunks(frames)[0]) < 1.005 * frames.nbytes


def test_frames_of_shared_chunks_are_taken_from_the_middle():
    frames = np.random.default_rng(1).poisson(1, (12, 30, 31)).astype(np.uint16)
    held = [np.frombuffer(chunk, np.uint8) for chunk in pack_chunks(frames.reshape(3, 4, 30, 31))]
    places = np.array([chunk.ctypes.data for chunk in held])
    sizes = np.array([chunk.size for chunk in held])
    for first in range(12):
        out = np.empty((12 - first, 30, 31), np.uint16)
        chunk = first // 4
        assert not unpack_frames(places[chunk:], sizes[chunk:], 4, first % 4, out).any()
        assert np.array_equal(out, frames[first:])


def test_a_chunk_that_is_damaged_spoils_its_frames_and_no_other():
    frames = np.random.default_rng(1).poisson(1, (5, 64, 64)).astype(np.uint16)
    packed = pack_chunks(frames)
    packed[2] = packed[2][: len(packed[2]) // 2]
    held = [np.frombuffer(chunk, np.uint8) for chunk in packed]
    out = np.empty_like(frames)
    places = np.array([chunk.ctypes.data for chunk in held])
    faults = unpack_frames(places, np.array([chunk.size for chunk in held]), 1, 0, out)
    assert np.flatnonzero(faults).tolist() == [2]
    rest = [0, 1, 3, 4]
    assert np.array_equal(out[rest], frames[rest])
