"""One scan on several processes: every frame is prepared once, and everybody knows what."""

import json

import numpy as np
import pytest

from ptypy.core.data import PtydScan

pytestmark = pytest.mark.mpi

SCAN = """
from pathlib import Path
import numpy as np
from ptypy.core.data import EOS, PtyScan
from ptypy.utils import parallel

class Scan(PtyScan):
    PLACEHOLDERS = ()
    hooks = []

    def load_positions(self):
        self.hooks.append("load_positions")
        return np.arange(22.).reshape(11, 2)

    def load_weight(self):
        self.hooks.append("load_weight")
        mask = np.ones((20, 24), bool)
        mask[7, 9] = False
        return mask

    def load_common(self):
        self.hooks.append("load_common")
        self.meta.energy = 9.5
        self.correct_with(dark=np.full((20, 24), 5.))
        return {"table": np.arange(3)}

    def post_initialize(self):
        self.hooks.append("post_initialize")

    def check(self, frames=None, start=None):
        assert parallel.master
        return super().check(frames, start)

    def load(self, indices):
        self.hooks.append(list(indices))
        rng = [np.random.default_rng(i) for i in indices]
        return {i: r.poisson(30, (20, 24)).astype(np.uint16) for i, r in zip(indices, rng)}, {}, {}

    def correct(self, raw, weights, common):
        assert common.table.sum() == 3
        return raw, weights

scan = Scan(shape=(12, 16), orientation=5, rebin=2, center=None, dfile=DFILE, save=SAVE,
            load_parallel=PARALLEL)
while (chunk := scan.next_chunk(4)) != EOS:
    frames = [e["data"] is not None for e in chunk.as_package()["iterable"]]
    assert sum(frames) == len(chunk.indices_node) == len(chunk.data)
    assert len(chunk.positions) == len(chunk.indices) == len(frames)
    assert chunk.meta.energy == 9.5
Path(f"hooks_{parallel.rank}").write_text(str(scan.hooks))
"""


def prepared(path):
    chunks = []
    scan = PtydScan(dfile=str(path))
    while not isinstance(chunk := scan.next_chunk(100), str):
        chunks.append(chunk)
    (chunk,) = chunks
    return chunk


@pytest.mark.parametrize("load_parallel", ["data", None, "common", "all"])
def test_two_processes_save_what_one_saves(mpirun, tmp_path, load_parallel):
    files = {}
    for processes in (1, 2):
        files[processes] = tmp_path / f"{processes}.ptyd"
        settings = {
            "DFILE": str(files[processes]),
            "SAVE": "append",
            "PARALLEL": load_parallel,
        }
        header = "".join(f"{name} = {value!r}\n" for name, value in settings.items())
        done = mpirun(header + SCAN, processes)
        assert done.returncode == 0, done.stderr
    one, two = prepared(files[1]), prepared(files[2])
    np.testing.assert_array_equal(one.data, two.data)
    np.testing.assert_array_equal(one.mask, two.mask)
    np.testing.assert_array_equal(one.positions, two.positions)
    np.testing.assert_array_equal(one.indices, two.indices)
    assert one.data.sum() > 0


def test_hooks_run_on_the_processes_that_the_documentation_names(mpirun, tmp_path):
    header = "DFILE = None\nSAVE = None\nPARALLEL = 'data'\n"
    done = mpirun(header + SCAN, 2)
    assert done.returncode == 0, done.stderr
    once = ["load_positions", "load_weight", "load_common"]
    master = str([*once, "post_initialize", [0, 1], [4, 5], [8]])
    other = str(["post_initialize", [2, 3], [6, 7], [9, 10]])
    assert (tmp_path / "hooks_0").read_text() == master
    assert (tmp_path / "hooks_1").read_text() == other


def test_more_processes_than_frames_are_no_trouble(mpirun, tmp_path):
    path = tmp_path / "a.ptyd"
    text = SCAN.replace("11, 2)", "1, 2)").replace("arange(22.)", "arange(2.)")
    header = f"DFILE = {str(path)!r}\nSAVE = 'append'\nPARALLEL = 'data'\n"
    done = mpirun(header + text, 3)
    assert done.returncode == 0, done.stderr
    assert prepared(path).data.shape == (1, 8, 6)


