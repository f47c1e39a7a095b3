"""A run that is looked at, stopped, turned back and gone on with: results are those of one go."""

import threading

import h5py
import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.errors import ParameterError
from ptypy.utils import Param

ENGINES_TO_TRY = ["DM", "EPIE", "ML"]


@pytest.fixture
def make(tmp_path):
    """Make a small run at level 4: ``make(engine, ..., **parameters)``."""

    def run(*engines, level=4, **more):
        p = Param(run="moon", scans=Param(), engines=Param(), **more)
        p.io = Param(home=str(tmp_path), rfile="%(engine)s_%(iterations)02d.ptyr")
        p.io.autosave = Param(active=False)
        data = Param(name="MoonFlowerScan", shape=32, num_frames=30, photons=1e6, save=None)
        p.scans.moon = Param(name="BlockFull", data=data, illumination=Param(diversity=None))
        for number, engine in enumerate(engines):
            p.engines[f"engine{number:02d}"] = Param(engine)
        return Ptycho(p, level=level)

    return run


def result(run):
    return [s.data.copy() for c in (run.probe, run.obj) for s in c.storages.values()]


def same(run, expected):
    for found, true in zip(result(run), expected, strict=True):
        np.testing.assert_array_equal(found, true)


def iterations(run):
    return [(h.engine, h.iteration) for h in run.runtime.iter_info]


# ------------------------------------------------------------------------ looking in between


def test_a_function_is_called_after_every_iteration_until_it_is_taken_off(make):
    P, seen = make({"name": "DM", "numiter": 5}), []
    forget = P.on_iteration(lambda run: seen.append(run.runtime.iter_info[-1].iteration))
    P.on_iteration(lambda run: forget() if len(seen) == 3 else None)
    P.run()
    forget()
    assert seen == [1, 2, 3]
    with pytest.raises(TypeError, match="needs a function"):
        P.on_iteration(3)


def test_what_a_function_does_to_the_object_is_what_the_engine_goes_on_from(make):
    P = make({"name": "EPIE", "numiter": 2})
    P.on_iteration(lambda run: run.obj.fill(0.5) if len(run.runtime.iter_info) == 2 else None)
    P.run()
    assert (P.obj.S["SmoonG00"].data == 0.5).all()


def test_an_error_in_a_function_ends_the_run_and_leaves_no_result(make, tmp_path):
    P = make({"name": "DM", "numiter": 5})

    def fails(run):
        raise ZeroDivisionError("in a function of mine")

    P.on_iteration(fails)
    with pytest.raises(ZeroDivisionError, match="in a function of mine") as error:
        P.run()
    assert error.traceback[-1].name == "fails"
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------ stopping and going on


@pytest.mark.parametrize("engine", ENGINES_TO_TRY)
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(make, engine, tmp_path):
    whole = make({"name": engine, "numiter": 6})
    whole.run()
    (tmp_path / f"{engine}_06.ptyr").unlink()
    P = make({"name": engine, "numiter": 6})
    forget = P.on_iteration(lambda run: run.stop() if len(run.runtime.iter_info) == 2 else None)
    P.run()
    assert iterations(P) == [(engine, 1), (engine, 2)]
    assert list(tmp_path.iterdir()) == []
    forget()
    P.run()
    assert len(iterations(P)) == 6
    same(P, result(whole))
    assert [path.name for path in tmp_path.iterdir()] == [f"{engine}_06.ptyr"]


def test_a_stopped_run_does_not_begin_the_next_engine(make, tmp_path):
    P = make({"name": "EPIE", "numiter": 2}, {"name": "ML", "numiter": 2})
    P.on_iteration(lambda run: run.stop() if len(run.runtime.iter_info) == 2 else None)
    P.run()
    assert [path.name for path in tmp_path.iterdir()] == ["EPIE_02.ptyr"]
    P.run()
    assert iterations(P) == [("EPIE", 1), ("EPIE", 2), ("ML", 1), ("ML", 2)]


def test_another_thread_may_stop_a_run(make):
    P, begun = make({"name": "DM", "numiter": 100000}), threading.Event()
    P.on_iteration(lambda run: begun.set())
    thread = threading.Thread(target=lambda: (begun.wait(), P.stop()))
    thread.start()
    P.run()
    thread.join()
    assert 1 <= len(iterations(P)) < 100000


