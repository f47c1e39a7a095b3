"""Data that cannot be right: named, with what helps, or said in one line and got over."""

import contextlib

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.geometry import Geo
from ptypy.engines import ENGINES, BaseEngine, register
from ptypy.errors import DataError, ParameterError
from ptypy.utils import Param

N = 32
GEOMETRY = {"energy": 8.8, "distance": 2.0, "psize": 75e-6}
ENGINES_TO_TRY = ["DM", "RAAR", "EPIE", "ML"]


class Scene:
    """Sixteen frames of a soft probe on soft blobs; a test spoils one thing of it."""

    def __init__(self):
        rng = np.random.default_rng(4)
        geo = Geo(pars=Param(shape=(N, N), propagation="farfield", **GEOMETRY))
        y, x = np.indices((N, N)) - N // 2
        self.probe = np.exp(1j * (y**2 + x**2) / 90) / (1 + np.exp(np.hypot(y, x) - 8))
        self.probe *= np.sqrt(1e6 / (np.abs(self.probe) ** 2).sum())
        corners = np.stack(np.meshgrid(*[np.arange(4) * 5] * 2, indexing="ij"), -1).reshape(-1, 2)
        blobs = np.fft.fft2(rng.standard_normal((64, 64)))
        blobs *= np.exp(-((np.hypot(*np.meshgrid(*[np.fft.fftfreq(64)] * 2)) / 0.08) ** 2))
        obj = np.exp(1j * np.fft.ifft2(blobs).real * 8)
        views = np.stack([obj[a : a + N, b : b + N] for a, b in corners])
        fields = geo.propagator.fw(views * self.probe)
        self.frames = rng.poisson(np.abs(fields) ** 2).astype(np.float32)
        self.positions = corners * np.asarray(geo.resolution)
        self.mask = np.ones(self.frames.shape, bool)
        self.illumination = Param(diversity=None)
        self.kept = range(len(corners))
        self.model = Param(name="BlockFull")

    def run(self, engine="EPIE", numiter=5, prepare=None, **io):
        """Reconstruct it, and give the run."""
        rows = list(self.kept)
        data = Param(
            name="ArrayScan", frames=self.frames[rows], positions=self.positions[rows],
            mask=self.mask[rows], shape=N, center=(N // 2, N // 2), auto_center=False, **GEOMETRY,
        )  # fmt: skip
        p = Param(run="trouble", scans=Param(), engines=Param())
        p.io = Param(rfile=None, autosave=Param(active=False))
        p.io.update(io)
        p.scans.s = Param(self.model, data=data, illumination=self.illumination)
        p.engines.e = Param(name=engine, numiter=numiter)
        run = Ptycho(p, level=4)
        if prepare is not None:
            prepare(run)
        run.run()
        assert np.isfinite(run.probe.S["SsG00"].data).all()
        assert np.isfinite(run.obj.S["SsG00"].data).all()
        return run


@pytest.fixture
def scene():
    return Scene()


@pytest.fixture
def loud(caplog):
    """Give the lines that everybody sees."""
    return lambda: [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]


def test_good_data_raises_no_doubt(scene, loud):
    scene.run("DM")
    assert loud() == []


@pytest.mark.parametrize("engine", ENGINES_TO_TRY)
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_named_and_not_trusted(scene, loud, engine, number):
    scene.frames[7, 3, 4] = number
    scene.run(engine)
    assert len(loud()) == 1
    assert "1 pixel(s) in 1 frame(s), the first is 7, are not finite" in loud()[0]


@pytest.mark.parametrize("engine", ENGINES_TO_TRY)
def test_a_frame_without_a_photon_is_named(scene, loud, engine):
    scene.frames[7] = 0
    scene.run(engine)
    assert len(loud()) == 1
    assert "1 of 16 frames (number 7) have no photon" in loud()[0]
    assert "leave these frames out" in loud()[0]


@pytest.mark.parametrize("engine", ENGINES_TO_TRY)
def test_frames_without_a_trusted_pixel_are_named_and_as_good_as_not_there(scene, loud, engine):
    scene.mask[[5, 12]] = False
    scene.illumination.model = scene.probe
    run = scene.run(engine, 60)
    assert len(loud()) == 1
    assert "2 of 16 frames (numbers 5, 12) have no trusted pixel" in loud()[0]
    residual = run.runtime.iter_info[-1].residual
    scene.kept = [k for k in range(16) if k not in {5, 12}]
    assert residual < 1.2 * scene.run(engine, 60).runtime.iter_info[-1].residual


def test_data_without_any_light_is_refused(scene):
    scene.frames[:] = 0
    with pytest.raises(DataError, match="no frame has a photon"):
        scene.run()


@pytest.mark.parametrize("engine", ENGINES_TO_TRY)
def test_a_frame_far_from_all_others_is_named(scene, loud, engine):
    scene.positions[5] += 20e-6
    scene.run(engine)
    assert len(loud()) == 1
    assert "1 of 16 frames (number 5) overlap no other: frame 5 lies at" in loud()[0]


def test_frames_that_are_all_apart_are_told_to_look_at_units(scene, loud):
    scene.positions *= 20
    scene.run()
    assert "all frames (numbers 0, 1, 2, 3, 4, …) overlap no other" in loud()[0]
    assert "Are positions in metres" in loud()[0]


@pytest.mark.parametrize("factor", [1e6, 1e-6])
def test_positions_in_another_unit_are_refused(scene, factor):
    scene.positions *= factor
    with pytest.raises(DataError, match=r"Check that positions.*are in metres"):
        scene.run()


@pytest.mark.parametrize(("count", "words"), [(1, "is only 1 frame."), (2, "are only 2 frames.")])
@pytest.mark.parametrize("engine", ENGINES_TO_TRY)
def test_frames_that_are_too_few_are_counted(scene, loud, engine, count, words):
    scene.kept = range(count)
    scene.run(engine)
    assert len(loud()) == 1
    assert words in loud()[0]


@pytest.mark.parametrize("engine", ENGINES_TO_TRY)
@pytest.mark.parametrize("factor", [1e6, 1e-6])
def test_a_probe_from_an_array_is_scaled_to_the_frames(scene, loud, engine, factor):
    scene.illumination.model = scene.probe * factor
    found = scene.run(engine).runtime.iter_info[-1].residual
    scene.illumination.model = scene.probe
    expected = scene.run(engine).runtime.iter_info[-1].residual
    np.testing.assert_allclose(found, expected, rtol=0.01)
    assert loud() == []


def test_a_probe_of_zeros_is_refused(scene):
    scene.illumination.model = scene.probe * 0
    with pytest.raises(ParameterError, match="is dark"):
        scene.run()
    scene.illumination.model = None
    with pytest.raises(DataError, match=r"the probe that engine e is to begin with is zero"):
        scene.run(prepare=lambda run: run.probe.fill(0.0))
    with pytest.raises(DataError, match=r"the object that engine e is to begin with is not finite"):
        scene.run(prepare=lambda run: run.obj.fill(np.nan))


@pytest.mark.parametrize(
    "model",
    [
        {"name": "OPRModel"},
        {"name": "BlockFull", "coherence": {"energies": [1.0, 1.05], "spectrum": [1, 400]}},
        {"name": "BlockFull", "coherence": {"num_probe_modes": 3}},
    ],
)
def test_the_light_of_a_frame_is_that_of_all_its_waves_and_of_no_other_frames(scene, loud, model):
    scene.model = Param(model)
    if "coherence" in model:
        scene.illumination.diversity = Param(noise=(0.5, 1.0), power=0.1)
    scene.kept = [k % 16 for k in range(208)]
    scene.positions = scene.positions + np.random.default_rng(2).normal(0, 1e-9, (16, 2))
    scene.run("EPIE", numiter=1)
    assert loud() == []


@pytest.mark.parametrize(("value", "words"), [(0.0, "zero everywhere"), (np.nan, "not finite")])
@pytest.mark.parametrize("part", ["probe", "obj"])
def test_a_second_wavelength_without_values_is_named(scene, part, value, words):
    scene.model = Param(name="BlockFull", coherence={"energies": [1.0, 1.05]})
    with pytest.raises(DataError, match=f"SsG01 that engine e is to begin with is {words}"):
        scene.run(prepare=lambda run: getattr(run, part).S["SsG01"].fill(value))


@pytest.mark.parametrize("photons", [1e18, 1e-6])
@pytest.mark.parametrize("engine", ENGINES_TO_TRY)
def test_a_power_that_cannot_be_right_is_said(scene, loud, engine, photons):
    scene.illumination.photons = photons
    with contextlib.suppress(DataError):  # of an object that is not finite any more
        scene.run(engine)
    assert f"brings {photons:.3g} photons" in loud()[0]
    assert "Leave `illumination.photons` out" in loud()[0]


# ------------------------------------------------------------------------ results that go astray


@pytest.fixture
def going_astray():
    """Make an engine of errors that are given, which spoils the object where there are none."""
    before = dict(ENGINES)

    def make(errors):
        @register()
        class Astray(BaseEngine):
            """Goes astray.

            Defaults:

            [name]
            default = Astray
            type = str
            help = Name of the engine
            """

            def engine_iterate(self, num):
                self.residual = errors[self.curiter]
                if np.isnan(self.residual):
                    self.ob.S["SsG00"].data[0, 3, 3] = np.nan

    yield make
    ENGINES.clear()
    ENGINES.update(before)
    Ptycho._descriptor().root["engine"].prune_child("Astray")


def test_an_object_that_is_no_longer_finite_ends_the_run_and_is_not_saved(
    scene, going_astray, tmp_path
):
    going_astray([0.5, 0.4, 0.3, np.nan, np.nan])
    files = {
        "home": str(tmp_path),
        "rfile": "result.ptyr",
        "autosave": Param(active=True, interval=1, rfile="%(iterations)d.ptyr"),
    }
    with pytest.raises(DataError) as error:
        scene.run("Astray", 5, **files)
    said = str(error.value)
    assert "engine e (Astray): the object SsG00 is not finite after iteration 4" in said
    assert "after iteration 3 all was" in said
    assert str(tmp_path / "3.ptyr") in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.ptyr", "3.ptyr"]
    kept = Ptycho.load_run(tmp_path / "3.ptyr", load_data=False)
    assert np.isfinite(kept.obj.S["SsG00"].data).all()


def test_an_error_that_stays_above_its_best_is_said_once(scene, going_astray, loud):
    going_astray([0.5, 0.1, *[0.12] * 60])
    scene.run("Astray", 60)
    assert len(loud()) == 1
    assert "its error, 0.12, has been over 10 % above its best, 0.1 after iteration 2" in loud()[0]
    assert "diverges" in loud()[0]


def test_an_error_that_wanders_or_rises_for_a_while_is_nothing_to_tell(scene, going_astray, loud):
    going_astray([0.5, 0.1, *[0.12] * 19, 0.1, *[0.109] * 40])
    scene.run("Astray", 60)
    assert loud() == []


@pytest.mark.parametrize("engine", ENGINES_TO_TRY)
def test_engines_that_do_well_are_not_said_to_diverge(scene, loud, engine):
    scene.run(engine, 120)
    assert loud() == []


def test_frames_of_a_scan_that_goes_on_are_looked_at_when_the_last_has_come(loud):
    data = Param(
        name="MoonFlowerScan", shape=N, num_frames=3, save=None, min_frames=1, block_wait_count=2
    )
    p = Param(run="live", scans=Param(), engines=Param(), frames_per_block=1)
    p.io = Param(rfile=None, autosave=Param(active=False))
    p.scans.s = Param(name="BlockFull", data=data, illumination=Param(diversity=None))
    p.engines.e = Param(name="EPIE", numiter=2)
    Ptycho(p, level=5)
    assert len(loud()) == 1
    assert "there are only 3 frames" in loud()[0]
