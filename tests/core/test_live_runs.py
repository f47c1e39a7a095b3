"""Reconstructing while another process prepares: started early, late, ended well or badly."""

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import MoonFlowerScan
from ptypy.errors import DataError
from ptypy.utils import Param

WRITER = """
import sys
from ptypy.core.data import EOS, MoonFlowerScan

scan = MoonFlowerScan(num_frames=40, shape=32, photons=1e6, dfile="live.ptyd", save="link")
for line in sys.stdin:
    if line.strip() == "open":
        scan.initialize()
    elif line.strip() == "more":
        assert scan.auto(10) != EOS
    elif line.strip() == "end":
        scan.end_of_scan = True
    print("done", line.strip(), flush=True)
    if line.strip() == "end":
        break
assert scan.auto(10) == EOS
"""

READER = """
p = tree(dict(name="ENGINE", numiter=5))
p.frames_per_block = 7
p.min_frames_for_recon = FROM
p.scans.moon.data = Param(name="PtydScan", dfile="live.ptyd", timeout=TIMEOUT)
say("asks for", p.min_frames_for_recon)
P = Ptycho(p, level=2)
P.init_engine()
engine = P.engines["engine00"]
inner = engine.engine_iterate
def iterate(num):
    frames = P.num_frames
    result = inner(num)
    if parallel.master:
        say("iterated with", frames, "frames")
    return result
engine.engine_iterate = iterate
P.run()
if parallel.master:
    say("ended with", P.num_frames if parallel.size == 1 else "all")
"""


def reader(run_text, engine="DM", timeout=60.0, at_least=0):
    text = READER.replace("ENGINE", engine).replace("TIMEOUT", str(timeout))
    return run_text + text.replace("FROM", str(at_least))


class Writer:
    """The preparing process, which does one thing after the other when told."""

    def __init__(self, started):
        self.started = started

    def do(self, *words):
        for word in words:
            self.started.tell(word)
            self.started.wait_for(f"done {word}")


@pytest.fixture
def writer(start):
    return Writer(start(WRITER, name="writer.py"))


def total():
    return len(MoonFlowerScan(num_frames=40, shape=32).load_positions())


def begin_before_the_file_exists(writer, run):
    started = run()
    started.wait_for("asks for")
    writer.do("open", "more")
    return started


def begin_before_the_first_frame(writer, run):
    writer.do("open")
    started = run()
    started.wait_for("waiting for the first frames")
    writer.do("more")
    return started


def begin_after_the_first_frames(writer, run):
    writer.do("open", "more")
    return run()


@pytest.mark.parametrize(
    ("engine", "begin"),
    [
        ("DM", begin_before_the_file_exists),
        ("EPIE", begin_before_the_first_frame),
        ("ML", begin_after_the_first_frames),
    ],
)
def test_a_run_iterates_on_what_is_there_while_more_arrives(start, writer, run_text, engine, begin):
    run = begin(writer, lambda: start(reader(run_text, engine)))
    run.wait_for("iterated with 10 frames")
    run.wait_for("iterated with 10 frames")
    writer.do("more")
    run.wait_for("iterated with 20 frames")
    writer.do("more", "more")
    run.wait_for(f"iterated with {total()} frames")
    writer.started.process.stdin.close()
    code, said = run.end()
    assert code == 0, said
    assert f"ended with {total()}" in said
    assert f"saved out/moon_{engine}" in said


def test_a_run_that_begins_when_all_is_over_is_like_any_other(start, writer, run_text):
    writer.do("open", "more", "more", "more", "more")
    code, said = start(reader(run_text)).end()
    assert code == 0, said
    assert said.count(f"iterated with {total()} frames") == 5


@pytest.mark.mpi
@pytest.mark.parametrize("engine", ["EPIE", "ML"])
def test_several_processes_take_in_the_same_frames(start, writer, run_text, engine):
    run = start(reader(run_text, engine), 3)
    run.wait_for("asks for")
    writer.do("open", "more")
    run.wait_for("iterated with 10 frames")
    writer.do("more", "more")
    run.wait_for("iterated with 30 frames")
    writer.do("more")
    code, said = run.end()
    assert code == 0, said
    assert f"iterated with {total()} frames" in said


