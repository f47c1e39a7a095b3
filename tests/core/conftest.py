"""Runs as processes of their own, which can be watched, stopped and killed."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest


class Started:
    """A script that runs, alone or under mpiexec; its lines can be read one by one."""

    def __init__(self, folder, text, processes, name):
        path = folder / name
        path.write_text(text)
        command = [sys.executable, "-u", str(path)]
        if processes:
            beside = shutil.which("mpiexec", path=Path(sys.executable).parent)
            command = [beside or shutil.which("mpiexec"), "-n", str(processes), *command]
        environment = {**os.environ, "PTYPY_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, cwd=folder, env=environment, start_new_session=True,
        )  # fmt: skip
        self.said = []

    def wait_for(self, words):
        """Read lines until one holds some words; fail with all that was said if none does."""
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return line
        pytest.fail(f"the process ended without {words!r}:\n{''.join(self.said)}")

    def tell(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def send(self, number):
        self.process.send_signal(number)

    def end(self, timeout=100):
        """Wait until it ends; give the exit code and all that was said."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        # Not `communicate`: it would pass over what `wait_for` has read ahead.
        late = threading.Event()

        def give_up():
            late.set()
            self.kill_all()

        watch = threading.Timer(timeout, give_up)
        watch.start()
        self.said.extend(self.process.stdout)
        self.process.wait()
        watch.cancel()
        said = "".join(self.said)
        assert not late.is_set(), f"the process was still running after {timeout} s:\n{said}"
        return self.process.returncode, said

    def kill_all(self):
        """Kill the script, and what mpiexec has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def start(tmp_path):
    """Start a script's text: ``start(text, processes=None)``; it is killed after the test."""
    running = []

    def run(text, processes=None, name="script.py"):
        running.append(Started(tmp_path, text, processes, name))
        return running[-1]

    yield run
    for one in running:
        if one.process.poll() is None:
            one.kill_all()
        with contextlib.suppress(BrokenPipeError):
            one.process.stdin.close()
        one.process.stdout.close()


RUN = """
import sys
from ptypy.core import Ptycho
from ptypy.engines import BaseEngine, register
from ptypy.utils import Param, parallel

def say(*words):
    # One call: lines of several processes must not be mixed.
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()

def tree(*engines, **autosave):
    p = Param(run="moon", scans=Param(), engines=Param(), verbose_level="INFO")
    p.io = Param(home="out", rfile="%(run)s_%(engine)s_%(iterations)04d.ptyr")
    rfile = "saves/%(run)s_%(engine)s_%(iterations)04d.ptyr"
    p.io.autosave = Param(**{"active": False, "rfile": rfile, **autosave})
    p.io.autoplot = Param(active=False)
    data = Param(name="MoonFlowerScan", shape=32, num_frames=40, photons=1e6, save=None)
    p.scans.moon = Param(name="BlockFull", data=data, illumination=Param(diversity=None))
    for number, engine in enumerate(engines):
        p.engines[f"engine{number:02d}"] = Param(engine)
    return p

def announcing(P):
    # Say each iteration of a run that is at level 4, before its automatic save.
    for engine in P.engines.values():
        def iterate(num, engine=engine, inner=engine.engine_iterate):
            result = inner(num)
            if parallel.master:
                say("iteration", engine.label, engine.curiter)
            return result
        engine.engine_iterate = iterate
    return P
"""


@pytest.fixture(scope="session")
def run_text():
    """The beginning of scripts that run something: ``tree``, ``announcing``, ``say``."""
    return RUN
