"""A file that is still being written, or not there yet, is followed to its end."""

import subprocess
import sys

import numpy as np
import pytest

from ptypy.core.data import EOS, WAIT, PtydScan
from ptypy.errors import FormatError
from ptypy.io import ptyd

GEOMETRY = {"energy": 8.8, "distance": 2.0, "psize": 75e-6}
FRAMES = np.random.default_rng(2).poisson(30, (12, 8, 8)).astype(np.uint16)


def arrive(path, number, first, count, **options):
    part = slice(first, first + count)
    places = np.full((count, 2), number * 1e-6)
    indices = np.arange(first, first + count)
    ptyd.append_chunk(path, number, FRAMES[part], indices, places, None, **options)


def test_a_file_that_is_not_there_is_an_error_that_tells_how_to_wait(tmp_path):
    with pytest.raises(FormatError, match=r"nowhere\.ptyd: there is no such file.*`timeout`"):
        PtydScan(dfile=str(tmp_path / "nowhere.ptyd"))


@pytest.mark.parametrize("announced", [{}, {"num_frames": 7}])
def test_a_scan_may_begin_before_its_file(tmp_path, caplog, announced):
    path = tmp_path / "live.ptyd"
    scan = PtydScan(dfile=str(path), timeout=100)
    assert "waits for it" in caplog.text
    assert str(path) in caplog.text
    assert scan.auto(3) == WAIT
    ptyd.create(path, {**GEOMETRY, **announced}, {}, announces_end=True)
    assert scan.auto(3) == WAIT
    arrive(path, 0, 0, 4)
    package = scan.auto(3)
    assert len(package["iterable"]) == 3
    assert package["common"].energy == 8.8
    assert "NOBODY GAVE" not in caplog.text
    arrive(path, 1, 4, 3)
    assert len(scan.auto(100)["iterable"]) == 4
    if not announced:
        assert scan.auto(100) == WAIT
        ptyd.finish(path, {**GEOMETRY, "num_frames": 7}, {})
    assert scan.auto(100) == EOS


def test_a_scan_that_stopped_early_ends_at_once(tmp_path):
    path = tmp_path / "live.ptyd"
    ptyd.create(path, {**GEOMETRY, "num_frames": 12}, {}, announces_end=True)
    arrive(path, 0, 0, 4)
    scan = PtydScan(dfile=str(path))
    assert len(scan.auto(4)["iterable"]) == 4
    assert scan.auto(4) == WAIT
    arrive(path, 1, 4, 2)
    ptyd.finish(path, {**GEOMETRY, "num_frames": 6}, {})
    assert len(scan.auto(4)["iterable"]) == 2
    assert scan.auto(4) == EOS


def test_a_writer_that_never_comes_back_is_given_up(tmp_path, caplog):
    path = tmp_path / "live.ptyd"
    scan = PtydScan(dfile=str(path), timeout=0.0)
    assert scan.auto(4) == EOS
    assert "timeout" in caplog.text
    ptyd.create(path, {**GEOMETRY, "num_frames": 12}, {}, announces_end=True)
    arrive(path, 0, 0, 4)
    scan = PtydScan(dfile=str(path), timeout=0.0)
    assert len(scan.auto(6)["iterable"]) == 4
    assert scan.auto(6) == EOS


def test_frames_of_a_run_that_was_killed_can_be_had(tmp_path, caplog):
    path = tmp_path / "live.ptyd"
    ptyd.create(path, GEOMETRY, {}, announces_end=True)
    arrive(path, 0, 0, 4)
    scan = PtydScan(dfile=str(path))
    assert "`num_frames=4` goes on with what is there" in caplog.text
    assert len(scan.auto(100)["iterable"]) == 4
    assert scan.auto(100) == WAIT
    scan = PtydScan(dfile=str(path), num_frames=4)
    assert len(scan.auto(100)["iterable"]) == 4
    assert scan.auto(100) == EOS


def test_chunks_that_are_merged_meanwhile_are_read_on(tmp_path):
    path = tmp_path / "live.ptyd"
    ptyd.create(path, {**GEOMETRY, "num_frames": 12}, {}, announces_end=True)
    for number in range(3):
        arrive(path, number, 4 * number, 4)
    scan = PtydScan(dfile=str(path))
    assert np.array_equal(scan.next_chunk(5).data, FRAMES[:5])
    ptyd.finish(path, {**GEOMETRY, "num_frames": 12}, {})
    ptyd.merge_chunks(path)
    assert np.array_equal(scan.next_chunk(5).data, FRAMES[5:10])
    assert np.array_equal(scan.next_chunk(5).data, FRAMES[10:])
    assert scan.next_chunk(5) == EOS


def test_another_run_of_the_same_name_is_not_taken_for_the_one_before(tmp_path):
    path = tmp_path / "live.ptyd"
    ptyd.create(path, {**GEOMETRY, "num_frames": 12}, {})
    arrive(path, 0, 0, 4, link=f"{path}.chunk00")
    scan = PtydScan(dfile=str(path))
    assert len(scan.auto(2)["iterable"]) == 2
    ptyd.create(path, {**GEOMETRY, "num_frames": 12}, {})
    arrive(path, 0, 4, 4, link=f"{path}.chunk00")
    with pytest.raises(FormatError, match="another run"):
        scan.auto(2)


WRITER = """
import sys
import numpy as np
from ptypy.core.data import EOS, PtyScan

class Scan(PtyScan):
    PLACEHOLDERS = ()
    def load_positions(self):
        return np.arange(80.).reshape(40, 2)
    def load(self, indices):
        return {i: np.full((64, 64), i, np.uint16) for i in indices}, {}, {}

scan = Scan(shape=None, dfile=sys.argv[1], save=sys.argv[2], energy=8., distance=1., psize=1e-4)
while scan.next_chunk(2) != EOS:
    pass
"""


@pytest.mark.parametrize("mode", ["append", "link", "merge"])
def test_a_reader_beside_a_writer_gets_every_frame_and_no_error(tmp_path, mode):
    """It looks as often as it can, which kept writers out of the file once."""
    path = tmp_path / "live.ptyd"
    scan = PtydScan(dfile=str(path), timeout=60)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path), mode])
    seen = []
    while (chunk := scan.next_chunk(3)) != EOS:
        if chunk != WAIT:
            assert np.array_equal(chunk.data[:, 5, 7], chunk.indices)
            seen += chunk.indices.tolist()
    assert writer.wait() == 0
    assert seen == list(range(40))
