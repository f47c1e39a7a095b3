"""The comparison of processes still runs; unmeasured."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "mpi" / "compare_processes.py"


@pytest.mark.mpi
def test_the_benchmark_still_runs():
    small = ["--frames", "12", "--size", "24", "--repeats", "1", "--rounds", "1"]
    command = [sys.executable, str(SCRIPT), *small]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 2 + 2 * 6
