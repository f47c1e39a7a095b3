"""Arrays of a script, or of another program's file, become a scan without a class for them."""

import bz2
import io

import h5py
import numpy as np
import pytest

from ptypy.core.data import PtydScan
from ptypy.errors import DataError, ParameterError
from ptypy.experiment.array_scan import ArrayScan
from ptypy.io.h5rw import h5read
from ptypy.io.stored_stack import StoredStack
from ptypy.testing import ScanContract, ScanExample
from ptypy.utils.units import m2keV, wavelength

N, H, W = 10, 16, 20
GEOMETRY = {"energy": 8.0, "distance": 1.5, "psize": 75e-6}


def counts():
    return np.random.default_rng(9).poisson(25, (N, H, W)).astype(np.uint16)


def positions():
    return np.random.default_rng(10).uniform(-1e-6, 1e-6, (N, 2))


def good():
    mask = np.ones((H, W), bool)
    mask[6, 11] = False
    return mask


class TestArrays(ScanContract):
    def make_example(self, folder):
        given = {"frames": counts(), "positions": positions(), "mask": good()}
        return ScanExample(ArrayScan, given | GEOMETRY, **given)


class TestMasksForEveryFrame(ScanContract):
    """Frames on a raster, each with a mask, zero frequency in the corner, amplitudes."""

    def make_example(self, folder):
        mask = np.repeat(good()[None], N, axis=0)
        mask[3, 2, 2] = False
        shifted = np.fft.ifftshift(np.sqrt(counts().astype(float)), axes=(1, 2))
        given = {
            "frames": shifted.reshape(2, 5, H, W), "positions": positions().T * 1e6,
            "mask": np.fft.ifftshift(mask, axes=(1, 2)), "multiplier": 1e-6,
            "zero_frequency": "corner", "amplitudes": True,
        }  # fmt: skip
        return ScanExample(
            ArrayScan,
            given | GEOMETRY,
            frames=counts().astype(float),
            positions=positions(),
            mask=mask,
        )


class TestHdf5(ScanContract):
    """The layout of PtyLab, with its geometry."""

    def make_example(self, folder):
        with h5py.File(folder / "scan.hdf5", "w") as file:
            file["ptychogram"], file["encoder"] = counts(), positions()
            file["wavelength"], file["zo"], file["dxd"] = wavelength(6.0), 0.05, 20e-6
        return ScanExample(
            ArrayScan,
            {"file": str(folder / "scan.hdf5"), "file_layout": "ptylab"},
            frames=counts(),
            positions=positions(),
            geometry={"energy": 6.0, "distance": 0.05, "psize": 20e-6},
            files=[folder / "scan.hdf5"],
        )


class TestTike(ScanContract):
    """Compressed .npz, frames in the corner, positions in pixels of the object."""

    def make_example(self, folder):
        pixel = wavelength(8.0) * 1.5 / (np.array((H, W)) * 75e-6)
        data = np.fft.ifftshift(counts(), axes=(1, 2))[None]
        np.savez_compressed(folder / "scan.npz", data=data, scan=(positions() / pixel)[None])
        return ScanExample(
            ArrayScan,
            {"file": str(folder / "scan.npz"), "file_layout": "tike", **GEOMETRY},
            frames=counts(),
            positions=positions(),
            files=[folder / "scan.npz"],
        )


class TestMatlab(ScanContract):
    """Frames along the last axis, in a .mat file of the older kind."""

    def make_example(self, folder):
        import scipy.io

        held = {"dp": counts().transpose(1, 2, 0), "pos": positions()}
        scipy.io.savemat(folder / "scan.mat", held)
        names = {"frames": "dp", "positions": "pos", "frames_last": True}
        return ScanExample(
            ArrayScan,
            {"file": str(folder / "scan.mat"), **names, **GEOMETRY},
            frames=counts(),
            positions=positions(),
            files=[folder / "scan.mat"],
        )


def test_both_kinds_of_mat_files_give_the_axes_of_matlab(tmp_path):
    with h5py.File(tmp_path / "new.mat", "w", userblock_size=512) as file:
        file["dp"] = counts().transpose(1, 2, 0).T
    names = {"file": str(tmp_path / "new.mat"), "frames": "dp", "frames_last": True}
    scan = ArrayScan(positions=positions(), **names, **GEOMETRY)
    found = [entry["data"] for entry in scan.auto(20)["iterable"]]
    np.testing.assert_array_equal(found, counts())


def test_frames_given_as_an_array_are_not_saved_twice(tmp_path):
    path = tmp_path / "a.ptyd"
    scan = ArrayScan(
        frames=counts(), positions=positions(), save="append", dfile=str(path), **GEOMETRY
    )
    while scan.auto(5) != scan.EOS:
        pass
    assert h5read(str(path), "info")["info"]["frames"] is None
    assert len(PtydScan(dfile=str(path)).auto(100)["iterable"]) == N


