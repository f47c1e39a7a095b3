"""A report of a fault says what it happened on."""

import json
import platform

import h5py
import numpy as np

from ptypy.cli import main
from ptypy.diagnose import describe_system


def test_it_names_versions_and_is_honest_about_the_gpu(monkeypatch, capsys):
    monkeypatch.setenv("PTYPY_NUM_THREADS", "3")
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    for expected in (np.__version__, platform.python_version(), h5py.version.hdf5_version):
        assert expected in text
    assert "not used: this version calculates on processors alone" in text
    assert "3 of" in text
    assert main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["gpu"]["is_used"] is False
    assert found["processor"]["threads"] == 3
    assert found["processor"]["lanes"] in {8, 16}


def test_an_extra_that_is_missing_comes_with_the_line_that_brings_it(monkeypatch):
    from ptypy.diagnose import system_text

    found = describe_system()
    found["optional"] = {"images": {"tifffile": "2026.1", "fabio": None}}
    assert "pip install 'ptypy[images]'" in system_text(found)
