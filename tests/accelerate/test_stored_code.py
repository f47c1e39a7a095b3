"""Compiling takes seconds: whoever starts a second run must not wait for it again."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ptypy.accelerate

pytestmark = pytest.mark.slow

SMALL = """
import json
import numpy as np
from ptypy.accelerate import Transform, missing_kernels, model_error, watch_compiling
from ptypy.accelerate import _model, _pack
from ptypy.accelerate._compile import LANES
from ptypy.accelerate._stages import FORWARD, GATHER, INVERSE, SCATTER, stage

missing, said = missing_kernels(), []
with watch_compiling(lambda: said.append("compiling")) as watch:
    transform = Transform((12, 20))
    random = np.random.default_rng(0)
    probe = (random.random((2, 12, 20)) + 1j).astype(np.complex64)
    dark = transform.pack_measured(np.zeros((2, 12, 20)), np.ones((12, 20), bool))
    sums = model_error(transform, probe, probe[0], np.zeros((2, 2), int), dark)
np.testing.assert_allclose(sums[:, 0], (abs(probe * probe[0]) ** 2).sum(), rtol=1e-5)

kernels = [_model.model_range, _pack.pack_frames, _pack.split_planes, _pack.split_strips]
functions = [stage(radix, inverse=inverse) for radix in (3, 4, 5) for inverse in (False, True)]
functions += [FORWARD, GATHER, INVERSE, SCATTER]
print(json.dumps({
    "lanes": LANES,
    "compiled": sum(sum(k.stats.cache_misses.values()) for k in kernels)
        + sum(not f._compiled.cache_hits for f in functions),
    "missing": missing,
    "missing_now": missing_kernels(),
    "said": said,
    "seconds": watch.seconds,
}))
"""


def start(folder: Path, package: Path | None = None, **environment: str) -> dict[str, Any]:
    """Run the small calculation in a process of its own; say what it had to compile."""
    variables = {**os.environ, "NUMBA_CACHE_DIR": str(folder), **environment}
    if package is not None:
        variables["PYTHONPATH"] = str(package)
    command = [sys.executable, "-c", SMALL]
    done = subprocess.run(command, env=variables, timeout=250, check=True, capture_output=True)
    return dict(json.loads(done.stdout))


def test_the_second_process_compiles_nothing_and_both_say_so(tmp_path):
    first, second = start(tmp_path), start(tmp_path)
    assert first["compiled"] > 0
    assert second["compiled"] == 0
    assert (first["said"], second["said"]) == (["compiling"], [])
    assert first["seconds"] > 0
    assert second["seconds"] == 0
    used = {"model_range", "pack_frames", "_gather"}
    assert used <= set(first["missing"])
    assert not used & {*first["missing_now"], *second["missing"], *second["missing_now"]}
    assert "visit_frames" in second["missing"]


def test_processes_that_start_together_do_not_mix_up_their_code(tmp_path):
    variables = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", SMALL]
    runs = [subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [run.wait(timeout=250) for run in runs] == [0, 0]
    assert start(tmp_path)["compiled"] == 0


def test_an_edited_codelet_is_not_served_from_the_store(tmp_path):
    source = Path(ptypy.accelerate.__file__).parents[1]
    package = tmp_path / "source" / "ptypy"
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    start(tmp_path / "store", package.parent)
    codelets = package / "accelerate" / "_butterfly.py"
    codelets.write_text(codelets.read_text() + "\n# edited\n")
    assert start(tmp_path / "store", package.parent)["compiled"] > 0


@pytest.mark.skipif(
    ptypy.accelerate._compile.LANES != 16, reason="this processor has 8 lanes anyhow"
)
def test_a_processor_without_avx512_gets_code_of_its_own_from_the_same_store(tmp_path):
    older = {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+avx,+avx2,+fma",
    }
    assert start(tmp_path)["lanes"] == 16
    assert start(tmp_path, **older)["lanes"] == 8
    assert start(tmp_path)["compiled"] == 0
    assert start(tmp_path, **older)["compiled"] == 0