def test_positions_in_pixels_need_the_geometry():
    scan = ArrayScan(frames=counts(), positions=positions(), position_unit="px", energy=8.0)
    with pytest.raises(ParameterError) as raised:
        scan.auto(1)
    assert "distance" in str(raised.value)
    assert "psize" in str(raised.value)


def test_frames_that_will_be_transposed_exchange_the_pixel_sizes_of_positions_too():
    points = np.ones((N, 2))
    both = {"frames": counts(), "positions": points, "position_unit": "px", **GEOMETRY}
    upright, turned = (
        ArrayScan(**both, orientation=k).auto(20)["chunk"].positions[0] for k in (0, 4)
    )
    np.testing.assert_allclose(upright, turned[::-1])
    assert upright[0] == pytest.approx(wavelength(8.0) * 1.5 / (H * 75e-6))


def test_names_without_a_file_and_missing_arrays_are_all_named():
    with pytest.raises(ParameterError) as raised:
        ArrayScan(frames="data", positons=positions())
    text = str(raised.value)
    assert "did you mean `positions`" in text
    assert "`file` is not given" in text


def test_a_name_that_the_file_does_not_hold_is_listed_against_those_it_holds(tmp_path):
    np.savez(tmp_path / "a.npz", data=counts(), scan=positions())
    where = {"file": str(tmp_path / "a.npz"), "positions": "scan"}
    with pytest.raises(DataError, match=r"a\.npz: has no dataset 'frames'; it holds data, scan"):
        ArrayScan(frames="frames", **where, **GEOMETRY).auto(1)


def test_frames_and_positions_of_different_number_are_refused():
    with pytest.raises(DataError, match="10 frames, but 9 positions; `num_frames=9`"):
        ArrayScan(frames=counts(), positions=positions()[:9], **GEOMETRY).auto(1)


@pytest.mark.real
def test_the_siemens_star_is_read_from_the_file_of_tike(shared_data, tmp_path):
    packed = (shared_data / "siemens-star-small.npz.bz2").read_bytes()
    with np.load(io.BytesIO(bz2.decompress(packed))) as held:
        np.savez(tmp_path / "star.npz", data=held["data"][:, :8], scan=held["scan"][:, :8])
        first, places = held["data"][0, 0], held["scan"][0, :8]
    scan = ArrayScan(
        file=str(tmp_path / "star.npz"), file_layout="tike", energy=8.8, distance=2.0, psize=75e-6
    )
    package = scan.auto(8)
    frame = package["iterable"][0]["data"]
    np.testing.assert_array_equal(frame, np.fft.fftshift(first))
    pixel = m2keV(1.0) / 8.8 * 2.0 / (128 * 75e-6)
    np.testing.assert_allclose(package["chunk"].positions, places * pixel, rtol=1e-6)


def test_counts_that_no_detector_counts_are_not_trusted():
    frames = counts().astype(np.int32)
    frames[:, 4], frames[2, 3, 3] = -1, -2
    chunk = ArrayScan(frames=frames, positions=positions(), **GEOMETRY).next_chunk(N)
    bad = frames < 0
    np.testing.assert_array_equal(np.broadcast_to(chunk.mask, chunk.data.shape), ~bad)
    frames = counts()
    frames[:, 5], frames[1, 2, 2], frames[3, 2, 2] = 65535, 65535, 200
    both = {"frames": frames, "positions": positions(), **GEOMETRY}
    chunk = ArrayScan(**both).next_chunk(N)
    np.testing.assert_array_equal(np.broadcast_to(chunk.mask, chunk.data.shape), frames != 65535)
    chunk = ArrayScan(**both, saturation=200, mask=good()).next_chunk(N)
    trusted = (frames < 200) & good()
    np.testing.assert_array_equal(np.broadcast_to(chunk.mask, chunk.data.shape), trusted)
    assert ArrayScan(**both, saturation=float("inf")).next_chunk(N).mask.all()


class ReadsNow(ArrayScan):
    """Looks at frames itself, so that they are read before they are prepared."""

    def correct(self, raw, weights, common):
        return raw, weights


@pytest.mark.parametrize("name", ["frames.npy", "frames.h5", None])
@pytest.mark.parametrize("has_masks", [False, True])
def test_frames_prepared_where_they_are_are_those_that_are_read(tmp_path, name, has_masks):
    frames = counts()
    frames[3, 8, 9], frames[4, 7, 7], frames[6, 0, 0] = 65535, 65535, 65534
    mask = np.random.default_rng(9).random((N, H, W) if has_masks else (H, W)) > 0.05
    given = {"positions": positions(), "mask": mask, **GEOMETRY}
    if name == "frames.npy":
        np.save(tmp_path / name, frames)
    elif name == "frames.h5":
        with h5py.File(tmp_path / name, "w") as file:
            file["counts"] = frames
    given |= {"file": str(tmp_path / name), "frames": "counts"} if name else {"frames": frames}
    for more in ({}, {"shape": 8, "rebin": 2, "orientation": 5}, {"saturation": 40, "shape": 10}):
        scans = [scan(**(given | more)) for scan in (ArrayScan, ReadsNow)]
        chunks = [scan.next_chunk(N) for scan in scans]
        np.testing.assert_array_equal(chunks[0].data, chunks[1].data)
        masks = [np.broadcast_to(chunk.mask, chunk.data.shape) for chunk in chunks]
        np.testing.assert_array_equal(*masks)
        assert isinstance(scans[0].load_block(np.arange(3))[0], StoredStack)


