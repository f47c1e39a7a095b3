"""What a loader may hand over, and what it is told if something is missing or does not fit."""

import numpy as np
import pytest

from ptypy.errors import DataError


@pytest.fixture
def frames():
    return [np.full((4, 4), k, np.uint16) for k in range(12)]


@pytest.mark.parametrize(("asked", "used"), [(None, 12), (20, 12), (7, 7)])
def test_positions_limit_the_number_of_frames(memory_scan, frames, asked, used):
    scan = memory_scan(frames, num_frames=asked)
    package = scan.auto(100)
    assert len(package["iterable"]) == scan.num_frames == package["common"].num_frames == used


def test_theoretical_positions_replace_those_of_the_scan(memory_scan, frames):
    theory = np.linspace(0, 1, 10).reshape(5, 2)
    scan = memory_scan(frames, positions_theory=theory)
    package = scan.auto(100)
    np.testing.assert_array_equal(package["chunk"].positions, theory)


def test_theoretical_positions_win_over_positions_by_frame(memory_scan, frames):
    class Own(memory_scan):
        def load(self, indices):
            raw, _, weights = super().load(indices)
            return raw, dict.fromkeys(indices, (9, 9)), weights

    theory = np.ones((12, 2))
    package = Own(frames, positions_theory=theory).auto(2)
    np.testing.assert_array_equal(package["chunk"].positions, theory[:2])


def test_positions_by_frame_win_over_those_of_the_whole_scan(memory_scan, frames):
    class Own(memory_scan):
        def load(self, indices):
            raw, _, weights = super().load(indices)
            return raw, {i: (i, -i) for i in indices}, weights

    scan = Own(frames)
    scan.auto(2)
    np.testing.assert_array_equal(scan.auto(2)["chunk"].positions, [(2, -2), (3, -3)])


def test_positions_missing_everywhere_are_named_with_all_three_remedies(memory_scan, frames):
    class Nowhere(memory_scan):
        def load_positions(self):
            return None

    with pytest.raises(DataError, match=r"load_positions.*load.*positions_theory"):
        Nowhere(frames, num_frames=12).auto(2)


def test_positions_of_the_wrong_shape_are_refused_before_any_frame_is_read(memory_scan, frames):
    scan = memory_scan(frames, positions=np.zeros((2, 12)), mask=np.ones((3, 4, 4)))
    with pytest.raises(DataError, match=r"shape \(2, 12\).*\(N, 2\).*shape \(3, 4, 4\)"):
        scan.initialize()
    assert not any(call[0] == "load" for call in scan.calls)


def test_a_position_that_is_no_number_names_its_frame(memory_scan, frames):
    positions = np.zeros((12, 2))
    positions[7, 1] = np.nan
    scan = memory_scan(frames, positions=positions)
    scan.auto(5)
    with pytest.raises(DataError, match="frame 7"):
        scan.auto(5)


def test_a_frame_that_load_forgot_is_named(memory_scan, frames):
    class Forgetful(memory_scan):
        def load(self, indices):
            raw, _, _ = super().load(indices)
            raw.pop(3, None)
            return raw, {}, {}

    with pytest.raises(DataError, match="no frame for index 3 of the 5"):
        Forgetful(frames).auto(5)


def test_a_frame_of_another_shape_is_named(memory_scan, frames):
    frames[2] = np.ones((4, 5))
    with pytest.raises(DataError, match="frame 2 has 4 x 5 px, frame 0 has 4 x 4"):
        memory_scan(frames).auto(5)


def test_a_later_chunk_of_another_shape_is_refused(memory_scan, frames):
    scan = memory_scan([*frames[:2], np.ones((5, 5)), np.ones((5, 5))])
    scan.auto(2)
    with pytest.raises(DataError, match="5 x 5 and 4 x 4"):
        scan.auto(2)


@pytest.mark.parametrize("answer", [None, {}, ({}, {}), ([], {}, {})])
def test_load_that_does_not_return_three_dictionaries_is_told_so(memory_scan, frames, answer):
    class Odd(memory_scan):
        def load(self, indices):
            return answer

    with pytest.raises(DataError, match=r"dictionar|no frame"):
        Odd(frames).auto(2)


def test_a_mask_missing_for_one_frame_is_named(memory_scan, frames):
    class Gap(memory_scan):
        def load(self, indices):
            raw, _, _ = super().load(indices)
            return raw, {}, {i: np.ones((4, 4)) for i in indices if i != 1}

    with pytest.raises(DataError, match="no weight for index 1"):
        Gap(frames).auto(3)


def test_faults_of_centre_binning_and_mask_are_told_together(memory_scan, frames):
    scan = memory_scan(frames, mask=np.ones((7, 7)), center=(50, 1), rebin=3)
    with pytest.raises(DataError, match=r"(?s)7 x 7.*\(50, 1\) is outside.*by 3.*3 x 3"):
        scan.auto(1)


