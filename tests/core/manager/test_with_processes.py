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


WAVES = """
import numpy as np
from ptypy.core.classes import Base, Container
from ptypy.core.manager import ModelManager
from ptypy.utils import parallel
from ptypy.utils.parameters import asParam

run = Base()
run.frames_per_block = 7
for name, kind in dict(probe="complex", obj="complex", diff="real", mask="bool").items():
    setattr(run, name, Container(run, "C" + name, kind))
data = dict(name="MoonFlowerScan", num_frames=40, shape=32, save=None)
coherence = dict(num_probe_modes=2, num_object_modes=2, energies=[1.0, 1.05])
sample = dict(model="stxm", diversity=dict(noise=(0.3, 2.0)))
scan = dict(name="BlockOPRModel", data=data, coherence=coherence, sample=sample, resample=2)
run.model = ModelManager(run, asParam({"s": scan}))
while not run.model.end_of_scan:
    run.model.new_data()
blocks = run.model.blocks
frames = run.model.scans["s"].statistics.num_frames
for k in (0, 1):
    probe, obj = run.probe.S[f"SsG{k:02d}"], run.obj.S[f"SsG{k:02d}"]
    assert probe.shape == (2 * frames, 64, 64)
    same = np.array([abs(probe.data).sum(), abs(obj.data).sum(), *obj.shape], float)
    total = same.copy()
    parallel.allreduce(total)
    np.testing.assert_allclose(total, parallel.size * same, rtol=1e-6)
rows = np.concatenate([np.ravel(b.probe_rows) for b in blocks])
everyones = parallel.allgather_dict({parallel.rank: rows})
rows = np.sort(np.concatenate(list(everyones.values())))
np.testing.assert_array_equal(rows, np.arange(2 * frames))
assert len(run.pods) == 8 * sum(len(b) for b in blocks)
if parallel.master:
    print("frames", frames)
"""


@pytest.mark.mpi
def test_every_frame_of_every_process_has_layers_of_the_probe_of_its_own(mpirun):
    done = mpirun(WAVES)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("frames ")
