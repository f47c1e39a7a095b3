"""What loaders deliver is what h5py, frame by frame, and NumPy, step by step, make of the file."""

import importlib.util
import sys
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptypy.core.data import PtydScan
from ptypy.experiment import Hdf5Loader, ImageStackScan
from ptypy.utils import Param

FOLDER = Path(__file__).parents[3] / "benchmarks" / "preparation"
FRAMES, HEIGHT, WIDTH = 7, 20, 24
GEOMETRY = {"distance": 1.0, "psize": 1e-4, "energy": 8.0}

WHOLE = {"shape": None, "center": (HEIGHT // 2, WIDTH // 2)}
MIDDLE = {"shape": (8, 12), "center": (9, 13)}
BEYOND = {"shape": (12, 16), "center": (3.6, 20.2)}
REGIONS = {"whole": WHOLE, "middle": MIDDLE, "beyond the edge": BEYOND}


def _module(name):
    """Import a file of the benchmark."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


straightforward, raw_files = _module("straightforward"), _module("raw_files")


@pytest.fixture(scope="module", params=raw_files.LAYOUTS)
def raw(request, tmp_path_factory):
    """A scan in one of the layouts; dark, flat and mask have all the faults there are."""
    home = tmp_path_factory.mktemp("raw")
    rng = np.random.default_rng(0)
    pool = rng.poisson(rng.uniform(0, 900, (FRAMES, HEIGHT, WIDTH))).astype(np.uint16)
    fields = home / "fields.h5"
    with h5py.File(fields, "w") as file:
        # Counts near their dark: what is left of them is a small difference of large numbers.
        file["dark"] = rng.uniform(0, 600, (HEIGHT, WIDTH)).astype(np.float32)
        flat = rng.uniform(0.5, 1.5, (HEIGHT, WIDTH)).astype(np.float32)
        flat[3, 4:9], flat[9, 13] = 0, np.nan
        file["flat"] = flat
        file["mask"] = rng.random((HEIGHT, WIDTH)) > 0.02
        file["y"], file["x"] = np.arange(FRAMES) % 3, np.arange(FRAMES) // 3
    layout = request.param
    path = home / ("raw.npy" if layout == "npy" else "raw.h5")
    return raw_files.write_raw(path, pool, FRAMES, layout, fields)


def _plainly(raw, region, *, corrects, masks=True, orientation=0, rebin=1, careful=False):
    with h5py.File(raw.fields) as file:
        given = {name: file[name][()] for name in ("dark", "flat")} if corrects else {}
        given["mask"] = file["mask"][()] if masks else None
    recipe = straightforward.Recipe(orientation=orientation, rebin=rebin, **region)
    steps = straightforward.Straightforward((HEIGHT, WIDTH), recipe, **given, careful=careful)
    return straightforward.prepare_file(raw.path, raw_files.FRAMES, steps)


def _scan(raw, *, corrects, masks=True, **more):
    where = raw_files.parameters(raw, corrects=corrects, masks=masks)
    kind = ImageStackScan if raw.layout == "npy" else Hdf5Loader
    return kind(Param(where, **GEOMETRY), **more)


def _deliver(scan, frames=3):
    """Give all frames of a scan (N, h, w), and a mask for each."""
    data, masks = [], []
    while (package := scan.auto(frames)) != scan.EOS:
        data += [entry["data"] for entry in package["iterable"]]
        masks += [entry["mask"] for entry in package["iterable"]]
    return np.stack(data), np.stack(masks)


REBINS = (1, 2, 4)


def _cases():
    """Every orientation with every region, and with every rebinning in one of the regions."""
    kinds = (("integers", False), ("corrected", True))
    for (row, name), orientation, (kind, corrects) in product(enumerate(REGIONS), range(8), kinds):
        rebin = REBINS[(row + orientation) % 3]
        name_of_case = f"{name}-{orientation}-{rebin}-{kind}"
        yield pytest.param(REGIONS[name], orientation, rebin, corrects, id=name_of_case)


@pytest.mark.parametrize(("region", "orientation", "rebin", "corrects"), list(_cases()))
def test_a_scan_is_prepared_as_by_the_plainest_code(raw, region, orientation, rebin, corrects):
    turned = {"orientation": orientation, "rebin": rebin}
    expected = _plainly(raw, region, corrects=corrects, **turned)
    data, masks = _deliver(_scan(raw, corrects=corrects, **region, **turned))
    if corrects:
        np.testing.assert_allclose(data, expected.data, rtol=1e-6)
    else:
        assert data.dtype.kind == "u"
        np.testing.assert_array_equal(data, expected.data)
    np.testing.assert_array_equal(masks, np.broadcast_to(expected.mask, masks.shape))


@pytest.mark.parametrize("corrects", [False, True])
def test_careful_code_gives_what_the_plainest_gives(raw, corrects):
    way = {"corrects": corrects, "orientation": 5, "rebin": 2}
    for region in REGIONS.values():
        plain = _plainly(raw, region, **way)
        careful = _plainly(raw, region, **way, careful=True)
        np.testing.assert_allclose(careful.data, plain.data, rtol=1e-6 if corrects else 0)
        np.testing.assert_array_equal(careful.mask, plain.mask)


@pytest.mark.parametrize("corrects", [False, True])
def test_without_a_mask_only_unusable_pixels_are_left_out(raw, corrects):
    expected = _plainly(raw, MIDDLE, corrects=corrects, masks=False, rebin=2)
    _, masks = _deliver(_scan(raw, corrects=corrects, masks=False, **MIDDLE, rebin=2))
    np.testing.assert_array_equal(masks, np.broadcast_to(expected.mask, masks.shape))
    assert masks.all() != corrects


@pytest.mark.parametrize("threads", ["1", "2", "3"])
@pytest.mark.parametrize("frames", [1, 2, FRAMES])
def test_neither_block_size_nor_threads_change_a_bit(raw, frames, threads, monkeypatch):
    way = {"corrects": True, **MIDDLE, "orientation": 5, "rebin": 2}
    expected, _ = _deliver(_scan(raw, **way), 3)
    monkeypatch.setenv("PTYPY_NUM_THREADS", threads)
    data, _ = _deliver(_scan(raw, **way), frames)
    np.testing.assert_array_equal(data, expected)


@pytest.mark.parametrize(("save", "corrects"), [("append", False), ("link", True)])
def test_what_is_saved_is_read_back_the_same(raw, save, corrects, tmp_path):
    path = str(tmp_path / "scan.ptyd")
    expected = _plainly(raw, MIDDLE, corrects=corrects, orientation=6, rebin=2)
    way = {**MIDDLE, "orientation": 6, "rebin": 2, "save": save, "dfile": path}
    _deliver(_scan(raw, corrects=corrects, **way))
    data, masks = _deliver(PtydScan(dfile=path), 2)
    np.testing.assert_allclose(data, expected.data, rtol=1e-6 if corrects else 0)
    np.testing.assert_array_equal(masks, np.broadcast_to(expected.mask, masks.shape))


def test_a_file_in_the_layout_of_ptypy_is_read_as_frame_by_frame(tmp_path):
    path, rng = tmp_path / "theirs.ptyd", np.random.default_rng(3)
    blocks = list(rng.poisson(4.0, (3, 4, 16, 16)).astype(np.float64))
    places, mask = rng.random((12, 2)), rng.random((16, 16)) > 0.1
    straightforward.write_like_ptypy(path, blocks, places, mask)
    expected = straightforward.read_like_ptypy(path, range(12), 4)
    data, masks = _deliver(PtydScan(dfile=str(path)), 5)
    np.testing.assert_array_equal(data, np.stack(list(expected["data"].values())))
    np.testing.assert_array_equal(data, np.concatenate(blocks))
    np.testing.assert_array_equal(masks, np.stack(list(expected["weights"].values())))
