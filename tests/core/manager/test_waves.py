"""What a model says the detector sees is what physics says, for every kind of light and sample.

The physics is written out here anew, in complex128 and with plain sums: Fresnel integrals as
products of matrices, intensities as sums of squares.
"""

from __future__ import annotations

import numpy as np
import pytest

from ptypy.core.manager import Full
from ptypy.errors import GeometryError, ParameterError

SHAPE = (16, 12)
POSITIONS = [(3.0 * (k // 3), 4.0 * (k % 3)) for k in range(6)]
FRAMES = np.random.default_rng(1).poisson(50, (6, *SHAPE)).astype(np.float32)
LAM, DISTANCE, PSIZE = 1.239841984e-9 / 8.0, 2.0, 1e-4
BOTH = {"num_probe_modes": 2, "num_object_modes": 2}
DIVERSE = {"diversity": {"noise": (0.7, 2.0), "power": 0.4}}


@pytest.fixture
def load(start_run, array_scan):
    """Load the frames into a scan `s` of given parameters; probe and object are then random."""

    def load(name="Full", data=None, **pars):
        data = array_scan(FRAMES, POSITIONS) if data is None else data
        run = start_run({"s": {"name": name, "data": data, "sample": DIVERSE, **pars}}, 4)
        while not run.model.end_of_scan:
            run.model.new_data()
        return randomized(run)

    return load


def randomized(run):
    """Give all probes and objects random values: nothing then agrees by accident."""
    rng = np.random.default_rng(2)
    for container in (run.probe, run.obj):
        for storage in container.S.values():
            values = rng.standard_normal((2, *storage.shape))
            storage.data[...] = values[0] + 1j * values[1]
    return run


def from_pods(run):
    """Intensity on the detector, pod by pod; shape (frames, H, W) by ID of the data's view."""
    seen = {}
    for pod in run.pods.values():
        power = pod.downsample(np.abs(pod.fw(pod.probe * pod.object)) ** 2)
        seen[pod.di_view.ID] = seen.get(pod.di_view.ID, 0) + power
    return np.array(list(seen.values()))


def fresnel(wave, lam, *, resolution, psize, axis, center=None):
    """One axis of the Fresnel integral to pixels of a detector, without its constant phase."""
    n = wave.shape[axis]
    x = (np.arange(n) - n // 2) * resolution
    q = (np.arange(n) - (n // 2 if center is None else center)) * psize
    kernel = np.exp(-2j * np.pi / (lam * DISTANCE) * np.outer(q, x) + 1j * np.pi / (
        lam * DISTANCE) * x**2)  # fmt: skip
    kernel *= np.sqrt(resolution * psize / (lam * DISTANCE))
    return np.moveaxis(np.tensordot(kernel, wave, (1, axis)), 0, axis)


def far_field(wave, lam, psize=(PSIZE, PSIZE), resolution=None, center=(None, None)):
    if resolution is None:
        resolution = lam * DISTANCE / (np.array(wave.shape) * psize)
    for axis in (0, 1):
        wave = fresnel(
            wave,
            lam,
            resolution=resolution[axis],
            psize=psize[axis],
            axis=axis,
            center=center[axis],
        )
    return np.abs(wave) ** 2


def near_field(wave, lam, step):
    """Angular spectrum, each plane wave on its way by a matrix of plane waves."""
    planes = [np.exp(2j * np.pi * np.outer(np.arange(n), np.fft.fftfreq(n))) for n in wave.shape]
    fy, fx = (np.fft.fftfreq(n, step) for n in wave.shape)
    root = np.sqrt(1 / lam**2 - fy[:, None] ** 2 - fx**2)
    spectrum = planes[0].conj().T @ wave @ planes[1].conj() / wave.size
    moved = spectrum * np.exp(2j * np.pi * DISTANCE * (root - 1 / lam))
    return np.abs(planes[0] @ moved @ planes[1].T) ** 2


def window(obj, position, shape):
    """The part of an object around a coordinate [m]."""
    pixel = np.floor(np.asarray(position) / obj.psize + obj.center + 0.5 + 1e-5).astype(int)
    top, left = pixel - np.array(shape) // 2
    return obj.data[:, top : top + shape[0], left : left + shape[1]].astype(complex)


def simulated(
    run,
    propagate,
    probes=("SsG00",),
    objects=("SsG00",),
    *,
    shape=SHAPE,
    modes=None,
    colours=1,
):
    """Sum up the intensities of all waves of every frame."""
    positions = np.concatenate([block.positions for block in run.model.blocks])
    seen = []
    for number, position in enumerate(positions):
        power = 0.0
        for colour in range(max(len(probes), len(objects), colours)):
            probe = run.probe.S[probes[min(colour, len(probes) - 1)]].data.astype(complex)
            probe = probe if modes is None else probe[number * modes : (number + 1) * modes]
            obj = window(run.obj.S[objects[min(colour, len(objects) - 1)]], position, shape)
            for p in probe:
                for o in obj:
                    power = power + propagate(p * o, colour)
        seen.append(power)
    return np.array(seen)


def agree(run, expected):
    found = from_pods(run)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=3e-6 * expected.max())


@pytest.mark.parametrize("name", ["Full", "BlockFull", "GradFull", "BlockGradFull"])
def test_modes_of_probe_and_object_add_up_without_interference(load, name):
    run = load(name, coherence=BOTH)
    assert len(run.pods) == 6 * 2 * 2
    agree(run, simulated(run, lambda wave, _: far_field(wave, LAM)))


def test_each_energy_has_its_own_probe_object_pixels_and_pattern(load):
    energies = [1.0, 1.02, 0.97]
    run = load(coherence={"energies": energies, "spectrum": [1.0, 2.0, 3.0]})
    IDs = ("SsG00", "SsG01", "SsG02")
    assert tuple(run.probe.S) == tuple(run.obj.S) == IDs
    for ID, energy in zip(IDs, energies, strict=True):
        expected = LAM / energy * DISTANCE / (PSIZE * np.array(SHAPE))
        np.testing.assert_allclose(run.obj.S[ID].psize, expected)
    agree(run, simulated(run, lambda wave, k: far_field(wave, LAM / energies[k]), IDs, IDs))


@pytest.mark.parametrize("part", ["object", "probe", "both"])
def test_energies_with_an_object_or_probe_in_common_meet_the_same_detector(load, part):
    energies, weights = [1.0, 0.95, 0.98], np.array([1.0, 2.0, 1.0]) / 4
    coherence = {"energies": energies, "spectrum": [1.0, 2.0, 1.0]}
    parts = ("object", "probe") if part == "both" else (part,)
    run = load(coherence=coherence | {f"{name}_dispersion": "achromatic" for name in parts})
    resolution = LAM * DISTANCE / (PSIZE * np.array(SHAPE))
    weights = weights if "probe" in parts else np.ones(3)

    def propagate(wave, k):
        # Longer waves than the first reach every pixel of the detector.
        return weights[k] * far_field(wave, LAM / energies[k], resolution=resolution)

    own = ("SsG00", "SsG01", "SsG02")
    probes, objects = (own[:1] if name in parts else own for name in ("probe", "object"))
    assert (tuple(run.probe.S), tuple(run.obj.S)) == (probes, objects)
    agree(run, simulated(run, propagate, probes, objects, colours=3))
    colours = run.model.blocks[0].colours
    assert (colours[0].obj is colours[1].obj) == ("object" in parts)
    assert (colours[0].object_views is colours[1].object_views) == ("object" in parts)


def test_shorter_waves_do_not_reach_beyond_what_pixels_of_the_object_can_bend(load):
    run = load(coherence={"energies": [1.0, 1.25], "object_dispersion": "achromatic"})
    setup = run.model.blocks[0].colours[1].geometry
    wave = np.random.default_rng(0).standard_normal(SHAPE)
    seen = np.abs(setup.propagator.fw(wave)) ** 2
    # 16 pixels for 1, so that those farther from the axis than 8 / 1.25 stay dark; 12, 4.8.
    dark = np.zeros(SHAPE, bool)
    dark[[0, 1, -1], :] = dark[:, [0, 1, -1]] = True
    assert (seen[dark] == 0).all()
    assert (seen[~dark] > 0).all()


def test_the_power_is_shared_out_by_the_spectrum(start_run, array_scan):
    for dispersion in (None, "irregular", "achromatic"):
        coherence = {"energies": [1.0, 1.0], "spectrum": [3.0, 1.0], "probe_dispersion": dispersion}
        scan = {"name": "Full", "data": array_scan(FRAMES, POSITIONS), "coherence": coherence}
        run = start_run({"s": scan})
        run.model.new_data()
        wanted = FRAMES.sum(axis=(1, 2)).max() * np.array([0.75, 0.25])
        arrived = [
            np.sum(np.abs(colour.geometry.propagator.fw(colour.probe.data)) ** 2)
            for colour in run.model.blocks[0].colours
        ]
        np.testing.assert_allclose(arrived, wanted, rtol=1e-4)


@pytest.mark.parametrize("resample", [1, 2])
def test_a_near_field_is_the_angular_spectrum(load, array_scan, resample):
    data = array_scan(FRAMES, np.array(POSITIONS) * 0)
    data.source.positions = np.array(POSITIONS) * PSIZE / 7
    run = load(data=data, propagation="nearfield", coherence=BOTH, resample=resample)
    shape = tuple(n * resample for n in SHAPE)
    np.testing.assert_allclose(run.obj.S["SsG00"].psize, PSIZE / resample)
    assert run.probe.S["SsG00"].shape == (2, *shape)

    def propagate(wave, _):
        return binned(near_field(wave, LAM, PSIZE / resample), resample)

    agree(run, simulated(run, propagate, shape=shape))


def binned(power, edge):
    height, width = power.shape
    return power.reshape(height // edge, edge, width // edge, edge).sum(axis=(1, 3))


@pytest.mark.parametrize("resample", [2, 3])
def test_pixels_of_the_detector_sum_up_what_finer_pixels_of_the_wave_see(load, resample):
    run = load(coherence=BOTH, resample=resample)
    shape = tuple(n * resample for n in SHAPE)
    # The axis meets the middle of a pixel, which lies between finer ones or on one.
    center = [n // 2 * resample + (resample - 1) / 2 for n in SHAPE]
    psize = (PSIZE / resample, PSIZE / resample)
    block = run.model.blocks[0]
    assert block.resample == resample
    assert tuple(block.geometry.shape) == shape == block.object_views.shape
    np.testing.assert_allclose(block.obj.psize, LAM * DISTANCE / (PSIZE * np.array(SHAPE)))

    def propagate(wave, _):
        return binned(far_field(wave, LAM, psize, center=center), resample)

    agree(run, simulated(run, propagate, shape=shape))


def test_a_pod_spreads_factors_over_the_pixels_that_they_belong_to(load):
    pod = next(iter(load(resample=2).pods.values()))
    power = np.abs(pod.fw(pod.probe * pod.object)) ** 2
    factor = pod.upsample(pod.diff / pod.downsample(power))
    np.testing.assert_allclose(pod.down(power * factor), pod.diff, rtol=1e-5)
    assert factor.shape == power.shape == pod.up(pod.diff).shape


@pytest.mark.parametrize("name", ["OPRModel", "BlockOPRModel"])
def test_frames_may_have_probes_of_their_own(load, name):
    run = load(name, coherence={"num_probe_modes": 2})
    assert len(run.model.blocks) == 2
    assert run.probe.S["SsG00"].shape == (6 * 2, *SHAPE)
    rows = np.concatenate([block.probe_rows for block in run.model.blocks])
    np.testing.assert_array_equal(rows, np.arange(12).reshape(6, 2))
    agree(run, simulated(run, lambda wave, _: far_field(wave, LAM), modes=2))


def test_the_probes_of_all_frames_begin_alike(start_run, array_scan):
    data, coherence = array_scan(FRAMES, POSITIONS), {"num_probe_modes": 2}
    runs = []
    for name in ("OPRModel", "Full"):
        runs.append(start_run({"s": {"name": name, "data": data, "coherence": coherence}}, 4))
        runs[-1].model.new_data()
    several, one = (run.probe.S["SsG00"].data for run in runs)
    np.testing.assert_array_equal(several, np.tile(one, (6, 1, 1)))


def test_probes_that_were_put_in_place_stay_when_more_frames_come(start_run, array_scan):
    available = [3]
    data = array_scan(FRAMES, POSITIONS, available=lambda: available[0])
    run = start_run({"s": {"name": "OPRModel", "data": data}})
    run.model.new_data()
    probe = run.probe.S["SsG00"]
    restored = np.arange(3 * 16 * 12).reshape(probe.shape).astype(np.complex64)
    probe.data = restored
    available[0] = 6
    run.model.new_data()
    np.testing.assert_array_equal(probe.data[:3], restored)
    assert len(probe.data) == 6


def test_modes_that_an_array_brings_need_nothing_to_make_them_differ(start_run, array_scan):
    modes = np.random.default_rng(5).standard_normal((2, *SHAPE)) + 2
    illumination = {"model": modes, "diversity": None}
    scan = {"name": "Full", "data": array_scan(FRAMES, POSITIONS), "illumination": illumination}
    run = start_run({"s": {**scan, "coherence": {"num_probe_modes": 2}}})
    run.model.new_data()
    found = run.probe.S["SsG00"].data
    np.testing.assert_allclose(found / found[0, 0, 0], modes / modes[0, 0, 0], rtol=1e-4)
    illumination["model"] = modes[0]
    with pytest.raises(ParameterError, match=r"scans\.s\.illumination\.diversity.*alike"):
        start_run({"s": {**scan, "coherence": {"num_probe_modes": 2}}})


@pytest.mark.parametrize("propagation", ["farfield", "nearfield"])
def test_transforms_of_the_users_own_are_those_that_are_used(load, array_scan, propagation):
    calls = []

    def forth(waves):
        calls.append("forth")
        return np.fft.fft2(waves)

    def back(waves):
        calls.append("back")
        return np.fft.ifft2(waves)

    data = array_scan(FRAMES, POSITIONS)
    data.source.positions = np.array(POSITIONS) * PSIZE / 7
    run = load("BlockVanilla", data=data, ffttype=(forth, back), propagation=propagation, sample={})
    plain = load("BlockVanilla", data=data, propagation=propagation, sample={})
    np.testing.assert_allclose(from_pods(run), from_pods(plain), rtol=1e-4, atol=1e-4)
    assert set(calls) == ({"forth"} if propagation == "farfield" else {"forth", "back"})
    pod = next(iter(run.pods.values()))
    np.testing.assert_allclose(pod.bw(pod.fw(pod.exit)), pod.exit, atol=1e-4)
    assert not pod.geometry.is_plain
    assert plain.model.blocks[0].geometry.is_plain == (propagation == "farfield")


def test_only_setups_that_are_one_unitary_transform_are_plain(load):
    assert load(resample=2).model.blocks[0].geometry.is_plain
    coherence = {"energies": [1.0, 0.9], "object_dispersion": "achromatic"}
    colours = load(coherence=coherence).model.blocks[0].colours
    assert [colour.geometry.is_plain for colour in colours] == [True, False]


@pytest.mark.parametrize("factor", [0.75, 1.5])
def test_pixels_of_the_object_may_be_chosen(load, factor):
    natural = LAM * DISTANCE / (PSIZE * 12)
    frames = np.ones((6, 12, 12), np.float32)
    frames[:, 6, 6] = 100
    run = load(
        data={
            "name": "ArrayScanForModels", "energy": 8.0, "distance": DISTANCE, "psize": PSIZE,
            "source": {"frames": frames, "positions": np.array(POSITIONS) * natural},
        },
        resolution=natural * factor,
    )  # fmt: skip
    block = run.model.blocks[0]
    size = round(12 / factor)
    np.testing.assert_allclose(block.obj.psize, natural * factor)
    assert block.counts.shape[1:] == block.probe.shape[1:] == (size, size)
    assert (block.counts[:, size // 2, size // 2] == 100).all()
    assert block.mask.sum() == min(size, 12) ** 2
    assert tuple(block.geometry.center) == (size // 2, size // 2)
    agree(run, simulated(run, lambda wave, _: far_field(wave, LAM), shape=(size, size)))


def test_a_near_field_has_the_pixels_of_the_detector_and_no_others(load):
    with pytest.raises(ParameterError, match=r"scans\.s\.resolution.*near field"):
        load(propagation="nearfield", resolution=1e-8)


def test_transforms_of_ones_own_cannot_have_pixels_of_any_size(load):
    coherence = {"energies": [1.0, 0.9], "object_dispersion": "achromatic"}
    with pytest.raises(GeometryError, match=r"(?s)scan 's'.*tied"):
        load(coherence=coherence, ffttype=(np.fft.fft2, np.fft.ifft2))


def test_a_scan_that_arrives_in_parts_is_modelled_like_one_that_was_there(start_run, array_scan):
    available = [2]
    far = [(17.0 * (k // 2), -9.0 * (k % 2)) for k in range(6)]
    pars = {"coherence": BOTH | {"energies": [1.0, 1.1]}, "sample": DIVERSE}
    data = array_scan(FRAMES, far, available=lambda: available[0])
    run = start_run({"s": {"name": "Full", "data": data, **pars}}, 100)
    assert len(run.model.new_data()) == 1
    before = {ID: storage.data.copy() for ID, storage in run.obj.S.items()}
    corners = [block.corners.copy() for block in run.model.blocks]
    available[0] = 6
    run.model.new_data()
    for (ID, old), block in zip(before.items(), run.model.blocks[:1] * 2, strict=True):
        obj = run.obj.S[ID]
        assert obj.shape[1] > old.shape[1]
        top, left = block.corners[0] - corners[0][0] if ID == "SsG00" else (0, 0)
        kept = obj.data[:, top : top + old.shape[1], left : left + old.shape[2]]
        if ID == "SsG00":
            np.testing.assert_array_equal(kept, old)
        # Modes do not become equal where nothing was before.
        overlap = np.vdot(obj.data[0, -30:], obj.data[1, -30:])
        assert abs(overlap) < 0.9 * np.prod([np.linalg.norm(o) for o in obj.data[:, -30:]])
    IDs = ("SsG00", "SsG01")
    randomized(run)
    agree(run, simulated(run, lambda wave, k: far_field(wave, LAM / (1, 1.1)[k]), IDs, IDs))


def test_views_of_all_object_modes_move_together(load):
    run = load(coherence=BOTH)
    run.model.make_pods()
    block = run.model.blocks[0]
    block.object_views.coord[0] += 2 * block.obj.psize
    block.obj.update_views()
    pods = [pod for pod in run.pods.values() if pod.di_view.layer == 0]
    assert {tuple(pod.ob_view.dlow) for pod in pods} == {tuple(block.corners[0])}
    assert sorted(pod.ob_view.layer for pod in pods) == [0, 0, 1, 1]
    coverage = block.obj.get_view_coverage()
    np.testing.assert_array_equal(coverage[0], coverage[1])


def test_gradfull_and_oprmodel_know_all_that_full_knows():
    from ptypy import defaults_tree

    def parameters(name):
        entries = defaults_tree[f"scan.{name}"].descendants
        return {entry.path.replace(f".{name}.", ".") for entry in entries}

    for name in ("GradFull", "BlockGradFull", "OPRModel", "BlockOPRModel"):
        assert parameters(name) == parameters("Full")
    assert Full.DEFAULT.sharing.probe_share_with is None
