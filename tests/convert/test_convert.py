"""What leaves in the form of other programs means the same there."""

import h5py
import numpy as np
import pytest

from ptypy.convert import convert_file
from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.io import ptyd, ptyr

PSIZE = (60e-6, 80e-6)


def scan(path, *, masks="common", center=(9.25, 7.5), psize=PSIZE, **meta):
    """Write a scan of two chunks whose frames, axes and masks cannot be mistaken."""
    rng = np.random.default_rng(4)
    known = {"energy": 8.3, "distance": 1.7, "psize": psize, "center": center, "num_frames": 7}
    ptyd.create(path, known | meta, {"shape": 16})
    data = rng.poisson(40, (7, 18, 14)).astype(np.uint16)
    positions = rng.uniform(-2e-6, 2e-6, (7, 2))
    trusted = rng.random((7, 18, 14)) > 0.1
    for number, rows in enumerate((slice(0, 4), slice(4, 7))):
        weights = {"common": trusted[0], "frame": trusted[rows], "none": None}[masks]
        ptyd.append_chunk(path, number, data[rows], np.arange(7)[rows], positions[rows], weights)
    return data, positions, trusted


def read_all(path):
    return ptyd.PtydReader(path).read(0, ptyd.PtydReader(path).num_frames)


@pytest.mark.parametrize("ending", [".cxi", ".npz"])
@pytest.mark.parametrize("masks", ["common", "frame", "none"])
def test_a_scan_comes_back_bit_for_bit(tmp_path, ending, masks):
    data, positions, trusted = scan(tmp_path / "a.ptyd", masks=masks)
    convert_file(tmp_path / "a.ptyd", tmp_path / f"b{ending}")
    convert_file(tmp_path / f"b{ending}", tmp_path / "c.ptyd")
    back, meta = read_all(tmp_path / "c.ptyd"), ptyd.PtydReader(tmp_path / "c.ptyd").meta
    expected = {"common": trusted[0], "frame": trusted, "none": np.ones((18, 14), bool)}[masks]
    seen = np.ones((18, 14), bool) if back.weights is None else back.weights > 0
    assert np.array_equal(np.broadcast_to(seen, data.shape), np.broadcast_to(expected, data.shape))
    assert np.array_equal(np.where(expected, back.data, 0), np.where(expected, data, 0))
    assert np.allclose(back.positions, positions, rtol=0, atol=1e-21)
    assert meta["energy"] == pytest.approx(8.3, rel=1e-15)
    assert meta["distance"] == 1.7
    assert np.allclose(meta["psize"], PSIZE, rtol=1e-15)
    assert np.allclose(meta["center"], (9.25, 7.5), rtol=0, atol=1e-12)


def test_a_cxi_file_says_in_si_units_where_the_sample_is_and_which_pixels_are_bad(tmp_path):
    data, positions, trusted = scan(tmp_path / "a.ptyd")
    said = convert_file(tmp_path / "a.ptyd", tmp_path / "b.cxi")
    assert said == ["it has no place for: parameters of the preparation"]
    with h5py.File(tmp_path / "b.cxi") as file:
        detector = file["entry_1/instrument_1/detector_1"]
        joules = 8.3e3 * 1.602176634e-19
        assert file["entry_1/instrument_1/source_1/energy"][()] == pytest.approx(joules)
        assert detector["x_pixel_size"][()] == 80e-6
        assert np.array_equal(detector["mask"][()] == 0, trusted[0])
        # The beam lower on the sample: the sample was moved up; to its right: to the left, where
        # x points for who looks along the beam.
        slow, fast = detector["basis_vectors"][()]
        translation = file["entry_1/data_1/translation"][()]
        assert np.allclose(-translation @ slow / np.linalg.norm(slow), positions[:, 0])
        assert np.allclose(-translation @ fast / np.linalg.norm(fast), positions[:, 1])
        assert np.array_equal(file["entry_1/data_1/data"][()], data)
        # From the beam, the first pixel's outer corner is 9.75 rows up and 8 columns to the left.
        assert np.allclose(detector["corner_position"][()], (8 * 80e-6, 9.75 * 60e-6, 1.7))


def test_files_for_ptylab_come_back_and_oblong_pixels_are_refused(tmp_path):
    data, positions, trusted = scan(tmp_path / "a.ptyd", psize=75e-6, center=(9, 7))
    convert_file(tmp_path / "a.ptyd", tmp_path / "b.h5")
    convert_file(tmp_path / "b.h5", tmp_path / "c.ptyd")
    back, meta = read_all(tmp_path / "c.ptyd"), ptyd.PtydReader(tmp_path / "c.ptyd").meta
    assert np.array_equal(back.data[:, trusted[0]], data[:, trusted[0]])
    assert np.array_equal(back.positions, positions)
    assert meta["energy"] == pytest.approx(8.3, rel=1e-12)
    scan(tmp_path / "oblong.ptyd")
    with pytest.raises(DataError, match="square"):
        convert_file(tmp_path / "oblong.ptyd", tmp_path / "d.h5")
    assert not (tmp_path / "d.h5").exists()


