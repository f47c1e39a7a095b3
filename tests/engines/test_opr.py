"""DMOPR and MLOPR: a beam that changes from frame to frame, within few dimensions."""

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import PtyScan, register
from ptypy.core.geometry import Geo
from ptypy.diagnose import compare_objects
from ptypy.engines import DMOPR, MLOPR, find_engine
from ptypy.errors import ParameterError
from ptypy.utils import Param

N = 32
GEOMETRY = {"energy": 8.8, "distance": 2.0, "psize": 75e-6}


def geometry():
    return Geo(pars=Param(shape=(N, N), propagation="farfield", **GEOMETRY))


def draw_object(size=72):
    """Smooth blobs: phases of up to a radian, some absorption."""
    rng = np.random.default_rng(7)
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))

    def blobs():
        noise = np.fft.fft2(rng.standard_normal((size, size)))
        field = np.fft.ifft2(noise * np.exp(-((frequencies / 0.08) ** 2))).real
        return field / np.abs(field).max()

    return ((0.85 + 0.15 * blobs()) * np.exp(1j * blobs())).astype(np.complex64)


def draw_probes(frames, photons):
    """A soft disk with a curved wavefront, which leans to one side or the other."""
    y, x = np.indices((N, N)) - N // 2
    disk = np.exp(1j * (y**2 + x**2) / 90) / (1 + np.exp(np.hypot(y, x) - 8))
    leaning = np.random.default_rng(5).uniform(-1, 1, frames)
    probes = disk * (1 + leaning[:, None, None] * (y + 0.5j * x) / 8)
    power = (np.abs(probes) ** 2).sum(axis=(1, 2)).mean()
    return (probes * np.sqrt(photons / power)).astype(np.complex64)


