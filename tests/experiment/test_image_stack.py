"""Frames in image files of every usual kind arrive whole, in order, with what the headers say."""

import numpy as np
import pytest

from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.experiment.image_stack import ImageStackScan
from ptypy.io import image_read
from ptypy.io.stored_stack import StoredStack
from ptypy.testing import ScanContract, ScanExample
from ptypy.utils.units import m2keV

N, H, W = 10, 16, 20
GEOMETRY = {"energy": 8.0, "distance": 1.5, "psize": 75e-6}


def counts(dtype=np.uint16):
    return np.random.default_rng(3).poisson(30, (N, H, W)).astype(dtype)


def positions():
    return np.random.default_rng(4).uniform(-2, 2, (N, 2))


def write_positions(path):
    """Micrometres, in a table with a line of names; the stage moves the sample."""
    lines = ["frame,x_um,y_um"]
    lines += [f"{k},{-x:.9f},{-y:.9f}" for k, (y, x) in enumerate(positions())]
    path.write_text("\n".join(lines) + "\n")
    return {"file": str(path), "columns": ("y_um", "x_um"), "multiplier": -1e-6}


class TestTiffStack(ScanContract):
    """One file, memory-mapped, with a mask, a dark frame and a flat field."""

    def make_example(self, folder):
        import tifffile

        dark, flat = np.full((H, W), 3, np.uint16), np.full((H, W), 2.0, np.float32)
        bad = np.zeros((H, W), np.uint8)
        bad[5, 3] = 1
        tifffile.imwrite(folder / "scan.tif", counts(), photometric="minisblack")
        tifffile.imwrite(folder / "dark.tif", np.stack([dark, dark]))
        np.save(folder / "flat.npy", flat)
        np.save(folder / "bad.npy", bad)
        names = ("scan.tif", "dark.tif", "flat.npy", "bad.npy", "log.csv")
        return ScanExample(
            ImageStackScan,
            {
                "files": str(folder / "scan.tif"),
                "positions": write_positions(folder / "log.csv"),
                "darkfield": {"file": str(folder / "dark.tif")},
                "flatfield": {"file": str(folder / "flat.npy")},
                "mask": {"file": str(folder / "bad.npy"), "invert": True},
                **GEOMETRY,
            },
            frames=np.maximum(counts() - 3.0, 0) / 2,
            positions=positions() * 1e-6,
            mask=bad == 0,
            files=[folder / name for name in names],
        )


class TestManyFiles(ScanContract):
    """One file a frame, compressed, listed; and a raster instead of a table."""

    def make_example(self, folder):
        import tifffile

        files = [folder / f"frame_{k}.tif" for k in range(N)]
        for path, frame in zip(files, counts(), strict=True):
            tifffile.imwrite(path, frame, compression="zlib")
        points = np.array([(0, 0), (0, 1), (0, 2), (0, 3), (0, 4)], float)
        back = np.add(points[::-1], (1, 0))
        return ScanExample(
            ImageStackScan,
            {
                "files": [str(path) for path in files],
                "positions": {"raster": {"shape": (2, 5), "step": (1e-6, 2e-6), "snake": True}},
                **GEOMETRY,
            },
            frames=counts(),
            positions=np.concatenate([points, back]) * (1e-6, 2e-6),
            mask=np.ones((H, W), bool),
            files=files[:2] + files[-1:],
        )


class TestEdf(ScanContract):
    """Several frames in a file, with the geometry of the SAXS headers."""

    def make_example(self, folder):
        fabio = pytest.importorskip("fabio")
        header = {"PSize_1": "50e-6", "PSize_2": "75e-6", "SampleDistance": "1.25"}
        header["WaveLength"] = "1.5e-10"
        for part in range(2):
            image = fabio.edfimage.EdfImage(data=counts()[5 * part], header=header)
            for frame in counts()[5 * part + 1 : 5 * part + 5]:
                image.append_frame(data=frame)
            image.write(str(folder / f"scan{part}.edf"))
        np.save(folder / "positions.npy", positions() * 1e-6)
        return ScanExample(
            ImageStackScan,
            {
                "files": [str(folder / f"scan{part}.edf") for part in range(2)],
                "positions": {"file": str(folder / "positions.npy")},
            },
            frames=counts(),
            positions=positions() * 1e-6,
            mask=np.ones((H, W), bool),
            geometry={"energy": m2keV(1.5e-10), "distance": 1.25, "psize": (75e-6, 50e-6)},
            files=[folder / "scan0.edf", folder / "scan1.edf", folder / "positions.npy"],
        )


