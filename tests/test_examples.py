"""What the documentation tells people to run, runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ptypy.io import h5read

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_shortest_script_leaves_an_object_and_a_probe(tmp_path):
    script = ROOT / "examples" / "moonflower.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, timeout=250)
    (result,) = tmp_path.rglob("moonflower_ML_0160.ptyr")
    content = h5read(str(result), "content")["content"]
    (probe,) = content["probe"].values()
    assert probe["data"].shape == (1, 128, 128)
    residuals = [entry["residual"] for entry in content["runtime"]["iter_info"]]
    assert len(residuals) == 160
    assert residuals[-1] < 0.1 * residuals[0]


@pytest.mark.slow
def test_an_engine_of_ones_own_is_the_same_written_pod_by_pod_and_on_blocks(tmp_path):
    command = [sys.executable, str(ROOT / "examples" / "own_engine.py"), str(tmp_path)]
    done = subprocess.run(command, check=True, timeout=250, capture_output=True, text=True)
    found = re.findall(r"error ([\d.]+) at first, ([\d.]+) after 100", done.stdout)
    (first, last), other = ([float(number) for number in pair] for pair in found)
    assert other == pytest.approx([first, last], rel=0.03)
    assert last < 0.1 * first
    assert len(list(tmp_path.rglob("own_engine_*_0100.ptyr"))) == 2


@pytest.mark.slow
def test_benchmarks_still_run():
    """Once and on next to nothing: they are measured on demand, but must not rot."""
    script = ROOT / "benchmarks" / "kernels" / "compare_kernels.py"
    command = [sys.executable, str(script), "--frames", "4", "--sizes", "32", "--repeats", "1"]
    done = subprocess.run(command, check=True, timeout=250, capture_output=True, text=True)
    assert "epie" in done.stdout
