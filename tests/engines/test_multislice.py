"""ThreePIE: samples so thick that light spreads inside them."""

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.classes import Container
from ptypy.core.data import PtyScan, register
from ptypy.core.geometry import Geo
from ptypy.diagnose import noise_floor
from ptypy.engines._slices import Slices
from ptypy.errors import ParameterError
from ptypy.io import h5read
from ptypy.utils import Param

N, SIZE = 48, 104
GEOMETRY = {"energy": 8.8, "distance": 2.0, "psize": 75e-6}
GEO = Geo(pars=Param(shape=(N, N), propagation="farfield", **GEOMETRY))
LAM, PIXEL = float(GEO.lam), float(GEO.resolution[0])
THICKNESS = 30 * PIXEL**2 / LAM
"""Far beyond the depth of field: light of the finest detail goes 6 px aside."""


def draw_slices():
    """Two sheets of blobs that have nothing to do with each other."""
    rng = np.random.default_rng(5)
    fine = np.hypot(*np.meshgrid(np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE)))
    noise = np.fft.fft2(rng.standard_normal((2, SIZE, SIZE)))
    fields = np.fft.ifft2(noise * np.exp(-((fine / 0.12) ** 2))).real
    return np.exp(0.8j * fields / np.abs(fields).max(axis=(1, 2), keepdims=True))


def draw_probe(photons):
    y, x = np.indices((N, N)) - N // 2
    field = np.exp(1j * (y**2 + x**2) / 60) / (1 + np.exp(np.hypot(y, x) - 9))
    return field * np.sqrt(photons / (np.abs(field) ** 2).sum())


def spread(wave, distance):
    """Angular spectrum, written out once more."""
    f = np.fft.fftfreq(N, PIXEL)
    depth = np.sqrt(1 - (LAM * f[:, None]) ** 2 - (LAM * f[None]) ** 2) - 1
    return np.fft.ifft2(np.fft.fft2(wave) * np.exp(2j * np.pi * distance / LAM * depth))


def thick_frame(probe, first, second):
    """Intensity behind two sheets, zero frequency in the middle."""
    wave = second * spread(probe * first, THICKNESS)
    far = np.fft.fft2(np.asarray(GEO.pre_phase) * wave, norm="ortho")
    return np.abs(np.fft.fftshift(far)) ** 2


@register()
class ThickScan(PtyScan):
    """Frames of a sample of two sheets.

    Defaults:

    [name]
    default = ThickScan
    type = str
    help = Name of the scan

    [photons]
    default = 1e6
    type = float
    help = Photons in a frame
    """

    def __init__(self, pars=None, **kwargs):
        p = self.DEFAULT.copy(99)
        p.update(pars)
        p.update(shape=N, auto_center=False, **GEOMETRY)
        super().__init__(p, **kwargs)
        rng = np.random.default_rng(3)
        raster = np.stack(np.meshgrid(*[np.arange(9) * 6] * 2, indexing="ij"), -1)
        self.truth = draw_slices()
        self.corners = raster.reshape(-1, 2) + rng.integers(0, 5, (81, 2))
        probe = draw_probe(p.photons)
        views = [self.truth[:, y : y + N, x : x + N] for y, x in self.corners]
        self.frames = rng.poisson([thick_frame(probe, *view) for view in views])

    def load_positions(self):
        return self.corners * np.asarray(GEO.resolution)

    def load(self, indices):
        return {i: self.frames[i] for i in indices}, {}, {}


def make(photons=1e6, **io):
    data = Param(name="ThickScan", photons=photons)
    scan = Param(name="BlockFull", data=data, illumination=Param(diversity=None))
    p = Param(scans=Param(s=scan))
    p.io = Param(rfile=None, autosave=Param(active=False), autoplot=Param(active=False), **io)
    run = Ptycho(p, level=2)
    (probe,) = run.probe.storages.values()
    probe.data[...] = draw_probe(photons)
    return run


def residual(run):
    return run.runtime.iter_info[-1].residual


def reconstruct(name="ThreePIE", run=None, **pars):
    run = make() if run is None else run
    if name == "ThreePIE":
        pars = {"fslices": None, "slice_thickness": THICKNESS, **pars}
    run.run("engine00", epars=Param(name=name, probe_support=None, **pars))
    return run


@pytest.fixture(scope="module")
def two_slices():
    return reconstruct(numiter=40)


def phases(field):
    """Phases about their mean."""
    return np.angle(field * np.exp(-1j * np.angle(field.mean()))).ravel()