class TestCbf(ScanContract):
    """Pilatus: gaps are negative, a pixel above the cutoff is saturated, the header tells all."""

    def make_example(self, folder):
        fabio = pytest.importorskip("fabio")
        frames, mask = counts(np.int32), np.ones((N, H, W), bool)
        frames[:, 4], mask[:, 4] = -1, False
        frames[3, 9, 9], mask[3, 9, 9] = 2000, False
        text = "\r\n".join(
            [
                "# Pixel_size 172e-6 m x 172e-6 m", "# Count_cutoff 1000 counts",
                "# Wavelength 1.2 A", "# Detector_distance 2.2 m", "# Beam_xy (9.00, 7.00) pixels",
            ]
        )  # fmt: skip
        files = [folder / f"pilatus_{k:05d}.cbf" for k in range(N)]
        for path, frame in zip(files, frames, strict=True):
            header = {"_array_data.header_contents": text}
            fabio.cbfimage.CbfImage(data=frame, header=header).write(str(path))
        np.save(folder / "positions.npy", positions() * 1e-6)
        return ScanExample(
            ImageStackScan,
            {
                "files": [str(path) for path in files],
                "positions": {"file": str(folder / "positions.npy")},
            },
            frames=frames,
            positions=positions() * 1e-6,
            mask=mask,
            geometry={"energy": m2keV(1.2e-10), "distance": 2.2, "psize": 172e-6},
            files=[files[0], files[4], files[-1]],
        )

    def test_the_beam_of_the_header_is_the_centre_unless_one_is_given(self, example):
        scan = ImageStackScan(example.parameters, shape=8)
        assert scan.auto(20) != scan.EOS
        assert scan.region_in_raw == (3, 5, 8, 8)
        scan = ImageStackScan(example.parameters, shape=8, recorded_center=False)
        assert scan.auto(20) != scan.EOS
        assert scan.region_in_raw == (4, 6, 8, 8)


class TestMerlin(ScanContract):
    """Every frame after a header, most significant byte first; 12-bit counters end at 4095."""

    def make_example(self, folder):
        frames, mask = counts(np.dtype(">u2")), np.ones((N, H, W), bool)
        frames[6, 3, 4], mask[6, 3, 4] = 4095, False
        with (folder / "scan.mib").open("wb") as file:
            for k, frame in enumerate(frames):
                head = f"MQ1,{k + 1:06d},00384,01,{W:04d},{H:04d},U16,   1x1,01,"
                file.write(head.ljust(384, "\0").encode() + frame.tobytes())
        (folder / "scan.hdr").write_text("HDR,\t\nCounter Depth (number):\t12\nEnd\n")
        return ScanExample(
            ImageStackScan,
            {
                "files": str(folder / "scan.mib"),
                "positions": {"raster": {"shape": (2, 5), "step": 1e-10}},
                "electron_data": True,
                **GEOMETRY,
                "energy": 200.0,
            },
            frames=frames,
            mask=mask,
            geometry={"energy": 494.36},
            files=[folder / "scan.mib"],
        )

    def test_the_geometry_is_told_or_announced_as_a_placeholder(self, example):
        """The energy is that of photons with the wavelength of these electrons, 2.508 pm."""
        scan = ImageStackScan(example.parameters)
        assert scan.auto(1)["common"].energy == pytest.approx(m2keV(2.50793e-12), rel=1e-4)


def make(folder, **more):
    np.save(folder / "scan.npy", counts())
    np.save(folder / "positions.npy", positions() * 1e-6)
    parameters = {"files": str(folder / "scan.npy"), **GEOMETRY}
    parameters["positions"] = {"file": str(folder / "positions.npy")}
    return ImageStackScan(parameters | more)


