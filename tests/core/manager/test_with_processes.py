"""Frames dealt out to processes: all see one object, one probe, one photon budget."""

from __future__ import annotations

import pytest

SCRIPT = """
import numpy as np
import ptypy
from ptypy.core.classes import Base, Container
from ptypy.core.manager import ModelManager
from ptypy.utils import parallel
from ptypy.utils.parameters import asParam

run = Base()
run.frames_per_block = 10
for name, kind in dict(probe="complex", obj="complex", diff="real", mask="bool").items():
    setattr(run, name, Container(run, "C" + name, kind))
data = dict(name="MoonFlowerScan", num_frames=60, shape=32, save=None)
run.model = ModelManager(run, asParam({"s": {"name": "BlockFull", "data": data}}))
blocks = run.model.new_data()
obj, probe = blocks[0].obj, blocks[0].probe
local = np.array([sum(len(b) for b in blocks), sum(b.tot_power for b in blocks)])
parallel.allreduce(local)
statistics = run.model.scans["s"].statistics
indices = np.concatenate([b.indices for b in blocks])
everyones = parallel.allgather_dict({int(i): parallel.rank for i in indices})
for corners in (b.corners for b in blocks):
    assert (corners >= 0).all() and (corners + 32 <= obj.shape[1:]).all()
same = np.array([*obj.shape, *obj.center, abs(probe.data).sum(), statistics.max_power])
total = same.copy()
parallel.allreduce(total)
np.testing.assert_allclose(total, parallel.size * same, rtol=1e-6)
assert statistics.num_frames == int(local[0]) == len(everyones)
np.testing.assert_allclose(statistics.tot_power, local[1])
assert len(set(everyones.values())) == parallel.size
if parallel.master:
    print("frames", len(everyones))
"""


@pytest.mark.mpi
def test_processes_agree_on_object_probe_and_photons(mpirun):
    done = mpirun(SCRIPT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("frames ")
