"""Messages of live streams: what is sent arrives, and what is broken is refused with words."""

import contextlib
import json
import struct
from concurrent.futures import ThreadPoolExecutor

import cbor2
import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptypy.errors import FormatError
from ptypy.io.stream import (
    End,
    Frame,
    Places,
    Start,
    Tag,
    read_cbor,
    read_dectris,
    read_plain,
    unpack,
)

LARGEST = 2**24


def views(*parts):
    return [
        memoryview(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in parts
    ]


def packed(frame, encoding, **options):
    """Pack with the filter of HDF5, as a detector's file would hold it."""
    kind = {"lz4": hdf5plugin.LZ4, "bslz4": hdf5plugin.Bitshuffle}[encoding](**options)
    with h5py.File("f", "w", driver="core", backing_store=False) as file:
        data = file.create_dataset("d", data=frame, chunks=frame.shape, **kind)
        return bytes(data.id.read_direct_chunk((0,) * frame.ndim)[1])


def counts(shape=(33, 17), dtype=np.uint16):
    return np.random.default_rng(1).poisson(3, shape).astype(dtype)


# ------------------------------------------------------------------------- payloads


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<u4", "<f4", "<i4"])
@pytest.mark.parametrize("encoding", ["none", "lz4", "bslz4"])
def test_pixels_come_out_as_they_were_packed(dtype, encoding):
    frame = counts(dtype=np.dtype(dtype))
    payload = frame.tobytes() if encoding == "none" else packed(frame, encoding)
    found = unpack(memoryview(payload), frame.shape, frame.dtype, encoding, largest=LARGEST)
    np.testing.assert_array_equal(found, frame)
    assert found.dtype == frame.dtype


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from(["u1", "u2", "u4"]))
def test_frames_of_any_size_unpack_though_blocks_do_not_divide_them(rows, columns, dtype):
    frame = counts((rows, columns), dtype)
    payload = memoryview(packed(frame, "bslz4"))
    found = unpack(payload, frame.shape, frame.dtype, "bslz4", largest=LARGEST)
    np.testing.assert_array_equal(found, frame)


