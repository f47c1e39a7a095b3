"""Prepared frames in a file, and out of it again."""

import h5py
import numpy as np
import pytest

from ptypy.core.data import EOS, WAIT, PtydScan
from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.io import ptyd
from ptypy.utils.parameters import Param, Placeholder

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


@pytest.mark.parametrize("mode", ["append", "link"])
@pytest.mark.parametrize("size", [3, 4, 100])
def test_a_saved_scan_reads_as_it_was_prepared(saved, mode, size):
    mask = np.ones((20, 24), bool)
    mask[7, 9] = False
    path, chunks = saved(mask=mask, save=mode)
    again = everything(PtydScan(dfile=str(path)), size)
    assert_same_scan(again, chunks)


def test_masks_of_their_own_are_saved_for_every_frame(memory_scan, stack, tmp_path):
    class Flickering(memory_scan):
        def load(self, indices):
            raw, _, _ = super().load(indices)
            return raw, {}, {i: self.frames[i] != self.frames[i].max() for i in indices}

    asked = {"dfile": str(tmp_path / "a.ptyd"), "save": "append", **GEOMETRY}
    chunks = everything(Flickering(stack, **asked))
    assert_same_scan(everything(PtydScan(dfile=asked["dfile"])), chunks)


def test_a_common_mask_is_stored_once(saved):
    path, _ = saved()
    with h5py.File(path) as file:
        assert file["chunks/0/weights"].size == 0
        assert file["chunks/0/data"].dtype == np.uint16  # sums of weak counts, still integers


def test_chunk_files_carry_the_format_that_was_asked_for(saved, tmp_path):
    saved(save="link", chunk_format="_part%03d.ptyd")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["scan.ptyd"] + [f"scan.ptyd_part{k:03d}.ptyd" for k in range(3)]


def test_a_set_of_linked_files_can_be_moved(saved, tmp_path):
    path, chunks = saved(save="link")
    target = tmp_path / "elsewhere"
    target.mkdir()
    for file in list(tmp_path.glob("scan.ptyd*")):
        file.rename(target / file.name)
    assert_same_scan(everything(PtydScan(dfile=str(target / path.name))), chunks)


def test_numbers_that_nobody_gave_are_not_written_down_as_known(memory_scan, stack, tmp_path):
    class Silent(memory_scan):
        PLACEHOLDERS = ("energy", "distance", "psize")

    path = tmp_path / "a.ptyd"
    scan = Silent(stack, dfile=str(path), save="append", distance=2.0)
    for key in ("energy", "psize"):
        value = Placeholder(scan.info[key])
        scan.info[key] = scan.meta[key] = value
    everything(scan)
    meta = ptyd.PtydReader(path).meta
    assert meta["distance"] == 2.0
    assert not {"energy", "psize"} & set(meta)


def test_a_scan_that_ended_early_does_not_announce_more(memory_scan, stack, tmp_path):
    class Stopped(memory_scan):
        def check(self, frames=None, start=None):
            return min(frames, 6 - start), start + frames >= 6

    path = str(tmp_path / "a.ptyd")
    everything(Stopped(stack, dfile=path, save="append", **GEOMETRY), 3)
    scan = PtydScan(dfile=path)
    assert len(scan.auto(100)["iterable"]) == 6
    assert scan.auto(100) == EOS


def test_reading_a_file_never_writes_it_whatever_the_parameters_say(saved):
    path, chunks = saved()
    before = path.read_bytes()
    scan = PtydScan(
        dfile=str(path), save="append", shape=6, center=(1, 1), orientation=3, rebin=4, energy=1.0
    )
    assert_same_scan(everything(scan), chunks)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["scan.ptyd"]
    assert scan.info.save == "append"  # what was asked stays as it was asked


