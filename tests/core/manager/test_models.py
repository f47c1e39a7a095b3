"""Probe and object begin as the parameters say; what cannot be done is refused at once."""

from __future__ import annotations

import numpy as np
import pytest

from ptypy import defaults_tree
from ptypy.core.manager import BlockFull, Full, Vanilla
from ptypy.errors import DataError, ParameterError
from ptypy.io import ptyd

FRAMES = np.random.default_rng(0).poisson(50, (6, 32, 24)).astype(np.float32)
POSITIONS = [(4.0 * (k // 3), 4.0 * (k % 3)) for k in range(6)]


def power(field):
    return (np.abs(field) ** 2).sum(axis=(-2, -1))


@pytest.fixture
def load(start_run, array_scan):
    """Load the frames into a scan `s` of given parameters."""

    def load(data=None, **pars):
        data = array_scan(FRAMES, POSITIONS) if data is None else data
        run = start_run({"s": {"data": data, **pars}})
        run.model.new_data()
        return run

    return load


@pytest.mark.parametrize(("model", "ID"), [("Vanilla", "Ss"), ("BlockFull", "SsG00")])
def test_probe_and_object_are_found_by_the_label_of_the_scan(load, model, ID):
    run = load(name=model)
    assert list(run.probe.S) == list(run.obj.S) == [ID]
    (block,) = run.model.blocks
    assert block.probe is run.probe.S[ID]
    assert block.obj is run.obj.S[ID]


@pytest.mark.parametrize("model", ["Vanilla", "BlockVanilla", "Full", "BlockFull"])
def test_the_probe_has_the_photons_of_the_brightest_frame(load, model):
    run = load(name=model)
    (probe,) = run.probe.S.values()
    assert probe.data.dtype == np.complex64
    assert power(probe.data).sum() == pytest.approx(FRAMES.sum(axis=(1, 2)).max(), rel=1e-5)
    np.testing.assert_allclose(probe.psize, run.model.scans["s"].geometry.resolution)


def test_a_probe_diameter_is_that_diameter_on_the_sample(load):
    run = load(name="Vanilla")
    resolution = run.model.scans["s"].geometry.resolution
    run = load(name="Vanilla", illumination={"size": float(10 * resolution[0])})
    (probe,) = run.probe.S.values()
    lit = np.abs(probe.data[0]) / np.abs(probe.data[0]).max()
    assert lit.sum() * resolution.prod() == pytest.approx(
        np.pi * (5 * resolution[0]) ** 2, rel=0.03
    )


def test_several_modes_share_the_photons_as_asked(load):
    run = load(
        name="Full",
        coherence={"num_probe_modes": 3},
        illumination={"diversity": {"power": (0.5, 0.25)}},
    )
    (probe,) = run.probe.S.values()
    powers = power(probe.data)
    np.testing.assert_allclose(powers / powers[0], [1, 0.5, 0.25], rtol=1e-4)
    assert powers.sum() == pytest.approx(FRAMES.sum(axis=(1, 2)).max(), rel=1e-5)


def test_the_object_begins_flat_at_the_given_transmission(load):
    for model in ("Vanilla", "Full"):
        run = load(name=model, sample={"fill": 0.5j})
        (obj,) = run.obj.S.values()
        assert (obj.data == 0.5j).all()
        assert obj.fill_value == 0.5j


def test_a_known_sample_and_beam_are_taken_over(load):
    sample = np.full((300, 300), 0.25 + 0.5j)
    beam = np.exp(1j * np.arange(32 * 24).reshape(32, 24))
    run = load(name="Full", sample={"model": sample}, illumination={"model": beam})
    (obj,), (probe,) = run.obj.S.values(), run.probe.S.values()
    assert (obj.data == np.complex64(0.25 + 0.5j)).all()
    np.testing.assert_allclose(probe.data[0] / probe.data[0, 0, 0], beam, atol=1e-5)


def test_the_center_of_the_data_reaches_the_setup(load, array_scan):
    run = load(name="Full", data=array_scan(FRAMES, POSITIONS, center=(15.0, 12.0)))
    scan = run.model.scans["s"]
    np.testing.assert_allclose(scan.geometry.center, scan.ptyscan.meta.center)


def test_the_one_energy_may_be_relative_to_that_of_the_scan(load):
    run = load(name="Full", coherence={"energies": [1.01]})
    assert run.model.scans["s"].geometry.energy == pytest.approx(8.08)


@pytest.mark.parametrize(
    ("pars", "path"),
    [
        ({"resample": 0}, "resample"),
        ({"resolution": -1e-8}, "resolution"),
        ({"coherence": {"num_probe_modes": 0}}, "coherence.num_probe_modes"),
        ({"coherence": {"num_object_modes": 2}}, "sample.diversity"),
        (
            {"coherence": {"num_probe_modes": 2}, "illumination": {"diversity": None}},
            "illumination.diversity",
        ),
        ({"coherence": {"energies": [1.0, 0.0]}}, "coherence.energies"),
        ({"coherence": {"energies": [1.0, 1.1], "spectrum": [1, 2, 3]}}, "coherence.spectrum"),
        (
            {"coherence": {"energies": [1.0, 1.1], "probe_dispersion": "linear"}},
            "coherence.probe_dispersion",
        ),
    ],
)
def test_what_cannot_be_modelled_is_refused_before_data_is_loaded(load, pars, path):
    with pytest.raises(ParameterError) as error:
        load(name="Full", **pars)
    assert [fault.path for fault in error.value.faults] == [f"scans.s.{path}"]


def test_a_model_that_does_not_exist_is_named_with_those_that_do(load):
    with pytest.raises(ParameterError, match=r"scans\.s\.name.*BlockFull, .*Full.*Vanilla"):
        load(name="Empty")


def test_a_loader_that_does_not_exist_is_named_with_its_path(load):
    with pytest.raises(ParameterError, match=r"scans\.s\.data\.name"):
        load(name="Full", data={"name": "ArrayScanForModel"})
    with pytest.raises(ParameterError, match=r"scans\.s\.data\.name.*is needed"):
        load(name="Full", data={})


def test_what_a_loader_refuses_is_named_with_its_path(load):
    with pytest.raises(ParameterError) as error:
        load(name="Full", data={"name": "MoonFlowerScan", "num_frames": -5, "rebin": 99})
    paths = {fault.path for fault in error.value.faults}
    assert paths == {"scans.s.data.num_frames", "scans.s.data.rebin"}


def test_what_a_loader_cannot_use_is_told_with_the_name_of_its_scan(load):
    data = {"name": "MoonFlowerScan", "positions_theory": np.zeros((2, 3))}
    with pytest.raises(DataError, match=r"^scan 's': positions_theory has shape \(2, 3\)"):
        load(name="Full", data=data)


def test_a_saved_scan_takes_what_the_user_gave_and_nothing_else(load, tmp_path):
    path = tmp_path / "s.ptyd"
    meta = {"energy": 8.8, "distance": 2.0, "psize": 75e-6}
    ptyd.create(path, meta, {})
    positions = np.array(POSITIONS) * 1e-7
    ptyd.append_chunk(path, 0, FRAMES, np.arange(6), positions, None)
    # These are what PtydScan has by default.
    given = {"energy": 7.2, "psize": 172e-6, "shape": 256}
    run = load(name="Full", data={"name": "PtydScan", "source": str(path), **given})
    geometry = run.model.scans["s"].geometry
    assert geometry.energy == pytest.approx(7.2)
    assert geometry.distance == 2.0
    np.testing.assert_allclose(geometry.psize, 172e-6)
    assert tuple(geometry.shape) == (256, 256)


def test_the_parameters_of_a_loader_are_a_copy_of_the_users(load):
    data = {"name": "MoonFlowerScan", "shape": 32, "num_frames": 12, "extra": {"list": [1, 2]}}
    run = load(name="Full", data=data)
    info = run.model.scans["s"].ptyscan.info
    info["extra"]["list"].append(3)
    assert data["extra"] == {"list": [1, 2]}
    assert info.label == "s"
    assert "label" not in data


def test_the_faults_of_all_scans_are_reported_at_once(start_run):
    with pytest.raises(ParameterError) as error:
        start_run({"a": {"name": "Ful"}, "b": {"name": "Full", "resample": 0}})
    assert {fault.path for fault in error.value.faults} >= {"scans.a.name", "scans.b.resample"}


def test_a_run_without_scans_has_nothing_to_wait_for(start_run):
    run = start_run({})
    assert run.model.new_data() is None
    assert run.model.end_of_scan
    assert not run.model.data_available


def test_two_scans_have_a_probe_and_an_object_each(start_run, array_scan):
    scan = {"name": "Full", "data": array_scan(FRAMES, POSITIONS)}
    run = start_run({"a": scan, "b": {**scan, "name": "BlockVanilla"}})
    assert [block.label for block in run.model.new_data()] == ["a", "b"]
    assert list(run.obj.S) == ["SaG00", "Sb"]


def test_defaults_are_those_that_scripts_of_ptypy_0_9_rely_on():
    assert Vanilla.DEFAULT.illumination.size is None
    assert Vanilla.DEFAULT.sample.fill == 1
    for model in (Full, BlockFull):
        default = model.DEFAULT
        assert default.coherence.num_probe_modes == 1
        assert default.coherence.energies == [1.0]
        assert default.illumination.aperture.form == "circ"
        assert default.illumination.aperture.edge == 2.0
        assert default.illumination.diversity.noise == (0.5, 1.0)
        assert default.illumination.recon.rfile == r"\*.ptyr"
        assert default.sample.process.ref_index == (0.5, 0.0)
        assert default.resample == 1


def test_parameters_of_scans_are_checked_with_all_that_belongs_to_them():
    node = defaults_tree["scan.BlockFull"]
    with pytest.raises(ParameterError, match="did you mean `aperture`"):
        node.validate({"illumination": {"apertur": {}}})
    with pytest.raises(ParameterError, match="lower limit"):
        node.validate({"illumination": {"photons": -3}})


def test_a_model_of_ones_own_can_begin_from_anything(load):
    @defaults_tree.parse_doc("scan.BrightForThisTest")
    class BrightForThisTest(Full):
        """A model that knows better."""

        def draw_probe(self, geometry, photons):
            return np.full((1, *geometry.shape), 7, np.complex64)

    run = load(name="BrightForThisTest")
    assert (run.probe.S["SsG00"].data == 7).all()
    defaults_tree["scan"].prune_child("BrightForThisTest")


def test_a_sample_begins_as_the_transmission_picture_of_its_frames(start_run, array_scan):
    positions = [(5.0 * (k // 4), 5.0 * (k % 4)) for k in range(16)]
    levels = np.repeat([1.0, 1.0, 0.25, 0.25], 4)
    frames = np.full((16, 32, 24), 10.0, np.float32) * levels[:, None, None].astype(np.float32)
    mask = np.ones((32, 24), bool)
    frames[:, 3, 3], mask[3, 3] = 1e6, False
    data = array_scan(frames, positions, mask=mask)
    other = {"name": "Full", "data": array_scan(frames[::-1], positions, mask=mask)}
    for label, expected in ((None, np.sqrt(levels)), ("other", np.sqrt(levels[::-1]))):
        sample = {"model": "stxm", "stxm": {"label": label}}
        run = start_run({"other": other, "s": {"name": "Full", "data": data, "sample": sample}}, 3)
        run.model.new_data()
        scan = run.model.scans["s"]
        pixel = np.concatenate([b.corners for b in scan.blocks]) + np.array([16, 12])
        found = scan.obj.data[0][tuple(pixel.T)]
        np.testing.assert_allclose(found.real, expected, atol=0.1)


def test_a_transmission_picture_of_frames_that_are_not_there_says_so(start_run, array_scan):
    def load(label):
        sample = {"model": "stxm", "stxm": {"label": label}}
        scan = {"name": "Full", "data": array_scan(FRAMES, POSITIONS)}
        start_run({"s": {**scan, "sample": sample}, "later": scan}).model.new_data()

    with pytest.raises(ParameterError, match=r"scans\.s\.sample\.stxm\.label.*no scan of this run"):
        load("none")
    with pytest.raises(ParameterError, match=r"'later'.*name it before this one"):
        load("later")


def test_a_near_field_that_frames_speak_of_needs_no_parameter(load, tmp_path):
    path = tmp_path / "s.ptyd"
    meta = {"energy": 8.8, "distance": 0.1, "psize": 1e-6, "propagation": "nearfield"}
    ptyd.create(path, meta, {})
    ptyd.append_chunk(path, 0, FRAMES, np.arange(6), np.array(POSITIONS) * 1e-6, None)
    run = load(name="Full", data={"name": "PtydScan", "source": str(path)})
    geometry = run.model.scans["s"].geometry
    assert geometry.propagation == "nearfield"
    np.testing.assert_allclose(geometry.resolution, 1e-6)


def test_numbers_are_as_precise_as_the_run_asks_for(start_run, array_scan):
    class Precise(type(start_run({}))):
        CType, FType = np.complex128, np.float64

    scan = {"name": "OPRModel", "data": array_scan(FRAMES, POSITIONS)}
    run = Precise({"s": scan}, 4)
    run.model.new_data()
    block = run.model.blocks[0]
    assert block.probe.data.dtype == block.obj.data.dtype == np.complex128
    assert block.counts.dtype == np.float64
    np.testing.assert_array_equal(block.counts, FRAMES[:4])
    pod = next(iter(run.pods.values()))
    assert pod.fw(pod.exit).dtype == np.complex128
