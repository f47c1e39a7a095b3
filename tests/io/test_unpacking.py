"""Chunks of bitshuffle and LZ4 as hdf5plugin wrote them, whole, in parts, and damaged."""

import ctypes
import mmap
import sys
import threading

import h5py
import hdf5plugin
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptypy.errors import FormatError
from ptypy.io import unpacking as bitshuffle

GUARD = 251
MARGIN = 256
FAULTS = {bitshuffle.ENDS_EARLY, bitshuffle.OTHER_SIZE, bitshuffle.BROKEN, bitshuffle.NO_ROOM}
TYPES = ["u1", "i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8"]


def pack(array, block=0):
    """Let HDF5 pack an array as one chunk."""
    with h5py.File("any", "w", driver="core", backing_store=False) as file:
        packing = hdf5plugin.Bitshuffle(nelems=block, cname="lz4")
        data = file.create_dataset("data", data=array, chunks=array.shape, **packing)
        return data.id.read_direct_chunk((0,) * array.ndim)[1]


def draw(kind, shape, seed=0):
    """Photons on a detector whose strongest pixels are marked, or noise below zero."""
    random = np.random.default_rng(seed)
    kind = np.dtype(kind)
    if kind.kind == "f":
        return random.normal(size=shape).astype(kind)
    array = random.poisson(random.choice([0.05, 1, 30], shape[0])[:, None], shape).astype(kind)
    if kind.kind == "i":
        return array - 2
    array[random.random(shape) < 0.01] = np.iinfo(kind).max
    return array


