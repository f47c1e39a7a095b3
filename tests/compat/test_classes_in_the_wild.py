"""Loaders that beamlines wrote for PtyPy 0.9, in style, run as they are, and their scripts too."""

# ruff: noqa: B007, SIM118, UP008, UP031 - people write so

import h5py
import numpy as np
import pytest

import ptypy
from ptypy import defaults_tree, io
from ptypy import utils as u
from ptypy.core import Ptycho
from ptypy.core.data import PtydScan, PtyScan
from ptypy.experiment import register
from ptypy.utils.verbose import log

RNG = np.random.default_rng(11)
FRAMES = RNG.poisson(50, (12, 20, 24)).astype(np.uint16)
POSITIONS = np.stack(np.mgrid[:3, :4], axis=-1).reshape(-1, 2) * 1e-7
DARK = RNG.integers(0, 5, (20, 24)).astype(np.float32)
FLAT = RNG.uniform(0.5, 2.0, (20, 24)).astype(np.float32)
BAD = np.zeros((20, 24), bool)
BAD[3, 4] = True


@register()
class StationScan(PtyScan):
    """One NeXus-like file a scan. Everything is found in the constructor, after the parent's.

    Defaults:

    [name]
    type = str
    default = StationScan
    help =

    [path]
    type = str
    default = None
    help = Folder of the proposal

    [scan_number]
    type = int
    default = None
    help = Number of the scan

    [x_axis]
    type = str
    default = stage_x
    help = Which motor moved

    [y_axis]
    type = str
    default = stage_y
    help = Which motor moved
    """

    def __init__(self, pars=None, **kwargs):
        self.p = self.DEFAULT.copy(99)
        self.p.update(pars)
        pars = self.p.copy()
        super(StationScan, self).__init__(pars, **kwargs)
        filename = self.info.path + "/scan_%04d.h5" % self.info.scan_number
        with h5py.File(filename, "r") as hf:
            self.meta.energy = float(hf["mono/energy"][()]) * 1e-3
            self.meta.distance = hf["detector/distance"][()]
            self.info.psize = self.meta.psize = hf["detector/pixel"][()] * 1e-6
            self.num_frames = len(hf["detector/frames"])
        self.filename = filename
        log(3, "energy is %.3f keV" % self.meta.energy)

    def load_positions(self):
        x = io.h5read(self.filename, "motors.%s" % self.info.x_axis)[self.info.x_axis]
        y = io.h5read(self.filename, "motors.%s" % self.info.y_axis)[self.info.y_axis]
        positions = np.vstack((-y * 1e-6, -x * 1e-6)).T.copy()
        self.info.positions_scan = positions
        return positions

    def load_weight(self):
        return io.h5read(self.filename, "mask")["mask"] == 0

    def load(self, indices):
        raw, weights, positions = {}, {}, {}
        with h5py.File(self.filename, "r") as hf:
            for k, ind in enumerate(indices):
                raw[ind] = hf["detector/frames"][ind]
        return raw, positions, weights


@defaults_tree.parse_doc("scandata.CorrectingScan")
class CorrectingScan(PtyScan):
    """Dark and flat in `load_common`, used by `correct`; positions and masks frame by frame.

    Defaults:

    [auto_center]
    default = False

    [recipe]
    type = Param
    default = {}
    help = What this instrument needs

    [recipe.base_path]
    type = str
    default = None
    help = Folder of the scan

    [recipe.pattern]
    type = str
    default = img_%05d.npy
    help = How frames are named
    """

    def __init__(self, pars=None, **kwargs):
        p = self.DEFAULT.copy(depth=4)
        p.update(pars, in_place_depth=4)
        p.energy = 6.2
        super().__init__(p, **kwargs)
        self.data_object = None

    def load_common(self):
        common = u.Param()
        base = self.info.recipe.base_path
        common.dark = np.load(base + "/dark.npy")
        common.flat = np.load(base + "/flat.npy")
        return common

    def load_positions(self):
        """Give no positions here, only the number of frames."""
        table = np.loadtxt(self.info.recipe.base_path + "/log.txt")
        self.num_frames = len(table)
        self.table = table

    def load(self, indices):
        table = np.loadtxt(self.info.recipe.base_path + "/log.txt")
        raw = {}
        pos = {}
        weights = {}
        for i in indices:
            raw[i] = np.load(self.info.recipe.base_path + "/" + self.info.recipe.pattern % i)
            pos[i] = table[i, 1:] * 1e-6
            weights[i] = np.logical_not(BAD)
        return raw, pos, weights

    def correct(self, raw, weights, common):
        data = {}
        for k in raw.keys():
            data[k] = raw[k].astype(float) - common.dark
            data[k][data[k] < 0] = 0.0
            data[k] /= common["flat"]
        return data, weights


