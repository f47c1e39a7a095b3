"""What every engine has in common: its name, its parameters, what it notes."""

import logging
from typing import ClassVar

import numpy as np
import pytest

from ptypy import defaults_tree
from ptypy.core import Ptycho
from ptypy.core.manager import Full, Vanilla
from ptypy.engines import ENGINES, BaseEngine, find_engine, register
from ptypy.errors import ParameterError
from ptypy.utils import Param


@pytest.fixture
def own_engine():
    """Register engines for one test only."""
    before, nodes = dict(ENGINES), set(defaults_tree["engine"].children)
    yield register
    ENGINES.clear()
    ENGINES.update(before)
    for name in set(defaults_tree["engine"].children) - nodes:
        defaults_tree["engine"].prune_child(name)


def define(register, **members):
    """Make an engine that answers with given errors."""
    body = {"engine_iterate": lambda self, num: None, **members}
    body.setdefault(
        "__doc__",
        "An engine.\n\nDefaults:\n\n[name]\ndefault = Own\ntype = str\nhelp = Name of the engine\n",
    )
    return register()(type("Own", (BaseEngine,), body))


@pytest.mark.parametrize("backend", ["serial", "cupy", "pycuda"])
@pytest.mark.parametrize("name", ["DM", "RAAR", "EPIE", "ML", "ThreePIE"])
def test_the_names_of_one_backend_mean_the_same_algorithm(name, backend):
    assert find_engine(f"{name}_{backend}") is find_engine(name)
    defaults_tree["ptycho"].validate(Param(engines=Param(e=Param(name=f"{name}_{backend}"))))