def test_a_path_as_source_may_be_prepared_again(saved, tmp_path):
    path, chunks = saved(rebin=1)
    scan = PtydScan(source=str(path), rebin=2, energy=9.9)
    again = everything(scan)
    data = np.concatenate([chunk.data for chunk in chunks])
    blocks = data.reshape(len(data), data.shape[1] // 2, 2, data.shape[2] // 2, 2)
    np.testing.assert_array_equal(joined(again)[0], blocks.sum(axis=(2, 4)))
    assert again[0].meta.energy == 9.9
    np.testing.assert_allclose(again[0].meta.psize, 2 * chunks[0].meta.psize)


def test_a_path_as_source_is_taken_as_it_is_if_nothing_is_asked(saved):
    path, chunks = saved()
    assert_same_scan(everything(PtydScan(source=str(path))), chunks)


def test_a_value_that_was_given_holds_even_if_the_default_says_the_same(saved):
    path, _ = saved(rebin=1)
    given = {"energy": 7.2, "psize": 172e-6, "shape": 256}
    (first, *_) = everything(PtydScan(source=str(path), **given))
    assert first.meta.energy == 7.2
    np.testing.assert_allclose(first.meta.psize, 172e-6)
    assert first.data.shape[1:] == (256, 256)
    (first, *_) = everything(PtydScan(Param({**PtydScan.DEFAULT, **given}, source=str(path))))
    assert first.meta.energy == 7.2


def test_a_region_of_a_source_is_cut_about_the_axis_in_the_file(saved):
    path, chunks = saved(rebin=1)
    again = everything(PtydScan(source=str(path), shape=4))
    y, x = (int(c) for c in chunks[0].meta.center)
    region = np.concatenate([c.data for c in chunks])[:, y - 2 : y + 2, x - 2 : x + 2]
    np.testing.assert_array_equal(joined(again)[0], region)


def test_saving_what_is_read_to_the_same_file_goes_to_another(saved, tmp_path):
    path, _ = saved(rebin=1)
    before = path.read_bytes()
    given = {"source": str(path), "dfile": str(path), "save": "append", "rebin": 2}
    asked = dict(given)
    chunks = everything(PtydScan(asked))
    assert asked == given
    assert path.read_bytes() == before
    assert_same_scan(everything(PtydScan(dfile=str(tmp_path / "scan_n.ptyd"))), chunks)


def test_fewer_frames_than_the_file_has_may_be_asked_for(saved):
    path, _ = saved()
    assert len(joined(everything(PtydScan(dfile=str(path), num_frames=5)))[0]) == 5
    assert len(joined(everything(PtydScan(dfile=str(path), num_frames=500)))[0]) == 11


def test_theoretical_positions_replace_those_in_the_file(saved):
    path, _ = saved()
    theory = np.arange(22.0).reshape(11, 2)
    chunks = everything(PtydScan(dfile=str(path), positions_theory=theory))
    np.testing.assert_array_equal(joined(chunks)[2], theory)


@pytest.mark.parametrize("given", [{}, {"dfile": None}, {"source": "file"}])
def test_without_a_file_the_parameter_that_names_it_is_asked_for(given):
    with pytest.raises(ParameterError, match="dfile"):
        PtydScan(**given)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FormatError, match=r"nowhere\.ptyd"):
        PtydScan(dfile=str(tmp_path / "nowhere.ptyd"))


def by_hand(path, *, positions=True, meta=None, chunks=2, weights=None):
    """Write a file as somebody with plain h5py would."""
    with h5py.File(path, "w") as file:
        for k in range(chunks):
            chunk = file.create_group(f"chunks/{k}")
            chunk["data"] = np.full((3, 8, 8), k, np.int32)
            if positions:
                chunk["positions"] = np.full((3, 2), 1e-6 * k)
            if weights is not None:
                chunk["weights"] = weights
        for key, value in (meta or {}).items():
            file[f"meta/{key}"] = value


def test_a_file_written_by_hand_is_read(tmp_path):
    path = tmp_path / "hand.ptyd"
    by_hand(path, meta={"energy": 7.1, "label": "None", "distance": 1.0, "psize": 5e-5})
    chunks = everything(PtydScan(dfile=str(path)), 100)
    assert chunks[0].data.shape == (6, 8, 8)  # not padded to the default region of 256
    assert chunks[0].meta.energy == 7.1
    assert chunks[0].mask.all()


def test_numbers_missing_from_a_file_are_told(tmp_path, caplog):
    path = tmp_path / "hand.ptyd"
    by_hand(path, meta={"energy": 7.1})
    PtydScan(dfile=str(path), psize=1e-4).auto(2)
    (line,) = [r.message for r in caplog.records if "NOBODY GAVE" in r.message]
    assert "distance" in line
    assert "energy" not in line
    assert "psize" not in line


def test_a_file_without_positions_says_where_they_may_come_from(tmp_path):
    path = tmp_path / "hand.ptyd"
    by_hand(path, positions=False)
    with pytest.raises(ValueError, match="positions_theory"):
        PtydScan(dfile=str(path)).auto(2)
    chunk = PtydScan(dfile=str(path), positions_theory=np.ones((6, 2))).next_chunk(6)
    assert (chunk.positions == 1).all()