def test_tike_gets_zero_frequency_in_the_corner_and_pixels_of_the_object(tmp_path):
    data, positions, _ = scan(tmp_path / "a.ptyd", masks="none", center=(9, 6))
    said = convert_file(tmp_path / "a.ptyd", tmp_path / "b.npz", layout="tike")
    assert "energy" in said[0]
    found = np.load(tmp_path / "b.npz")
    assert np.array_equal(found["data"][:, 0, 0], data[:, 9, 6])
    assert np.array_equal(found["data"][:, -1, 1], data[:, 8, 7])
    wave = 1.239841984e-9 / 8.3
    pixel = wave * 1.7 / (np.array((18, 14)) * PSIZE)
    assert np.allclose(np.diff(found["scan"], axis=0), np.diff(positions / pixel, axis=0))
    assert found["scan"].min() >= 1


def test_arrays_are_told_to_lose_all_but_the_frames(tmp_path):
    data, *_ = scan(tmp_path / "a.ptyd")
    said = convert_file(tmp_path / "a.ptyd", tmp_path / "b.npy")
    assert np.array_equal(np.load(tmp_path / "b.npy"), data)
    assert all(word in said[0] for word in ("positions", "mask", "energy", "centre"))


def test_a_file_that_is_there_is_not_replaced_unless_one_says_so(tmp_path):
    scan(tmp_path / "a.ptyd")
    (tmp_path / "b.cxi").write_text("mine")
    with pytest.raises(FormatError, match="is there already"):
        convert_file(tmp_path / "a.ptyd", tmp_path / "b.cxi")
    assert (tmp_path / "b.cxi").read_text() == "mine"
    convert_file(tmp_path / "a.ptyd", tmp_path / "b.cxi", force=True)
    assert h5py.is_hdf5(tmp_path / "b.cxi")
    with pytest.raises(FormatError, match="is the file to be converted"):
        convert_file(tmp_path / "b.cxi", tmp_path / "b.cxi", force=True)


@pytest.mark.parametrize("ending", [".cxi", ".npy", ".npz", ".h5"])
def test_a_damaged_scan_leaves_no_half_a_file(tmp_path, ending):
    scan(tmp_path / "a.ptyd", psize=75e-6)
    with h5py.File(tmp_path / "a.ptyd") as file:
        offset = file["chunks/1/data"].id.get_offset()
    content = bytearray((tmp_path / "a.ptyd").read_bytes())
    content[offset] ^= 255
    (tmp_path / "a.ptyd").write_bytes(content)
    with pytest.raises(FormatError, match="checksum"):
        convert_file(tmp_path / "a.ptyd", tmp_path / f"b{ending}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.ptyd"]


def test_what_cannot_become_of_a_file_is_said_with_what_can(tmp_path):
    scan(tmp_path / "a.ptyd")
    with pytest.raises(ParameterError, match=r"prepared scan.*\.cxi"):
        convert_file(tmp_path / "a.ptyd", tmp_path / "a.tif")


@pytest.fixture
def result(tmp_path):
    rng = np.random.default_rng(2)
    obj = (rng.normal(size=(1, 9, 12)) + 1j * rng.normal(size=(1, 9, 12))).astype(np.complex64)
    probe = np.full((2, 4, 6), 2 - 1j, np.complex64)
    storage = {"_psize": np.array([2e-8, 3e-8]), "_origin": np.array([-1e-7, 2e-7]), "_energy": 8.3}
    content = {
        "obj": {"S1": {"data": obj, **storage}},
        "probe": {"S1": {"data": probe, **storage}},
        "pars": {"run": "x"},
        "runtime": {"iter_info": [{"iterations": 1, "residual": 0.5, "engine": "DM"}]},
    }
    ptyr.write_run(tmp_path / "r.ptyr", content, "a run", kind="minimal")
    return obj, probe


def test_phase_and_amplitude_leave_as_pictures_with_their_values(tmp_path, result):
    from PIL import Image

    obj, _ = result
    convert_file(tmp_path / "r.ptyr", tmp_path / "r.tif")
    phase = np.asarray(Image.open(tmp_path / "r_phase.tif"))
    amplitude = Image.open(tmp_path / "r_amplitude.tif")
    assert phase.dtype == np.float32
    assert np.allclose(phase, np.angle(obj[0]))
    assert np.allclose(np.asarray(amplitude), np.abs(obj[0]))
    assert "2e-08, 3e-08" in amplitude.tag_v2[270]


