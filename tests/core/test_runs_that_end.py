"""Runs that fail or are stopped: they end at once, say why, and keep what they have."""

import signal

import pytest

from ptypy.core import Ptycho
from ptypy.io import h5read

FAILING = """
class FailsToLoad(ptypy.core.data.MoonFlowerScan):
    def load_block(self, indices):
        if parallel.rank == 1:
            raise OSError("the detector's disk is gone")
        return super().load_block(indices)

stage = STAGE
p = tree(dict(name="DM", numiter=3))
if stage == "loading":
    ptypy.core.data.register("FailsToLoad")(FailsToLoad)
    p.scans.moon.data.name = "FailsToLoad"
P = Ptycho(p, level=4)
engine = P.engines["engine00"]
if stage == "iterating":
    inner = engine.engine_iterate
    def fails(num):
        if parallel.rank == 1 and engine.curiter == 1:
            raise ZeroDivisionError("in the second iteration")
        return inner(num)
    engine.engine_iterate = fails
if stage == "saving":
    import pathlib
    pathlib.Path("out").mkdir(exist_ok=True)
    pathlib.Path("out/moon_DM_0003.ptyr").mkdir(exist_ok=True)
    p.io.home = "out"
P.run()
say("not to be reached")
"""


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("stage", "trace", "words"),
    [
        ("loading", "load_block", "the detector's disk is gone"),
        ("iterating", "engine_iterate", "in the second iteration"),
        ("saving", "write_run", "is a directory"),
    ],
)
def test_a_failure_on_one_process_ends_all_with_its_traceback(start, run_text, stage, trace, words):
    text = run_text + "import ptypy.core.data\n" + FAILING.replace("STAGE", repr(stage))
    code, said = start(text, 3).end(timeout=60)
    assert code == 1, said
    assert "Traceback" in said
    assert trace in said
    assert words in said
    assert "not to be reached" not in said


LONG = """
P = announcing(Ptycho(tree(dict(name="ENGINE", numiter=1000000), active=ACTIVE), level=4))
P.run()
"""


def long_run(run_text, engine="DM", active=True):
    return run_text + LONG.replace("ENGINE", engine).replace("ACTIVE", str(active))


def results(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.ptyr"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -2), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_keeps_its_last_iteration(start, run_text, tmp_path, number, code):
    run = start(long_run(run_text, active=False))
    run.wait_for("iteration engine00 3")
    run.send(number)
    returned, said = run.end()
    assert returned == code, said
    (result,) = results(tmp_path)
    history = h5read(str(tmp_path / result), "content")["content"]["runtime"]["iter_info"]
    assert len(history) >= 3
    assert f"stopped by {number.name} after {len(history)} iterations" in said
    assert result.split("/")[-1] in said


def test_the_last_iteration_goes_to_the_automatic_saves_where_there_are_any(
    start, run_text, tmp_path
):
    run = start(long_run(run_text))
    run.wait_for("iteration engine00 3")
    run.send(signal.SIGINT)
    run.end()
    result = results(tmp_path)[-1]
    assert result.startswith("out/saves/moon_DM_")
    assert Ptycho.load_run(tmp_path / result).runtime.iter_info[-1].iteration >= 3


def test_asking_twice_ends_at_once(start, run_text, tmp_path):
    text = run_text + (
        "import os, signal\n"
        "P = Ptycho(tree(dict(name='DM', numiter=9)), level=4)\n"
        "def never(num):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    while True: pass\n"
        "P.engines['engine00'].engine_iterate = never\n"
        "P.run()\n"
    )
    code, said = start(text).end()
    assert code == -signal.SIGINT, said
    assert "interrupted twice" in said
    assert results(tmp_path) == []


@pytest.mark.mpi
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_several_processes_stop_after_the_same_iteration(start, run_text, tmp_path, number, code):
    run = start(long_run(run_text, "EPIE"), 3)
    run.wait_for("iteration engine00 3")
    run.send(number)
    returned, said = run.end()
    assert returned == code, said
    assert Ptycho.load_run(tmp_path / results(tmp_path)[-1]).runtime.iter_info[-1].iteration >= 3


def test_handlers_of_a_program_around_the_run_stay(start, run_text):
    text = run_text + (
        "import os, signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: say('mine'))\n"
        "P = Ptycho(tree(dict(name='DM', numiter=3)), level=4)\n"
        "inner = P.engines['engine00'].engine_iterate\n"
        "def iterate(num):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return inner(num)\n"
        "P.engines['engine00'].engine_iterate = iterate\n"
        "P.run()\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
    )
    code, said = start(text).end()
    assert code == 0, said
    assert said.count("mine") == 3


def test_an_automatic_save_that_fails_does_not_end_the_run(start, run_text, tmp_path):
    text = run_text + (
        "import pathlib\n"
        "pathlib.Path('out/saves/moon_DM_0002.ptyr').mkdir(parents=True)\n"
        "Ptycho(tree(dict(name='DM', numiter=4), active=True, interval=1), level=5)\n"
    )
    code, said = start(text).end()
    assert code == 0, said
    assert "the automatic save failed" in said
    assert "out/moon_DM_0004.ptyr" in results(tmp_path)
    assert "out/saves/moon_DM_0003.ptyr" in results(tmp_path)
