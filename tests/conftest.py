"""What all tests share: who can run here, and a clean log between tests."""

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


def _mpiexec():
    beside = shutil.which("mpiexec", path=Path(sys.executable).parent)
    return beside or shutil.which("mpiexec")


def _has_gpu():
    return shutil.which("nvidia-smi") is not None and importlib.util.find_spec("cupy") is not None


def _missing():
    """Say for each marker what it needs and this machine lacks."""
    mpi = _mpiexec() and importlib.util.find_spec("mpi4py")
    browser = importlib.util.find_spec("playwright") and shutil.which("chromium")
    return {
        "real": None if SHARED.is_dir() else f"needs the measured data in {SHARED}",
        "mpi": None if mpi else "needs mpi4py and mpiexec: pip install 'ptypy[mpi]'",
        "gpu": None if _has_gpu() else "needs a GPU and cupy",
        "browser": None if browser else "needs chromium, and playwright to drive it",
    }


def pytest_collection_modifyitems(items):
    for name, reason in _missing().items():
        if reason:
            for item in items:
                if item.get_closest_marker(name):
                    item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def shared_data():
    """The folder of measured data; mark tests that use it `real`."""
    return SHARED


@pytest.fixture
def mpirun(tmp_path):
    """Run a script's text on several processes; mark tests that use it `mpi`."""

    def run(script, processes=2, timeout=100):
        path = tmp_path / "on_every_process.py"
        path.write_text(script)
        command = [_mpiexec(), "-n", str(processes), sys.executable, str(path)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, cwd=tmp_path, check=False
        )

    return run


@pytest.fixture(scope="session", autouse=True)
def _first_verbosity():
    """The log before the first run; those of shared fixtures begin before a test does."""
    import ptypy.utils.verbose  # noqa: F401  (sets up the log)

    logger = logging.getLogger("ptypy")
    return logger.level, list(logger.handlers)


@pytest.fixture(autouse=True)
def _same_verbosity(_first_verbosity):
    """Leave the log as it was: a run under test sets its own level."""
    yield
    logger = logging.getLogger("ptypy")
    level, handlers = _first_verbosity
    logger.setLevel(level)
    logger.handlers[:] = handlers