def test_a_block_of_frames_is_as_good_as_frames_one_by_one(memory_scan, tmp_path):
    stack = np.random.default_rng(0).poisson(50, (10, 12, 14)).astype(np.uint16)
    np.save(tmp_path / "frames.npy", stack)
    asked = {"shape": (8, 8), "orientation": 5, "rebin": 2}

    class Block(memory_scan):
        def load_block(self, indices):
            mapped = np.load(tmp_path / "frames.npy", mmap_mode="r")
            return mapped[indices[0] : indices[-1] + 1], None, None

    block, single = Block(stack, pars=asked), memory_scan(stack, pars=asked)
    for _ in range(2):
        one, other = block.next_chunk(5), single.next_chunk(5)
        np.testing.assert_array_equal(one.data, other.data)
    assert ("load", [0, 1, 2, 3, 4]) not in block.calls


def test_a_block_brings_its_positions_and_masks(memory_scan):
    class Block(memory_scan):
        def load_block(self, indices):
            n = len(indices)
            return np.ones((n, 4, 4)), np.stack([indices, -indices], 1), np.eye(4, dtype=bool)

    chunk = Block(np.ones((6, 4, 4))).next_chunk(4)
    np.testing.assert_array_equal(chunk.positions, [(k, -k) for k in range(4)])
    np.testing.assert_array_equal(chunk.mask, np.eye(4, dtype=bool))


def test_a_subclass_that_overrides_load_is_not_bypassed(memory_scan):
    class Block(memory_scan):
        def load_block(self, indices):
            return np.zeros((len(indices), 4, 4)), None, None

    class Older(Block):
        def load(self, indices):
            return {i: np.ones((4, 4)) for i in indices}, {}, {}

    assert Older(np.zeros((3, 4, 4))).auto(1)["iterable"][0]["data"].all()


def test_correct_is_applied_to_a_block_too(memory_scan):
    class Block(memory_scan):
        def load_block(self, indices):
            return np.ones((len(indices), 4, 4)), None, None

        def correct(self, raw, weights, common):
            return {i: 2 * frame for i, frame in raw.items()}, weights

    assert (Block(np.zeros((3, 4, 4))).next_chunk(3).data == 2).all()


def test_a_block_of_the_wrong_length_is_refused(memory_scan, frames):
    class Short(memory_scan):
        def load_block(self, indices):
            return np.zeros((1, 4, 4)), None, None

    with pytest.raises(DataError, match="asked for 3 frames"):
        Short(frames).auto(3)


def trusted(scan):
    """Prepare all frames, and give a mask for every one of them."""
    chunk = scan.next_chunk(100)
    return np.broadcast_to(chunk.mask, chunk.data.shape)


COMMON = np.eye(4) > 0
EACH = np.random.default_rng(2).random((12, 4, 4)) > 0.3


@pytest.mark.parametrize(
    ("common", "each", "expected"),
    [
        (None, {}, np.ones((4, 4), bool)),
        (COMMON, {}, COMMON),
        (COMMON.astype(float), None, COMMON),
        (np.array([]), {}, np.ones((4, 4), bool)),
        (None, dict(enumerate(EACH)), EACH),
        (COMMON, dict(enumerate(EACH)), EACH),
        (COMMON, {k: [] for k in range(12)}, COMMON),
    ],
    ids=["none", "common", "as numbers", "empty", "each", "each wins", "empty ones"],
)
def test_masks_belong_to_all_frames_to_each_or_there_are_none(
    memory_scan, frames, common, each, expected
):
    class Own(memory_scan):
        def load(self, indices):
            raw, places, _ = super().load(indices)
            return raw, places, None if each is None else {i: each[i] for i in indices if each}

    mask = trusted(Own(frames, mask=common))
    np.testing.assert_array_equal(mask, np.broadcast_to(expected, mask.shape))


def test_correct_receives_the_mask_of_every_frame_that_load_gave(memory_scan, frames):
    seen = {}

    class Own(memory_scan):
        def load(self, indices):
            return {i: self.frames[i] for i in indices}, {}, {i: EACH[i] for i in indices}

        def correct(self, raw, weights, common):
            seen.update(weights)
            return raw, {i: ~weight for i, weight in weights.items()}

    mask = trusted(Own(frames))
    np.testing.assert_array_equal(np.stack(list(seen.values())), EACH)
    np.testing.assert_array_equal(mask, ~EACH)


def test_a_replaced_load_is_called_as_the_one_of_the_class_would_be(memory_scan, frames):
    class Rebinding(memory_scan):
        def load_block(self, indices):
            raise AssertionError("load was replaced on the instance")

        def post_initialize(self):
            self.load = self.load_as_this_file_needs_it

        def load_as_this_file_needs_it(self, indices):
            self.asked = indices
            return {i: self.frames[i] for i in indices}, {}, {}

    scan = Rebinding(frames)
    scan.auto(5)
    scan.auto(5)
    assert scan.asked == [5, 6, 7, 8, 9]
    assert isinstance(scan.asked, list)
