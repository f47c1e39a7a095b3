"""Frames that were not taken where the stage said."""

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import PtyScan, register
from ptypy.core.geometry import Geo
from ptypy.errors import ParameterError
from ptypy.utils import Param

N = 32
GEOMETRY = {"energy": 8.8, "distance": 2.0, "psize": 75e-6}


def smooth_object(size=96):
    """Blobs with nothing finer than three pixels: between pixels they are known exactly."""
    rng = np.random.default_rng(4)
    fine = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    noise = np.fft.fft2(rng.standard_normal((size, size)))
    field = np.fft.ifft2(noise * (fine < 0.16) * np.exp(-((fine / 0.1) ** 2))).real
    return 0.9 * np.exp(1j * field / np.abs(field).max())


def moved(field, shift):
    """Move a periodic field by any part of a pixel, exactly."""
    ky, kx = np.meshgrid(*[np.fft.fftfreq(n) for n in field.shape], indexing="ij")
    return np.fft.ifft2(np.fft.fft2(field) * np.exp(-2j * np.pi * (ky * shift[0] + kx * shift[1])))


@register()
class LyingStage(PtyScan):
    """Frames of a stage that stands up to some pixels beside where it says.

    Defaults:

    [name]
    default = LyingStage
    type = str
    help = Name of the scan

    [wrong]
    default = 3.0
    type = float
    help = Largest error of a recorded position [px]
    """

    def __init__(self, pars=None, **kwargs):
        p = self.DEFAULT.copy(99)
        p.update(pars)
        p.update(shape=N, auto_center=False, **GEOMETRY)
        super().__init__(p, **kwargs)
        geo = Geo(pars=Param(shape=(N, N), propagation="farfield", **GEOMETRY))
        y, x = np.indices((N, N)) - N // 2
        probe = np.exp(1j * (y**2 + x**2) / 90) / (1 + np.exp(np.hypot(y, x) - 8))
        self.probe = (probe * np.sqrt(1e6 / (np.abs(probe) ** 2).sum())).astype(np.complex64)
        rng = np.random.default_rng(3)
        raster = np.stack(np.meshgrid(*[np.arange(10) * 4.0] * 2, indexing="ij"), -1)
        self.pixels = raster.reshape(-1, 2) + rng.random((100, 2)) * 3 + 6
        truth, frames = smooth_object(), []
        for place in self.pixels:
            view = moved(truth, -place)[:N, :N]
            wave = np.asarray(geo.pre_phase) * self.probe * view
            frames.append(np.abs(np.fft.fftshift(np.fft.fft2(wave, norm="ortho"))) ** 2)
        self.frames = np.float32(frames)
        self.pixel = np.asarray(geo.resolution)
        errors = p.wrong * rng.uniform(-1, 1, self.pixels.shape)
        self.places = (self.pixels + errors) * self.pixel

    def load_positions(self):
        return self.places

    def load(self, indices):
        return {i: self.frames[i] for i in indices}, {}, {}


PIXEL = Geo(pars=Param(shape=(N, N), propagation="farfield", **GEOMETRY)).resolution[0]
REFINEMENT = {"start": 10, "amplitude": 3 * PIXEL, "max_shift": 5 * PIXEL}


class Scanned:
    """A run over a `LyingStage` that begins with the true probe."""

    def __init__(self, wrong=3.0, frames_per_block=1000, modes=1, **io):
        data = Param(name="LyingStage", wrong=wrong)
        scan = Param(name="BlockFull", data=data, illumination=Param(diversity=None))
        scan.coherence = Param(num_probe_modes=modes)
        if modes > 1:
            scan.illumination = Param(diversity=Param(power=0.05))
        p = Param(scans=Param(s=scan), frames_per_block=frames_per_block)
        p.io = Param(rfile=None, autosave=Param(active=False), autoplot=Param(active=False))
        p.io.update(io)
        self.ptycho = Ptycho(p, level=2)
        (probe,) = self.ptycho.probe.storages.values()
        probe.data[0] = self.scan.probe

    @property
    def scan(self):
        return self.ptycho.model.scans["s"].ptyscan

    def run(self, engine, refinement=None, **pars):
        if refinement is not None:
            pars["position_refinement"] = Param(refinement)
        epars = Param(name=engine, probe_support=None, **pars)
        self.ptycho.run("engine00", epars=epars)
        return self

    @property
    def coord(self):
        """Where the frames lie, in the order of the scan [m]."""
        blocks = self.ptycho.model.blocks
        order = np.argsort(np.concatenate([b.indices for b in blocks]))
        return np.concatenate([b.object_views.coord for b in blocks])[order]

    @property
    def displacement(self):
        """From where they were recorded [px]."""
        return (self.coord - self.scan.places) / self.scan.pixel

    @property
    def distances(self):
        """Distance of each frame from the truth, a common shift aside [px]."""
        off = self.coord / self.scan.pixel - self.scan.pixels
        return np.hypot(*(off - np.median(off, axis=0)).T)

    @property
    def position_error(self):
        """Root mean square of the distance from the truth, a common shift aside [px]."""
        off = self.coord / self.scan.pixel - self.scan.pixels
        return float(np.sqrt(((off - off.mean(axis=0)) ** 2).sum(axis=1).mean()))

    @property
    def residual(self):
        return self.ptycho.runtime.iter_info[-1].residual