@pytest.mark.parametrize("block", [512, 8192])
def test_blocks_may_have_another_size_than_usual(block):
    frame = counts((100, 100))
    payload = memoryview(packed(frame, "bslz4", nelems=block // 2))
    found = unpack(payload, frame.shape, frame.dtype, "bslz4", largest=LARGEST)
    np.testing.assert_array_equal(found, frame)


def test_a_naked_block_of_lz4_unpacks_as_one_in_a_frame_does():
    frame = counts((64, 64))
    payload = memoryview(packed(frame, "lz4")[16:])
    found = unpack(payload, frame.shape, frame.dtype, "lz4", largest=LARGEST)
    np.testing.assert_array_equal(found, frame)


@given(st.data(), st.sampled_from(["lz4", "bslz4"]))
def test_a_broken_payload_is_refused_or_gives_a_frame_and_nothing_else(data, encoding):
    frame = counts((40, 40))
    payload = bytearray(packed(frame, encoding))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    payload = payload[: data.draw(st.integers(0, len(payload)))]
    try:
        found = unpack(memoryview(payload), frame.shape, frame.dtype, encoding, largest=LARGEST)
    except FormatError:
        return
    assert found.shape == frame.shape


def test_a_small_message_cannot_claim_a_lot_of_memory():
    bomb = struct.pack(">QI", 2**40, 8192) + b"\0" * 100
    with pytest.raises(FormatError, match="largest_message"):
        unpack(memoryview(bomb), (2**20, 2**20), np.dtype("u1"), "bslz4", largest=LARGEST)
    with pytest.raises(FormatError, match="declared were 400"):
        unpack(memoryview(bomb), (20, 20), np.dtype("u1"), "bslz4", largest=LARGEST)


def test_blocks_that_reach_beyond_their_message_are_refused_before_they_are_read():
    payload = bytearray(packed(counts((40, 40)), "bslz4"))
    payload[12:16] = struct.pack(">I", 2**31 - 1)
    with pytest.raises(FormatError, match="fill their message"):
        unpack(memoryview(payload), (40, 40), np.dtype("u2"), "bslz4", largest=LARGEST)


# ------------------------------------------------------------------------- CBOR

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.floats(allow_nan=False)
    | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


def plain(value):
    """Give values of ours as cbor2 has them."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, list):
        return [plain(one) for one in value]
    return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value


@given(VALUES)
def test_what_another_library_writes_in_cbor_is_read(value):
    assert plain(read_cbor(memoryview(cbor2.dumps(value)))) == value


@given(VALUES)
def test_texts_and_lists_of_unknown_length_are_read(value):
    assert plain(read_cbor(memoryview(cbor2.dumps(value, indefinite_containers=True)))) == value


@given(st.binary(max_size=60))
def test_no_bytes_whatever_do_more_than_be_refused(data):
    with contextlib.suppress(FormatError):
        read_cbor(memoryview(data))
    for read in (read_plain, read_dectris):
        with contextlib.suppress(FormatError):
            read([memoryview(data)], LARGEST)


def test_tags_stay_tags_so_that_nothing_is_made_of_them():
    expression = cbor2.dumps(cbor2.CBORTag(35, "(a+)+$"))
    assert read_cbor(memoryview(expression)) == Tag(35, "(a+)+$")


def test_nesting_is_limited():
    with pytest.raises(FormatError, match="deep"):
        read_cbor(memoryview(b"\x81" * 1000 + b"\x00"))
    with pytest.raises(FormatError, match="deep"):
        read_plain([memoryview(b'{"a":' * 100000 + b"1" + b"}" * 100000)], LARGEST)


def test_a_list_cannot_claim_more_members_than_there_are_bytes():
    with pytest.raises(FormatError, match="cut short"):
        read_cbor(memoryview(b"\x9b" + b"\x7f" * 8))


# ------------------------------------------------------------------------- Dectris


def image1(frame, index=3, encoding="<", payload=None):
    head = {"htype": "dimage-1.0", "series": 7, "frame": index, "hash": "0"}
    about = {
        "htype": "dimage_d-1.0", "shape": list(frame.shape[::-1]), "type": frame.dtype.name,
        "encoding": encoding, "size": 0,
    }  # fmt: skip
    return views(head, about, payload or frame.tobytes(), {"htype": "dconfig-1.0"})


def test_stream_v1_rows_and_columns_are_not_confused():
    frame = counts((10, 30))
    for encoding, payload in (
        ("<", None),
        ("lz4<", packed(frame, "lz4")[16:]),
        ("bs16-lz4<", packed(frame, "bslz4")),
    ):
        message = read_dectris(image1(frame, encoding=encoding, payload=payload), LARGEST)
        assert (message.index, message.series) == (3, "7")
        np.testing.assert_array_equal(message.data, frame)


def test_stream_v1_with_an_appendix_is_read():
    frame = counts()
    parts = [*image1(frame), *views({"of": "the user"})]
    np.testing.assert_array_equal(read_dectris(parts, LARGEST).data, frame)


@pytest.mark.parametrize(("detail", "count"), [("none", 1), ("basic", 2), ("all", 8)])
def test_stream_v1_header_in_all_its_lengths(detail, count):
    config = {
        "photon_energy": 6200.0, "detector_distance": 2.5, "x_pixel_size": 75e-6,
        "y_pixel_size": 76e-6, "nimages": 50, "ntrigger": 2,
    }  # fmt: skip
    bad = np.zeros((10, 30), np.uint32)
    bad[4, 20] = 2
    about = {"shape": [30, 10], "type": "uint32"}
    parts = views(
        {"htype": "dheader-1.0", "series": 7, "header_detail": detail},
        config,
        {"htype": "dflatfield-1.0", "shape": [30, 10], "type": "float32"},
        np.ones((10, 30), np.float32).tobytes(),
        {"htype": "dpixelmask-1.0", **about},
        bad.tobytes(),
        {"htype": "dcountrate_table-1.0", "shape": [2, 5], "type": "float32"},
        b"\0" * 40,
    )[:count]
    start = read_dectris(parts, LARGEST)
    assert start.series == "7"
    if count > 1:
        assert (start.frames, start.distance, start.psize) == (100, 2.5, (76e-6, 75e-6))
        assert start.energy == pytest.approx(6.2)
    if count > 2:
        np.testing.assert_array_equal(start.mask, bad == 0)
    else:
        assert start.mask is None


def test_stream_v1_end():
    assert read_dectris(views({"htype": "dseries_end-1.0", "series": 7}), LARGEST) == End("7")


def message2(**entries):
    return [memoryview(cbor2.dumps(cbor2.CBORTag(55799, {"series_id": 9, **entries})))]


def typed(frame, tag, encoding=None):
    content = frame.tobytes()
    if encoding is not None:
        inside = [encoding, frame.dtype.itemsize, packed(frame, encoding)]
        content = cbor2.CBORTag(56500, inside)
    return cbor2.CBORTag(40, [list(frame.shape), cbor2.CBORTag(tag, content)])


@pytest.mark.parametrize("encoding", [None, "lz4", "bslz4"])
@pytest.mark.parametrize(("tag", "dtype"), [(64, "u1"), (69, "<u2"), (70, "<u4"), (65, ">u2")])
def test_stream_v2_images(tag, dtype, encoding):
    frame = counts((10, 30), np.dtype(dtype))
    data = {"threshold_1": typed(frame, tag, encoding)}
    message = read_dectris(message2(type="image", image_id=4, data=data), LARGEST)
    assert (message.index, message.series) == (4, "9")
    np.testing.assert_array_equal(message.data, frame)


def test_stream_v2_a_channel_can_be_chosen():
    one, two = counts(), counts() + 1
    data = {"threshold_1": typed(one, 69), "threshold_2": typed(two, 69)}
    message = message2(type="image", image_id=4, data=data)
    np.testing.assert_array_equal(read_dectris(message, LARGEST, "threshold_2").data, two)
    with pytest.raises(FormatError, match=r"no channel 'difference'.*threshold_1"):
        read_dectris(message, LARGEST, "difference")


def test_stream_v2_start_and_end():
    bad = np.zeros((10, 30), np.uint32)
    bad[4, 20] = 1
    parts = message2(
        type="start", incident_energy=8000.0, detector_translation=[0, 0, 1.5], pixel_size_x=1e-4,
        pixel_size_y=2e-4, number_of_images=12, pixel_mask={"threshold_1": typed(bad, 70)},
    )  # fmt: skip
    start = read_dectris(parts, LARGEST)
    assert (start.energy, start.distance, start.psize, start.frames) == (8.0, 1.5, (2e-4, 1e-4), 12)
    np.testing.assert_array_equal(start.mask, bad == 0)
    assert read_dectris(message2(type="end"), LARGEST) == End("9")


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        (views({"htype": "dimage-2.0"}), "htype"),
        (views({"htype": "dimage-1.0", "frame": -1}, {}, b""), "whole number"),
        (views({"htype": "dimage-1.0", "frame": 1}), "at least 3"),
        (image1(counts(), encoding="zstd<"), "encoding"),
        (image1(counts(), payload=b"short"), "declared"),
        (image1(counts().astype(complex)), "type"),
        (message2(type="image", image_id=1, data={}), "arrays"),
        (message2(type="image", image_id=1, data={"a": 1}), "tag 40"),
        (message2(type="image", image_id=True, data={}), "whole number"),
        (message2(type="movie"), "movie"),
        (views(b"\x01", b"\x02"), "parts"),
        ([], "empty"),
    ],
)
def test_what_is_no_message_of_a_detector_is_refused_and_says_why(parts, why):
    with pytest.raises(FormatError, match=why):
        read_dectris(parts, LARGEST)


# ------------------------------------------------------------------------- the plain form


def test_plain_frames_with_all_that_may_come_with_them():
    frame, mask = counts((5, 6)), np.eye(5, 6, dtype=np.uint8)
    header = {
        "type": "frame", "scan": 4, "index": 11, "shape": [5, 6], "dtype": "uint16",
        "position": [1e-6, -2e-6], "mask": True, "encoding": "bslz4",
    }  # fmt: skip
    message = read_plain(views(header, packed(frame, "bslz4"), mask.tobytes()), LARGEST)
    assert isinstance(message, Frame)
    assert (message.index, message.series, message.position) == (11, "4", (1e-6, -2e-6))
    np.testing.assert_array_equal(message.data, frame)
    np.testing.assert_array_equal(message.mask, mask == 1)


def test_plain_start_positions_and_end():
    start = read_plain(
        views({"type": "start", "frames": 9, "energy": 7.1, "distance": 2, "psize": 55e-6}), LARGEST
    )
    assert start == Start(frames=9, energy=7.1, distance=2.0, psize=(55e-6, 55e-6))
    one = read_plain(views({"type": "position", "index": 3, "position": [1, 2]}), LARGEST)
    assert one == Places([3], [(1.0, 2.0)])
    many = {"type": "position", "index": [3, 4], "position": [[1, 2], [3, 4]]}
    assert read_plain(views(many), LARGEST) == Places([3, 4], [(1.0, 2.0), (3.0, 4.0)])
    assert read_plain(views({"type": "end", "scan": "a", "frames": 9}), LARGEST) == End("a", 9)


PLAIN = {"type": "frame", "index": 1, "shape": [2, 2], "dtype": "<u2"}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"type": "picture"}, "picture"),
        ({"type": ["frame"]}, "type"),
        ({"index": 1.5}, "whole number"),
        ({"index": 10**12}, "whole number"),
        ({"shape": [2, 3]}, "declared"),
        ({"shape": [2]}, "shape"),
        ({"shape": [2**30, 2**30]}, "shape"),
        ({"dtype": "O"}, "dtype"),
        ({"dtype": "<c8"}, "dtype"),
        ({"dtype": "u2,u2"}, "dtype"),
        ({"position": [1]}, "position"),
        ({"position": [1, float("nan")]}, "position"),
        ({"position": "here"}, "position"),
        ({"encoding": "pickle"}, "encoding"),
        ({"mask": True}, "announces"),
    ],
)
def test_what_is_no_plain_message_is_refused_and_says_why(changed, why):
    with pytest.raises(FormatError, match=why):
        read_plain(views({**PLAIN, **changed}, b"\0" * 8), LARGEST)


def test_after_a_broken_frame_the_next_ones_are_right():
    random = np.random.default_rng(5)
    for number in range(30):
        frame = random.poisson(number, (64, 64)).astype(np.uint16)
        payload = bytearray(packed(frame, "lz4"))
        if number % 3 == 1:
            payload[16:] = bytes(len(payload) - 16)
            with pytest.raises(FormatError):
                unpack(memoryview(payload), frame.shape, frame.dtype, "lz4", largest=LARGEST)
            continue
        found = unpack(memoryview(payload), frame.shape, frame.dtype, "lz4", largest=LARGEST)
        np.testing.assert_array_equal(found, frame)


def test_two_streams_unpack_at_the_same_time():
    frame = counts((200, 200))
    payload = memoryview(packed(frame, "bslz4"))

    def work(_):
        return unpack(payload, frame.shape, frame.dtype, "bslz4", largest=LARGEST)

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(work, range(60)):
            np.testing.assert_array_equal(found, frame)