def test_frames_are_sorted_by_the_numbers_in_their_names(tmp_path):
    for k, frame in enumerate(counts()):
        np.save(tmp_path / f"f_{k + 5}.npy", frame)
    np.save(tmp_path / "positions.npy", positions() * 1e-6)
    scan = make(tmp_path, files=str(tmp_path / "f_*.npy"))
    package = scan.auto(100)
    np.testing.assert_array_equal([e["data"] for e in package["iterable"]], counts())


def test_a_gap_in_the_numbers_of_the_files_is_named(tmp_path):
    for k, frame in enumerate(counts()):
        if k not in (3, 4):
            np.save(tmp_path / f"f_{k:03d}.npy", frame)
    text = r"8 frames, but 10 positions \(.*positions.npy\); f_003.npy, f_004.npy are missing"
    with pytest.raises(DataError, match=text):
        make(tmp_path, files=str(tmp_path / "f_*.npy")).auto(1)


def test_a_scan_that_was_broken_off_can_be_used_up_to_there(tmp_path):
    scan = make(tmp_path, num_frames=4)
    assert len(scan.auto(100)["iterable"]) == 4


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("a.txt", "# y x\n1 2\n3 4\n", (0, 1)),
        ("a.txt", "# y x\n1 2\n3 4\n", ("y", "x")),
        ("a.csv", "x,y\n2,1\n4,3\n", ("y", "x")),
        ("a.dat", "frame;y;x\na;1;2\n\nb;3;4", (1, 2)),
        ("a.tsv", "1\t9\t2\n3\t9\t4\n", (0, 2)),
    ],
)
def test_tables_of_positions_are_read_as_people_write_them(tmp_path, name, text, columns):
    from ptypy.io.tables import read_columns

    (tmp_path / name).write_text(text)
    np.testing.assert_array_equal(read_columns(tmp_path / name, columns), [[1, 2], [3, 4]])


def test_a_table_of_positions_in_hdf5_may_lie_along_either_axis(tmp_path):
    import h5py

    from ptypy.io.tables import read_columns

    table = np.arange(12.0).reshape(6, 2)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["log/table"], file["log/turned"] = table, table.T
        file["log/y"], file["log/x"] = table.T
    path = tmp_path / "a.h5"
    for key in ("log/table", "log/turned", ("log/y", "log/x")):
        np.testing.assert_array_equal(read_columns(path, key=key), table)
    with pytest.raises(DataError, match="no dataset 'log/z'; it holds log/table, log/turned"):
        read_columns(path, key="log/z")


@pytest.mark.parametrize("text", ["1 2\n3 a\n", "1 2\n3\n"])
def test_a_line_that_is_no_position_is_named(tmp_path, text):
    from ptypy.io.tables import read_columns

    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(DataError, match=r"a\.txt, line 2"):
        read_columns(tmp_path / "a.txt")


def test_all_that_is_missing_is_named_at_once(tmp_path):
    with pytest.raises(ParameterError) as raised:
        ImageStackScan(filess="x", shape="big")
    for text in ("did you mean `files`", "shape", "positions.file"):
        assert text in str(raised.value)


def test_two_ways_to_give_positions_are_one_too_many(tmp_path):
    positions = {"file": "a.txt", "raster": {"shape": (2, 5), "step": 1e-6}}
    with pytest.raises(ParameterError, match="only one of them"):
        make(tmp_path, positions=positions)


def test_positions_theory_counts_instead_of_a_table(tmp_path):
    theory = np.arange(20.0).reshape(10, 2)
    scan = make(tmp_path, positions={}, positions_theory=theory)
    np.testing.assert_array_equal(scan.auto(10)["chunk"].positions, theory)


