"""The benchmark of many frames still runs; unmeasured."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "preparation" / "many_frames.py"


@pytest.mark.parametrize("source", ["ptyd", "block", "load"])
def test_the_benchmark_still_runs(tmp_path, source):
    small = ["--frames", "20", "40", "--size", "16", "--rounds", "1", "--folder", str(tmp_path)]
    command = [sys.executable, str(SCRIPT), *small, "--source", source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 4
