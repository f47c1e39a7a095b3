"""A run on several processes is steered from one page."""

import pytest

pytestmark = pytest.mark.mpi

SCRIPT = """
import asyncio, sys, threading
from pathlib import Path

from ptypy.core import Ptycho
from ptypy.utils import Param, parallel
from ptypy.web import watch

p = Param(run="moon", verbose_level="CRITICAL")
p.io = Param(home="home", rfile="%(run)s_%(iterations)04d.ptyr", autosave=Param(active=False))
p.scans = Param(moon=Param(name="BlockFull"))
p.scans.moon.data = Param(name="MoonFlowerScan", shape=64, num_frames=20, save=None)
p.engines = Param(first=Param(name="DM", numiter=1_000_000))
run = Ptycho(p, level=4)
with watch(run) as viewer:
    assert bool(viewer.address) is parallel.master
    if parallel.master:
        live = viewer._live
        tell = lambda name: asyncio.run(live.command(name))
        tell("pause")

        def steer():
            while live.describe()["state"] != "paused":
                pass
            tell("save")
            while not Path("home/moon_0001.ptyr").exists():
                pass
            tell("resume")
            while run.runtime.iter_info[-1]["iterations"] < 3:
                pass
            tell("stop")

        threading.Thread(target=steer, daemon=True).start()
    run.run()
parallel.barrier()
if parallel.master:
    last = run.runtime.iter_info[-1]["iterations"]
    saved = sorted(path.name for path in Path("home").glob("*.ptyr"))
    assert saved == ["moon_0001.ptyr", f"moon_{last:04d}.ptyr"], saved
    print("steered")
"""


def test_pausing_saving_and_stopping_reach_every_process(mpirun):
    done = mpirun(SCRIPT, timeout=150)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "steered"
