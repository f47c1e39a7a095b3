"""What holds for every frame, mask and parameter there may be, from loader to chunk."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ptypy.core.data import PtyScan

few = settings(max_examples=40, deadline=None)


class ArrayScan(PtyScan):
    """Frames, masks and corrections from memory; masks may belong to all frames or to each."""

    PLACEHOLDERS = ()

    def __init__(self, frames, masks=None, dark=None, flat=None, **pars):
        self.frames, self.masks = frames, masks
        super().__init__(psize=(1e-4, 3e-4), **pars)
        self.correct_with(dark=dark, flat=flat)

    def load_positions(self):
        return np.arange(2.0 * len(self.frames)).reshape(-1, 2)

    def load_weight(self):
        return self.masks if np.ndim(self.masks) == 2 else None

    def load(self, indices):
        own = {i: self.masks[i] for i in indices} if np.ndim(self.masks) == 3 else {}
        return {i: self.frames[i] for i in indices}, {}, own


def prepare(scan, size=100):
    """Prepare all frames: counts, a mask for every frame, positions, meta."""
    chunks = []
    while not isinstance(chunk := scan.next_chunk(size), str):
        chunks.append(chunk)
    masks = [np.broadcast_to(chunk.mask, chunk.data.shape) for chunk in chunks]
    return (
        np.concatenate([chunk.data for chunk in chunks]),
        np.concatenate(masks),
        np.concatenate([chunk.positions for chunk in chunks]),
        scan.meta,
    )


def turned(frame, orientation):
    """Turn a frame as the specification words it."""
    frame = np.transpose(frame) if orientation & 4 else frame
    frame = np.flipud(frame) if orientation & 2 else frame
    return np.fliplr(frame) if orientation & 1 else frame


def by_numpy(frame, shape, center, orientation, rebin):
    """Pad far beyond the frame, cut about the centre, turn, sum blocks."""
    if shape == frame.shape:
        # A centre within half a pixel of the middle means the frame as it is.
        pairs = zip(center, shape, strict=True)
        center = [n // 2 if abs(c - n // 2) <= 0.5 else c for c, n in pairs]
    margin = 64
    far = np.pad(frame, margin)
    top, left = (int(np.round(c)) - n // 2 + margin for c, n in zip(center, shape, strict=True))
    region = turned(far[top : top + shape[0], left : left + shape[1]], orientation)
    rows, columns = (n // rebin for n in region.shape)
    return region.reshape(rows, rebin, columns, rebin).sum(axis=(1, 3))


@st.composite
def scans(draw):
    """Draw frames, masks and parameters that fit together."""
    count = draw(st.integers(1, 7))
    raw = draw(st.tuples(st.integers(4, 20), st.integers(4, 20)))
    rebin = draw(st.sampled_from([1, 1, 2, 3]))
    shape = tuple(rebin * n for n in draw(st.tuples(st.integers(1, 8), st.integers(1, 8))))
    center = tuple(draw(st.floats(0, n - 1)) for n in raw)
    frames = draw(hnp.arrays(np.uint16, (count, *raw), elements=st.integers(0, 9999)))
    masks = draw(st.none() | hnp.arrays(bool, raw) | hnp.arrays(bool, (count, *raw)), label="masks")
    orientation = draw(st.integers(0, 7))
    asked = {"shape": shape, "center": center, "orientation": orientation, "rebin": rebin}
    return frames, masks, asked


@given(scans())
@few
def test_frames_and_masks_are_what_plain_numpy_makes_of_them(drawn):
    frames, masks, asked = drawn
    data, mask, positions, _ = prepare(ArrayScan(frames, masks, **asked))
    trusted = np.broadcast_to(True if masks is None else masks, frames.shape)
    for k, frame in enumerate(frames):
        np.testing.assert_array_equal(data[k], by_numpy(frame.astype(int), **asked))
        good = by_numpy(trusted[k].astype(int), **asked)
        np.testing.assert_array_equal(mask[k], good == asked["rebin"] ** 2)
    np.testing.assert_array_equal(positions, np.arange(2.0 * len(frames)).reshape(-1, 2))


@given(scans(), st.integers(1, 8))
@few
def test_the_result_does_not_depend_on_how_many_frames_come_at_once(drawn, size):
    frames, masks, asked = drawn
    expected = prepare(ArrayScan(frames, masks, **asked))
    got = prepare(ArrayScan(frames, masks, **asked), size)
    for one, other in zip(got[:3], expected[:3], strict=True):
        np.testing.assert_array_equal(one, other)
    assert got[0].dtype == expected[0].dtype
    np.testing.assert_array_equal(got[3].center, expected[3].center)


@given(scans())
@few
def test_no_photon_is_made_or_lost(drawn):
    frames, masks, asked = drawn
    asked = {**asked, "shape": (60, 60), "rebin": asked["rebin"]}
    data = prepare(ArrayScan(frames, masks, **asked))[0]
    total = frames.sum(axis=(1, 2), dtype=np.int64)
    np.testing.assert_array_equal(data.sum(axis=(1, 2), dtype=np.int64), total)


@given(scans())
@few
def test_corrected_counts_are_what_plain_numpy_makes_of_them(drawn):
    frames, _, asked = drawn
    rng = np.random.default_rng(int(frames.sum(dtype=np.int64)))
    dark, flat = rng.uniform(0, 3000, frames.shape[1:]), rng.uniform(0.5, 2, frames.shape[1:])
    flat[rng.random(flat.shape) < 0.1] = 0
    data, mask, _, _ = prepare(ArrayScan(frames, None, dark, flat, **asked))
    with np.errstate(all="ignore"):
        real = np.where(flat > 0, np.maximum(frames - dark, 0) / flat, 0)
    for k, frame in enumerate(real):
        np.testing.assert_allclose(data[k], by_numpy(frame, **asked), rtol=1e-5, atol=0.05)
        good = by_numpy((flat > 0).astype(int), **asked)
        np.testing.assert_array_equal(mask[k], good == asked["rebin"] ** 2)


@given(st.integers(0, 7), st.integers(0, 7), st.tuples(st.integers(2, 9), st.integers(2, 9)))
@few
def test_orientations_are_a_group_and_numbers_and_booleans_name_the_same_ones(one, other, shape):
    """Every orientation can be undone, and two of them after one another are one of the eight."""
    frame = np.arange(shape[0] * shape[1]).reshape(shape)

    def turn(image, orientation):
        asked = {"shape": None, "center": "fftshift", "orientation": orientation}
        return prepare(ArrayScan(image[None], **asked))[0][0]

    np.testing.assert_array_equal(turn(frame, one), turned(frame, one))
    flags = (bool(one & 4), bool(one & 2), bool(one & 1))
    np.testing.assert_array_equal(turn(frame, flags), turn(frame, one))
    twice = turn(turn(frame, one), other)
    assert sum(np.array_equal(twice, turn(frame, o)) for o in range(8)) == 1
    assert sum(np.array_equal(turn(turn(frame, one), o), frame) for o in range(8)) == 1


@given(scans())
@few
def test_the_axis_in_the_package_is_the_pixel_that_was_named(drawn):
    """A single bright raw pixel on the axis shows where the axis comes to lie."""
    frames, _, asked = drawn
    beam = np.zeros_like(frames[:1])
    asked["center"] = tuple(float(round(c)) for c in asked["center"])
    beam[0, int(asked["center"][0]), int(asked["center"][1])] = 1
    data, _, _, meta = prepare(ArrayScan(beam, **asked))
    assert tuple(meta.shape) == data.shape[1:]
    (lit,) = np.argwhere(data[0])
    assert tuple(lit) == tuple(np.floor(meta.center).astype(int))
    psize = np.array((3e-4, 1e-4) if asked["orientation"] & 4 else (1e-4, 3e-4))
    np.testing.assert_allclose(meta.psize, psize * asked["rebin"])


SCAN = """
import json
import numpy as np
from ptypy.core.data import PtyScan
from ptypy.utils import parallel

