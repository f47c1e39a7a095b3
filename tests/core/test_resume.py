"""Runs that were killed and go on: nothing is lost but what came after the last save."""

import signal

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.errors import ParameterError
from ptypy.io import h5read
from ptypy.utils import Param

SCRIPT = """
P = announcing(Ptycho(tree(*ENGINES, active=True, interval=1, resume=RESUME), level=4))
P.run()
say("the end")
"""


def script(run_text, *engines, resume=True):
    return run_text + SCRIPT.replace("ENGINES", repr(engines)).replace("RESUME", str(resume))


def content(path):
    return h5read(str(path), "content")["content"]


def obj(path):
    return content(path)["obj"]["SmoonG00"]["data"]


def history(path):
    entries = content(path)["runtime"]["iter_info"]
    return [(e["engine"], int(e["iteration"]), int(e["iterations"])) for e in entries]


def everything(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


EPIE = {"name": "EPIE", "numiter": 6}


REFINED = {**EPIE, "position_refinement": {"start": 1, "amplitude": 1e-7, "max_shift": 2e-7}}


@pytest.mark.parametrize("engine", [EPIE, REFINED])
def test_frame_after_frame_goes_on_to_the_very_bits(start, run_text, tmp_path, engine):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    code, said = start(script(run_text, engine), name=f"{whole.name}/a.py").end()
    assert code == 0, said
    (tmp_path / "out").rename(whole / "out")
    for iteration in (2, 5):
        run = start(script(run_text, engine))
        run.wait_for(f"iteration engine00 {iteration}")
        run.send(signal.SIGKILL)
        run.end()
    code, said = start(script(run_text, engine)).end()
    assert code == 0, said
    assert "going on after" in said
    name = "out/moon_EPIE_0006.ptyr"
    np.testing.assert_array_equal(obj(tmp_path / name), obj(whole / name))
    assert history(tmp_path / name) == history(whole / name)
    places = [content(folder / name).get("positions") for folder in (tmp_path, whole)]
    assert (engine is REFINED) is (places[0] is not None)
    np.testing.assert_equal(*places)


@pytest.mark.parametrize(
    "options",
    [
        {"scale_precond": True, "probe_update_start": 3},
        {"wavefield_precond": True, "floating_intensities": True},
    ],
)
def test_likelihood_keeps_its_direction(start, run_text, tmp_path, options):
    engine = {"name": "ML", "numiter": 12, **options}
    for stop in (None, 9):
        run = start(script(run_text, engine))
        if stop:
            run.wait_for(f"iteration engine00 {stop}")
            run.send(signal.SIGKILL)
            run.end()
            run = start(script(run_text, engine))
        code, said = run.end()
        assert code == 0, said
        if not stop:
            (tmp_path / "out").rename(tmp_path / "whole")
    one, other = (content(tmp_path / f / "moon_ML_0012.ptyr") for f in ("whole", "out"))
    residuals = [c["runtime"]["iter_info"][-1]["residual"] for c in (one, other)]
    assert residuals[1] == pytest.approx(residuals[0], rel=1e-4)


def test_engines_count_on_and_those_that_had_finished_are_passed_over(start, run_text, tmp_path):
    engines = ({"name": "DM", "numiter": 4}, {"name": "RAAR", "numiter": 4}, EPIE)
    for words in ("engine00 2", "engine01 1", "engine01 4", "engine02 3"):
        run = start(script(run_text, *engines))
        run.wait_for(f"iteration {words}")
        run.send(signal.SIGKILL)
        run.end()
    code, said = start(script(run_text, *engines)).end()
    assert code == 0, said
    assert "iteration engine01" not in said
    names = ["DM"] * 4 + ["RAAR"] * 4 + ["EPIE"] * 6
    own = [1, 2, 3, 4] * 2 + [1, 2, 3, 4, 5, 6]
    expected = list(zip(names, own, range(1, 15), strict=True))
    assert history(tmp_path / "out/moon_EPIE_0014.ptyr") == expected
    assert history(tmp_path / "out/moon_RAAR_0008.ptyr") == expected[:8]
    # Once more: there is nothing left to do.
    code, said = start(script(run_text, *engines)).end()
    assert code == 0, said
    assert "iteration" not in said.replace("iterations", "")


def test_more_iterations_may_be_asked_for_when_a_run_goes_on(start, run_text, tmp_path):
    assert start(script(run_text, EPIE)).end()[0] == 0
    code, said = start(script(run_text, {**EPIE, "numiter": 8})).end()
    assert code == 0, said
    assert history(tmp_path / "out/moon_EPIE_0008.ptyr")[-1] == ("EPIE", 8, 8)
    assert "iteration engine00 6" not in said


@pytest.mark.mpi
def test_several_processes_go_on_together(start, run_text, tmp_path):
    ml = {"name": "ML", "numiter": 5, "floating_intensities": True}
    for words in ("engine00 4", "engine01 3"):
        run = start(script(run_text, EPIE, ml), 2)
        run.wait_for(f"iteration {words}")
        run.kill_all()
    code, said = start(script(run_text, EPIE, ml), 3).end()
    assert code == 0, said
    assert history(tmp_path / "out/moon_ML_0011.ptyr")[-1] == ("ML", 5, 11)
    factors = content(tmp_path / "out/moon_ML_0011.ptyr")["runtime"]["float_intens"]
    assert np.isfinite(factors).all()


@pytest.mark.slow
@pytest.mark.timeout(600)  # some ten processes, each of which starts anew
def test_a_run_killed_at_random_again_and_again_loses_no_saved_iteration(start, run_text, tmp_path):
    random = np.random.default_rng(5)
    engines = ({"name": "EPIE", "numiter": 8}, {"name": "ML", "numiter": 4})
    text = script(run_text, *engines)
    code, said = start(text).end()
    assert code == 0, said
    (tmp_path / "out").rename(tmp_path / "whole")
    kills, before = 0, 0
    while True:
        run = start(text)
        for _ in range(random.integers(1, 5)):
            line = run.process.stdout.readline()
            while line and "iteration engine" not in line and "saved out" not in line:
                line = run.process.stdout.readline()
        for _ in range(random.integers(0, 100000)):
            pass
        run.send(signal.SIGKILL)
        code, said = run.end()
        if code == 0:
            break
        kills += 1
        saves = {int(path.stem[-4:]): path for path in (tmp_path / "out/saves").glob("*.ptyr")}
        reached = max(saves, default=0)
        assert reached >= before
        if saves:
            assert history(saves[reached])[-1][2] == reached
        before = reached
        if "the end" in said:
            break
    assert kills >= 4
    name = "moon_EPIE_0008.ptyr"
    np.testing.assert_array_equal(obj(tmp_path / "out" / name), obj(tmp_path / "whole" / name))
    name = "moon_ML_0012.ptyr"
    assert history(tmp_path / "out" / name) == history(tmp_path / "whole" / name)
    assert start(text).end()[0] == 0
    assert not [name for name in everything(tmp_path / "out") if not name.endswith(".ptyr")]


# ------------------------------------------------------------------------ what is refused


@pytest.fixture
def tree(tmp_path):
    p = Param(run="moon", engines=Param(e=Param(name="EPIE", numiter=2)))
    p.io = Param(home=str(tmp_path), rfile=None, autoplot=Param(active=False))
    p.io.autosave = Param(active=True, interval=1, resume=True)
    data = Param(name="MoonFlowerScan", shape=32, num_frames=30, save=None)
    p.scans = Param(moon=Param(name="BlockFull", data=data, illumination=Param(diversity=None)))
    return p


def test_without_a_save_a_run_begins_at_its_beginning(tree):
    P = Ptycho(tree, level=5)
    assert [entry.iteration for entry in P.runtime.iter_info] == [1, 2]


def test_saves_of_another_run_in_the_same_folder_are_left_alone(tree):
    tree.io.autosave.rfile = "%(run)s_%(engine)s_%(iterations)04d.ptyr"
    tree.run = "moon_b"
    Ptycho(tree, level=5)
    tree.run = "moon"
    assert len(Ptycho(tree, level=5).runtime.iter_info) == 2


def test_a_save_that_is_damaged_is_passed_over_with_a_word(tree, tmp_path, caplog):
    Ptycho(tree, level=5)
    (tmp_path / "dumps/moon/moon_EPIE_0002.ptyr").write_bytes(b"nonsense")
    P = Ptycho(tree, level=5)
    assert [entry.iteration for entry in P.runtime.iter_info] == [1, 2]
    assert "cannot go on from" in caplog.text


def test_another_probe_or_another_engine_is_refused(tree):
    Ptycho(tree, level=5)
    tree.engines.e.name = "DM"
    with pytest.raises(ParameterError, match=r"engines\.e\.name.*'EPIE' when"):
        Ptycho(tree, level=5)
    tree.scans.moon.coherence = Param(num_probe_modes=2)
    del tree.scans.moon["illumination"]
    with pytest.raises(ParameterError, match=r"io\.autosave\.resume.*probe SmoonG00 has the shape"):
        Ptycho(tree, level=5)
    tree.scans = Param(other=tree.scans.moon)
    with pytest.raises(ParameterError, match="it has no probe SotherG00"):
        Ptycho(tree, level=5)


def test_probes_of_single_frames_go_on_when_more_frames_have_come(tree):
    tree.scans.moon.name = "OPRModel"
    first = Ptycho(tree, level=5).probe.S["SmoonG00"].data.copy()
    tree.scans.moon.data.num_frames = 40
    P = Ptycho(tree, level=4)
    tree.engines.e.numiter = 3
    Q = Ptycho(tree, level=5)
    assert [entry.iteration for entry in Q.runtime.iter_info] == [1, 2, 3]
    assert len(P.probe.S["SmoonG00"].data) > len(first)


def test_a_loaded_run_is_not_taken_back_to_a_save(tree, tmp_path):
    P = Ptycho(tree, level=5)
    Q = Ptycho.load_run(P.save_run(tmp_path / "alt.ptyr"))
    Q.run("more", epars={"name": "ML", "numiter": 1})
    assert [entry.engine for entry in Q.runtime.iter_info] == ["EPIE", "EPIE", "ML"]


# --------------------------------------------------------------------------- what is kept


def dumps(tmp_path):
    return sorted(path.name for path in (tmp_path / "dumps/moon").iterdir())


@pytest.mark.parametrize(("keep", "left"), [(None, 5), (1, 1), (3, 3)])
def test_as_many_automatic_saves_are_kept_as_was_asked_for(tree, tmp_path, keep, left):
    tree.io.autosave.keep = keep
    tree.engines.e.numiter = 5
    Ptycho(tree, level=5)
    assert dumps(tmp_path) == [f"moon_EPIE_{n:04d}.ptyr" for n in range(6 - left, 6)]


def test_automatic_saves_do_not_fill_the_disk(tree, tmp_path):
    tree.engines.e.numiter = 5
    Ptycho(tree, level=5)
    assert dumps(tmp_path) == ["moon_EPIE_0004.ptyr", "moon_EPIE_0005.ptyr"]
    assert history(tmp_path / "dumps/moon/moon_EPIE_0005.ptyr")[-1] == ("EPIE", 5, 5)


def test_a_run_removes_only_saves_that_it_made_itself(tree, tmp_path):
    Ptycho(tree, level=5)
    tree.engines.e.numiter = 6
    Ptycho(tree, level=5)
    assert dumps(tmp_path) == [f"moon_EPIE_{n:04d}.ptyr" for n in (1, 2, 5, 6)]


def test_one_file_that_is_written_again_and_again_stays(tree, tmp_path):
    tree.io.autosave.update(rfile="dumps/%(run)s/latest.ptyr", keep=1)
    tree.engines.e.numiter = 4
    Ptycho(tree, level=5)
    assert dumps(tmp_path) == ["latest.ptyr"]
