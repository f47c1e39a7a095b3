import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks" / "preparation"


def _run(script, *options):
    command = [sys.executable, str(FOLDER / script), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)


@pytest.mark.slow
def test_the_comparison_with_straightforward_code_still_runs(tmp_path):
    result = tmp_path / "result.json"
    _run("compare_preparation.py", "--quick", "--saves", "link", "--json", str(result))
    one, two = json.loads(result.read_text())["runs"]
    assert (one["threads"], two["threads"]) == (1, 2)
    for run in (one, two):
        assert [line["layout"] for line in run["lines"]] == ["contiguous", "bitshuffle-lz4", "npy"]
        assert all(line["timings"]["ours"]["seconds"] > 0 for line in run["lines"])
        assert run["prepared"]["frames"] == 40


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory accounts of Linux")
def test_the_watch_of_peak_memory_still_runs(tmp_path):
    result = tmp_path / "result.json"
    small = ["--gigabytes", "0.001", "0.002", "--size", "128", "--layouts", "sparse"]
    _run("peak_memory.py", *small, "--json", str(result))
    lines = json.loads(result.read_text())
    assert [line["save"] for line in lines] == [None, "append"] * 2
    assert all(line["peak"] >= line["before"] > 0 for line in lines)