def test_a_stop_while_nothing_runs_stops_nothing(make):
    P = make({"name": "EPIE", "numiter": 2})
    P.stop()
    P.run()
    assert len(iterations(P)) == 2


@pytest.mark.parametrize("engine", ["EPIE", "ML"])
def test_more_iterations_after_the_end_are_those_of_one_long_run(make, engine):
    whole = make({"name": engine, "numiter": 8})
    whole.run()
    P = make({"name": engine, "numiter": 5})
    P.run()
    P.engines["engine00"].numiter = 8
    P.run("engine00")
    assert len(iterations(P)) == 8
    # But for the rounding of probes, which leave the engine's memory and come back.
    for found, true in zip(result(P), result(whole), strict=True):
        np.testing.assert_allclose(found, true, rtol=1e-5, atol=1e-5 * np.abs(true).max())


def test_an_engine_that_has_finished_is_passed_over(make):
    P = make({"name": "EPIE", "numiter": 2}, {"name": "ML", "numiter": 2})
    P.run()
    before = result(P)
    P.run()
    same(P, before)
    assert len(iterations(P)) == 4


@pytest.mark.parametrize("engine", ENGINES_TO_TRY)
def test_another_engine_begins_from_what_the_first_has_found(make, engine, tmp_path):
    P = make({"name": "DM", "numiter": 4})
    P.run()
    Q = Ptycho.load_run(tmp_path / "DM_04.ptyr")
    for run in (P, Q):
        run.run("more", epars={"name": engine, "numiter": 3})
    same(Q, result(P))
    assert iterations(Q) == iterations(P)


@pytest.mark.parametrize("engine", ENGINES_TO_TRY)
def test_a_changed_object_makes_a_stopped_engine_begin_anew(make, engine):
    P = make({"name": engine, "numiter": 6})
    forget = P.on_iteration(lambda run: run.stop() if len(run.runtime.iter_info) == 3 else None)
    P.run()
    forget()
    Q = make({"name": engine, "numiter": 6})
    for run in (P, Q):
        run.obj.fill(1.0)
        run.probe.S["SmoonG00"].data[...] = P.probe.S["SmoonG00"].data
    Q.init_engine()
    Q.engines["engine00"].curiter = 3
    P.run()
    Q.run()
    same(P, result(Q))


@pytest.mark.mpi
def test_all_processes_stop_where_one_asks_and_go_on_together(start, run_text):
    text = run_text + (
        "P = Ptycho(tree(dict(name='EPIE', numiter=6)), level=4)\n"
        "def ask(run):\n"
        "    if parallel.rank == 1 and len(run.runtime.iter_info) == 3:\n"
        "        run.stop()\n"
        "P.on_iteration(ask)\n"
        "P.run()\n"
        "say('stopped', parallel.rank, len(P.runtime.iter_info))\n"
        "P.run()\n"
        "say('ended', parallel.rank, len(P.runtime.iter_info))\n"
    )
    code, said = start(text, 2).end(timeout=60)
    assert code == 0, said
    assert {"stopped 0 3", "stopped 1 3", "ended 0 6", "ended 1 6"} <= set(said.splitlines())


@pytest.mark.mpi
def test_an_object_that_only_one_process_sees_go_astray_ends_all(start, run_text):
    text = run_text + (
        "P = Ptycho(tree(dict(name='EPIE', numiter=6)), level=4)\n"
        "engine = P.engines['engine00']\n"
        "def iterate(num, inner=engine.engine_iterate):\n"
        "    result = inner(num)\n"
        "    if parallel.rank == 1:\n"
        "        P.obj.fill(float('nan'))\n"
        "    return result\n"
        "engine.engine_iterate = iterate\n"
        "P.run()\n"
        "say('not to be reached')\n"
    )
    code, said = start(text, 2).end(timeout=60)
    assert code == 1, said
    assert "is not finite after iteration 1" in said
    assert "not to be reached" not in said


# ------------------------------------------------------------------------ going back