rng = np.random.default_rng(11)
FRAMES = rng.poisson(30, (10, 18, 24)).astype(np.uint16)
MASKS = rng.random((10, 18, 24)) > 0.02
WEIGHTS = rng.random((18, 24)) * (rng.random((18, 24)) > 0.1)
FLAT = rng.uniform(0.5, 2, (18, 24))
FLAT[3, 5:9] = 0


class Scan(PtyScan):
    PLACEHOLDERS = ()

    def load_positions(self):
        return np.arange(20.0).reshape(10, 2)

    def load_weight(self):
        return {"none": None, "each": None, "common": WEIGHTS}[self.kind]

    def load(self, indices):
        raw = {i: FRAMES[i] for i in indices}
        if self.kind == "none":
            raw = {i: np.where(FRAMES[i] == 29, np.nan, FRAMES[i]) for i in indices}
        return raw, {}, {i: MASKS[i] for i in indices} if self.kind == "each" else {}

    def correct(self, raw, weights, common):
        assert set(raw) == set(self.indices.node)
        return {i: frame + 1 for i, frame in raw.items()}, weights


found = {}
for number, asked in enumerate(ASKED):
    kind, size, corrected = asked.pop("kind"), asked.pop("size"), asked.pop("flat")
    scan = Scan(asked)
    scan.kind = kind
    scan.correct_with(flat=FLAT if corrected else None)
    while not isinstance(chunk := scan.next_chunk(size), str):
        weights = chunk.mask if chunk.weights is None else chunk.weights
        weights = np.broadcast_to(weights, chunk.data.shape)
        for row, index in enumerate(chunk.indices_node):
            found[f"{number}_{index}_data"] = chunk.data[row]
            found[f"{number}_{index}_weights"] = weights[row]
            place = chunk.indices.tolist().index(index)
            found[f"{number}_{index}_position"] = chunk.positions[place]
    found[f"{number}_center"] = scan.meta.center
