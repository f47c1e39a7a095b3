"""The comparison with plain numpy still runs, and both sides calculate the same; unmeasured."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "engines" / "compare_engines.py"

ITERATIONS = {"DM", "DM, power bound", "EPIE"}
GRADIENTS = {"ML gradient, gaussian", "ML gradient, poisson"}
TRANSFORMS = {"transforms alone"}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    outputs = ["--json", str(folder / "found.json"), "--curves", str(folder / "curves.png")]
    command = [sys.executable, str(SCRIPT), "--quick", *outputs]
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=280, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "curves.png").stat().st_size > 1000
    return json.loads((folder / "found.json").read_text())


def largest_difference(rows, tasks):
    """Over one and two modes, one and two threads, fast and other sizes."""
    assert {row["task"] for row in rows} >= tasks
    return max(row["difference"] for row in rows if row["task"] in tasks)


@pytest.mark.slow
def test_an_iteration_gives_the_object_and_probe_that_plain_numpy_gives(found):
    assert largest_difference(found["table"] + found["sizes"], {"DM", "EPIE"}) < 1e-4
    assert largest_difference(found["table"], ITERATIONS) < 1e-4


@pytest.mark.slow
def test_a_gradient_is_that_of_plain_numpy(found):
    assert largest_difference(found["table"], GRADIENTS) < 1e-4


@pytest.mark.slow
def test_waves_that_went_to_the_detector_and_back_are_what_they_were_on_both_sides(found):
    assert largest_difference(found["table"] + found["sizes"], TRANSFORMS) < 1e-5


@pytest.mark.slow
def test_every_combination_was_measured(found):
    asked = {(modes, threads) for modes in (1, 2) for threads in (1, 2)}
    assert {(row["modes"], row["threads"]) for row in found["table"]} == asked
    assert [row["task"] for row in found["memory"]] == ["DM", "EPIE", "ML"]
    assert set(found["curves"]) == {"frames", "pixels of a frame", "modes"}