def end_at_border(chunk):
    """Copy a chunk to the end of the memory that this process may read."""
    if sys.platform != "linux":
        return np.frombuffer(chunk, np.uint8).copy()
    pages = -(-len(chunk) // mmap.PAGESIZE) + 1
    memory = np.frombuffer(mmap.mmap(-1, pages * mmap.PAGESIZE), np.uint8)
    border = memory.size - mmap.PAGESIZE
    place = memory[border - len(chunk) : border]
    place[:] = np.frombuffer(chunk, np.uint8)
    address = ctypes.c_void_p(memory.ctypes.data + border)
    assert ctypes.CDLL(None).mprotect(address, ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
    return place


class Guarded:
    """Memory with bytes around it that nobody may write."""

    def __init__(self, size):
        self.whole = np.full(size + 2 * MARGIN, GUARD, np.uint8)
        self.inner = self.whole[MARGIN : MARGIN + size]
        self.address = self.inner.ctypes.data

    def is_intact(self):
        return bool((self.whole[:MARGIN] == GUARD).all() and (self.whole[-MARGIN:] == GUARD).all())


class Reader:
    """Decodes parts of a chunk into guarded memory."""

    def __init__(self, chunk, elements, kind, room=None):
        self.chunk = end_at_border(chunk)
        self.kind = np.dtype(kind)
        source, itemsize = self.chunk.ctypes.data, self.kind.itemsize
        block = bitshuffle.block_elements(source, self.chunk.size, itemsize)
        if room is None:
            room = bitshuffle.scratch_size(elements, max(block, 0), itemsize)
        self.scratch = Guarded(room)
        decoder = bitshuffle.get_decoder(itemsize)
        self.fault = bitshuffle.begin(
            source, self.chunk.size, elements, itemsize, decoder, self.scratch.address, room
        )

    def read(self, first, stop):
        out = Guarded((stop - first) * self.kind.itemsize)
        fault = self.fault or bitshuffle.decode(self.scratch.address, first, stop, out.address)
        assert self.scratch.is_intact()
        assert out.is_intact()
        return fault, out.inner.view(self.kind)


# --- what others wrote -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("shape", "block"),
    [
        ((64, 128), 0),  # whole blocks
        ((67, 131), 0),  # a short last block, and an element that fills no byte
        ((67, 131), 8),
        ((67, 131), 136),
        ((67, 131), 2048),
        ((40, 50), 65536),  # one block, larger than the chunk
        ((1, 7), 0),  # nothing but elements that fill no byte
        ((1, 8), 0),
    ],
)
def test_numbers_of_every_kind_come_out_as_hdf5_put_them_in(kind, shape, block):
    array = draw(kind, shape)
    found = bitshuffle.decode_chunk(pack(array, block), shape, kind)
    assert found.dtype == array.dtype
    assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize("value", [0, 1, 255, 256, 65535])
def test_frames_of_one_value_come_out(value):
    array = np.full((100, 101), value, np.uint16)
    assert (bitshuffle.decode_chunk(pack(array), array.shape, "u2") == value).all()


@pytest.mark.parametrize("kind", ["u1", "<u2", "<u4", "<u8"])
@pytest.mark.parametrize("bits", range(0, 65, 3))
def test_counts_of_every_height_come_out(kind, bits):
    kind = np.dtype(kind)
    bits = min(bits, 8 * kind.itemsize)
    random = np.random.default_rng(bits)
    array = random.integers(0, 2**bits, (3, 1000), np.uint64).astype(kind)
    assert (bitshuffle.decode_chunk(pack(array), array.shape, kind) == array).all()


@given(
    period=st.integers(1, 80),
    length=st.integers(8, 600),
    seed=st.integers(0, 99),
    block=st.sampled_from([0, 64, 4096]),
)
def test_patterns_of_every_period_come_out(period, length, seed, block):
    random = np.random.default_rng(seed)
    pieces = [
        np.resize(random.integers(0, 256, period), length),
        random.integers(0, 256, length % 50),
        np.resize(random.integers(0, 256, period), 2 * length),
    ]
    planes = np.concatenate(pieces).astype(np.uint8)
    planes = planes[: planes.size // 8 * 8]
    bits = np.unpackbits(planes, bitorder="little").reshape(8, -1)
    array = np.packbits(bits, axis=0, bitorder="little").ravel()
    found = bitshuffle.decode_chunk(pack(array, block), array.shape, "u1")
    assert (found == array).all()


@pytest.mark.parametrize(("kind", "block"), [("<u2", 64), ("<u4", 0), ("<u8", 16)])
def test_any_part_is_that_part_of_the_whole(kind, block):
    array = draw(kind, (9, 31)).ravel()
    reader = Reader(pack(array, block), array.size, kind)
    for first in range(0, array.size, 5):
        for stop in (*range(first, array.size, 7), array.size):
            fault, part = reader.read(first, stop)
            assert fault == 0
            assert (part == array[first:stop]).all()


@pytest.mark.parametrize("rows", [1, 3, 16, 50])
@pytest.mark.parametrize("region", [(0, 50), (7, 33), (49, 50)])
def test_strips_of_rows_from_top_to_bottom_give_the_frame(rows, region):
    frame = draw("<u2", (50, 333))
    width = frame.shape[1]
    reader = Reader(pack(frame, 256), frame.size, "<u2")
    strips = []
    for top in range(region[0], region[1], rows):
        bottom = min(top + rows, region[1])
        fault, strip = reader.read(top * width, bottom * width)
        assert fault == 0
        strips.append(strip.reshape(-1, width))
    assert (np.concatenate(strips) == frame[slice(*region)]).all()


def test_a_kernel_can_decode_a_frame_strip_by_strip():
    frame = draw("<u2", (60, 100))
    chunk = np.frombuffer(pack(frame), np.uint8)
    begin, decode = bitshuffle.begin, bitshuffle.decode
    size = bitshuffle.scratch_size(
        frame.size, bitshuffle.block_elements(chunk.ctypes.data, chunk.size, 2), 2
    )

    @numba.njit(nogil=True)
    def add_rows(chunk, frame_shape, decoder, scratch, strip):
        sums = np.zeros(frame_shape[0])
        height, width = frame_shape
        fault = begin(
            chunk.ctypes.data,
            chunk.size,
            height * width,
            2,
            decoder,
            scratch.ctypes.data,
            scratch.size,
        )
        for top in range(0, height, 5):
            if fault < 0:
                break
            first = top * width
            fault = decode(scratch.ctypes.data, first, first + 5 * width, strip.ctypes.data)
            sums[top : top + 5] = strip.sum(axis=1)
        return fault, sums

    fault, sums = add_rows(
        chunk,
        frame.shape,
        bitshuffle.get_decoder(2),
        np.empty(size, np.uint8),
        np.empty((5, 100), np.uint16),
    )
    assert fault == 0
    assert (sums == frame.sum(axis=1)).all()


def test_blocks_can_be_passed_over_and_decoded_by_themselves():
    array = draw("<u4", (10, 100)).ravel()
    chunk = np.frombuffer(pack(array, 40), np.uint8)
    source = chunk.ctypes.data
    out, scratch = Guarded(3 * 160), Guarded(160 + 64)
    hop, decode_blocks = bitshuffle.hop, bitshuffle.decode_blocks

    @numba.njit
    def decode_three(decoder, chunk, out, scratch):
        source, size = chunk.ctypes.data, chunk.size
        offset = hop(source, size, 12, 7)
        return decode_blocks(decoder, source, size, offset, 3, 40, out, scratch)

    decoder = bitshuffle.get_decoder(4)
    end = decode_three(decoder, chunk, out.address, scratch.address)
    assert end == bitshuffle.hop(source, chunk.size, 12, 10)
    assert (out.inner.view("<u4") == array[7 * 40 : 10 * 40]).all()
    assert out.is_intact()
    assert scratch.is_intact()
    assert bitshuffle.hop(source, chunk.size, 12, 26) == bitshuffle.ENDS_EARLY


def test_two_threads_at_once_decode_the_same():
    frames = [draw("<u2", (200, 300), seed) for seed in range(2)]
    chunks = [pack(frame) for frame in frames]
    wrong = []

    def work(frame, chunk):
        found = [bitshuffle.decode_chunk(chunk, frame.shape, "<u2") for _ in range(50)]
        wrong.extend(array for array in found if not (array == frame).all())

    threads = [
        threading.Thread(target=work, args=pair) for pair in zip(frames, chunks, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- what is wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize("block", [0, 64])
def test_a_chunk_cut_short_anywhere_says_so(block):
    array = draw("<u2", (13, 47))
    chunk = pack(array, block)
    for size in range(len(chunk)):
        with pytest.raises(FormatError, match=r"13 x 47 uint16 .* cut short"):
            bitshuffle.decode_chunk(chunk[:size], array.shape, "<u2")


def test_elements_before_a_cut_can_still_be_had():
    array = draw("<u2", (13, 47)).ravel()
    chunk = pack(array, 64)
    reader = Reader(chunk[: len(chunk) // 2], array.size, "<u2")
    fault, part = reader.read(0, 64)
    assert fault == 0
    assert (part == array[:64]).all()
    assert reader.read(0, array.size)[0] == bitshuffle.ENDS_EARLY
    assert reader.read(array.size - 1, array.size)[0] == bitshuffle.ENDS_EARLY


@pytest.mark.parametrize(("shape", "kind"), [((13, 48), "<u2"), ((13, 47), "<u4"), ((0,), "<u2")])
def test_a_chunk_of_another_size_says_which(shape, kind):
    chunk = pack(draw("<u2", (13, 47)))
    with pytest.raises(FormatError, match=r"holds \d+ bytes, but its head says 1222"):
        bitshuffle.decode_chunk(chunk, shape, kind)


def test_blocks_that_hold_parts_of_bytes_are_refused():
    chunk = bytearray(pack(draw("<u2", (13, 47))))
    chunk[8:12] = (20).to_bytes(4)
    with pytest.raises(FormatError, match="in blocks of 20; blocks hold a multiple of 8"):
        bitshuffle.decode_chunk(bytes(chunk), (13, 47), "<u2")


def test_a_scratch_too_small_is_not_written():
    array = draw("<u2", (13, 47))
    reader = Reader(pack(array), array.size, "<u2", room=1000)
    assert reader.fault == bitshuffle.NO_ROOM
    assert (reader.scratch.whole == GUARD).all()


@pytest.mark.parametrize("kind", [">u2", "c16", "S4", "c8"])
def test_other_kinds_of_elements_are_left_to_hdf5(kind):
    with pytest.raises(FormatError, match="read the dataset through h5py"):
        bitshuffle.decode_chunk(bytes(100), (4, 4), kind)


# One block of 64 bytes that LZ4 spoils: token, literals, distance, ...
BROKEN = {
    "a match before the beginning": b"\x10a\x02\x00" + b"\x50abcde",
    "a match of no distance": b"\x10a\x00\x00" + b"\x50abcde",
    "too few bytes": b"\x50abcde",
    "too many bytes": b"\xf0\x40" + bytes(79),
    "a match that is too long": b"\x1fa\x01\x00\xff\x00" + b"\x50abcde",
    "literals that are too long": b"\xf0\xff\xff\xff\xff\xff\x00abc",
    "a length without an end": b"\xf0\xff\xff\xff\xff",
    "a length of a match without an end": b"\x1fa\x01\x00\xff\xff",
    "a distance cut in two": b"\x10a\x01",
    "no last literals": b"\x1fa\x01\x00\x2c",
    "nothing": b"",
}


@pytest.mark.parametrize("block", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("after", [b"", bytes(100)])
def test_a_block_that_does_not_decode_says_so(block, after):
    head = (64).to_bytes(8) + (0).to_bytes(4)
    chunk = head + len(block).to_bytes(4) + block + after
    with pytest.raises(FormatError, match="damaged"):
        bitshuffle.decode_chunk(chunk, (64,), "u1")


CHUNKS = {
    kind: (pack(draw(kind, (21, 67)), block), 21 * 67)
    for kind, block in (("u1", 0), ("<u2", 128), ("<u4", 0), ("<u8", 32))
}


@settings(max_examples=400, deadline=None)
@given(
    kind=st.sampled_from(sorted(CHUNKS)),
    where=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    keep=st.floats(0.05, 1.5),
    part=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_damaged_bytes_never_write_where_they_may_not(kind, where, keep, part):
    chunk, elements = CHUNKS[kind]
    damaged = bytearray(chunk)
    for place, value in where:
        damaged[12 + int(place * (len(damaged) - 13))] = value
    damaged = damaged[: int(len(damaged) * keep)]
    reader = Reader(bytes(damaged), elements, kind)
    first, stop = sorted(int(p * elements) for p in part)
    for span in ((0, elements), (first, stop)):
        fault, _ = reader.read(*span)
        assert fault == 0 or fault in FAULTS


@given(chunk=st.binary(max_size=200), head=st.booleans(), block=st.sampled_from([0, 16, 64, 128]))
def test_any_bytes_give_numbers_or_a_fault(chunk, head, block):
    if head:
        chunk = (160).to_bytes(8) + block.to_bytes(4) + chunk
    reader = Reader(chunk, 80, "<u2", room=None if head else 2000)
    fault, _ = reader.read(0, 80)
    assert fault == 0 or fault in FAULTS