np.savez(f"{parallel.size}_{parallel.rank}.npz", **found)
"""


def some_parameters():
    """Give parameters of eighteen scans, of every kind of mask, correction and centre.

    A chunk has at least a frame for each process, so that the first one, which decides where the
    centre is if nobody says, is the same on any number of them.
    """
    rng = np.random.default_rng(2)
    for number in range(18):
        rebin = int(rng.integers(1, 4))
        asked = {
            "shape": [int(rebin * n) for n in rng.integers(2, 7, 2)] if number % 5 else None,
            "center": [float(c) for c in rng.uniform(0, (17, 23))] if number % 3 else None,
            "orientation": int(rng.integers(0, 8)),
            "rebin": rebin if number % 5 else None,
            "load_parallel": [None, "data", "common", "all"][number % 4],
        }
        yield {
            **asked,
            "kind": ["none", "each", "common"][number % 3 if number % 2 else number // 2 % 3],
            "size": int(rng.integers(3, 11)),
            "flat": bool(number % 2),
        }


@pytest.mark.mpi
def test_the_result_does_not_depend_on_the_number_of_processes(mpirun, tmp_path):
    text = "ASKED = " + repr(json.loads(json.dumps(list(some_parameters())))) + SCAN
    found = {}
    for processes in (1, 2, 3):
        done = mpirun(text, processes)
        assert done.returncode == 0, done.stderr
        found[processes] = {}
        for rank in range(processes):
            with np.load(tmp_path / f"{processes}_{rank}.npz") as file:
                found[processes].update(file)
    for processes in (2, 3):
        assert found[processes].keys() == found[1].keys()
        for name, expected in found[1].items():
            got = found[processes][name]
            assert got.dtype.kind == expected.dtype.kind, name
            # The centre is a mean: the order of its sum is not the same everywhere.
            exact = not name.endswith("center")
            np.testing.assert_allclose(got, expected, rtol=0 if exact else 1e-12, err_msg=name)
