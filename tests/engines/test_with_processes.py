"""Engines on several processes: the same image, whoever holds which frame."""

import numpy as np
import pytest

from ptypy.io import h5read

pytestmark = pytest.mark.mpi

RUNS = """
import sys
from ptypy.core import Ptycho
from ptypy.utils import Param, parallel

def run(label, engine, frames=60, photons=1e6, **pars):
    p = Param(run=label, scans=Param(), engines=Param(e=Param(name=engine, **pars)))
    p.io = Param(home="HOME", rfile="%(run)s.ptyr", autosave=Param(active=False))
    data = Param(name="MoonFlowerScan", shape=32, num_frames=frames, photons=photons, save=None)
    p.scans.moon = Param(name="BlockFull", data=data, illumination=Param(diversity=None))
    return Ptycho(p, level=5)
"""


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Run a script's text on 1, 2, ... processes: ``several(text, 3)`` gives their folders."""

    def run(mpirun, text, counts, threads="1"):
        folders = {}
        for processes in counts:
            folder = tmp_path_factory.mktemp(f"on{processes}_")
            script = RUNS.replace("HOME", str(folder)) + text
            script = f"import os\nos.environ['PTYPY_NUM_THREADS'] = '{threads}'\n{script}"
            done = mpirun(script, processes, timeout=300)
            assert done.returncode == 0, done.stderr
            folders[processes] = folder
        return folders

    return run


def content(folder, label):
    return h5read(str(folder / f"{label}.ptyr"), "content")["content"]


def obj(folder, label):
    return content(folder, label)["obj"]["SmoonG00"]["data"][0]


def last(folder, label):
    return content(folder, label)["runtime"]["iter_info"][-1]


PROJECTIONS = """
run("DM", "DM", numiter=4)
run("RAAR", "RAAR", numiter=4)
run("ML", "ML", numiter=8, scale_precond=True, reg_del2=True, probe_update_start=3)
run("long", "RAAR", numiter=30)
run("factors", "ML", numiter=3, floating_intensities=True, record_local_error=True)
run("flat", "ML", numiter=4, wavefield_precond=True)
"""


def test_projections_and_likelihood_differ_by_the_order_of_summation_only(several, mpirun):
    folders = several(mpirun, PROJECTIONS, (1, 2, 3))
    for processes in (2, 3):
        for label in ("DM", "RAAR", "ML", "flat", "factors"):
            one, other = (obj(folders[n], label) for n in (1, processes))
            scale = np.abs(one).max()
            assert np.abs(one - other).max() < 1e-3 * scale, (label, processes)
            assert last(folders[processes], label)["residual"] == pytest.approx(
                last(folders[1], label)["residual"], rel=1e-4
            )
        assert last(folders[processes], "long")["residual"] == pytest.approx(
            last(folders[1], "long")["residual"], rel=0.01
        )
        check_frames(folders[1], folders[processes])


def check_frames(one, several):
    """What is noted of single frames is there for all frames, in the order of arrival."""
    expected, found = (content(folder, "factors")["runtime"] for folder in (one, several))
    assert expected["float_intens"].shape == (len(expected["error_local"][0]),)
    np.testing.assert_allclose(found["float_intens"], expected["float_intens"], rtol=1e-3)
    for errors, others in zip(found["error_local"], expected["error_local"], strict=True):
        np.testing.assert_allclose(errors, others, rtol=1e-3)


FRAME_AFTER_FRAME = """
run("EPIE", "EPIE", numiter=NUMITER, alpha=0.2, beta=0.2, photons=1e5)
run("errors", "EPIE", numiter=1, record_local_error=True)
run("SDR", "SDR", numiter=60, photons=1e5)
P = run("WASP", "WASP", numiter=60, photons=1e5)
(moon,) = P.obj.storages.values()
everyones = parallel.allgather_dict({parallel.rank: moon.data.tobytes()})
assert len(set(everyones.values())) == 1, "processes differ"
"""


