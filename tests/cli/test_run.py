"""From a file of parameters to a result: in whatever form, however it is started and stopped."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ptypy import defaults_tree
from ptypy.cli import main
from ptypy.experiment import PTYSCANS
from ptypy.io import h5read
from ptypy.utils.config import read_config
from ptypy.utils.launching import find_launcher, launch

RESULT = "out/recons/moon/moon_EPIE_0006.ptyr"
COMMAND = [sys.executable, "-u", "-m", "ptypy", "run", "moon.yaml"]
LONG = ["-v", "--set", "engines.engine00.numiter=1000000"]

SCRIPT = """
from ptypy import utils as u
from ptypy.core import Ptycho
p = u.Param()
p.io = u.Param(home="out", autosave=u.Param(interval=2))
p.scans = u.Param(moon=u.Param(name="BlockFull", illumination=u.Param(diversity=None)))
p.scans.moon.data = u.Param(name="MoonFlowerScan", shape=32, num_frames=40, photons=1e6)
p.engines = u.Param(engine00=u.Param(name="EPIE", numiter=6))
"""
ITSELF = SCRIPT + 'p.run = "moon"\nP = Ptycho(p, level=5)\n'


def found_object(path=RESULT):
    (obj,) = h5read(path, "content")["content"]["obj"].values()
    return obj["data"]


def test_yaml_json_and_python_give_the_same_run(config, capsys):
    assert main(["run", "moon.yaml"]) == 0
    first = found_object()
    said = capsys.readouterr().out
    assert re.search(rf"{RESULT}\s+the result, after EPIE, 6 iterations in all", said)
    assert "6 iterations over 39 frames" in said
    assert "photon noise alone" in said
    for name, text in (
        ("moon.json", json.dumps(read_config(config))),
        ("moon.py", SCRIPT),
        ("itself.py", ITSELF),
    ):
        shutil.rmtree("out")
        Path(name).write_text(text)
        assert main(["run", name]) == 0
        assert np.array_equal(found_object(), first)
        assert "the result, after EPIE" in capsys.readouterr().out


OWN_LOADER = """
import numpy as np
from beside import POSITIONS
from ptypy.core.data import PtyScan
from ptypy.experiment import register
from ptypy.utils import Param

@register()
class FlatScan(PtyScan):
    '''Gives flat frames.

    Defaults:

    [name]
    default = FlatScan
    help = Flat frames
    type = str
    '''

    def load_positions(self):
        return POSITIONS

    def load(self, indices):
        return {k: np.full((32, 32), 7.0) for k in indices}, {}, {}