def test_results_leave_as_arrays_with_the_size_of_their_pixels(tmp_path, result):
    obj, probe = result
    convert_file(tmp_path / "r.ptyr", tmp_path / "r.npz")
    found = np.load(tmp_path / "r.npz")
    assert np.array_equal(found["object"], obj)
    assert np.array_equal(found["probe"], probe)
    assert found["object_psize"].tolist() == [2e-8, 3e-8]
    convert_file(tmp_path / "r.ptyr", tmp_path / "r.npy")
    assert np.array_equal(np.load(tmp_path / "r.npy"), obj)


@pytest.mark.parametrize(
    ("ending", "group"), [(".cxi", "entry_1/image_1"), (".h5", "entry/object")]
)
def test_results_leave_with_axes_in_metres(tmp_path, result, ending, group):
    obj, _ = result
    convert_file(tmp_path / "r.ptyr", tmp_path / f"r{ending}")
    with h5py.File(tmp_path / f"r{ending}") as file:
        stored = file[group].get("complex", file[group].get("data"))
        assert np.array_equal(stored[()], obj)
        assert file[group]["x"].attrs["units"] == "m"
        assert np.allclose(file[group]["x"][()], 2e-7 + 3e-8 * np.arange(12))
        assert np.allclose(file[group]["y"][()], -1e-7 + 2e-8 * np.arange(9))


def test_many_images_become_one_scan_in_the_order_of_their_numbers(tmp_path):
    frames = np.random.default_rng(1).poisson(9, (12, 8, 6)).astype(np.uint16)
    for number, frame in enumerate(frames):
        np.save(tmp_path / f"f_{number}.npy", frame)
    positions = np.arange(24.0).reshape(12, 2)
    np.savetxt(tmp_path / "stage.txt", positions)
    given = {"positions.file": str(tmp_path / "stage.txt"), "positions.multiplier": -1e-6}
    convert_file(str(tmp_path / "f_*.npy"), tmp_path / "a.ptyd", parameters=given)
    back = read_all(tmp_path / "a.ptyd")
    assert np.array_equal(back.data, frames)
    assert np.allclose(back.positions, -positions * 1e-6)


def test_preparation_is_asked_for_by_its_parameters(tmp_path):
    data, *_ = scan(tmp_path / "a.ptyd", masks="none", center=(9, 7))
    convert_file(tmp_path / "a.ptyd", tmp_path / "b.cxi")
    convert_file(
        tmp_path / "b.cxi", tmp_path / "c.ptyd", parameters={"rebin": 2, "shape": (16, 12)}
    )
    back, meta = read_all(tmp_path / "c.ptyd"), ptyd.PtydReader(tmp_path / "c.ptyd").meta
    assert back.data.shape == (7, 8, 6)
    assert back.data.sum() == data[:, 1:17, 1:13].sum()
    assert np.allclose(meta["psize"], np.multiply(PSIZE, 2))


def test_the_command_says_what_is_lost_and_refuses_in_words(tmp_path, capsys):
    from ptypy.cli import main

    scan(tmp_path / "a.ptyd")
    source, target = str(tmp_path / "a.ptyd"), str(tmp_path / "b.npy")
    assert main(["convert", source, target]) == 0
    assert "no place for" in capsys.readouterr().out
    assert main(["convert", source, target]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["convert", target, str(tmp_path / "c.ptyd"), "--set", "rebin"]) == 1
    assert "NAME=VALUE" in capsys.readouterr().err


def test_of_a_result_the_pictures_that_are_written_are_named_and_no_change_is_passed_over(
    tmp_path, result, capsys
):
    from ptypy.cli import main

    source = str(tmp_path / "r.ptyr")
    assert main(["convert", source, str(tmp_path / "x.tif")]) == 0
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line.endswith("written")] == [
        f"{tmp_path / name}: written" for name in ("x_phase.tif", "x_amplitude.tif")
    ]
    assert main(["convert", source, str(tmp_path / "y.npz"), "--set", "rebin=2"]) == 1
    assert "without rebin" in capsys.readouterr().err
    assert not (tmp_path / "y.npz").exists()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.ptyd", "chunks/0/data"),
        ("a.cxi", "entry_1/data_1/data"),
        ("r.ptyr", "content/obj/S1/data"),
        ("r.cxi", "entry_1/image_1/data"),
        ("r.h5", "entry/object/phase"),
    ],
)
def test_viewers_are_led_to_the_picture(tmp_path, result, name, shown):
    """As silx and nexusformat look for it: `default` from group to group, then `signal`."""
    scan(tmp_path / "a.ptyd")
    if name.endswith(("cxi", "h5")):
        convert_file(tmp_path / ("r.ptyr" if name[0] == "r" else "a.ptyd"), tmp_path / name)
    with h5py.File(tmp_path / name) as file:
        group = file
        while "default" in group.attrs:
            group = group[group.attrs["default"]]
        assert group.attrs["NX_class"] == "NXdata"
        signal = group[group.attrs["signal"]]
        assert signal == file[shown]
        for axis in group.attrs.get("axes", ()):
            assert axis == "." or axis in group
