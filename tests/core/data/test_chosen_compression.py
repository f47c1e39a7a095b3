"""Frames are packed where that pays, as was measured on the first; a file keeps to its choice."""

import logging

import h5py
import numpy as np
import pytest

from ptypy.core.data import EOS
from ptypy.io import ptyd

GEOMETRY = {"energy": 8.8, "distance": 2.0, "psize": 75e-6, "compression": "auto"}
RNG = np.random.default_rng(3)
FEW = RNG.poisson(1, (40, 64, 64)).astype(np.uint16)
MANY = RNG.integers(0, 65536, (40, 64, 64)).astype(np.uint16)


@pytest.fixture
def save(memory_scan, tmp_path):
    """Save frames, 20 at once; gives how each chunk of the file is compressed."""

    def save(frames, count=None, **more):
        path = tmp_path / "s.ptyd"
        scan = memory_scan(list(frames), save="append", dfile=str(path), **{**GEOMETRY, **more})
        done = 0
        while done != count and scan.next_chunk(20) != EOS:
            done += 1
        assert not [text for text in ptyd.validate(path, deep=True) if "chunks" in text]
        reader = ptyd.PtydReader(path)
        assert np.array_equal(reader.read(0, reader.num_frames).data, frames[: reader.num_frames])
        return [chunk.compression for chunk in reader.chunks]

    return save


def test_counts_of_few_photons_are_packed_and_the_run_says_by_how_much(save, caplog):
    caplog.set_level(logging.INFO, logger="ptypy")
    assert save(FEW) == ["bitshuffle", "bitshuffle"]
    (said,) = [text for text in caplog.messages if "bitshuffle" in text]
    assert "16 of the first 20 frames" in said
    assert "at least 2 times: frames are stored so" in said


def test_noise_is_stored_as_it_is_and_can_be_mapped(save, caplog, tmp_path):
    caplog.set_level(logging.INFO, logger="ptypy")
    assert save(MANY) == [None, None]
    assert "less than 2 times: frames are stored as they are" in caplog.text
    with h5py.File(tmp_path / "s.ptyd") as file:
        assert file["chunks/0/data"].chunks is None


def test_the_first_frames_decide_for_all(save):
    assert save(np.concatenate([FEW[:20], MANY[:20]])) == ["bitshuffle", "bitshuffle"]


@pytest.mark.parametrize(
    ("first", "wanted"), [("bitshuffle", "bitshuffle"), (None, None), ("gzip", "gzip")]
)
def test_a_run_that_resumes_goes_on_as_the_file_began(save, first, wanted):
    frames = np.concatenate([MANY[:20], FEW[:20]])
    assert save(frames, count=1, compression=first) == [first]
    assert save(frames, resume=True) == [wanted, wanted]