def test_a_mask_for_all_frames_of_a_chunk_is_not_read_row_by_row(tmp_path):
    path = tmp_path / "hand.ptyd"
    mask = np.ones((8, 8))
    mask[2, 5] = 0
    by_hand(path, weights=mask)
    for chunk in everything(PtydScan(dfile=str(path)), 2):
        expected = np.broadcast_to(mask > 0, chunk.data.shape)
        np.testing.assert_array_equal(np.broadcast_to(chunk.mask, chunk.data.shape), expected)


def test_stored_indices_name_the_frames(tmp_path):
    path = tmp_path / "hand.ptyd"
    by_hand(path)
    with h5py.File(path, "a") as file:
        file["chunks/0/indices"] = [5, 7, 9]
        file["chunks/1/indices"] = [1, 3, 11]
    theory = np.arange(24.0).reshape(12, 2)
    scan = PtydScan(dfile=str(path), positions_theory=theory)
    chunk = scan.next_chunk(100)
    assert chunk.indices.tolist() == [5, 7, 9, 1, 3, 11]
    np.testing.assert_array_equal(chunk.positions, theory[[5, 7, 9, 1, 3, 11]])


def test_an_empty_file_that_announces_nothing_is_refused(tmp_path):
    path = tmp_path / "hand.ptyd"
    ptyd.create(path, {}, {})
    with pytest.raises(FormatError, match="no frames"):
        PtydScan(dfile=str(path))


def test_a_growing_file_is_waited_for(tmp_path, caplog):
    path = tmp_path / "live.ptyd"
    ptyd.create(path, {"num_frames": 7, **GEOMETRY}, {})
    scan = PtydScan(dfile=str(path), min_frames=2)
    (said,) = [record for record in caplog.records if "0 of 7" in record.message]
    assert said.levelname == "ERROR"
    assert "waits for the rest" in said.message
    assert scan.auto(3) == WAIT

    def arrive(number, first, count):
        places = np.zeros((count, 2))
        data = np.full((count, 4, 4), number)
        ptyd.append_chunk(path, number, data, np.arange(first, first + count), places, None)

    arrive(0, 0, 3)
    assert len(scan.auto(3)["iterable"]) == 3
    arrive(1, 3, 1)
    assert scan.auto(3) == WAIT
    arrive(2, 4, 3)
    assert len(scan.auto(3)["iterable"]) == 3
    assert len(scan.auto(3)["iterable"]) == 1
    assert scan.auto(3) == EOS


def test_frames_missing_from_a_file_are_told_with_what_to_do(tmp_path, caplog):
    path = tmp_path / "live.ptyd"
    ptyd.create(path, {"num_frames": 20, **GEOMETRY}, {})
    ptyd.append_chunk(path, 0, np.ones((7, 4, 4)), np.arange(7), np.zeros((7, 2)), None)
    PtydScan(dfile=str(path))
    (said,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "7 of 20 frames; `num_frames=7` goes on with what is there" in said.message
    assert "otherwise the run waits for the rest" in said.message


@pytest.mark.real
@pytest.mark.parametrize("name", ["star_append.ptyd", "star_link.ptyd"])
def test_files_of_ptypy_0_9_are_read(shared_data, name):
    chunks = everything(PtydScan(dfile=str(shared_data / "ptyd_from_ptypy_0.9" / name)), 10)
    data, mask, _, indices = joined(chunks)
    assert data.shape == (24, 48, 48)
    assert indices.tolist() == list(range(24))
    # The raw mask had four bad pixels, but the file trusts every one.
    assert mask.all()
    assert chunks[0].meta.energy == 8.8
    np.testing.assert_allclose(chunks[0].meta.psize, 150e-6)


@pytest.mark.real
def test_preparing_the_star_gives_what_ptypy_0_9_gave(memory_scan, shared_data):
    """Same frames, positions, mask and centre; counts are summed where 0.9 took the mean."""
    import bz2
    import io

    theirs = everything(PtydScan(dfile=str(shared_data / "ptyd_from_ptypy_0.9/star_append.ptyd")))
    packed = bz2.decompress((shared_data / "siemens-star-small.npz.bz2").read_bytes())
    star = np.fft.fftshift(np.load(io.BytesIO(packed))["data"][0, :24], axes=(1, 2))
    scan = memory_scan(
        star, shape=96, center=(63, 65), orientation=5, rebin=2, auto_center=False, **GEOMETRY
    )
    mine = everything(scan)
    np.testing.assert_allclose(joined(mine)[0], 4 * joined(theirs)[0])
    for key in ("center", "shape", "psize"):
        np.testing.assert_allclose(mine[0].meta[key], theirs[0].meta[key])


# ------------------------------------------------- what was saved before is not lost


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
