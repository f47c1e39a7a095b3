"""Frames that stay in their files are those that HDF5 gives, wherever they lie."""

import h5py
import numpy as np
import pytest

from ptypy.errors import FormatError
from ptypy.io.joined_stacks import join_stacks
from ptypy.io.stored_stack import map_frames

H, W = 6, 8


def counts(*lead):
    return np.random.default_rng(3).integers(0, 60000, (*lead, H, W)).astype("u2")


def write(path, frames, **how):
    with h5py.File(path, "w") as file:
        file.create_dataset("frames", data=frames, **how)


def packed(*lead):
    import hdf5plugin

    return {"chunks": (*lead, H, W), **hdf5plugin.Bitshuffle(cname="lz4")}


def source(path, *lead, dtype="u2"):
    return h5py.VirtualSource(path, "frames", (*lead, H, W), dtype)


def write_virtual(folder, layout):
    with h5py.File(folder / "whole.h5", "w") as file:
        file.create_virtual_dataset("frames", layout)
    return folder / "whole.h5"


def see_mapped(path, *, numbers=None, is_mapped=True, **where):
    with h5py.File(path) as file:
        dataset = file["frames"]
        lead = dataset.shape[:-2]
        asked = np.arange(int(np.prod(lead))) if numbers is None else np.asarray(numbers)
        stack = map_frames(dataset, asked, **where)
        assert (stack is not None) == is_mapped
        if stack is not None:
            np.testing.assert_array_equal(stack, dataset[()].reshape(-1, H, W)[asked])


def follow_one_another(folder, one):
    layout = h5py.VirtualLayout((10, H, W), "u2")
    for k in range(2):
        write(folder / f"part{k}.h5", counts(7) + k, **one)
        layout[5 * k : 5 * k + 5] = source(f"part{k}.h5", 7)[1:6]
    return layout


def take_turns(folder, one):
    """As detectors of several writers do: blocks of two frames in each file, in turn."""
    layout = h5py.VirtualLayout((12, H, W), "u2")
    for k in range(3):
        write(folder / f"part{k}.h5", counts(4) + k, **one)
        for block in range(2):
            first = 6 * block + 2 * k
            layout[first : first + 2] = source(f"part{k}.h5", 4)[2 * block : 2 * block + 2]
    return layout


def every_third(folder, one):
    layout = h5py.VirtualLayout((12, H, W), "u2")
    for k in range(3):
        write(folder / f"part{k}.h5", counts(4) + k, **one)
        layout[k::3] = source(f"part{k}.h5", 4)
    return layout


def lines_of_a_raster(folder, one):
    layout = h5py.VirtualLayout((3, 4, H, W), "u2")
    for k in range(3):
        write(folder / f"part{k}.h5", counts(4) + k, **one)
        layout[k] = source(f"part{k}.h5", 4)
    return layout


def a_list_that_is_a_raster(folder, one):
    write(folder / "part.h5", counts(12), **one)
    layout = h5py.VirtualLayout((3, 4, H, W), "u2")
    layout[:] = source("part.h5", 12)
    return layout


def the_same_file_twice(folder, one):
    write(folder / "part.h5", counts(7), **one)
    layout = h5py.VirtualLayout((6, H, W), "u2")
    layout[:3], layout[3:] = source("part.h5", 7)[4:7], source("part.h5", 7)[:3]
    return layout


def each_frame_by_itself(folder, one):
    write(folder / "part.h5", counts(100), **one)
    layout = h5py.VirtualLayout((100, H, W), "u2")
    for k in range(100):
        layout[k] = source("part.h5", 100)[99 - k]
    return layout


@pytest.mark.parametrize("how", [dict, lambda: packed(1)], ids=["plain", "packed"])
@pytest.mark.parametrize(
    "layout",
    [
        follow_one_another, take_turns, every_third, lines_of_a_raster, a_list_that_is_a_raster,
        the_same_file_twice, each_frame_by_itself,
    ],
)  # fmt: skip
def test_frames_of_a_virtual_dataset_are_found_in_its_sources(tmp_path, layout, how):
    path = write_virtual(tmp_path, layout(tmp_path, how()))
    see_mapped(path)
    see_mapped(path, numbers=[3, 0, 5, 5, 2])


def test_single_pictures_make_a_virtual_stack(tmp_path):
    layout = h5py.VirtualLayout((3, H, W), "u2")
    for k in range(3):
        write(tmp_path / f"part{k}.h5", counts() + k)
        layout[k] = source(f"part{k}.h5")
    see_mapped(write_virtual(tmp_path, layout))


def test_a_source_in_the_very_file_is_found(tmp_path):
    layout = h5py.VirtualLayout((4, H, W), "u2")
    layout[:] = h5py.VirtualSource(".", "raw", (4, H, W), "u2")
    path = write_virtual(tmp_path, layout)
    with h5py.File(path, "r+") as file:
        file["raw"] = counts(4)
    see_mapped(path)


def with_a_gap(folder):
    write(folder / "part.h5", counts(4))
    layout = h5py.VirtualLayout((5, H, W), "u2")
    layout[:4] = source("part.h5", 4)
    return layout


def of_tiles(folder):
    write(folder / "part.h5", counts(4))
    layout = h5py.VirtualLayout((4, H, W), "u2")
    layout[:, :3], layout[:, 3:] = source("part.h5", 4)[:, 3:], source("part.h5", 4)[:, :3]
    return layout


def of_another_type(folder):
    write(folder / "part.h5", counts(4).astype("u4"))
    layout = h5py.VirtualLayout((4, H, W), "u2")
    layout[:] = source("part.h5", 4, dtype="u4")
    return layout