def test_frame_after_frame_gets_as_far_on_several_processes_as_on_one(several, mpirun):
    text = FRAME_AFTER_FRAME.replace("NUMITER", "300")
    folders = several(mpirun, text, (1, 3))
    for processes in (3,):
        # Between two averages of WASP a process has visited its own frames only.
        for label, allowance in (("EPIE", 1.05), ("SDR", 1.05), ("WASP", 1.1)):
            alone = last(folders[1], label)["residual"]
            assert last(folders[processes], label)["residual"] < allowance * alone, label
        errors = content(folders[processes], "errors")["runtime"]["error_local"][0]
        assert errors.shape == content(folders[1], "errors")["runtime"]["error_local"][0].shape
        assert np.isfinite(errors).all()


def test_the_same_processes_give_the_same_bits(several, mpirun):
    text = FRAME_AFTER_FRAME.replace("NUMITER", "5") + 'run("DM", "DM", numiter=5)\n'
    first, second = (several(mpirun, text, (3,))[3] for _ in range(2))
    for label in ("EPIE", "SDR", "WASP", "DM"):
        np.testing.assert_array_equal(obj(first, label), obj(second, label))


FEW = """
for engine in ("DM", "RAAR", "ML", "EPIE", "SDR", "WASP"):
    P = run(engine, engine, frames=3, numiter=3, record_local_error=True)
everyones = parallel.allgather_dict({parallel.rank: sum(len(b) for b in P.model.blocks)})
assert parallel.size == 1 or min(everyones.values()) == 0, everyones
"""


def test_a_process_without_a_single_frame_is_no_trouble(several, mpirun):
    folders = several(mpirun, FEW, (1, 4))
    for engine in ("DM", "RAAR", "ML"):
        np.testing.assert_allclose(obj(folders[4], engine), obj(folders[1], engine), atol=2e-3)
    for engine in ("DM", "RAAR", "ML", "EPIE", "SDR", "WASP"):
        history = content(folders[4], engine)["runtime"]
        assert np.isfinite(obj(folders[4], engine)).all()
        assert history["iter_info"][-1]["iteration"] == 3
        assert len(history["error_local"][0]) > 0


REFINED = """
refinement = Param(start=3, amplitude=1e-7, max_shift=2e-7, record=True)
run("moved", "RAAR", numiter=5, position_refinement=refinement)
run("few", "EPIE", frames=3, numiter=3, position_refinement=refinement)
"""


def test_frames_are_moved_alike_wherever_they_are(several, mpirun):
    folders = several(mpirun, REFINED, (1, 2, 3))
    found = {n: content(folder, "moved") for n, folder in folders.items()}
    histories = {n: c["runtime"]["position_history"] for n, c in found.items()}
    first = histories[1][0]["positions"]
    for n, history in histories.items():
        assert [entry["iteration"] for entry in history] == [3, 4]
        np.testing.assert_array_equal(history[0]["positions"], first)
        np.testing.assert_array_equal(history[1]["positions"], found[n]["positions"]["SmoonG00"])
    step = histories[1][1]["positions"] - first
    assert (step != 0).any(axis=1).mean() > 0.5


OF_SINGLE_FRAMES = """
p = Param(run="single", scans=Param(), engines=Param(e=Param(name="WASP", numiter=4)))
p.io = Param(rfile=None, autosave=Param(active=False))
data = Param(name="MoonFlowerScan", shape=32, num_frames=20, photons=1e6, save=None)
p.scans.moon = Param(name="OPRModel", data=data, illumination=Param(diversity=None))
P = Ptycho(p, level=4)
(light,) = P.probe.storages.values()
first = light.data.copy()
P.run()
everyones = parallel.allgather_dict({parallel.rank: light.data.tobytes()})
assert len(set(everyones.values())) == 1, "processes know different probes"
moved = abs(light.data - first).max(axis=(1, 2)) > 0
assert moved.all(), moved
"""


def test_every_process_knows_the_probes_that_all_frames_were_given(several, mpirun):
    several(mpirun, OF_SINGLE_FRAMES, (2, 3))