@register("TwoLayouts")
class LayoutScan(PtyScan):
    """Rebinds `load` to what fits the file, and crops while it reads.

    Defaults:

    [file]
    type = str
    default = None
    help = File of the scan

    [multiplier]
    type = float
    default = 1e-6
    help = Unit of the stage [m]
    """

    def __init__(self, pars=None, **kwargs):
        self.p = self.DEFAULT.copy(99)
        self.p.update(pars)
        super().__init__(self.p, **kwargs)
        self.handle = h5py.File(self.p.file, "r")
        self.frames = self.handle["frames"]
        if self.frames.ndim == 4:
            self.load = self.load_mapped
            self.shape_of_scan = self.frames.shape[:2]
        else:
            self.load = self.load_listed
            self.shape_of_scan = (len(self.frames),)
        self.num_frames = int(np.prod(self.shape_of_scan))
        if self.info.shape is None:
            self.info.shape = self.frames.shape[-2:]
        self.info.center = None
        self.info.auto_center = self.info.auto_center or False

    def load_positions(self):
        y, x = (np.ravel(self.handle[key][...]) * self.p.multiplier for key in "yx")
        return np.array([y, x]).T

    def load_weight(self):
        return np.ones(self.frames.shape[-2:])

    def load_mapped(self, indices):
        columns = self.shape_of_scan[1]
        return {i: self.frames[i // columns, i % columns] for i in indices}, {}, {}

    def load_listed(self, indices):
        return {i: self.frames[i] for i in indices}, {}, {}

    def _finalize(self):
        self.handle.close()
        super()._finalize()


@register()
class TableScan(PtyScan):
    """Puts all positions into `info` itself; `load_positions` is not written."""

    def __init__(self, pars=None, **kwargs):
        super().__init__(pars, **kwargs)
        self.num_frames = len(FRAMES)
        self.info.positions_scan = POSITIONS

    def load_positions(self):
        return None

    def load_weight(self):
        return None

    def load(self, indices):
        return {i: FRAMES[i] for i in indices}, {}, {}


# ------------------------------------------------------------------------ files, and scripts

GEOMETRY = {"energy": 6.2, "distance": 0.5, "psize": 75e-6}


@pytest.fixture
def station(tmp_path):
    with h5py.File(tmp_path / "scan_0007.h5", "w") as file:
        file["mono/energy"] = 6200.0
        file["detector/distance"] = 0.5
        file["detector/pixel"] = 75.0
        file["detector/frames"] = FRAMES
        file["motors/stage_y"] = -POSITIONS[:, 0] * 1e6
        file["motors/stage_x"] = -POSITIONS[:, 1] * 1e6
        file["mask"] = BAD.astype(int)
    return {"name": "StationScan", "path": str(tmp_path), "scan_number": 7, "shape": (16, 20)}


@pytest.fixture
def correcting(tmp_path):
    np.save(tmp_path / "dark.npy", DARK)
    np.save(tmp_path / "flat.npy", FLAT)
    for k, frame in enumerate(FRAMES):
        np.save(tmp_path / ("img_%05d.npy" % k), frame)
    np.savetxt(tmp_path / "log.txt", np.column_stack([np.arange(12), POSITIONS * 1e6]))
    recipe = u.Param(base_path=str(tmp_path))
    rest = {"distance": 0.5, "psize": 75e-6, "shape": (16, 20)}
    return {"name": "CorrectingScan", "recipe": recipe, **rest}


def layout(tmp_path, frames, positions):
    path = tmp_path / f"{frames.ndim}.h5"
    with h5py.File(path, "w") as file:
        file["frames"] = frames
        file["y"], file["x"] = positions[..., 0] * 1e6, positions[..., 1] * 1e6
    return {"name": "TwoLayouts", "file": str(path), "shape": None, **GEOMETRY}


def run(home, data, frames_per_block=5, **scan):
    """Run a script of the usual form, as far as the frames."""
    p = u.Param()
    p.verbose_level = 3
    p.frames_per_block = frames_per_block
    p.io = u.Param()
    p.io.home = str(home)
    p.io.autosave = u.Param(active=False)
    p.io.autoplot = u.Param(active=False)
    p.io.interaction = u.Param(active=False)
    p.scans = u.Param()
    p.scans.scan00 = u.Param()
    p.scans.scan00.name = "BlockFull"
    p.scans.scan00.data = u.Param(data)
    p.scans.scan00.update(scan)
    p.engines = u.Param()
    p.engines.engine00 = u.Param(name="DM", numiter=2)
    return Ptycho(p, level=4)


def frames_of(ptycho):
    counts = np.concatenate([block.counts for block in ptycho.model.blocks])
    return counts, np.concatenate([block.positions for block in ptycho.model.blocks])


def cut(frames):
    return frames[..., 2:18, 2:22]


def test_a_class_that_finds_its_geometry_after_its_parents_constructor(station, tmp_path):
    ptycho = run(tmp_path, station)
    counts, positions = frames_of(ptycho)
    np.testing.assert_array_equal(counts, cut(FRAMES))
    np.testing.assert_allclose(positions, POSITIONS, atol=1e-15)
    geometry = ptycho.model.blocks[0].geometry
    assert (geometry.energy, geometry.distance) == pytest.approx((6.2, 0.5))
    np.testing.assert_allclose(geometry.psize, 75e-6)
    np.testing.assert_array_equal(ptycho.model.blocks[0].mask, cut(~BAD))
    ptycho.run()
    assert ptycho.runtime.iter_info[-1].iterations == 2


def test_a_class_that_corrects_its_frames_with_what_all_of_them_share(correcting, tmp_path):
    counts, positions = frames_of(run(tmp_path, correcting))
    expected = np.maximum(FRAMES.astype(float) - DARK, 0) / FLAT
    np.testing.assert_allclose(counts, cut(expected), rtol=1e-6)
    np.testing.assert_allclose(positions, POSITIONS, atol=1e-15)


def test_a_class_that_binds_load_to_the_layout_of_its_file(tmp_path):
    mapped = layout(tmp_path, FRAMES.reshape(3, 4, 20, 24), POSITIONS.reshape(3, 4, 2))
    listed = layout(tmp_path, FRAMES, POSITIONS)
    for data in (mapped, listed):
        counts, positions = frames_of(run(tmp_path, data))
        np.testing.assert_array_equal(counts, FRAMES)
        np.testing.assert_allclose(positions, POSITIONS, atol=1e-15)


def test_a_class_that_puts_its_positions_into_info(tmp_path):
    counts, positions = frames_of(run(tmp_path, {"name": "TableScan", "shape": None, **GEOMETRY}))
    np.testing.assert_array_equal(counts, FRAMES)
    np.testing.assert_array_equal(positions, POSITIONS)


def test_a_script_that_prepares_first_and_reconstructs_from_the_file(station, tmp_path):
    p = u.Param(station)
    p.dfile = str(tmp_path / "station.ptyd")
    p.save = "link"
    scan = StationScan(p)
    scan.initialize()
    chunks = 0
    for _ in range(100):
        msg = scan.auto(5)
        if msg == scan.WAIT:
            continue
        if msg == scan.EOS:
            break
        chunks += 1
        assert isinstance(msg, dict)
        assert msg["common"].shape[0] == 16
        u.verbose.report(msg)
    assert chunks == 3
    found = PtydScan(dfile=p.dfile).next_chunk(100)
    np.testing.assert_array_equal(found.data, cut(FRAMES))
    later = run(tmp_path, {**p, "source": "file"})
    np.testing.assert_array_equal(frames_of(later)[0], cut(FRAMES))


def test_a_script_for_the_accelerated_engines_of_then(station, tmp_path):
    ptypy.load_gpu_engines(arch="serial")
    ptycho = run(tmp_path, station)
    ptycho.run(label="later", epars=u.Param(name="DM_serial", numiter=1))
    assert ptycho.runtime.iter_info[-1].numiter == 1