def shorter_than_was_said(folder):
    write(folder / "part.h5", counts(3))
    layout = h5py.VirtualLayout((4, H, W), "u2")
    layout[:] = source("part.h5", 4)
    return layout


def of_one_long_line(folder):
    with h5py.File(folder / "part.h5", "w") as file:
        file["frames"] = counts(4).ravel()
    layout = h5py.VirtualLayout((4, H, W), "u2")
    layout[:] = h5py.VirtualSource("part.h5", "frames", (4 * H * W,), "u2")[:]
    return layout


def of_rows_below_one_another(folder):
    with h5py.File(folder / "part.h5", "w") as file:
        file["frames"] = counts(4).reshape(-1, W)
    layout = h5py.VirtualLayout((4, H, W), "u2")
    layout[:] = h5py.VirtualSource("part.h5", "frames", (4 * H, W), "u2")
    return layout


def otherwise_compressed(folder):
    write(folder / "part.h5", counts(4), compression="gzip", chunks=(1, H, W))
    layout = h5py.VirtualLayout((4, H, W), "u2")
    layout[:] = source("part.h5", 4)
    return layout


def given_twice(folder):
    write(folder / "part0.h5", counts(4))
    write(folder / "part1.h5", counts(4) + 1)
    layout = h5py.VirtualLayout((4, H, W), "u2")
    layout[:] = source("part0.h5", 4)
    layout[1:3] = source("part1.h5", 4)[:2]
    return layout


def missing(folder):
    layout = h5py.VirtualLayout((4, H, W), "u2")
    layout[:] = source("part.h5", 4)
    return layout


def plain_beside_packed(folder):
    layout = h5py.VirtualLayout((4, H, W), "u2")
    for k, how in enumerate(({}, packed(1))):
        write(folder / f"part{k}.h5", counts(2), **how)
        layout[2 * k : 2 * k + 2] = source(f"part{k}.h5", 2)
    return layout


@pytest.mark.parametrize(
    "layout",
    [
        with_a_gap, of_tiles, of_one_long_line, of_rows_below_one_another, of_another_type,
        shorter_than_was_said, otherwise_compressed,
        given_twice, missing, plain_beside_packed,
    ],
)  # fmt: skip
def test_what_is_not_simple_is_left_to_hdf5(tmp_path, layout):
    see_mapped(write_virtual(tmp_path, layout(tmp_path)), is_mapped=False)


def test_a_source_that_has_grown_counts_its_frames_as_before(tmp_path):
    layout = h5py.VirtualLayout((4, H, W), "u2")
    layout[:] = source("part.h5", 6)[1:5]
    write(tmp_path / "part.h5", counts(9))
    see_mapped(write_virtual(tmp_path, layout))


def test_frames_around_a_gap_can_be_mapped(tmp_path):
    see_mapped(write_virtual(tmp_path, with_a_gap(tmp_path)), numbers=[3, 1])


def test_a_source_that_was_cut_short_is_named(tmp_path):
    path = write_virtual(tmp_path, follow_one_another(tmp_path, {}))
    part = (tmp_path / "part1.h5").read_bytes()
    (tmp_path / "part1.h5").write_bytes(part[: len(part) - 2 * 7 * H * W])
    with pytest.raises(FormatError, match=r"part1\.h5"):
        see_mapped(path)


def test_a_few_frames_far_apart_are_found(tmp_path):
    write(
        tmp_path / "frames.h5", np.repeat(counts(1), 3000, axis=0) + np.arange(3000)[:, None, None]
    )
    see_mapped(tmp_path / "frames.h5", numbers=[2999, 1500, 0])


@pytest.mark.parametrize("how", [dict, lambda: packed(1, 1)], ids=["plain", "packed"])
def test_a_channel_is_picked_from_between_frames_and_rows(tmp_path, how):
    frames = counts(30, 3)
    write(tmp_path / "thresholds.h5", frames, **how())
    with h5py.File(tmp_path / "thresholds.h5") as file:
        # Both of the ways to look for chunks: one by one, and all at once.
        for asked in (np.array([7, 2, 29]), np.arange(30)[::-1]):
            stack = map_frames(file["frames"], asked, channel=1)
            np.testing.assert_array_equal(stack, frames[asked, 1])


def test_chunks_that_were_added_later_are_found(tmp_path):
    path, frames = tmp_path / "frames.h5", counts(40)
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("frames", (40, H, W), "u2", **packed(1))
        dataset[:20] = frames[:20]
    see_mapped(path, is_mapped=False)
    with h5py.File(path, "r+") as file:
        file["frames"][20:] = frames[20:]
    see_mapped(path)


def test_stacks_of_several_files_become_one(tmp_path):
    stacks, frames = [], [counts(3), counts(2) + 1]
    for k in range(2):
        write(tmp_path / f"{k}.h5", frames[k], **packed(1))
        with h5py.File(tmp_path / f"{k}.h5") as file:
            stacks.append(map_frames(file["frames"], np.arange(len(frames[k]))))
    together = np.concatenate(frames)
    joined = join_stacks([stacks[0], stacks[1], stacks[0]], "both")
    np.testing.assert_array_equal(joined, np.concatenate([together, frames[0]]))
    np.testing.assert_array_equal(joined.take(np.array([4, 0])), together[[4, 0]])
    np.testing.assert_array_equal(joined[2:5], together[2:5])


def test_stacks_of_two_forms_do_not_become_one(tmp_path):
    stacks = []
    for k, frames in enumerate((counts(2), counts(2).astype("u4"))):
        write(tmp_path / f"{k}.h5", frames)
        with h5py.File(tmp_path / f"{k}.h5") as file:
            stacks.append(map_frames(file["frames"], np.arange(2)))
    assert join_stacks(stacks, "both") is None