def test_invalid_counts_and_masks_of_single_frames_are_put_together(tmp_path):
    frames = counts().astype(np.int16)
    frames[4, 7, 7] = -1
    mask = np.ones((N, H, W), bool)
    mask[4, 8, 8] = mask[5, 9, 9] = False
    given = {"positions": positions(), "mask": mask.reshape(2, 5, H, W), **GEOMETRY}
    chunk = ArrayScan(frames=np.fft.ifftshift(frames, axes=(1, 2)), zero_frequency="corner",
                      **(given | {"mask": np.fft.ifftshift(given["mask"], axes=(2, 3))}),
                      ).next_chunk(N)  # fmt: skip
    np.testing.assert_array_equal(chunk.mask, mask & (frames >= 0))


@pytest.mark.parametrize("shape", [(N - 1, H, W), (W,)])
def test_masks_that_are_not_as_many_as_frames_are_refused_in_words(shape):
    scan = ArrayScan(frames=counts(), positions=positions(), mask=np.ones(shape), **GEOMETRY)
    with pytest.raises(DataError, match=r"the mask has shape .* 10 frames"):
        scan.auto(1)


def test_conventions_of_a_layout_hold_for_a_derived_class_too(tmp_path):
    pixel = wavelength(8.0) * 1.5 / (np.array((H, W)) * 75e-6)
    data = np.fft.ifftshift(counts(), axes=(1, 2))[None]
    np.savez(tmp_path / "scan.npz", data=data, scan=(positions() / pixel)[None])
    parameters = ArrayScan.DEFAULT.copy(99)
    parameters.update(file=str(tmp_path / "scan.npz"), file_layout="tike", **GEOMETRY)
    chunk = ArrayScan(parameters).next_chunk(N)
    np.testing.assert_array_equal(chunk.data, counts())
    np.testing.assert_allclose(chunk.positions, positions())
    parameters.update(position_unit="m", zero_frequency="center")
    chunk = ArrayScan(parameters).next_chunk(N)
    np.testing.assert_array_equal(chunk.data, data[0])
    np.testing.assert_allclose(chunk.positions, positions() / pixel)


def write_ptylab(path, **more):
    held = {"ptychogram": counts(), "encoder": positions(), "wavelength": wavelength(6.0)}
    with h5py.File(path, "w") as file:
        for name, value in ({**held, "zo": 0.05, "dxd": 20e-6} | more).items():
            if value is not None:
                file[name] = value
    return {"file": str(path), "file_layout": "ptylab"}


def test_frames_are_turned_as_a_file_of_ptylab_says_unless_the_script_does(tmp_path):
    where = write_ptylab(tmp_path / "scan.hdf5", orientation=np.array([[5]]))
    chunk = ArrayScan(where).next_chunk(N)
    np.testing.assert_array_equal(chunk.data, counts().transpose(0, 2, 1)[:, :, ::-1])
    chunk = ArrayScan(where, orientation=0).next_chunk(N)
    np.testing.assert_array_equal(chunk.data, counts())
    where = write_ptylab(tmp_path / "odd.hdf5", orientation=12)
    with pytest.raises(DataError, match="orientation is 12"):
        ArrayScan(where).auto(1)


@pytest.mark.parametrize("held", [None, np.array([]), 0.0])
def test_a_number_that_a_file_of_ptylab_lacks_has_to_be_given(tmp_path, held):
    where = write_ptylab(tmp_path / "scan.hdf5", dxd=held)
    with pytest.raises(DataError, match="the size of a pixel: give `psize`"):
        ArrayScan(where).auto(1)
    assert ArrayScan(where, psize=20e-6).next_chunk(1).meta.energy == pytest.approx(6.0)


def test_frames_that_were_never_written_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        stack = file.create_dataset("d", (N, H, W), "u2", chunks=(1, H, W))
        for k in range(7):
            stack[k] = counts()[k]
        file["p"] = positions()
    where = {"file": str(tmp_path / "a.h5"), "frames": "d", "positions": "p", **GEOMETRY}
    with pytest.raises(DataError, match="3 were never written"):
        ArrayScan(where).auto(1)
    assert len(ArrayScan(where, num_frames=7).next_chunk(N).data) == 7