@pytest.mark.parametrize("engine", ENGINES_TO_TRY)
def test_going_back_and_running_again_gives_the_same_again(make, engine):
    P = make({"name": engine, "numiter": 4})
    P.copy_state()
    P.run()
    first = result(P)
    P.restore_state()
    assert iterations(P) == []
    P.run()
    same(P, first)
    assert len(iterations(P)) == 4


@pytest.mark.parametrize("engine", ENGINES_TO_TRY)
def test_exit_waves_and_directions_of_the_future_are_not_used(make, engine):
    """Held in an engine that was stopped later than the state that is restored."""
    P, stops = make({"name": engine, "numiter": 6}), {2, 4}
    P.on_iteration(lambda run: run.stop() if run.runtime.iter_info[-1].iteration in stops else None)
    P.run()
    P.copy_state("second")
    P.run()
    P.restore_state("second")
    stops.clear()
    P.run()
    Q = make({"name": engine, "numiter": 6})
    for storage, true in zip(
        (Q.probe.S["SmoonG00"], Q.obj.S["SmoonG00"]),
        (P.state_dict["second"].content[name]["SmoonG00"]["data"] for name in ("probe", "obj")),
        strict=True,
    ):
        storage.data[...] = true
    fresh = Q.engines["engine00"]
    fresh.curiter = 2
    known = P.state_dict["second"].standings["engine00"].known
    if known:
        prepare = fresh.engine_prepare
        fresh.engine_prepare = lambda: (prepare(), fresh.engine_restore(known))
    Q.run()
    same(P, result(Q))


def test_a_state_has_the_positions_of_its_time(make):
    P = make({"name": "DM", "numiter": 1})
    (block,) = P.model.blocks
    corners = block.corners.copy()
    P.copy_state()
    block.object_views.coord[...] += 3 * block.obj.psize
    block.obj.update_views()
    P.restore_state()
    np.testing.assert_array_equal(block.corners, corners)


# ------------------------------------------------------------------------ what is measured, said


def test_times_of_the_parts_of_a_run_are_kept_with_its_result(make, tmp_path):
    P = make({"name": "DM", "numiter": 3})
    assert P.benchmark is None
    p = P.p.copy(99)
    p.io.benchmark = "all"
    P = Ptycho(p, level=5)
    assert set(P.benchmark) == {
        "loading", "engine_init", "engine_prepare", "engine_iterate", "engine_finalize",
    }  # fmt: skip
    told = sum(h.duration for h in P.runtime.iter_info)
    assert told <= P.benchmark.engine_iterate < told + 0.1
    assert P.benchmark.loading > 0
    with h5py.File(tmp_path / "DM_03.ptyr") as file:
        assert file["content/runtime/benchmark/loading"][()] == P.benchmark.loading
    p.io.benchmark = "loading"
    assert list(Ptycho(p, level=2).benchmark) == ["loading"]
    p.io.benchmark = "everything"
    with pytest.raises(ParameterError, match=r"io\.benchmark"):
        Ptycho(p, level=0)


def test_a_dry_run_says_what_it_would_do_and_does_nothing(make, tmp_path, capsys):
    P = make({"name": "DM", "numiter": 7}, {"name": "ML", "numiter": 3}, level=5, dry_run=True)
    said = capsys.readouterr().out
    assert "engine00 (DM) would do 7 iterations over 30 frames" in said
    assert "engine01 (ML) would do 3 iterations" in said
    assert "GiB" in said
    assert iterations(P) == []
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_double_precision_has_numbers_of_that_kind(make):
    P = make(level=2, data_type="double")
    assert P.CType == np.complex128
    assert P.FType == np.float64
    assert {array.dtype for array in result(P)} == {np.dtype(np.complex128)}


@pytest.mark.slow
def test_the_first_run_of_a_machine_says_that_it_compiles_and_the_second_does_not(
    start, run_text, tmp_path, monkeypatch
):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "store"))
    text = run_text + "p = tree(dict(name='EPIE', numiter=1)); p.verbose_level = 'ERROR'\n"
    text += "Ptycho(p, level=5)\n"
    for compiles in (True, False):
        code, said = start(text).end(timeout=300)
        assert code == 0, said
        assert ("compiling kernels, once" in said) is compiles