@register()
class LeaningBeam(PtyScan):
    """Frames taken with a beam that is another mixture of two waves in each of them.

    Defaults:

    [name]
    default = LeaningBeam
    type = str
    help = Name of the scan

    [photons]
    default = 1e5
    type = float
    help = Photons that the beam brings to a frame, on average

    [there]
    default = 64
    type = int
    help = Frames that are there when the run begins
    """

    def __init__(self, pars=None, **kwargs):
        p = self.DEFAULT.copy(99)
        p.update(pars)
        p.update(shape=N, center=(N // 2, N // 2), auto_center=False, **GEOMETRY)
        super().__init__(p, **kwargs)
        self.there = int(p.there)
        geo, rng = geometry(), np.random.default_rng(3)
        corners = np.stack(np.meshgrid(*[np.arange(8) * 5] * 2, indexing="ij"), -1).reshape(-1, 2)
        corners += rng.integers(0, 4, corners.shape)
        self.truth = SimpleNamespace(
            obj=draw_object(), probes=draw_probes(len(corners), p.photons), corners=corners
        )
        views = np.stack([self.truth.obj[y : y + N, x : x + N] for y, x in corners])
        waves = np.asarray(geo.pre_phase) * self.truth.probes * views
        model = np.abs(np.fft.fftshift(np.fft.fft2(waves, norm="ortho"), axes=(-2, -1))) ** 2
        self.frames = rng.poisson(model).astype(np.float32)
        squares = ((np.sqrt(model) - np.sqrt(self.frames)) ** 2).sum()
        self.truth.residual = float(np.sqrt(squares / self.frames.sum(dtype=np.float64)))
        self.places = (corners + N // 2) * np.asarray(geo.resolution)

    def load_positions(self):
        return self.places - self.places.mean(axis=0).round(12)

    def check(self, frames, start):
        count = min(frames, self.there - start)
        return count, start + count == len(self.frames)

    def load(self, indices):
        return {i: self.frames[i] for i in indices}, {}, {}


def tree(model="OPRModel", frames_per_block=1000, modes=1, **data):
    scan = Param(name=model, data=Param(name="LeaningBeam", **data))
    scan.illumination = Param(diversity=None if modes == 1 else Param(noise=(0.5, 1.0)))
    scan.illumination.aperture = Param(form="circ", size=16 * geometry().resolution[0])
    scan.coherence = Param(num_probe_modes=modes)
    p = Param(scans=Param(known=scan), frames_per_block=frames_per_block)
    p.io = Param(rfile=None, autosave=Param(active=False), autoplot=Param(active=False))
    return p


class Run:
    """A run over a `LeaningBeam`, with the truth beside it."""

    def __init__(self, model="OPRModel", frames_per_block=1000, modes=1, **data):
        self.ptycho = Ptycho(tree(model, frames_per_block, modes, **data), level=2)
        self.truth = self.ptycho.model.scans["known"].ptyscan.truth
        (self.probe,) = self.ptycho.probe.storages.values()
        (self.obj,) = self.ptycho.obj.storages.values()

    def run(self, name, label="engine00", **pars):
        self.ptycho.run(label, epars=Param(name=name, **pars))
        return self

    @property
    def history(self):
        return self.ptycho.runtime.iter_info

    @property
    def residual(self):
        return self.history[-1].residual

    @property
    def costs(self):
        """Mean misfit of each iteration of MLOPR."""
        return np.array([e.error[1] for e in self.history if e.engine == "MLOPR"])

    def singular_values(self, mode=0, modes=1):
        """Of the probes, relative to the largest."""
        probes = self.probe.data[mode::modes]
        probes = probes.reshape(len(probes), -1).astype(np.complex128)
        values = np.linalg.svd(probes, compute_uv=False)
        return values / values[0]

    def compared_object(self):
        """Compare the object with the truth, where there was light."""
        true, light = self.truth.obj, np.zeros(self.truth.obj.shape)
        for probe, (y, x) in zip(self.truth.probes, self.truth.corners, strict=True):
            light[y : y + N, x : x + N] += np.abs(probe) ** 2
        block = self.ptycho.model.blocks[0]
        y, x = block.corners[0] - self.truth.corners[block.indices[0]]
        found = self.obj.data[0, y : y + true.shape[0], x : x + true.shape[1]]
        return compare_objects(found, true, light > 0.2 * light.max())


@pytest.fixture(scope="module")
def found():
    """The way that a user would go."""
    run = Run().run("DMOPR", numiter=30, subspace_dim=2)
    return run.run("MLOPR", "engine01", numiter=30, subspace_dim=2, wavefield_precond=True)


def test_frames_of_a_beam_that_changes_are_met_within_their_noise(found):
    assert found.residual < 1.05 * found.truth.residual


def test_one_probe_for_all_frames_does_not_explain_a_beam_that_changes():
    run = Run("Full").run("DM", numiter=30).run("ML", "engine01", numiter=20)
    assert run.residual > 4 * run.truth.residual


def test_the_probes_of_all_frames_are_mixtures_of_as_many_modes_as_were_asked_for(found):
    assert found.singular_values()[1] > 0.1
    assert found.singular_values()[2] < 1e-6


def test_the_object_is_found_though_the_beam_changes(found):
    compared = found.compared_object()
    photons = sum(block.counts.sum(dtype=float) for block in found.ptycho.model.blocks)
    assert compared.error < 3 * np.sqrt(found.truth.obj.size / photons)


def test_the_modes_are_those_of_the_beam(found):
    """Up to a phase ramp and a factor for each frame, which the object or nobody takes."""
    true = found.truth.probes.reshape(len(found.truth.probes), -1)
    values = np.linalg.svd(true.astype(np.complex128), compute_uv=False)
    assert found.singular_values()[1] == pytest.approx(values[1] / values[0], rel=0.05)


@pytest.mark.parametrize("engine", ["DMOPR", "MLOPR"])
def test_with_one_dimension_the_probes_of_all_frames_are_proportional(engine):
    run = Run().run(engine, numiter=6, subspace_dim=1)
    assert run.singular_values()[1] < 1e-6


@pytest.mark.parametrize("engine", ["DMOPR", "MLOPR"])
def test_probes_are_free_until_the_subspace_starts(engine):
    free = Run().run(engine, numiter=5, subspace_dim=2, subspace_start=5)
    assert free.singular_values()[2] > 1e-3
    confined = Run().run(engine, numiter=6, subspace_dim=2, subspace_start=5)
    assert confined.singular_values()[2] < 1e-6


def test_each_mode_of_a_partly_coherent_beam_has_a_space_of_its_own():
    for engine in ("DMOPR", "MLOPR"):
        run = Run(modes=2).run(engine, numiter=5, subspace_dim=2)
        for mode in range(2):
            assert run.singular_values(mode, 2)[2] < 1e-6


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"subspace_start": 4, "wavefield_precond": True},
        {"ML_type": "euclid", "floating_intensities": True, "poly_line_coeffs": "all"},
        {"probe_update_start": 0, "probe_fourier_support": 0.6},
    ],
    ids=str,
)
def test_the_cost_never_rises_though_probes_are_brought_back_to_few_dimensions(options):
    costs = Run().run("MLOPR", numiter=12, subspace_dim=2, **options).costs
    fall = np.diff(costs)
    # The iteration in which probes cease to be free has less to choose from.
    fall = np.delete(fall, [k for k in (options.get("subspace_start", 0) - 1,) if k >= 0])
    assert (fall <= 2e-6 * costs[0]).all()
    assert costs[-1] < 0.1 * costs[0]


def test_free_probes_are_brought_to_few_dimensions_before_the_likelihood_is_judged():
    run = Run().run("DM", numiter=6)
    assert run.singular_values()[2] > 1e-3
    run.run("MLOPR", "engine01", numiter=1, subspace_dim=2)
    assert run.singular_values()[2] < 1e-6


@pytest.mark.parametrize("engine", ["DMOPR", "MLOPR"])
def test_how_frames_are_split_into_blocks_does_not_matter(engine):
    whole = Run().run(engine, numiter=6, subspace_dim=2)
    parts = Run("BlockOPRModel", 10).run(engine, numiter=6, subspace_dim=2)
    assert len(parts.ptycho.model.blocks) > 1
    assert parts.residual == pytest.approx(whole.residual, rel=1e-3)
    difference = np.linalg.norm(parts.probe.data - whole.probe.data)
    assert difference < 5e-3 * np.linalg.norm(whole.probe.data)


