"""A run as its user sees it: parameters checked at once, results saved whole, none lost."""

import h5py
import numpy as np
import pytest

from ptypy import defaults_tree
from ptypy import utils as u
from ptypy.core import Ptycho
from ptypy.core.data import EOS, MoonFlowerScan, PtyScan
from ptypy.core.paths import Paths
from ptypy.core.ptycho import check
from ptypy.engines import ENGINES, BaseEngine, register
from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.io import ptyd

GEOMETRY = {"energy": 7.2, "distance": 7.19, "psize": 172e-6}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree of parameters as scripts for PtyPy 0.9 write it, small; files go to tmp_path."""
    monkeypatch.chdir(tmp_path)
    p = u.Param()
    p.run = "moon"
    p.frames_per_block = 20
    p.io = u.Param()
    p.io.home = str(tmp_path)
    p.io.autosave = u.Param(active=False)
    p.io.interaction = u.Param(active=False)
    p.io.autoplot = u.Param(active=False)
    p.scans = u.Param()
    p.scans.MF = u.Param()
    p.scans.MF.name = "BlockFull"
    p.scans.MF.data = u.Param()
    p.scans.MF.data.name = "MoonFlowerScan"
    p.scans.MF.data.shape = 32
    p.scans.MF.data.num_frames = 50
    p.scans.MF.data.save = None
    p.engines = u.Param()
    p.engines.engine00 = u.Param()
    p.engines.engine00.name = "DM"
    p.engines.engine00.numiter = 4
    return p


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# ------------------------------------------------------------------------ running


def test_a_script_for_ptypy_0_9_runs_unchanged(tree, tmp_path):
    tree.engines.engine01 = u.Param(name="ML", numiter=3)
    P = Ptycho(tree, level=5)
    assert [h.engine for h in P.runtime.iter_info] == ["DM"] * 4 + ["ML"] * 3
    assert files(tmp_path) == ["recons/moon/moon_DM_0004.ptyr", "recons/moon/moon_ML_0007.ptyr"]
    assert P.runtime.iter_info[-1].residual < P.runtime.iter_info[0].residual
    assert list(P.probe.S) == list(P.obj.S) == ["SMFG00"]
    assert {"start", "stop", "allstart", "allstop", "run", "last_save"} <= set(P.runtime)


def test_plain_dictionaries_will_do(tree):
    plain = tree._to_dict(Recursive=True)
    P = Ptycho(plain, level=5)
    assert len(P.runtime.iter_info) == 4


def test_the_tree_of_the_caller_is_left_alone(tree):
    before = repr(tree)
    Ptycho(tree, level=5)
    assert repr(tree) == before


def test_levels_go_as_far_as_they_say(tree):
    assert not hasattr(Ptycho(tree, level=0), "probe")
    P = Ptycho(tree, level=1)
    assert P.probe.storages == {}
    P = Ptycho(tree, level=2)
    assert P.num_frames == 50
    assert not P.engines
    P = Ptycho(tree, level=4)
    assert list(P.engines) == ["engine00"]
    assert P.runtime.iter_info == []
    P.run()
    assert len(P.runtime.iter_info) == 4


def test_engines_run_in_the_order_of_their_labels(tree):
    tree.engines.engine10 = u.Param(name="DM", numiter=1)
    tree.engines.engine05 = u.Param(name="EPIE", numiter=1)
    P = Ptycho(tree, level=5)
    assert [h.engine for h in P.runtime.iter_info] == ["DM"] * 4 + ["EPIE", "DM"]


def test_an_engine_may_be_added_to_a_run_by_hand(tree):
    P = Ptycho(tree, level=4)
    P.run(label="extra", epars={"name": "ML", "numiter": 2})
    assert [h.engine for h in P.runtime.iter_info] == ["ML", "ML"]
    P.run(epars=u.Param(name="EPIE", numiter=1))
    P.run(label="engine00")
    assert [h.engine for h in P.runtime.iter_info[2:]] == ["EPIE"] + ["DM"] * 4
    with pytest.raises(ParameterError, match="no engine 'other'"):
        P.run(label="other")


def test_frames_that_come_in_with_pauses_are_all_used(tree):
    tree.scans.MF.data.block_wait_count = 2
    tree.frames_per_block = 10
    P = Ptycho(tree, level=5)
    assert P.num_frames == 50
    assert P.model.end_of_scan
    # While frames come in, iterations are not counted off: four follow after the last.
    assert P.runtime.iter_info[-1].iteration == P.engines["engine00"].numiter > 4


def test_the_first_iteration_waits_for_enough_frames(tree):
    tree.scans.MF.data.block_wait_count = 2
    tree.frames_per_block = 10
    tree.min_frames_for_recon = 50
    P = Ptycho(tree, level=5)
    assert len(P.runtime.iter_info) == 4


def test_a_scan_that_ends_without_a_frame_is_an_error_not_an_endless_wait(tree):
    @defaults_tree.parse_doc("scandata.EmptyScan")
    class EmptyScan(PtyScan):
        """Nothing was recorded.

        Defaults:

        [name]
        default = EmptyScan
        type = str
        help = Name of the scan
        """

        def load_positions(self):
            return np.zeros((3, 2))

        def check(self, frames=None, start=0):
            return 0, 1

    assert EmptyScan.EOS == EOS
    tree.scans.MF.data = u.Param(name="EmptyScan")
    with pytest.raises(DataError, match="`MF` ended without a single frame"):
        Ptycho(tree, level=5)


# ------------------------------------------------------------------------ parameters


def test_every_fault_is_reported_at_once_and_nothing_was_touched(tree, tmp_path):
    tree.engines.engine00.numitr = 5
    tree.engines.engine01 = u.Param(name="ePIE")
    tree.engines.engine02 = u.Param(name="ML", smooth_gradient=-1.0)
    tree.scans.MF.data.num_frames = "many"
    tree.scans.MG = u.Param(name="Full", data=u.Param(name="MoonFlowrScan"))
    tree.data_type = "half"
    tree.verbose_level = "chatty"
    tree.io.rfile = "%(sample)s.ptyr"
    with pytest.raises(ParameterError) as error:
        Ptycho(tree, level=5)
    told = {fault.path: fault.remedy for fault in error.value.faults}
    assert set(told) == {
        "engines.engine00.numitr",
        "engines.engine01.name",
        "engines.engine02.smooth_gradient",
        "scans.MF.data.num_frames",
        "scans.MG.data.name",
        "data_type",
        "verbose_level",
        "io.rfile",
    }
    assert "did you mean `numiter`" in told["engines.engine00.numitr"]
    assert "did you mean `EPIE`" in told["engines.engine01.name"]
    assert "did you mean `MoonFlowerScan`" in told["scans.MG.data.name"]
    assert "is out of its range" in told["engines.engine02.smooth_gradient"]
    assert "%(iterations)s" in told["io.rfile"]
    assert files(tmp_path) == []


def test_what_is_not_there_yet_is_refused_not_ignored(tree):
    tree.ipython_kernel = True
    with pytest.raises(ParameterError, match="not supported yet"):
        Ptycho(tree, level=0)


@pytest.mark.parametrize("level", [3, "info", "INFO", "interactive", "3", "CRITICAL"])
def test_levels_of_verbosity_are_numbers_or_names_in_any_case(tree, level):
    tree.verbose_level = level
    Ptycho(tree, level=0)


def test_the_interaction_server_and_pictures_may_be_asked_for_and_do_nothing(tree, tmp_path):
    del tree.io["interaction"], tree.io["autoplot"]
    tree.io.interaction = u.Param(server=u.Param(active=True, port=5570))
    tree.io.autoplot = u.Param(active=True, interval=2)
    Ptycho(tree, level=5)
    assert files(tmp_path) == ["recons/moon/moon_DM_0004.ptyr"]


def test_a_run_without_scans_is_refused_where_data_is_to_be_loaded(tree):
    del tree["scans"]
    Ptycho(tree, level=1)
    with pytest.raises(ParameterError, match="scans"):
        Ptycho(tree, level=2)


def test_parameters_can_be_checked_without_a_run(tree):
    check(tree, needs_scans=True)


def test_defaults_are_within_their_own_limits():
    defaults_tree["ptycho"].sanity_check()
    assert Ptycho.DEFAULT.io.rfile == "recons/%(run)s/%(run)s_%(engine)s_%(iterations)04d.ptyr"
    assert Ptycho.DEFAULT.frames_per_block == 100000
    assert Ptycho.DEFAULT.io.autosave.interval == 10


# ------------------------------------------------------------------------ names of files


def test_templates_are_filled_with_run_engine_and_iterations(tmp_path):
    history = [{"engine": "DM", "iteration": 40, "iterations": 40}]
    history += [{"engine": "ML", "iteration": 5, "iterations": 45}]
    paths = Paths(
        {
            "home": str(tmp_path),
            "rfile": "a/%(run)s_%(engine)s_%(iterations)04d.ptyr",
            "autosave": {"rfile": "%(run)s_%(iteration)02d.ptyr"},
        }
    )
    runtime = {"run": "r", "iter_info": history}
    assert paths.recon_file(runtime) == tmp_path / "a/r_ML_0045.ptyr"
    assert paths.auto_file(runtime) == tmp_path / "r_05.ptyr"
    assert paths.plot_file(runtime) is None
    assert paths.recon_file({"run": "r"}) == tmp_path / "a/r_None_0000.ptyr"


@pytest.mark.parametrize("template", ["%(nothing)s", "%(iterations)", "100%"])
def test_a_template_that_cannot_be_filled_says_what_can(template):
    with pytest.raises(ParameterError, match=r"fields are %\(run\)s"):
        Paths({"rfile": template}).recon_file({"run": "r"})


def test_a_run_is_named_after_its_script(tree):
    tree.run = None
    name = Ptycho(tree, level=0).runtime.run
    assert name
    assert "/" not in name
    assert not name.endswith(".py")


# ------------------------------------------------------------------------ saving and loading


def test_the_result_is_laid_out_as_in_ptypy_0_9(tree, tmp_path):
    P = Ptycho(tree, level=5)
    with h5py.File(tmp_path / "recons/moon/moon_DM_0004.ptyr") as file:
        assert file["header/kind"][()] == b"minimal"
        for name, container in (("probe", P.probe), ("obj", P.obj)):
            saved, storage = file[f"content/{name}/SMFG00"], container.S["SMFG00"]
            assert saved["data"].dtype == np.complex64
            np.testing.assert_array_equal(saved["data"], storage.data)
            np.testing.assert_allclose(saved["_psize"], storage.psize)
            np.testing.assert_allclose(saved["_center"], storage.center)
            np.testing.assert_allclose(saved["_origin"], storage.origin)
            assert saved["_energy"][()] == 7.2
            assert list(saved["shape"]) == list(storage.data.shape)
        assert file["content/pars/engines/engine00/name"][()] == b"DM"
        assert len(file["content/runtime/iter_info"]) == 4


@pytest.mark.parametrize("kind", ["minimal", "dls", "used_params", "dump"])
def test_what_was_saved_comes_back(tree, tmp_path, kind):
    P = Ptycho(tree, level=5)
    path = P.save_run(tmp_path / "alt.ptyr", kind=kind)
    Q = Ptycho.load_run(path)
    np.testing.assert_array_equal(Q.probe.S["SMFG00"].data, P.probe.S["SMFG00"].data)
    np.testing.assert_array_equal(Q.obj.S["SMFG00"].data, P.obj.S["SMFG00"].data)
    assert Q.runtime.run == "moon"
    assert [h.iterations for h in Q.runtime.iter_info] == [1, 2, 3, 4]
    np.testing.assert_array_equal(Q.runtime.iter_info[-1].error, P.runtime.iter_info[-1].error)
    assert Q.p.engines.engine00.name == "DM"
    assert Q.num_frames == 50


def test_a_loaded_run_goes_on_where_it_ended(tree, tmp_path):
    P = Ptycho(tree, level=5)
    Q = Ptycho.load_run(P.save_run(tmp_path / "alt.ptyr"))
    Q.run("more", epars=u.Param(name="ML", numiter=2))
    latest = Q.runtime.iter_info[-1]
    assert latest.iterations == 6
    assert latest.residual < P.runtime.iter_info[-1].residual


def test_a_result_can_be_looked_at_without_its_data(tree, tmp_path):
    P = Ptycho(tree, level=5)
    Q = Ptycho.load_run(P.save_run(tmp_path / "alt.ptyr"), load_data=False)
    obj = Q.obj.S["SMFG00"]
    np.testing.assert_array_equal(obj.data, P.obj.S["SMFG00"].data)
    np.testing.assert_allclose(obj.origin, P.obj.S["SMFG00"].origin)
    np.testing.assert_allclose(obj.psize, P.obj.S["SMFG00"].psize)
    assert not Q.diff.storages


def test_parameters_of_another_version_do_not_keep_a_result_from_being_seen(tree, tmp_path):
    P = Ptycho(tree, level=5)
    P.p.engines.engine00.of_another_time = 1
    path = P.save_run(tmp_path / "alt.ptyr")
    Q = Ptycho.load_run(path, load_data=False)
    assert Q.p.engines.engine00.of_another_time == 1
    np.testing.assert_array_equal(Q.obj.S["SMFG00"].data, P.obj.S["SMFG00"].data)


def test_saved_kinds_hold_what_they_promise(tree, tmp_path):
    P = Ptycho(tree, level=5)
    P.save_run(tmp_path / "dls.ptyr", kind="dls")
    P.save_run(tmp_path / "used.ptyr", kind="used_params")
    with h5py.File(tmp_path / "dls.ptyr") as file:
        y, x = file["content/obj/SMFG00/grids"][()]
        storage = P.obj.S["SMFG00"]
        np.testing.assert_allclose(y[0, :, 0], storage.grids()[0][0, :, 0])
        np.testing.assert_allclose(x[0, 0], storage.grids()[1][0, 0])
    with h5py.File(tmp_path / "used.ptyr") as file:
        assert file["content/pars/engines/engine00/overlap_max_iterations"][()] == 10
        assert file["content/pars/scans/MF/coherence/num_probe_modes"][()] == 1


def test_saving_now_and_then(tree, tmp_path):
    tree.io.rfile = None
    tree.io.autosave = u.Param(active=True, interval=2, rfile="dumps/%(iterations)d.ptyr")
    tree.engines.engine00.numiter = 5
    Ptycho(tree, level=5)
    assert files(tmp_path) == ["dumps/2.ptyr", "dumps/4.ptyr"]
    assert Ptycho.load_run(tmp_path / "dumps/4.ptyr").runtime.iter_info[-1].iterations == 4


@pytest.mark.parametrize("options", [{"active": False}, {"interval": -1}, {"rfile": None}])
def test_saving_now_and_then_can_be_switched_off(tree, tmp_path, options):
    tree.io.rfile = None
    tree.io.autosave = u.Param({"active": True, "interval": 1, **options})
    Ptycho(tree, level=5)
    assert files(tmp_path) == []


def test_a_file_is_replaced_only_if_it_may_be(tree, tmp_path):
    P = Ptycho(tree, level=5)
    path = P.save_run(tmp_path / "alt.ptyr")
    P.save_run(path)
    with pytest.raises(FormatError, match="exists"):
        P.save_run(path, force_overwrite=False)
    with pytest.raises(ParameterError, match="minimal, dls"):
        P.save_run(path, kind="everything")


@pytest.mark.parametrize("name", ["missing.ptyr", "result.h5"])
def test_what_is_not_a_result_is_refused(tmp_path, name):
    with pytest.raises(FormatError, match=name):
        Ptycho.load_run(tmp_path / name)


def test_a_tree_of_something_else_is_not_a_result(tmp_path):
    from ptypy.io import h5write

    h5write(str(tmp_path / "other.ptyr"), content={"obj": {}}, header={})
    with pytest.raises(FormatError, match="holds no probe"):
        Ptycho.load_run(tmp_path / "other.ptyr")


@pytest.fixture
def interrupted_engine():
    """An engine during whose third iteration somebody presses Ctrl-C."""
    before = dict(ENGINES)

    @register()
    class Interrupted(BaseEngine):
        """Stops in the middle.

        Defaults:

        [name]
        default = Interrupted
        type = str
        help = Name of the engine
        """

        def engine_iterate(self, num):
            if self.curiter == 2:
                raise KeyboardInterrupt

    yield "Interrupted"
    ENGINES.clear()
    ENGINES.update(before)
    defaults_tree["engine"].prune_child("Interrupted")


def test_an_interruption_leaves_whole_files_only(tree, tmp_path, interrupted_engine):
    tree.io.autosave = u.Param(active=True, interval=1, rfile="%(iterations)d.ptyr")
    tree.engines.engine00.name = interrupted_engine
    P = Ptycho(tree, level=4)
    with pytest.raises(KeyboardInterrupt):
        P.run()
    assert "stop" in P.runtime
    assert files(tmp_path) == ["1.ptyr", "2.ptyr"]
    assert len(Ptycho.load_run(tmp_path / "2.ptyr").runtime.iter_info) == 2


def test_states_can_be_remembered_and_restored(tree):
    P = Ptycho(tree, level=4)
    P.copy_state()
    flat = P.obj.S["SMFG00"].data.copy()
    P.run()
    P.copy_state("after")
    after = P.obj.S["SMFG00"].data.copy()
    P.restore_state()
    np.testing.assert_array_equal(P.obj.S["SMFG00"].data, flat)
    assert P.runtime.iter_info == []
    P.restore_state("after")
    np.testing.assert_array_equal(P.obj.S["SMFG00"].data, after)
    assert len(P.runtime.iter_info) == 4
    with pytest.raises(ParameterError, match="`baseline`, `after`"):
        P.restore_state("before")
    with pytest.raises(ParameterError, match="overwrite"):
        P.copy_state("after")


# ------------------------------------------------------------------------ what it says


def test_progress_tells_iterations_and_residual(tree, capsys):
    tree.verbose_level = "INFO"
    Ptycho(tree, level=5)
    said = capsys.readouterr().out
    assert "DM: 4/4 iterations" in said
    assert "residual 0." in said
    assert "saved" in said


def test_by_default_only_papers_are_named(tree, capsys):
    Ptycho(tree, level=5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert "Ultramicroscopy 109 (2009) 338" in lines[0]


def test_pods_are_there_when_somebody_asks(tree):
    P = Ptycho(tree, level=2)
    assert len(P.known_pods) == 0
    assert len(P.pods) == 50
    pod = next(iter(P.pods.values()))
    assert pod.probe.shape == pod.object.shape == (32, 32)


def test_a_home_that_cannot_hold_results_is_named_before_the_work_begins(tree, tmp_path):
    (tmp_path / "afile").write_text("")
    tree.io.home = str(tmp_path / "afile" / "results")
    with pytest.raises(ParameterError, match=r"io\.home.*afile is a file"):
        Ptycho(tree, level=5)


def test_a_run_that_waits_for_frames_says_so_and_goes_on_when_they_come(
    tree, tmp_path, monkeypatch, caplog
):
    """A preparation that was cut short would keep a run waiting without a word."""
    package = MoonFlowerScan(num_frames=20, shape=32).auto(100)
    frames = [frame["data"] for frame in package["iterable"]]
    file, places = tmp_path / "live.ptyd", package["chunk"].positions
    ptyd.create(file, {**GEOMETRY, "num_frames": len(frames)}, {})
    ptyd.append_chunk(file, 0, frames[:6], range(6), places[:6], None)

    @register()
    class WritesTheRest(BaseEngine):
        """Plays the part of the preparation.

        Defaults:

        [name]
        default = WritesTheRest
        type = str
        help = Name of the engine
        """

        def engine_iterate(self, num):
            if self.curiter == 2:
                rest = slice(6, len(frames))
                numbers = range(6, len(frames))
                ptyd.append_chunk(file, 1, frames[rest], numbers, places[rest], None)

    monkeypatch.setattr("ptypy.core.ptycho._waiting.PATIENCE", 0.0)
    tree.scans.MF.data = u.Param(name="PtydScan", source=str(file))
    tree.engines = u.Param(e=u.Param(name="WritesTheRest", numiter=2))
    try:
        P = Ptycho(tree, level=5)
    finally:
        ENGINES.pop("WritesTheRest")
    assert P.num_frames == len(frames)
    said = [r for r in caplog.records if r.getMessage().startswith("no frames have arrived")]
    assert said
    assert {record.levelname for record in said} == {"ERROR"}
