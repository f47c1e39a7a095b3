"""Every frame arrives once, unchanged, at its place on the object."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptypy.errors import DataError, GeometryError

MODELS = ["Vanilla", "BlockVanilla", "Full", "BlockFull"]


def frames_of(count, shape=(12, 10), seed=0):
    return np.random.default_rng(seed).poisson(50, (count, *shape)).astype(np.float32)


def grid(count, step=3.0):
    side = int(np.ceil(np.sqrt(count)))
    return np.array([(step * (k // side), step * (k % side)) for k in range(count)])


@pytest.mark.parametrize("model", MODELS)
def test_frames_arrive_unchanged_and_in_order(start_run, array_scan, model):
    frames = frames_of(11)
    run = start_run({"s": {"name": model, "data": array_scan(frames, grid(11))}}, 4)
    blocks = run.model.new_data()
    assert [len(block) for block in blocks] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate([b.counts for b in blocks]), frames)
    np.testing.assert_array_equal(np.concatenate([b.indices for b in blocks]), np.arange(11))
    assert all(b.counts.dtype == np.float32 for b in blocks)
    assert run.model.new_data() is None
    assert run.model.end_of_scan
    assert not run.model.data_available


def test_a_whole_model_keeps_all_frames_in_one_storage(start_run, array_scan):
    frames = frames_of(11)
    run = start_run({"s": {"name": "Full", "data": array_scan(frames, grid(11))}}, 4)
    blocks = run.model.new_data()
    (storage,) = run.diff.S.values()
    np.testing.assert_array_equal(storage.data, frames)
    assert all(np.shares_memory(block.counts, storage.data) for block in blocks)


def test_a_block_model_keeps_a_storage_for_each_chunk(start_run, array_scan):
    run = start_run({"s": {"name": "BlockFull", "data": array_scan(frames_of(11), grid(11))}}, 4)
    blocks = run.model.new_data()
    assert [len(s.data) for s in run.diff.S.values()] == [4, 4, 3]
    for block, storage in zip(blocks, run.diff.S.values(), strict=True):
        assert np.shares_memory(block.counts, storage.data)


def test_views_on_frames_show_the_frames_and_not_copies_of_them(start_run, array_scan):
    frames = frames_of(7)
    run = start_run({"s": {"name": "Full", "data": array_scan(frames, grid(7))}}, 3)
    run.model.new_data()
    views = list(run.diff.V.values())
    assert len(views) == 7
    np.testing.assert_array_equal(views[5].data, frames[5])
    views[5].data[...] = 0
    assert not run.model.blocks[1].counts[2].any()


@pytest.mark.parametrize("model", ["Vanilla", "BlockVanilla"])
def test_a_mask_for_all_frames_is_kept_once(start_run, array_scan, model):
    mask = np.ones((12, 10), bool)
    mask[3, 4] = False
    data = array_scan(frames_of(9), grid(9), mask=mask)
    run = start_run({"s": {"name": model, "data": data}}, 4)
    blocks = run.model.new_data()
    assert all(block.mask.shape == (12, 10) for block in blocks)
    assert all((block.mask == mask).all() for block in blocks)
    layers = sum(len(s.data) for s in run.mask.S.values())
    assert layers == (1 if model == "Vanilla" else 3)
    assert all((view.data == mask).all() for view in run.mask.V.values())
    assert len(run.mask.V) == 9


@pytest.mark.parametrize("model", ["Vanilla", "BlockVanilla"])
def test_every_frame_keeps_its_own_mask(start_run, array_scan, model):
    mask = np.random.default_rng(1).random((9, 12, 10)) > 0.2
    data = array_scan(frames_of(9), grid(9), mask=mask)
    run = start_run({"s": {"name": model, "data": data}}, 4)
    blocks = run.model.new_data()
    np.testing.assert_array_equal(np.concatenate([b.mask for b in blocks]), mask)
    np.testing.assert_array_equal(np.stack([v.data for v in run.mask.V.values()]), mask)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=7))
def test_corners_say_to_half_a_pixel_where_the_probe_was(start_run, array_scan, positions_px):
    data = array_scan(frames_of(len(positions_px)), positions_px)
    run = start_run({"s": {"name": "Vanilla", "data": data}}, 2)
    run.model.new_data()
    for block in run.model.blocks:
        probe_center = block.corners + np.array([6, 5])
        seen = (probe_center - block.obj.center) * block.obj.psize
        assert (np.abs(seen - block.positions) <= 0.5001 * block.obj.psize).all()
        assert (block.corners >= 0).all()
        assert (block.corners + np.array([12, 10]) <= block.obj.shape[1:]).all()


def test_equal_steps_of_the_stage_are_equal_steps_on_the_object(start_run, array_scan):
    # Half pixels must all be rounded to the same side, or a raster gets kinks.
    run = start_run({"s": {"name": "Full", "data": array_scan(frames_of(25), grid(25, 2.5) * 2)}})
    (block,) = run.model.new_data()
    expected = (grid(25, 2.5) * 2).astype(int)
    np.testing.assert_array_equal(block.corners - block.corners[0], expected)
    run = start_run({"s": {"name": "Full", "data": array_scan(frames_of(9), grid(9) + 0.5)}})
    (block,) = run.model.new_data()
    np.testing.assert_array_equal(block.corners - block.corners[0], grid(9))


def test_an_object_that_grows_keeps_its_content_and_everyone_informed(start_run, array_scan):
    arrived = [4]
    positions = np.concatenate([grid(4), grid(4) - (40, -7), grid(4) - (-3, -60)])
    data = array_scan(frames_of(12), positions, available=lambda: arrived[0])
    run = start_run({"s": {"name": "Vanilla", "data": data}}, 4)
    (first,) = run.model.new_data()
    corners = first.corners
    small = first.obj.shape
    first.obj.data[...] = np.random.default_rng(2).random(small)
    seen = [first.obj.data[0, y : y + 12, x : x + 10].copy() for y, x in corners]
    origin = first.obj.origin
    assert run.model.new_data() is None
    arrived[0] = 12
    later = run.model.new_data()
    assert len(later) == 2
    assert first.obj.shape[1] >= small[1] + 40 - 16
    assert first.obj.shape[2] >= small[2] + 57 - 16
    assert first.corners is corners
    for (y, x), before in zip(corners, seen, strict=True):
        np.testing.assert_array_equal(first.obj.data[0, y : y + 12, x : x + 10], before)
    assert (first.obj.origin <= origin).all()
    for block in later:
        offset = (block.positions[0] - first.positions[0]) / first.obj.psize
        np.testing.assert_allclose(block.corners[0] - corners[0], offset, atol=0.51)
    fresh = first.obj.data[0, later[0].corners[0, 0], later[0].corners[0, 1]]
    assert fresh == 1


def test_a_scan_that_goes_on_answers_at_once_that_nothing_is_there(start_run, array_scan):
    data = array_scan(frames_of(5), grid(5), available=lambda: 0)
    run = start_run({"s": {"name": "Full", "data": data}})
    assert run.model.new_data() is None
    assert run.model.data_available
    assert not run.model.end_of_scan
    assert run.model.blocks == []


def test_photons_are_counted_in_trusted_pixels_only(start_run, array_scan):
    frames = frames_of(6)
    frames[:, 2, 2] = 1e9
    mask = np.ones((12, 10), bool)
    mask[2, 2] = False
    data = array_scan(frames, grid(6), mask=mask)
    run = start_run({"s": {"name": "BlockFull", "data": data}}, 4)
    first, second = run.model.new_data()
    photons = (frames * mask).sum(axis=(1, 2))
    assert first.tot_power == pytest.approx(photons[:4].sum())
    assert second.tot_power == pytest.approx(photons[4:].sum())
    assert first.max_power == second.max_power == pytest.approx(photons.max())
    statistics = run.model.scans["s"].statistics
    np.testing.assert_allclose(statistics.Itotal, photons)
    assert statistics.mean_power == pytest.approx(photons.mean())
    assert statistics.pbound_stub == pytest.approx(photons.max() / 120)


def test_pods_of_all_frames_and_modes_are_there_when_asked_for(start_run, array_scan):
    frames = frames_of(5)
    scan = {"name": "Full", "coherence": {"num_probe_modes": 2}}
    run = start_run({"s": {**scan, "data": array_scan(frames, grid(5))}}, 3)
    run.model.new_data()
    assert not run.known_pods
    pods = list(run.pods.values())
    assert len(pods) == 10
    assert list(run.pods.values()) == pods
    pod = pods[7]
    block = run.model.blocks[1]
    np.testing.assert_array_equal(pod.diff, frames[3])
    np.testing.assert_array_equal(pod.probe, block.probe.data[1])
    y, x = block.corners[0]
    np.testing.assert_array_equal(pod.object, block.obj.data[0, y : y + 12, x : x + 10])
    model = sum(np.abs(p.fw(p.exit)) ** 2 for p in pods[6:8])
    assert model.sum() == pytest.approx(block.max_power, rel=1e-4)


def test_a_scan_without_positions_is_refused(start_run, array_scan):
    run = start_run({"s": {"name": "Full", "data": array_scan(frames_of(3), None)}})
    with pytest.raises(DataError, match=r"positions"):
        run.model.new_data()


def test_positions_that_cannot_be_metres_are_refused_before_memory_runs_out(start_run, array_scan):
    data = array_scan(frames_of(3), np.array([(0, 0), (0, 9e5), (9e5, 0)]))
    run = start_run({"s": {"name": "Full", "data": data}})
    with pytest.raises(DataError, match="positions, distance and psize are in metres"):
        run.model.new_data()


def test_a_frame_whose_position_got_lost_is_named(start_run, array_scan):
    positions = grid(4)
    positions[2, 1] = np.nan
    run = start_run({"s": {"name": "Full", "data": array_scan(frames_of(4), positions)}})
    with pytest.raises(DataError, match=r"position|2"):
        run.model.new_data()


def test_a_scan_without_a_trusted_photon_is_refused(start_run, array_scan):
    data = array_scan(frames_of(3), grid(3), mask=np.zeros((12, 10), bool))
    run = start_run({"s": {"name": "Full", "data": data}})
    with pytest.raises(DataError, match="no frame has a photon in a trusted pixel"):
        run.model.new_data()


def test_an_impossible_setup_is_refused_with_the_name_of_the_scan(start_run, array_scan):
    data = array_scan(frames_of(3), grid(3), energy=0.0)
    run = start_run({"s": {"name": "Full", "data": data}})
    with pytest.raises(GeometryError, match=r"'s'.*\n.*energy"):
        run.model.new_data()


def test_dead_pixels_that_hold_no_number_do_no_harm(start_run, array_scan):
    frames = frames_of(3)
    frames[1, 5, 5] = np.nan
    mask = np.ones((12, 10), bool)
    mask[5, 5] = False
    run = start_run({"s": {"name": "Full", "data": array_scan(frames, grid(3), mask=mask)}})
    (block,) = run.model.new_data()
    assert np.isfinite(block.counts).all()
    assert block.tot_power == pytest.approx((np.nan_to_num(frames) * mask).sum())


def test_a_pixel_that_holds_no_number_is_left_out_though_the_mask_trusts_it(start_run, array_scan):
    frames = frames_of(3)
    frames[2, 5, 6] = np.inf
    run = start_run({"s": {"name": "Full", "data": array_scan(frames, grid(3))}})
    (block,) = run.model.new_data()
    assert np.isfinite(block.counts).all()
    assert block.tot_power == pytest.approx(frames[np.isfinite(frames)].sum())


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_count_too_large_to_calculate_with_is_named(start_run, array_scan):
    frames = frames_of(3).astype(np.float64)
    frames[2, 5, 6] = 1e300
    run = start_run({"s": {"name": "Full", "data": array_scan(frames, grid(3))}}, 2)
    with pytest.raises(DataError, match=r"scan 's': frame 2 holds inf .*\(5, 6\)"):
        run.model.new_data()


@pytest.mark.parametrize("model", MODELS)
def test_the_frames_of_a_loader_that_keeps_them_stay_as_they_were(start_run, array_scan, model):
    frames = frames_of(3)
    frames[1, 5, 5] = np.nan
    before = frames.copy()
    mask = np.ones((12, 10), bool)
    mask[5, 5] = False
    data = array_scan(frames, grid(3), mask=mask)
    data.name = "KeepingScanForModels"
    run = start_run({"s": {"name": model, "data": data}})
    (block,) = run.model.new_data()
    block.counts[...] = 0
    np.testing.assert_array_equal(frames, before)


def test_what_a_loader_cannot_deliver_is_told_with_the_name_of_its_scan(start_run, array_scan):
    frames = frames_of(3).astype(complex)
    run = start_run({"s": {"name": "Full", "data": array_scan(frames, grid(3))}})
    with pytest.raises(DataError, match=r"^scan 's': frames of type complex128"):
        run.model.new_data()


def test_a_scan_that_does_not_move_is_refused(start_run, array_scan):
    """Distance in millimetres, or energy in eV, puts all frames on top of one another."""
    data = array_scan(frames_of(6), grid(6) * 1e-3)
    run = start_run({"s": {"name": "Full", "data": data}})
    with pytest.raises(DataError, match=r"lie within one of its pixels.*energy is in keV"):
        run.model.new_data()


@pytest.mark.parametrize("positions", [grid(4) * 1e-3, grid(6) * (0, 1)], ids=["few", "line"])
def test_few_frames_or_a_line_of_them_are_no_scan_that_does_not_move(
    start_run, array_scan, positions
):
    data = array_scan(frames_of(len(positions)), positions)
    assert start_run({"s": {"name": "Full", "data": data}}).model.new_data()
