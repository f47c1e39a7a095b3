import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "storage" / "compare_storage.py"


def test_the_benchmark_still_runs():
    small = ["--frames", "6", "--size", "16", "--chunks", "2", "--repeats", "1"]
    command = [sys.executable, str(SCRIPT), *small]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.count("\n") == 6 + 3
