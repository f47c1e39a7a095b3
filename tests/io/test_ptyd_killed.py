"""A writer may be killed at any instruction: what it announced stays, and another goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("_kill_writers.py")

EVERY_STEP = "PTYPY_KILL_AT_EVERY_STEP" in os.environ
"""Set it when the protocol of writing changes: it takes half an hour."""


def kills(how, scenario, directory, count):
    command = [sys.executable, SCRIPT, how, scenario, directory, str(count)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=None if EVERY_STEP else 280, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["kills"]


@pytest.mark.parametrize("scenario", ["append", "link"])
def test_a_writer_killed_now_and_then_loses_no_chunk(tmp_path, scenario):
    assert kills("steps", scenario, tmp_path, 9) > 3


@pytest.mark.parametrize("scenario", ["append", "link"])
def test_a_run_killed_where_a_set_is_there_already_leaves_that_set_whole(tmp_path, scenario):
    assert kills("anew", scenario, tmp_path, 9) > 5


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["append", "link"])
def test_a_run_killed_at_many_steps_where_a_set_is_there_already_leaves_it(tmp_path, scenario):
    assert kills("anew", scenario, tmp_path, 1 if EVERY_STEP else 4) > 8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "stride"),
    [
        ("append", 4),
        ("link", 5),
        ("gzip", 8),
        ("bitshuffle", 8),
        ("masks", 8),
        ("masks_link", 8),
    ],
)
def test_a_writer_killed_at_many_of_its_steps_loses_no_chunk(tmp_path, scenario, stride):
    assert kills("steps", scenario, tmp_path, 1 if EVERY_STEP else stride) > 7


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["append", "link"])
def test_a_writer_killed_at_random_times_loses_no_chunk(tmp_path, scenario):
    assert kills("times", scenario, tmp_path, 15) >= 15
