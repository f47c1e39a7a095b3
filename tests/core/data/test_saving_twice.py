"""What was saved before is not lost when a scan is saved again, or fails to be."""

import numpy as np
import pytest

from ptypy.core.data import EOS, WAIT, PtydScan
from ptypy.errors import DataError, FormatError

GEOMETRY = {"energy": 8.8, "distance": 2.0, "psize": 75e-6}


@pytest.fixture
def stack():
    return np.random.default_rng(2).poisson(30, (11, 20, 24)).astype(np.uint16)


@pytest.fixture
def saved(memory_scan, stack, tmp_path):
    """Prepare a scan in chunks of 4, saving it; gives the file and the chunks."""

    def save(name="scan.ptyd", mask=None, **parameters):
        path = tmp_path / name
        asked = {"shape": (12, 16), "orientation": 5, "rebin": 2, "save": "append", **parameters}
        positions = np.random.default_rng(1).normal(size=(11, 2)) * 1e-6
        scan = memory_scan(stack, positions, GEOMETRY, mask, dfile=str(path), **asked)
        return path, everything(scan)

    return save


def everything(scan, size=4):
    chunks = []
    while (chunk := scan.next_chunk(size)) not in (WAIT, EOS):
        chunks.append(chunk)
    return chunks


def joined(chunks):
    data = np.concatenate([chunk.data for chunk in chunks])
    masks = [np.broadcast_to(chunk.mask, chunk.data.shape) for chunk in chunks]
    positions = np.concatenate([chunk.positions for chunk in chunks])
    indices = np.concatenate([chunk.indices for chunk in chunks])
    return data, np.concatenate(masks), positions, indices


def assert_same_scan(one, other):
    for mine, theirs in zip(joined(one), joined(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for key in ("energy", "distance", "psize", "shape", "center", "num_frames", "label"):
        np.testing.assert_array_equal(one[-1].meta[key], other[-1].meta[key], err_msg=key)


def test_an_older_file_of_the_same_name_is_kept(saved, caplog):
    path, _ = saved()
    before = path.read_bytes()
    saved(rebin=1)
    assert "scan.ptyd.old" in caplog.text
    assert path.with_name("scan.ptyd.old").read_bytes() == before


def test_a_second_linked_run_leaves_every_frame_of_the_first_in_the_old_set(saved, tmp_path):
    path, first = saved(save="link")
    _, second = saved(save="link", rebin=1)
    assert_same_scan(everything(PtydScan(dfile=str(path))), second)
    assert_same_scan(everything(PtydScan(dfile=f"{path}.old")), first)
    _, third = saved(save="link", orientation=0)
    assert_same_scan(everything(PtydScan(dfile=str(path))), third)
    assert_same_scan(everything(PtydScan(dfile=f"{path}.old")), second)


def test_a_first_chunk_that_cannot_be_saved_costs_no_older_file(saved, memory_scan, stack):
    path, _ = saved()
    before = path.read_bytes()

    class Twice(memory_scan):
        def _label_frames(self, slots):
            return [0 for _ in slots]

    scan = Twice(stack, dfile=str(path), save="append", **GEOMETRY)
    for _ in range(2):
        with pytest.raises(DataError, match="same index"):
            scan.auto(4)
    assert path.read_bytes() == before
    assert not path.with_name("scan.ptyd.old").exists()


def test_trying_the_first_chunk_again_keeps_the_older_file(saved, memory_scan, stack):
    path, _ = saved()
    before = path.read_bytes()
    asked = {"dfile": str(path), "save": "link", "chunk_format": "/%d"}
    scan = memory_scan(stack, **asked, **GEOMETRY)
    for _ in range(2):  # no directory can be made where the file is
        with pytest.raises(FormatError):
            scan.auto(4)
    assert path.with_name("scan.ptyd.old").read_bytes() == before


def test_a_scan_that_fails_at_once_leaves_an_older_file_alone(saved, memory_scan, stack):
    path, _ = saved()
    before = path.read_bytes()
    asked = {"dfile": str(path), "save": "append", "center": (99, 99), **GEOMETRY}
    scan = memory_scan(stack, **asked)
    with pytest.raises(ValueError, match="outside"):
        scan.auto(3)
    assert path.read_bytes() == before
    assert not path.with_name("scan.ptyd.old").exists()


def test_frames_that_could_not_be_saved_are_tried_again(memory_scan, stack, tmp_path, monkeypatch):
    scan = memory_scan(stack, dfile=str(tmp_path / "a.ptyd"), save="append", **GEOMETRY)
    first = scan.next_chunk(4)
    hidden = (tmp_path / "a.ptyd").rename(tmp_path / "away")
    with pytest.raises(FormatError):
        scan.next_chunk(4)
    hidden.rename(tmp_path / "a.ptyd")
    rest = everything(scan)
    assert [c.number for c in rest] == [1, 2]
    assert_same_scan(everything(PtydScan(dfile=str(tmp_path / "a.ptyd"))), [first, *rest])