def test_a_fault_on_one_process_ends_all_with_its_message(mpirun):
    text = SCAN.replace("self.hooks.append(list(indices))", "if parallel.rank == 1: 1 / 0")
    done = mpirun("DFILE = None\nSAVE = None\nPARALLEL = 'data'\n" + text, 2, timeout=60)
    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stderr


def test_after_a_fault_on_one_process_all_can_try_again(mpirun):
    text = SCAN.replace(
        "self.hooks.append(list(indices))",
        "self.hooks.append(list(indices))\n"
        "        if parallel.rank == 1 and self.hooks.count(list(indices)) == 1:\n"
        "            raise OSError('disk busy')",
    ).replace(
        "while (chunk := scan.next_chunk(4)) != EOS:",
        "from ptypy.errors import ParallelError\n"
        "def patient():\n"
        "    while True:\n"
        "        try:\n"
        "            return scan.next_chunk(4)\n"
        "        except (OSError, ParallelError) as error:\n"
        "            assert 'disk busy' in str(error)\n"
        "seen = []\n"
        "while (chunk := patient()) != EOS:\n"
        "    seen += chunk.indices.tolist()",
    )
    text += "assert seen == list(range(11))\n"
    done = mpirun("DFILE = None\nSAVE = None\nPARALLEL = 'data'\n" + text, 2)
    assert done.returncode == 0, done.stderr


WHO_IS_CALLED = """
import json
import numpy as np
from ptypy.core.data import EOS, PtyScan
from ptypy.utils import parallel


class Scan(PtyScan):
    PLACEHOLDERS = ()

    def __init__(self, **pars):
        self.calls = []
        super().__init__(**pars)

    def load_positions(self):
        self.calls.append(["load_positions"])
        return np.zeros((9, 2))

    def load_weight(self):
        self.calls.append(["load_weight"])

    def load_common(self):
        self.calls.append(["load_common"])
        return {"gain": np.full(3, 2.0)}

    def post_initialize(self):
        known = [self.positions.shape, self.weight2d is None, self.common.gain.tolist()]
        self.calls.append(["post_initialize", *known])

    def check(self, *args, **kwargs):
        self.calls.append(["check", args, kwargs])
        return super().check(*args, **kwargs)

    def load(self, *args, **kwargs):
        self.calls.append(["load", args, kwargs])
        return {i: np.full((4, 4), i) for i in kwargs["indices"]}, {}, {}

    def correct(self, *args, **kwargs):
        raw, weights, common = args
        self.calls.append(["correct", sorted(raw), weights, sorted(common), kwargs])
        return raw, weights


calls = {}
for mode in (None, "data", "common", "all"):
    scan = Scan(shape=4, load_parallel=mode)
    while scan.auto(6) != EOS:
        pass
    calls[str(mode)] = scan.calls
with open(f"calls_{parallel.rank}.json", "w") as file:
    json.dump(calls, file)
"""


def test_hooks_get_the_documented_arguments_on_the_documented_processes(mpirun, tmp_path):
    done = mpirun(WHO_IS_CALLED, 3)
    assert done.returncode == 0, done.stderr
    calls = [json.loads((tmp_path / f"calls_{rank}.json").read_text()) for rank in range(3)]
    once = [["load_positions"], ["load_weight"], ["load_common"]]
    end = ["post_initialize", [9, 2], True, [2.0, 2.0, 2.0]]
    chunks = [[0, 6], [6, 9]]  # six frames, then the three that are left
    own = [[[2 * rank, 2 * rank + 1], [6 + rank]] for rank in range(3)]
    for mode in ("None", "data", "common", "all"):
        for rank in range(3):
            expected = [*(once if rank == 0 or mode in ("common", "all") else []), end]
            for (first, last), mine in zip(chunks, own[rank], strict=True):
                if rank == 0:
                    expected.append(["check", [6], {"start": first}])
                if mode in ("data", "all"):
                    expected.append(["load", [], {"indices": mine}])
                elif rank == 0:
                    expected.append(["load", [], {"indices": list(range(first, last))}])
                expected.append(["correct", mine, {}, ["gain"], {}])
            assert calls[rank][mode] == expected, (mode, rank)