def test_a_name_of_another_backend_is_explained_once(caplog):
    logging.getLogger("ptypy").propagate = True
    with caplog.at_level(logging.INFO, "ptypy"):
        for _ in range(3):
            find_engine("RAAR_cupy_stream")
    assert sum("RAAR_cupy_stream" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize(
    ("wrong", "right"), [("ePIE", "EPIE"), ("epie", "EPIE"), ("dm", "DM"), ("RAARR", "RAAR")]
)
def test_a_misspelt_name_leads_to_the_right_one(wrong, right):
    with pytest.raises(ParameterError, match=f"did you mean `{right}`"):
        find_engine(wrong)


def test_a_name_like_no_other_gets_a_list():
    with pytest.raises(ParameterError, match=r"DM, .*EPIE, .*ML, .*RAAR"):
        find_engine("Gerchberg")


def test_defaults_are_within_their_own_limits():
    defaults_tree["engine"].sanity_check()


def test_positions_stay_as_they_are_unless_refinement_is_asked_for(known):
    for value, moves in ((True, True), (Param(), True), (False, False), (None, False)):
        run = known()
        epars = {} if value is None else {"position_refinement": value}
        run.run("DM", numiter=1, **epars)
        (block,) = run.ptycho.model.blocks
        assert bool((block.object_views.coord != block.positions).any()) is moves
    assert find_engine("DM").DEFAULT.position_refinement is False


def test_history_tells_iteration_engine_duration_and_error(known):
    run = known().run("DM", numiter=2).run("ML", "engine01", numiter=3)
    told = [(h.engine, h.iteration, h.iterations, h.numiter) for h in run.history]
    assert told == [
        ("DM", 1, 1, 2), ("DM", 2, 2, 2), ("ML", 1, 3, 3), ("ML", 2, 4, 3), ("ML", 3, 5, 3),
    ]  # fmt: skip
    assert all(h.error.shape == (3,) and h.duration > 0 for h in run.history)


def test_history_keeps_the_name_that_the_script_gave(known):
    assert known().run("DM_cupy", numiter=1).history[0].engine == "DM_cupy"


@pytest.mark.parametrize(
    ("name", "pars"),
    [
        ("ML_pycuda", {"smooth_gradient_method": "fft"}),
        ("SDR_cupy", {"compute_exit_error": True, "compute_fourier_error": True}),
    ],
)
def test_parameters_that_only_backends_had_pass_and_change_nothing(known, name, pars):
    one, other = known().run(name, numiter=1, **pars), known().run(name[:3].strip("_"), numiter=1)
    np.testing.assert_array_equal(one.window(), other.window())


def test_errors_of_single_frames_are_kept_if_asked_for(known):
    run = known(frames_per_block=30).run("DM", numiter=2, record_local_error=True)
    first, second = run.ptycho.runtime.error_local
    assert first.shape == second.shape == (64, 3)
    np.testing.assert_allclose(second.mean(axis=0), run.history[1].error)


def test_an_engine_of_ones_own_runs_by_its_name(known, own_engine):
    calls = []

    def engine_iterate(self, num):
        calls.append((self.curiter, self.numiter, self.p.step))
        return {0: (1.0, 2.0, 3.0), 7: (3.0, 2.0, 1.0)}

    doc = (
        "My own.\n\nDefaults:\n\n[name]\ndefault = Own\ntype = str\nhelp = Name\n\n"
        "[step]\ndefault = 0.1\ntype = float\nlowlim = 0.0\nhelp = Length of a step\n"
    )
    define(own_engine, engine_iterate=engine_iterate, __doc__=doc)
    run = known().run("Own", numiter=2, step=0.5)
    assert calls == [(0, 2, 0.5), (1, 2, 0.5)]
    np.testing.assert_array_equal(run.history[-1].error, [2.0, 2.0, 2.0])
    with pytest.raises(ParameterError, match="step"):
        known().run("Own", step=-1.0)


def test_an_engine_finds_its_containers(known, own_engine):
    engine_class = define(own_engine)
    run = known()
    engine = engine_class(run.ptycho, Param(numiter=1))
    assert engine.pr is run.ptycho.probe
    assert engine.ob is run.ptycho.obj
    assert engine.di is run.ptycho.diff
    assert engine.ma is run.ptycho.mask
    assert engine.ex is run.ptycho.exit


def test_an_engine_divides_a_container_by_its_weights_as_scripts_of_ptypy_do(known, own_engine):
    run = known()
    engine = define(own_engine)(run.ptycho, Param(numiter=1))
    before = run.obj.data.copy()
    weights = engine.ob.copy(fill=4.0)
    engine.ob /= weights
    np.testing.assert_allclose(run.obj.data, before / 4)
    with pytest.raises(AttributeError):
        engine.ob = weights


def test_an_engine_refuses_models_that_it_cannot_treat(known, own_engine):
    engine_class = define(own_engine, SUPPORTED_MODELS=[Vanilla])
    with pytest.raises(ParameterError, match=r"BlockFull.*it can treat Vanilla"):
        engine_class(known().ptycho)


def test_an_engine_without_iterations_says_so(known, own_engine):
    own_engine()(type("Own", (BaseEngine,), {"__doc__": define(own_engine).__doc__}))
    with pytest.raises(NotImplementedError, match="Own lacks engine_iterate"):
        known().run("Own", numiter=1)


@pytest.mark.mpi
@pytest.mark.slow
def test_two_processes_find_what_one_finds(mpirun, tmp_path):
    script = """
import sys
import numpy as np
from ptypy.core import Ptycho
from ptypy.utils import Param, parallel
np.random.seed(1)
scan = Param(name="BlockFull", data=Param(name="MoonFlowerScan", num_frames=30, shape=32,
             add_poisson_noise=False), illumination=Param(diversity=None))
p = Param(scans=Param(mf=scan), frames_per_block=8)
p.io = Param(rfile=None, autosave=Param(active=False))
p.engines = Param(a=Param(name="DM", numiter=10), b=Param(name="ML", numiter=5))
P = Ptycho(p, level=5)
if parallel.master:
    history = P.runtime.iter_info
    np.savez(sys.argv[1] if len(sys.argv) > 1 else f"found{parallel.size}.npz",
             error=[h.error for h in history], residual=[h.residual for h in history])
"""
    for processes in (1, 2):
        done = mpirun(script, processes=processes)
        assert done.returncode == 0, done.stderr
    one, two = (np.load(tmp_path / f"found{n}.npz") for n in (1, 2))
    np.testing.assert_allclose(two["residual"], one["residual"], rtol=1e-3)
    np.testing.assert_allclose(two["error"], one["error"], rtol=1e-2)


# --------------------------------------------------- engines that users wrote for PtyPy 0.9


def test_an_engine_written_on_views_and_pods_meets_every_frame(tmp_path, own_engine):
    """As the tutorial of PtyPy has them: no use of blocks, error metrics a view."""
    met = []

    @own_engine()
    class Steepest(BaseEngine):
        """Step along the gradient.

        Defaults:

        [name]
        default = Steepest
        type = str
        help =
        """

        SUPPORTED_MODELS: ClassVar = [Full]

        def __init__(self, ptycho, pars=None):
            super().__init__(ptycho, pars)
            ptycho.citations.add_article(author="A. Nonymous", journal="J. Tests", year=2020)

        def engine_prepare(self):
            pass

        def engine_iterate(self, num):
            errors = {}
            for name, view in self.di.views.items():
                for pod in view.pods.values():
                    met.append(name)
                    wave = pod.fw(pod.probe * pod.object)
                    errors[name] = np.array([np.mean((abs(wave) - np.sqrt(pod.diff)) ** 2), 0, 0])
                    fitted = pod.bw(wave * np.sqrt(pod.diff) / (abs(wave) + 1e-9))
                    step = pod.probe.conj() / abs(pod.probe).max() ** 2
                    pod.object += step * (fitted - pod.probe * pod.object)
            return errors

    p = Param(io=Param(home=str(tmp_path), autosave=Param(active=False)))
    p.scans = Param(MF=Param(name="Full"))
    p.scans.MF.data = Param(name="MoonFlowerScan", shape=32, num_frames=20)
    p.engines = Param(mine=Param(name="Steepest", numiter=4))
    P = Ptycho(p, level=2)
    P.run()
    frames = len(P.diff.views)
    assert len(met) == 4 * frames
    errors = [entry["error"][0] for entry in P.runtime.iter_info]
    assert errors[-1] < errors[0]
    assert P.citations == ["A. Nonymous, J. Tests (2020)"]