def test_frames_that_arrive_later_begin_with_what_is_known_of_the_beam():
    run = Run(there=32)
    engine = run.ptycho.init_engine("e", Param(name="DMOPR", numiter=20, subspace_dim=2))
    engine.initialize()
    engine.prepare()
    engine.iterate(20)
    assert len(run.probe.data) == 32
    mean = run.probe.data.mean(axis=0)
    run.ptycho.model.scans["known"].ptyscan.there = 64
    run.ptycho.model.new_data()
    engine.prepare()
    scale = np.abs(mean).max()
    assert len(run.probe.data) == 64
    for probe in run.probe.data[32:]:
        np.testing.assert_allclose(probe, mean, atol=1e-5 * scale)
    assert run.singular_values()[2] < 1e-6


def test_a_state_of_fewer_frames_comes_back_and_leaves_the_later_ones():
    run = Run(there=32)
    run.ptycho.copy_state()
    known = run.probe.data.copy()
    run.ptycho.model.scans["known"].ptyscan.there = 64
    run.ptycho.model.new_data()
    later = run.probe.data[32:].copy()
    run.probe.data[:32] = 0
    run.ptycho.restore_state()
    np.testing.assert_array_equal(run.probe.data, np.concatenate([known, later]))


ON_PROCESSES = """
import sys
sys.path.insert(0, "FOLDER")
from test_opr import np, Run

for engine in ("DMOPR", "MLOPR"):
    run = Run("BlockOPRModel", 16).run(engine, numiter=5, subspace_dim=2)
    from ptypy.utils import parallel
    if parallel.master:
        np.savez(f"{engine}.npz", probe=run.probe.data, residual=run.residual)
"""


@pytest.mark.mpi
def test_probes_of_frames_on_other_processes_count_as_well(mpirun, tmp_path):
    text = ON_PROCESSES.replace("FOLDER", str(Path(__file__).parent))
    done = mpirun(text, 3, timeout=200)
    assert done.returncode == 0, done.stderr
    for engine in ("DMOPR", "MLOPR"):
        several = np.load(tmp_path / f"{engine}.npz")
        one = Run().run(engine, numiter=5, subspace_dim=2)
        assert several["residual"] == pytest.approx(one.residual, rel=1e-3)
        difference = np.linalg.norm(several["probe"] - one.probe.data)
        assert difference < 5e-3 * np.linalg.norm(one.probe.data)


@pytest.mark.parametrize("engine", ["DMOPR", "MLOPR"])
def test_models_whose_frames_share_a_probe_are_refused_by_name(engine):
    with pytest.raises(ParameterError, match=r"scans\.known\.name.*Full.*OPRModel, BlockOPRModel"):
        Run("Full").run(engine, numiter=1)


@pytest.mark.parametrize("metric", [-0.5, 1.5])
def test_a_metric_without_a_meaning_is_refused(metric):
    with pytest.raises(ParameterError, match=r"IP_metric"):
        Run().run("DMOPR", numiter=1, IP_metric=metric)


def test_engines_have_the_names_of_ptypy_0_9():
    for engine in (DMOPR, MLOPR):
        name = engine.__name__
        assert find_engine(name) is find_engine(f"{name}_cupy") is engine
        assert getattr(import_module(f"ptypy.custom.{name}"), name) is engine


def test_a_run_that_was_stopped_goes_on_in_the_same_direction(tmp_path):
    def residual(home, numiter):
        p = tree()
        p.io = Param(home=str(home), rfile="%(run)s.ptyr", autoplot=Param(active=False))
        p.io.autosave = Param(active=True, interval=1, resume=True)
        p.engines = Param(e=Param(name="MLOPR", numiter=numiter, subspace_dim=2))
        return Ptycho(p, level=5).runtime.iter_info[-1].residual

    residual(tmp_path / "stopped", 4)
    resumed = residual(tmp_path / "stopped", 6)
    assert resumed == pytest.approx(residual(tmp_path / "whole", 6), rel=1e-3)


def test_the_preconditioner_is_symmetric_and_positive():
    run = Run().run("DMOPR", numiter=5, subspace_dim=2)
    engine = run.ptycho.init_engine(
        "e", Param(name="MLOPR", subspace_dim=2, wavefield_precond=True, probe_update_start=0)
    )
    engine.initialize()
    engine.prepare()
    engine._begin()
    a, b, out_a, out_b = (engine.unknowns().like() for _ in range(4))
    rng = np.random.default_rng(1)
    for vector in (a, b):
        for array in vector.arrays:
            array.real, array.imag = rng.standard_normal((2, *array.shape))
        engine.flatten(vector)
    engine.precondition(a, out_a)
    engine.precondition(b, out_b)
    assert out_a.inner(b) == pytest.approx(a.inner(out_b), rel=1e-3, abs=1e-3 * out_a.inner(a))
    assert out_a.inner(a) > 0