# These frames have no noise that an engine should leave alone.
EXACT = {"fourier_relax_factor": 0.0}


@pytest.mark.parametrize("engine", ["EPIE", pytest.param("ML", marks=pytest.mark.slow)])
def test_frames_find_back_to_where_they_were_taken(engine):
    true, left, refined = Scanned(wrong=0.0), Scanned(), Scanned()
    assert left.position_error > 2.3
    true.run(engine, numiter=100)
    left.run(engine, numiter=100)
    refined.run(engine, REFINEMENT, numiter=100)
    # A scan that is a percent larger, of an object that is, explains the frames as well.
    assert refined.position_error < 0.25
    assert left.residual > 20 * true.residual
    assert refined.residual < 1.6 * true.residual


@pytest.mark.slow
def test_the_difference_map_brings_frames_back_too():
    left, refined = Scanned(), Scanned()
    left.run("DM", numiter=60, **EXACT)
    refined.run("DM", REFINEMENT, numiter=150, **EXACT)
    assert np.median(left.distances) > 2.0
    # The search goes on while frames move: a frame at the rim, which few others overlap, may be
    # caught beside its place.
    assert np.quantile(refined.distances, 0.95) < 0.6
    assert left.residual > 10 * refined.residual


@pytest.mark.parametrize(
    "change",
    [{"method": "GridSearch"}, {"metric": "photon"}, {"interval": 3, "nshifts": 12}],
    ids=["lattice", "photons", "seldom"],
)
def test_other_ways_to_search_lead_there_too(change):
    refined = Scanned().run("EPIE", {**REFINEMENT, **change}, numiter=100)
    assert refined.position_error < 0.35


def test_probes_of_several_modes_do_not_keep_frames_from_it():
    refined = Scanned(modes=2).run("EPIE", REFINEMENT, numiter=100)
    assert refined.position_error < 0.35


def test_no_frame_leaves_the_circle_about_its_recorded_position():
    refined = Scanned().run("EPIE", {**REFINEMENT, "max_shift": 1.5 * PIXEL}, numiter=20)
    distance = np.hypot(*refined.displacement.T)
    assert distance.max() <= 1.5 * (1 + 1e-9)
    assert np.median(distance) > 1.0


def test_the_frames_as_a_whole_stay_where_they_were_recorded():
    refined = Scanned().run("EPIE", REFINEMENT, numiter=30)
    assert np.abs(refined.displacement.mean(axis=0)).max() < 0.01
    np.testing.assert_array_equal(
        np.concatenate([b.positions for b in refined.ptycho.model.blocks]), refined.scan.places
    )


def test_the_split_into_blocks_does_not_matter():
    one, same, other = (
        Scanned(frames_per_block=size).run("EPIE", REFINEMENT, numiter=25)
        for size in (1000, 1000, 7)
    )
    assert len(other.ptycho.model.blocks) > 10
    np.testing.assert_array_equal(one.coord, same.coord)
    np.testing.assert_array_equal(one.coord, other.coord)


def test_whole_pixels_are_moved_by_whole_pixels():
    refined = Scanned().run("EPIE", REFINEMENT, numiter=60, subpix=None)
    steps = refined.displacement
    np.testing.assert_allclose(steps, steps.round(), atol=1e-6)
    assert refined.position_error < 1.0


def test_frames_move_only_in_the_iterations_that_are_to():
    when = {"start": 2, "stop": 7, "interval": 2, "record": True}
    run = Scanned().run("EPIE", {**REFINEMENT, **when}, numiter=10)
    history = run.ptycho.runtime.position_history
    assert [entry.iteration for entry in history] == [2, 4, 6]
    np.testing.assert_array_equal(history[-1].positions, run.coord)
    # From full to three fifths and one fifth of the amplitude; four tries each.
    for earlier, later, share in zip(history, history[1:], (0.6, 0.2), strict=False):
        step = (later.positions - earlier.positions) / PIXEL
        assert 0.1 < np.hypot(*step.T).max() < 4 * share * 3 + 0.01


def test_a_refinement_that_ends_before_it_begins_is_refused():
    with pytest.raises(ParameterError, match=r"position_refinement\.stop.*later than `start`"):
        Scanned().run("DM", {"start": 5, "stop": 5}, numiter=10)


def test_results_hold_the_positions_and_give_them_back(tmp_path):
    path = tmp_path / "result.ptyr"
    first = Scanned(frames_per_block=30).run("EPIE", REFINEMENT, numiter=20)
    first.ptycho.save_run(path)
    again = Scanned.__new__(Scanned)
    again.ptycho = Ptycho.load_run(path)
    np.testing.assert_array_equal(again.coord, first.coord)
    (obj,), (other,) = (run.ptycho.obj.storages.values() for run in (first, again))
    np.testing.assert_array_equal(obj.data, other.data)
    again.run("EPIE", numiter=1)
    assert again.residual < 1.2 * first.residual


def test_a_state_that_is_gone_back_to_has_its_positions():
    run = Scanned().run("EPIE", {**REFINEMENT, "start": 0}, numiter=3)
    before = run.coord
    run.ptycho.copy_state()
    run.run("EPIE", {**REFINEMENT, "start": 0}, numiter=3)
    assert (run.coord != before).any()
    run.ptycho.restore_state()
    np.testing.assert_array_equal(run.coord, before)
