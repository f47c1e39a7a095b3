import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "live" / "arrival_to_chunk.py"


def test_the_benchmark_of_live_sources_still_runs():
    small = ["--frames", "8", "--size", "16", "--rate", "500", "--rounds", "1"]
    command = [sys.executable, str(SCRIPT), *small]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.count("\n") == 2 + 4
