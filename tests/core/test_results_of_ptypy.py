"""Results that PtyPy 0.9 wrote, laid out with nothing but h5py, are looked at and gone on from."""

import h5py
import numpy as np
import pytest

import ptypy
from ptypy.core import Ptycho
from ptypy.errors import ParameterError
from ptypy.utils import Param

SIZES = [88, 104]
"""Edges of the object: that of ours, which lies otherwise nevertheless, and another."""


def put(group, name, value):
    """Write a value as the file format of PtyPy 0.9 lays it down."""
    if isinstance(value, dict):
        node, kind = group.create_group(name), value.pop("__type__", "dict")
        for key, member in value.items():
            put(node, key, member)
    elif value is None:
        node, kind = group.create_dataset(name, data=np.zeros((1,))), "None"
    elif isinstance(value, str):
        node, kind = group.create_dataset(name, data=value, dtype=h5py.string_dtype()), "string"
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        node, kind = group.create_group(name), "list"
        for number, member in enumerate(value):
            put(node, f"{number:05d}", member)
    elif isinstance(value, np.ndarray):
        node, kind = group.create_dataset(name, data=value, compression="gzip"), "array"
    elif isinstance(value, list | tuple):
        kind = "arraylist" if isinstance(value, list) else "arraytuple"
        node = group.create_dataset(name, data=np.array(value), compression="gzip")
    else:
        node, kind = group.create_dataset(name, data=value), "scalar"
    node.attrs["type"] = kind


def storage(ID, data, psize):
    middle = np.array(data.shape[-2:]) // 2 * 1.0
    return {
        "ID": ID, "data": data, "shape": data.shape, "nlayers": 1, "layermap": [0], "padding": 0,
        "padonly": True, "fill_value": 0.0, "_psize": psize, "_center": middle,
        "_origin": -middle * psize, "_energy": 7.2, "data_type": "complex", "model_initialized": 1,
        "zoom_cycle": None,
    }  # fmt: skip


@pytest.fixture(params=SIZES)
def example(tmp_path, request):
    """A scan, and a file of its reconstruction: ``(path, probe, object)``."""
    data = {
        "__type__": "param", "name": "MoonFlowerScan", "shape": 32, "num_frames": 30,
        "photons": 1e6, "save": None,
    }  # fmt: skip
    scan = {"__type__": "param", "name": "BlockFull", "data": data}
    engine = {"__type__": "param", "name": "DM", "numiter": 2, "numiter_contiguous": 1}
    io = {
        "__type__": "param", "home": str(tmp_path), "rfile": None,
        "autosave": {"__type__": "param", "active": False, "interval": 10},
        "interaction": {"__type__": "param", "active": False},
        "autoplot": {"__type__": "param", "active": False, "layout": "weak"},
    }  # fmt: skip
    pars = {
        "__type__": "param", "verbose_level": "info", "run": "moon", "data_type": "single",
        "frames_per_block": 100, "io": io, "scans": {"__type__": "param", "MF": scan},
        "engines": {"__type__": "param", "engine00": engine},
    }  # fmt: skip
    history = [
        {
            "__type__": "param", "iteration": k, "iterations": k, "engine": "DM", "numiter": 2,
            "duration": 0.1, "error": np.array([0.1, 0.2, 0.3]) / k,
        }
        for k in (1, 2)
    ]  # fmt: skip
    runtime = {
        "__type__": "param", "run": "moon", "start": "Tue", "stop": "Tue", "iter_info": history,
        "allstart": "Mon", "allstop": None, "last_save": 0, "last_plot": 0,
    }  # fmt: skip
    p = Param(scans=Param(MF=Param(name="BlockFull", data=Param({**data}))))
    p.scans.MF.data.pop("__type__")
    known = Ptycho(p, level=2)
    psize = known.obj.S["SMFG00"].psize
    rng = np.random.default_rng(1)
    probe, obj = (
        (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)
        for shape in ((1, 32, 32), (1, request.param, request.param))
    )
    path = tmp_path / "moon_DM_0002.ptyr"
    with h5py.File(path, "w") as file:
        file.attrs["h5rw_version"] = "0.1"
        put(file, "header", {"kind": "minimal", "description": "Ptypy reconstruction"})
        content = {
            "__type__": "param", "pars": pars, "runtime": runtime,
            "probe": {"SMFG00": storage("SMFG00", probe, psize)},
            "obj": {"SMFG00": storage("SMFG00", obj, psize)},
        }  # fmt: skip
        put(file, "content", content)
    return path, probe, obj


def test_its_probe_object_and_history_are_there(example):
    path, probe, obj = example
    run = Ptycho.load_run(path, load_data=False)
    np.testing.assert_array_equal(run.probe.S["SMFG00"].data, probe)
    np.testing.assert_array_equal(run.obj.S["SMFG00"].data, obj)
    assert [entry.iterations for entry in run.runtime.iter_info] == [1, 2]
    np.testing.assert_allclose(run.runtime.iter_info[1].error, [0.05, 0.1, 0.15])
    assert run.p.engines.engine00.name == "DM"


def test_engines_go_on_from_it(example):
    path, probe, obj = example
    run = Ptycho.load_run(path)
    np.testing.assert_array_equal(run.probe.S["SMFG00"].data, probe)
    (block,) = run.model.blocks
    # The pixel at coordinate zero is the same one, whatever margin the object has.
    found = run.obj.S["SMFG00"]
    size = obj.shape[-1]
    top, left = np.round(found.center - size // 2).astype(int)
    np.testing.assert_array_equal(found.data[0, top : top + size, left : left + size], obj[0])
    assert (block.corners >= 0).all()
    run.run(epars=Param(name="EPIE", numiter=2))
    assert run.runtime.iter_info[-1].iterations == 4
    assert np.isfinite(found.data).all()


def test_another_scan_begins_with_its_probe(example):
    path, probe, _ = example
    data = Param(name="MoonFlowerScan", shape=32, num_frames=5, save=None)
    scan = Param(name="BlockFull", data=data, illumination=Param(model=str(path), diversity=None))
    run = Ptycho(Param(scans=Param(s=scan)), level=2)
    found = run.probe.S["SsG00"].data
    scale = np.linalg.norm(found) / np.linalg.norm(probe)
    np.testing.assert_allclose(found, probe * scale, rtol=1e-5)
    scan.illumination = Param(model="recon", recon=Param(rfile=str(path)), diversity=None)
    again = Ptycho(Param(scans=Param(s=scan)), level=2)
    np.testing.assert_array_equal(again.probe.S["SsG00"].data, found)


def test_parameters_that_are_not_known_are_named(example):
    path, _, _ = example
    with h5py.File(path, "a") as file:
        put(file["content/pars/engines/engine00"], "of_another_time", 1)
    with pytest.raises(ParameterError, match="of_another_time"):
        Ptycho.load_run(path)
    Ptycho.load_run(path, load_data=False)


def test_it_can_be_looked_at_without_its_frames(example):
    path, probe, obj = example
    result = ptypy.read_result(path)
    assert np.array_equal(result.object, obj[0])
    assert np.array_equal(result.probe, probe)
    assert result.energy == pytest.approx(7.2)
    assert result.run == "moon"
    middle = obj.shape[-1] // 2
    assert result.object_axes[1][middle] == pytest.approx(0, abs=1e-12)
    titles = [axis.get_title() for axis in result.plot().axes]
    assert "Object: phase [rad]" in titles
