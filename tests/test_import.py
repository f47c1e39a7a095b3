"""Importing ptypy does nothing, and so is quick."""

import json
import subprocess
import sys

import pytest

import ptypy

PROBE = """
import json, logging, sys
hook = sys.excepthook
import ptypy
print(json.dumps({
    "modules": sorted(sys.modules),
    "handlers": len(logging.getLogger("ptypy").handlers) + len(logging.getLogger().handlers),
    "hook": hook is sys.excepthook,
}))
"""


def run(script):
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def imports():
    return json.loads(run(PROBE))


@pytest.mark.parametrize("heavy", ["mpi4py", "numba", "h5py", "hdf5plugin", "matplotlib", "scipy"])
def test_importing_loads_nothing_heavy(imports, heavy):
    assert heavy not in imports["modules"]


def test_importing_loads_no_room_but_the_ground_floor(imports):
    rooms = {name.split(".")[1] for name in imports["modules"] if name.startswith("ptypy.")}
    assert rooms == {"errors", "utils"}


def test_importing_changes_neither_logging_nor_the_exception_hook(imports):
    assert imports["handlers"] == 0
    assert imports["hook"]


def test_importing_changes_no_warning_filter_but_what_numpy_changes():
    script = "import warnings, numpy; before = list(warnings.filters); import ptypy; "
    assert run(script + "print(before == list(warnings.filters))").strip() == "True"


def test_the_version_is_that_of_the_installed_package():
    from importlib.metadata import version

    assert ptypy.__version__ == version("ptypy")


def test_a_misspelt_room_is_an_attribute_error():
    with pytest.raises(AttributeError, match="engine"):
        _ = ptypy.engine


@pytest.mark.parametrize("name", sorted(set(ptypy.__all__) - {"__version__"}))
def test_every_public_name_can_be_used_after_a_plain_import(name):
    assert getattr(ptypy, name) is not None
    assert name in dir(ptypy)


@pytest.mark.parametrize("name", ptypy.core.__all__)
def test_every_name_of_core_can_be_used_after_a_plain_import(name):
    assert getattr(ptypy.core, name) is not None
    assert name in dir(ptypy.core)


@pytest.mark.parametrize("arch", ["serial", "cupy", "pycuda"])
def test_scripts_that_load_accelerated_engines_keep_working(arch):
    ptypy.load_gpu_engines(arch=arch)


def test_an_unknown_architecture_is_refused():
    with pytest.raises(ptypy.errors.ParameterError, match="serial, cupy, pycuda"):
        ptypy.load_gpu_engines("vulkan")


def test_an_unknown_loader_module_says_which_there_are():
    with pytest.raises(ptypy.errors.ParameterError, match=r"'hdf_loader'.*hdf5_loader"):
        ptypy.load_ptyscan_module("hdf_loader")


def test_loader_modules_can_be_imported_by_name():
    assert ptypy.load_ptyscan_module("hdf5_loader").__name__ == "ptypy.experiment.hdf5_loader"
    ptypy.load_all_ptyscan_modules()


def test_a_loader_known_only_by_name_is_found_in_the_tree():
    script = (
        "import ptypy; print(ptypy.defaults_tree['scandata.MoonFlowerScan.num_frames'].default)"
    )
    assert run(script).strip() == "100"


@pytest.mark.parametrize(
    "module", ["ptypy.core.data", "ptypy.core.manager", "ptypy.engines", "ptypy.core.ptycho"]
)
def test_modules_that_declare_parameters_can_be_imported_in_any_order(module):
    run(f"import {module}; from ptypy import defaults_tree; defaults_tree.to_string()")
