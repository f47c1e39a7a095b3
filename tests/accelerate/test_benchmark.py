import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kernels" / "compare_kernels.py"


def test_the_benchmark_still_runs():
    small = ["--frames", "4", "--sizes", "24", "--modes", "2", "--repeats", "1"]
    command = [sys.executable, str(SCRIPT), *small]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.count("\n") == 2 + 7
