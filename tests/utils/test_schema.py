"""An editor that has the schema says of a file what a run would say of it."""

import json

import jsonschema
import numpy as np
import pytest

from ptypy import defaults_tree
from ptypy.core.ptycho import check, choices_of, config_schema, new_config
from ptypy.errors import ParameterError
from ptypy.utils.config import read_config
from ptypy.utils.descriptor import EvalDescriptor, schema_of
from ptypy.utils.parameters import asParam


@pytest.fixture(scope="module")
def schema():
    made = config_schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return json.loads(json.dumps(made))


@pytest.fixture(scope="module")
def refuses(schema):
    validator = jsonschema.Draft202012Validator(schema)
    return lambda config: not validator.is_valid(config)


@pytest.mark.parametrize("loader", sorted(choices_of("scandata")))
def test_new_files_fit(refuses, loader):
    engines = sorted(choices_of("engine"))
    for everything in (False, True):
        text = new_config(loader, engines, form="json", everything=everything, schema="./s.json")
        assert not refuses(json.loads(text))


GOOD = [
    {},
    {"io": None, "run": "None", "verbose_level": 3, "data_type": "double"},
    {"scans": {"a": {"name": "Full", "data": {"name": "PtydScan", "source": "x.ptyd"}}}},
    {"scans": {"a": {"name": "Full", "data": {"source": "x.ptyd"}}}},
    {"scans": {"a": {"name": "Full", "data": {"source": "file", "dfile": "x.ptyd", "rebin": 2}}}},
    {"scans": {"a": {"name": "BlockFull", "data": {"name": "MoonFlowerScan", "center": 64}}}},
    {"scans": {"a": {"name": "Full", "data": {"name": "MoonFlowerScan", "orientation": 5}}}},
    {"scans": {"a": {"name": "Full", "data": {"name": "MoonFlowerScan", "energy": 8}}}},
    {"scans": {"a": {"name": "Full", "data": {"name": "MoonFlowerScan"}, "illumination": "x"}}},
    {
        "scans": {
            "a": {"name": "Vanilla", "data": {"name": "MoonFlowerScan", "psize": [1e-4, 2e-4]}}
        }
    },
    {"engines": {"e": {"name": "DM", "numiter": 3, "clip_object": [0.5, 1]}}},
    {"engines": {"e": {"name": "DM_cupy", "probe_support": None, "subpix": None}}},
    {"engines": {"e": {"name": "ML", "position_refinement": True}}},
    {"engines": {"e": {"name": "ML", "position_refinement": {"nshifts": 4}}}},
]

DATA = {"name": "Full", "data": {"name": "MoonFlowerScan"}}
BAD = [
    {"rn": "x"},
    {"run": 3},
    {"io": {"hom": "x"}},
    {"io": {"autosave": {"keep": 0}}},
    {"io": {"rformat": "full"}},
    {"io": "x"},
    {"data_type": "half"},
    {"frames_per_block": 0},
    {"frames_per_block": "many"},
    {"dry_run": 1},
    {"scans": {"a": {"name": "Ful", "data": DATA["data"]}}},
    {"scans": {"a": {"data": DATA["data"]}}},
    {"scans": {"a": 3}},
    {"scans": {"a": {**DATA, "data": {"name": "MoonFlower"}}}},
    {"scans": {"a": {**DATA, "data": {"rebin": 2}}}},
    {"scans": {"a": {**DATA, "data": {**DATA["data"], "rebin": 33}}}},
    {"scans": {"a": {**DATA, "data": {**DATA["data"], "rebin": 1.5}}}},
    {"scans": {"a": {**DATA, "data": {**DATA["data"], "enery": 7.2}}}},
    {"scans": {"a": {**DATA, "data": {**DATA["data"], "energy": -1}}}},
    {"scans": {"a": {**DATA, "data": {**DATA["data"], "psize": [1e-4, -1e-4]}}}},
    {"scans": {"a": {**DATA, "data": {**DATA["data"], "orientation": 8}}}},
    {"scans": {"a": {**DATA, "data": {**DATA["data"], "save": True}}}},
    {"scans": {"a": {**DATA, "data": {**DATA["data"], "propagation": "nearfeld"}}}},
    {"scans": {"a": {**DATA, "illumination": {"aperture": {"form": "round"}}}}},
    {"scans": {"a": {**DATA, "illumination": {"aperture": {"sze": 1}}}}},
    {"scans": {"a": {**DATA, "coherence": {"num_probe_modes": "two"}}}},
    {"engines": {"e": {"numiter": 3}}},
    {"engines": {"e": {"name": "DM", "numiter": 0}}},
    {"engines": {"e": {"name": "DM", "ML_type": "poisson"}}},
    {"engines": {"e": {"name": "ML", "ML_type": "poison"}}},
    {"engines": {"e": {"name": "ML", "position_refinement": {"method": "Grid"}}}},
]


def refused_by_a_run(config):
    from ptypy.core import Ptycho

    p = Ptycho.DEFAULT.copy(99)
    p.update(asParam(config), in_place_depth=99)
    from ptypy.core.ptycho._sources import spell_out_sources

    found = spell_out_sources(p)
    try:
        check(defaults_tree["ptycho"].plain(p), needs_scans=False, found=found)
    except ParameterError:
        return True
    return False


@pytest.mark.parametrize("config", GOOD, ids=str)
def test_what_runs_fits(refuses, config):
    assert not refused_by_a_run(config)
    assert not refuses(config)


@pytest.mark.parametrize("config", BAD, ids=str)
def test_what_does_not_run_does_not_fit(refuses, config):
    assert refused_by_a_run(config)
    assert refuses(config)


def test_editors_are_told_what_a_parameter_is(schema):
    data = schema["$defs"]["scandata.Hdf5Loader"]["properties"]
    assert data["rebin"]["description"].startswith("Edge of the blocks of pixels")
    assert "half" not in data["rebin"]["description"]
    assert {"type": "integer", "minimum": 1, "maximum": 32} in data["rebin"]["anyOf"]
    assert data["load_parallel"]["default"] == "data"
    assert "default" not in data["energy"]
    engines = schema["properties"]["engines"]["anyOf"][0]["additionalProperties"]["anyOf"][0]
    assert "DM" in engines["properties"]["name"]["enum"]
    assert "DM: The difference map." in engines["properties"]["name"]["description"]


def test_a_tree_of_ones_own_has_a_schema_too():
    tree = EvalDescriptor("root")
    tree.new_child("camera.gain", {"default": "1+2j", "help": "Gain", "type": "complex"})
    tree.new_child("camera.roi", {"default": "None", "help": "Region", "type": "ndarray"})
    valid = jsonschema.Draft202012Validator(schema_of(tree["camera"])).is_valid
    assert valid({"gain": 2, "roi": [[1, 2]]})
    assert valid({"gain": "1+2j"})
    assert not valid({"gain": "two"})
    tree["camera"].validate({"gain": 2, "roi": np.zeros((1, 2))})


def test_a_list_stands_for_an_array_and_a_text_for_a_complex_number(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(
        "scans:\n  a:\n    name: Full\n    sample: {fill: 0.9+0.1j}\n"
        "    data: {name: MoonFlowerScan, positions_theory: [[0, 1e-6], [1e-6, 0]]}\n"
    )
    plain = defaults_tree["ptycho"].plain(read_config(path))
    defaults_tree["ptycho"].validate(plain)
    assert plain.scans.a.sample.fill == 0.9 + 0.1j
    assert plain.scans.a.data.positions_theory.shape == (2, 2)