data = Param(name="FlatScan", shape=32, energy=8.0, distance=1.0, psize=1e-4)
p = Param(scans=Param(flat=Param(name="BlockFull", data=data)), io=Param(home="out"))
p.engines = Param(e=Param(name="EPIE", numiter=2))
"""


@pytest.fixture
def loaders():
    """Loaders that are known; others are forgotten again."""
    group = defaults_tree["scandata"]
    known = set(group.children)
    yield
    for name in set(group.children) - known:
        group.prune_child(name)
        PTYSCANS.pop(name, None)


@pytest.mark.usefixtures("loaders")
def test_a_loader_in_the_file_and_modules_beside_it_are_found(config, monkeypatch):
    folder = config.parent / "project"
    folder.mkdir()
    (folder / "own.py").write_text(OWN_LOADER)
    (folder / "beside.py").write_text(
        "import numpy as np\nPOSITIONS = 1e-6 * np.mgrid[:4, :4].reshape(2, -1).T\n"
    )
    monkeypatch.delitem(sys.modules, "beside", raising=False)
    assert main(["check", "project/own.py"]) == 0
    assert main(["run", "project/own.py", "-q"]) == 0
    assert Path("out/recons/own/own_EPIE_0002.ptyr").exists()
    assert str(folder) not in sys.path


def test_what_is_set_on_the_command_line_counts(config, capsys):
    words = ["--set", "engines.engine00.numiter=2", "--set", "run=other", "--quiet"]
    assert main(["run", str(config), *words]) == 0
    assert Path("out/recons/other/other_EPIE_0002.ptyr").exists()
    said = capsys.readouterr().out.splitlines()
    assert all("please cite" in line or "compiling" in line for line in said)


def test_what_is_null_is_left_out(config):
    words = ["--set", "engines.engine01={name: ML, numiter: 1}", "--set", "engines.engine00=null"]
    assert main(["run", str(config), *words]) == 0
    names = {path.name for path in Path("out/recons/moon").iterdir()}
    assert names == {"moon_ML_0001.ptyr", "moon_ML_0001.html"}


def test_a_log_has_times_and_no_carriage_returns(config, capsys):
    assert main(["run", "moon.yaml", "-v"]) == 0
    said = capsys.readouterr().out
    assert "\r" not in said
    assert "\033" not in said
    stamp = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ")
    assert all(stamp.match(line) for line in said.splitlines() if line.strip())
    assert "photons in a frame" in said


def test_it_goes_on_from_where_it_was(config, capsys):
    assert main(["run", "moon.yaml", "--set", "engines.engine00.numiter=4"]) == 0
    assert main(["run", "moon.yaml", "--continue", "-v"]) == 0
    assert "going on after 4 iterations" in capsys.readouterr().out
    history = h5read(RESULT, "content")["content"]["runtime"]["iter_info"]
    assert len(history) == 6


def test_faults_are_told_all_at_once_with_their_lines(config, capsys):
    config.write_text(config.read_text().replace("shape:", "shpe:").replace("numiter", "numitr"))
    assert main(["run", "moon.yaml"]) == 1
    said = capsys.readouterr().err
    assert re.search(
        r"line  9  scans\.moon\.data\.shpe +32 +is unknown; did you mean `shape`", said
    )
    assert re.search(r"line 14  engines\.engine00\.numitr +6 +is unknown", said)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothere.yaml"], "no parameter file 'nothere.yaml'"),
        (["moon.yaml", "--set", "scans.moon.data.shap=3"], "did you mean `shape`"),
        (["moon.yaml", "--set", "scans=null"], "scans .*is empty"),
    ],
)
def test_what_cannot_be_run_says_why(config, capsys, words, message):
    assert main(["run", *words]) == 1
    assert re.search(message, capsys.readouterr().err)


def test_a_script_that_runs_itself_is_neither_changed_nor_looked_at(config, capsys):
    Path("itself.py").write_text(ITSELF)
    assert main(["run", "itself.py", "--set", "run=x"]) == 2
    assert "makes its run itself" in capsys.readouterr().err
    assert main(["check", "itself.py"]) == 1
    line = ITSELF.splitlines().index("P = Ptycho(p, level=5)") + 1
    assert f"itself.py, line {line}: makes its run itself" in capsys.readouterr().err
    assert not Path("out").exists()


def test_without_an_mpiexec_it_says_what_to_install(config, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert main(["run", "moon.yaml", "-n", "2"]) == 1
    assert "an mpiexec: `pip install 'ptypy[mpi]'`" in capsys.readouterr().err


def test_processes_of_a_job_start_no_others(config, capsys, monkeypatch):
    monkeypatch.setenv("PMIX_RANK", "0")
    assert main(["run", "moon.yaml", "-n", "2"]) == 1
    assert "leave out -n" in capsys.readouterr().err


@pytest.fixture
def start(config):
    """Start the program; read its lines until one says something."""
    running = []

    def begin(*words):
        process = subprocess.Popen(
            [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PTYPY_NUM_THREADS": "1"},
        )  # fmt: skip
        running.append(process)
        for line in process.stdout:
            if "saved out/dumps" in line:
                return process
        return pytest.fail(f"it ended: {process.communicate()}")

    yield begin
    for process in running:
        process.kill()
        process.wait()


def saved():
    return sorted(Path("out/dumps/moon").glob("*.ptyr"))


def test_ctrl_c_keeps_what_has_been_reached_and_says_how_to_go_on(start):
    process = start(*LONG)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert re.search(r"stopped by SIGINT after (\d+) iterations, which are in out/dumps", said)
    # With its changes: without them it would be another run.
    again = f"ptypy: to go on: ptypy run moon.yaml {' '.join(LONG[1:])} --continue"
    assert errors.splitlines()[-1] == again
    assert saved()


@pytest.mark.mpi
def test_several_processes_end_as_one_does(start):
    process = start("-n", "2", *LONG)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=100)
    assert process.returncode == 130, said + errors
    assert "Traceback" not in errors
    assert "stopped by SIGINT after" in said
    assert "[0] " in said
    assert saved()


@pytest.mark.mpi
def test_processes_that_fail_give_their_exit_code():
    assert find_launcher().name.startswith("mpiexec")
    assert launch(["-c", "import sys; sys.exit(7)"], 2) == 7