def test_a_coloured_picture_is_refused(tmp_path):
    import matplotlib.image

    matplotlib.image.imsave(tmp_path / "a.png", np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(FormatError, match=r"a\.png: is a coloured image"):
        make(tmp_path, files=str(tmp_path / "a.png")).auto(1)


def test_a_missing_library_is_an_error_that_says_how_to_install_it(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tifffile", None)
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    with pytest.raises(ImportError, match=r"a\.tif needs tifffile: `pip install tifffile`"):
        make(tmp_path, files=str(tmp_path / "a.tif")).auto(1)


def test_uncompressed_files_are_mapped_not_read(tmp_path):
    from ptypy.io.frame_files import frame_files

    np.save(tmp_path / "a.npy", counts())
    frames = frame_files(tmp_path / "a.npy").read(range(2, 6))
    assert not frames.flags.owndata
    assert not frames.flags.writeable
    np.testing.assert_array_equal(frames, counts()[2:6])


def test_frames_of_several_stacks_stay_in_their_files_until_they_are_prepared(tmp_path):
    frames = counts()
    frames[7, 2, 3] = 65535
    for k in range(2):
        np.save(tmp_path / f"scan_{k}.npy", frames[5 * k : 5 * k + 5])
    scan = make(tmp_path, files=str(tmp_path / "scan_*.npy"))
    chunk = scan.next_chunk(N)
    np.testing.assert_array_equal(chunk.data, frames)
    mask = np.broadcast_to(chunk.mask, frames.shape)
    np.testing.assert_array_equal(mask, frames < 65535)
    stack, _, _ = scan.load_block(np.array([7, 1, 6]))
    assert isinstance(stack, StoredStack)
    np.testing.assert_array_equal(stack, frames[[7, 1, 6]])


def test_a_stack_that_was_cut_short_after_it_was_looked_at_is_named(tmp_path):
    np.save(tmp_path / "a.npy", counts())
    scan = make(tmp_path, files=str(tmp_path / "a.npy"))
    scan.next_chunk(1)
    with (tmp_path / "a.npy").open("r+b") as file:
        file.truncate(2000)
    with pytest.raises(FormatError, match=r"a\.npy: the file ends before its frames do"):
        scan.next_chunk(9)


def test_empad_files_lose_the_two_rows_that_are_no_counts(tmp_path):
    raw = np.arange(2 * 130 * 128, dtype=np.float32).reshape(2, 130, 128)
    raw.tofile(tmp_path / "scan.raw")
    scan = make(tmp_path, files=str(tmp_path / "scan.raw"), num_frames=2)
    package = scan.auto(2)
    np.testing.assert_array_equal([e["data"] for e in package["iterable"]], raw[:, :128])


@pytest.mark.real
def test_a_real_pilatus_frame_is_read_with_its_header_and_its_gate(shared_data):
    path = shared_data / "formats" / "SAXS_00051.cbf"
    pytest.importorskip("fabio")
    theory = np.zeros((1, 2))
    scan = ImageStackScan(files=str(path), positions_theory=theory, energy=11.2, distance=7.1)
    package = scan.auto(1)
    assert package["common"].psize == pytest.approx(172e-6)
    (entry,) = package["iterable"]
    assert entry["data"].shape == (1679, 1475)
    assert 0 < (~entry["mask"]).sum() < 100_000
    assert entry["data"][entry["mask"]].max() < 159995
    image, header = image_read(path)
    np.testing.assert_array_equal(image, entry["data"])
    assert "PILATUS 2M" in header["_array_data.header_contents"]


@pytest.mark.real
@pytest.mark.parametrize("kind", ["Single", "Quad"])
@pytest.mark.parametrize("depth", [1, 6, 12, 24])
def test_real_merlin_files_are_read(shared_data, tmp_path, kind, depth):
    import zipfile

    name = f"{kind}_9_Frame_CounterDepth_{depth}_Rows_256"
    with zipfile.ZipFile(shared_data / "formats" / "Merlin_Single_Quad.zip") as archive:
        for member in archive.namelist():
            if name in member:
                (tmp_path / member.rpartition("/")[2]).write_bytes(archive.read(member))
    raster = {"raster": {"shape": (3, 3), "step": 1e-10}}
    more = {"energy": 200.0, "distance": 0.1, "psize": 55e-6, "positions": raster}
    scan = ImageStackScan(files=str(tmp_path / f"{name}.mib"), **more)
    package = scan.auto(9)
    edge = 256 if kind == "Single" else 512
    data = np.stack([entry["data"] for entry in package["iterable"]])
    assert data.shape == (9, edge, edge)
    assert data.max() < 2**depth
    if depth == 1:
        raw = tmp_path / f"{name}RAW.mib"
        with pytest.raises(FormatError, match="R64"):
            ImageStackScan(files=str(raw), **more).auto(1)