def test_the_first_iteration_waits_for_as_many_frames_as_it_is_told(start, writer, run_text):
    run = start(reader(run_text, at_least=25))
    writer.do("open", "more")
    run.wait_for("waiting for 25 frames")
    writer.do("more", "more")
    assert "30 frames" in run.wait_for("iterated with")
    writer.do("end")
    code, said = run.end()
    assert code == 0, said
    assert "ended with 30" in said


@pytest.mark.parametrize("at_least", [0, 1000])
def test_a_scan_that_is_declared_to_end_early_is_reconstructed_from_what_there_is(
    start, writer, run_text, at_least
):
    run = start(reader(run_text, at_least=at_least))
    writer.do("open", "more", "more", "end")
    code, said = run.end()
    assert code == 0, said
    assert "ended with 20" in said


@pytest.mark.mpi
@pytest.mark.parametrize("processes", [None, 2])
def test_a_writer_that_never_comes_back_ends_the_scan_loudly(start, writer, run_text, processes):
    writer.do("open", "more")
    run = start(reader(run_text, timeout=1.0), processes)
    run.wait_for("iterated with 10 frames")
    writer.started.kill_all()
    code, said = run.end()
    assert code == 0, said
    assert "the scan counts as ended, with 10" in said
    assert "ended with" in said


def test_a_scan_that_never_begins_is_an_error_not_an_endless_wait(start, run_text):
    code, said = start(reader(run_text, timeout=0.2)).end()
    assert code == 1
    assert "`moon` ended without a single frame" in said


# ------------------------------------------------------------------------ within one process


@pytest.fixture
def tree(tmp_path):
    p = Param(run="moon", engines=Param(e=Param(name="DM", numiter=3)))
    p.io = Param(home=str(tmp_path), rfile=None, autosave=Param(active=False))
    data = Param(name="MoonFlowerScan", shape=32, num_frames=40, save=None, photons=1e6)
    p.scans = Param(moon=Param(name="BlockFull", data=data, illumination=Param(diversity=None)))
    return p


@pytest.mark.parametrize("level", [0, 1])
def test_a_run_without_frames_yet_waits_for_them(tree, level):
    """PtyPy 0.9 crashed."""
    tree.scans.moon.data.block_wait_count = 1
    P = Ptycho(tree, level=level)
    P.run()
    assert P.runtime.iter_info[-1].residual > 0
    assert P.num_frames == total()


def test_a_run_whose_scan_is_empty_says_so_when_it_is_run(tree):
    tree.scans.moon.data = Param(name="MoonFlowerScan", shape=32, num_frames=0, save=None)
    with pytest.raises((DataError, RuntimeError), match=r"num_frames|without a single frame"):
        Ptycho(tree, level=1).run()


@pytest.mark.parametrize("engine", ["DM", "RAAR", "ML", "EPIE"])
@pytest.mark.parametrize("model", ["BlockFull", "Full"])
def test_the_size_of_blocks_does_not_show_in_the_image(tree, engine, model):
    tree.scans.moon.name = model
    tree.engines.e = Param(name=engine, numiter=4, probe_update_start=1)
    images = []
    for block, least in ((100000, 1), (7, 1), (3, 11)):
        tree.frames_per_block = block
        tree.scans.moon.data.min_frames = least
        P = Ptycho(tree, level=5)
        images.append(P.obj.S["SmoonG00"].data)
    for image in images[1:]:
        np.testing.assert_allclose(image, images[0], atol=1e-3)


def test_pauses_grow_up_to_a_bound_and_begin_anew(monkeypatch):
    from ptypy.core.ptycho import _waiting

    slept = []
    monkeypatch.setattr(_waiting.time, "sleep", slept.append)
    pauses = _waiting.Pauses()
    for _ in range(30):
        pauses.take()
    assert slept[0] < 0.01
    assert slept == sorted(slept)
    assert slept[-1] == slept[-2] == pytest.approx(0.1)
    pauses.reset()
    pauses.take()
    assert slept[-1] == slept[0]