def test_two_slices_explain_to_the_noise_what_one_does_not(two_slices):
    noise = noise_floor(two_slices.model.blocks)
    assert residual(two_slices) < 1.15 * noise
    assert residual(reconstruct("EPIE", numiter=40)) > 2.5 * noise


def test_what_lies_in_one_slice_is_not_found_in_the_other(two_slices):
    scan, block = two_slices.model.scans["s"].ptyscan, two_slices.model.blocks[0]
    top, left = block.corners[0] - scan.corners[block.indices[0]] + 24
    slices = two_slices.engines["engine00"].slices[:, top : top + 56, left : left + 56]
    truth = scan.truth[:, 24:80, 24:80]
    alike = [[np.corrcoef(phases(a), phases(b))[0, 1] for b in truth] for a in slices]
    assert min(alike[0][0], alike[1][1]) > 0.85
    assert max(alike[0][1], alike[1][0]) < 0.3


def test_the_object_is_the_product_of_its_slices(two_slices):
    (obj,) = two_slices.obj.storages.values()
    slices = two_slices.engines["engine00"].slices
    np.testing.assert_allclose(obj.data[0], slices[0] * slices[1], rtol=1e-6)


def test_one_slice_is_epie():
    """Step by step at first; later it is the residual that agrees, as rounding grows."""
    one, epie = reconstruct(number_of_slices=1, numiter=1), reconstruct("EPIE", numiter=1)
    (found,), (expected,) = one.obj.storages.values(), epie.obj.storages.values()
    np.testing.assert_allclose(found.data, expected.data, atol=1e-3)
    one, epie = reconstruct(number_of_slices=1, numiter=10), reconstruct("EPIE", numiter=10)
    assert residual(one) == pytest.approx(residual(epie), rel=0.01)


def test_the_same_script_gives_the_same_slices():
    one, other = (reconstruct(numiter=2).engines["engine00"].slices for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_a_slice_that_waits_is_empty_until_its_iteration():
    waits = {"number_of_slices": 3, "slice_thickness": [THICKNESS / 2] * 2}
    run = reconstruct(numiter=2, slice_start_iteration=[1, 2], **waits)
    _, second, third = run.engines["engine00"].slices
    assert not (second == 1).all()
    assert (third == 1).all()


def test_slices_are_kept_in_a_file_that_is_whole(tmp_path):
    run = reconstruct(run=make(home=str(tmp_path)), numiter=1, fslices="deep/slices.h5")
    stored = h5read(tmp_path / "deep" / "slices.h5")
    (slices,) = stored["slices"].values()
    np.testing.assert_array_equal(slices["data"], run.engines["engine00"].slices)
    assert stored["slice_thickness"] == [THICKNESS]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["slices.h5"]


def test_no_file_is_left_where_none_is_wanted(tmp_path):
    reconstruct(run=make(home=str(tmp_path)), numiter=1)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_goes_on_ends_with_the_same_bits(tmp_path):
    whole = reconstruct(numiter=4)
    reconstruct(run=make_saving(tmp_path, resume=False), numiter=2)
    again = reconstruct(run=make_saving(tmp_path, resume=True), numiter=4)
    assert [entry.iteration for entry in again.runtime.iter_info] == [1, 2, 3, 4]
    found, expected = (run.engines["engine00"].slices for run in (again, whole))
    np.testing.assert_array_equal(found, expected)


def make_saving(folder, resume):
    run = make(home=str(folder))
    run.p.io.autosave = Param(
        active=True, interval=1, rfile="dumps/%(run)s_%(iterations)04d.ptyr", resume=resume
    )
    return run


def test_slices_go_on_where_an_engine_is_run_again_and_begin_anew_from_another_object():
    run = reconstruct(numiter=3)
    engine, (obj,) = run.engines["engine00"], run.obj.storages.values()
    before = engine.slices.copy()
    engine.initialize()
    engine.prepare()
    np.testing.assert_array_equal(engine.slices, before)
    obj.data *= 1j
    engine.prepare()
    np.testing.assert_array_equal(engine.slices[0], obj.data[0])
    assert (engine.slices[1] == 1).all()


def test_slices_keep_their_place_when_the_object_grows():
    run = reconstruct(numiter=1)
    engine, (obj,) = run.engines["engine00"], run.obj.storages.values()
    engine.initialize()
    engine.prepare()
    before, corner = engine.slices.copy(), run.model.blocks[0].corners[0].copy()
    height, width = before.shape[1:]
    assert obj.cover((-7, -3), (height, width + 5))
    engine.prepare()
    y, x = run.model.blocks[0].corners[0] - corner
    assert engine.slices.shape[1:] == obj.data.shape[1:] > (height, width)
    np.testing.assert_array_equal(engine.slices[:, y : y + height, x : x + width], before)
    assert (engine.slices[1, :y] == 1).all()


def test_slices_keep_their_place_when_the_object_is_cut():
    rng = np.random.default_rng(0)
    storage = Container(data_type=np.complex64).new_storage("S", shape=(1, 20, 22))
    slices = Slices(storage, 2)
    slices.data[...] = rng.random((2, 20, 22)) + 1j * rng.random((2, 20, 22))
    slices.multiply()
    whole, center = slices.data.copy(), slices.describe()["_center"]
    storage.data = storage.data[:, 3:15, 2:].copy()
    storage.center -= (3, 2)
    slices.take_over()
    np.testing.assert_array_equal(slices.data, whole[:, 3:15, 2:])
    slices.data[...] = 0
    slices.restore(whole, center)
    np.testing.assert_array_equal(slices.data, whole[:, 3:15, 2:])


def test_a_probe_moved_back_to_the_middle_leaves_the_frames_as_they_were():
    run = reconstruct(numiter=10)
    engine, (probe,) = run.engines["engine00"], run.probe.storages.values()
    engine.initialize()
    engine.prepare()
    shift = (2, -3)
    probe.data[...] = np.roll(probe.data * GEO.pre_phase, shift, (-2, -1)) * GEO.pre_phase.conj()
    engine.slices[...] = np.roll(engine.slices, shift, (-2, -1))
    engine.load_probes()
    before = engine.model_errors()[:, 0].sum()
    engine.center_probes(1.0)
    light = np.abs(probe.data[0]) ** 2
    center = (light * np.indices(light.shape)).sum(axis=(1, 2)) / light.sum()
    assert np.abs(center - N // 2).max() < 0.6
    assert engine.model_errors()[:, 0].sum() < 1.2 * before


@pytest.mark.parametrize(
    ("scan", "run"),
    [({}, {"data_type": "double"}), ({"ffttype": (np.fft.fft2, np.fft.ifft2)}, {})],
    ids=["double precision", "own transforms"],
)
def test_who_asks_for_more_than_the_slices_can_is_told_what_they_can(scan, run):
    data = Param(name="ThickScan")
    p = Param(scans=Param(s=Param(name="BlockFull", data=data, **scan)), **run)
    p.io = Param(rfile=None, autosave=Param(active=False), autoplot=Param(active=False))
    says = "in single precision, with the built-in transforms"
    with pytest.raises(ParameterError, match=says):
        reconstruct(run=Ptycho(p, level=2), numiter=1)


def test_a_probe_that_rests_does_not_drift():
    run = make()
    (probe,) = run.probe.storages.values()
    before = probe.data.copy()
    reconstruct(run=run, numiter=2, probe_update_start=9)
    np.testing.assert_array_equal(probe.data, before)


@pytest.mark.parametrize(
    ("pars", "says"),
    [
        ({"slice_thickness": [1e-6, 1e-6]}, r"slice_thickness.*2 entries.*list of 1"),
        ({"slice_thickness": -1e-6}, r"slice_thickness.*positive"),
        ({"slice_start_iteration": [1, 2, 3]}, r"slice_start_iteration.*list of 1 or 2"),
        ({"number_of_slices": 0}, "number_of_slices"),
    ],
)
def test_numbers_that_do_not_fit_the_slices_are_refused_before_anything_is_loaded(pars, says):
    with pytest.raises(ParameterError, match=says):
        Ptycho(Param(engines=Param(e=Param(name="ThreePIE", **pars))), level=0)


@pytest.mark.mpi
def test_several_processes_are_told_to_be_one(mpirun):
    done = mpirun(
        "from ptypy.core import Ptycho\n"
        "from ptypy.utils import Param\n"
        "Ptycho(Param(engines=Param(e=Param(name='ThreePIE'))), level=0)\n",
        2,
    )
    assert done.returncode != 0
    assert "runs on one process, not on 2" in done.stderr


def test_the_engine_is_found_where_scripts_of_ptypy_look_for_it():
    from ptypy.custom.ThreePIE import ThreePIE
    from ptypy.engines import find_engine

    assert find_engine("ThreePIE") is ThreePIE
