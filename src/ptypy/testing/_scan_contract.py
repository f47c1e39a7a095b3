"""What every loader owes: inherit `ScanContract` to have it tested."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from ptypy.core.data import PtydScan, PtyScan, implausible_numbers, implausible_positions
from ptypy.errors import ParameterError
from ptypy.testing._scan_example import (
    WHOLE,
    Delivered,
    ScanExample,
    agree,
    build,
    by_numpy,
    deliver,
    first_difference,
    loud_messages,
    next_package,
    require,
    same_mask,
    same_positions,
    same_scan,
)
from ptypy.testing._scan_processes import find_mpiexec, on_processes

__all__ = ["ScanContract"]

Test = TypeVar("Test", bound=Callable[..., Any])

GEOMETRY = ("energy", "distance", "psize")


def _mpi(test: Test) -> Test:
    """Mark a test that starts processes, so that ``pytest -m 'not mpi'`` leaves it out."""
    reason = "needs mpi4py and mpiexec: pip install 'ptypy[mpi]'"
    skips = pytest.mark.skipif(find_mpiexec() is None, reason=reason)
    skips(test)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pytest.mark.mpi(test)
    except pytest.fail.Exception:
        # Markers are strict in this project, and it has none of this name: the test runs anyway.
        pass
    return test


class ScanContract:
    """What every loader owes to its users, as tests to inherit.

    A subclass whose name begins with ``Test`` says, in `make_example`, which loader is meant and
    how a small scan looks; all tests below then run for it. A test that cannot hold for a loader
    is left out by name, ``test_… = None``, with the reason beside it.

    Examples
    --------
    In a file ``test_my_loader.py``, run by ``pytest``::

        class TestNumpyScan(ScanContract):
            def make_example(self, folder):
                frames = np.random.default_rng(1).poisson(9, (10, 16, 20)).astype(np.uint16)
                np.save(folder / "frames.npy", frames)
                ...
                return ScanExample(
                    NumpyScan,
                    {"base_path": str(folder), "energy": 8.0},
                    frames=frames,
                    positions=positions,
                    files=[folder / "frames.npy"],
                )
    """

    def make_example(self, folder: Path) -> ScanExample:
        """Write the files of a small scan into an empty folder and say what they hold.

        Called anew for every test. Override me, or the fixture ``example`` where other fixtures
        are needed.
        """
        raise NotImplementedError(
            f"{type(self).__name__} needs a method make_example(self, folder) that gives a "
            "ptypy.testing.ScanExample"
        )

    @pytest.fixture
    def example(self, tmp_path: Path) -> ScanExample:
        """Give the example, its files in a folder of their own."""
        folder = tmp_path / "example"
        folder.mkdir()
        return self.make_example(folder)

    @pytest.fixture
    def whole(self, example: ScanExample) -> Delivered:
        """Give all that the loader gives: whole frames, as they are, in one package."""
        return deliver(build(example, **WHOLE))

    def test_the_parameters_handed_over_are_not_changed(self, example: ScanExample) -> None:
        """Somebody may read several scans with one tree of parameters."""
        before = copy.deepcopy(dict(example.parameters))
        deliver(example.loader(example.parameters))
        changed = first_difference(before, example.parameters)
        require(
            changed is None,
            f"the loader changed `{changed}` of the parameters that it was handed: work on a "
            "copy, `p = self.DEFAULT.copy(99); p.update(pars)`",
        )

    def test_a_misspelt_parameter_is_refused_with_a_suggestion(self, example: ScanExample) -> None:
        """Otherwise a default would count silently in its place."""
        ours = set(PtyScan._descriptor().children)  # type: ignore[union-attr]
        declared = set(example.loader._descriptor().children)  # type: ignore[union-attr]
        for name in ["energy", *sorted(declared - ours - {"*"})]:
            wrong = name + name[-1]
            if wrong in declared or len(name) < 4:
                continue
            try:
                build(example, **{wrong: None})
            except ParameterError as error:
                text = str(error)
                require(wrong in text and "did you mean" in text, f"no suggestion: {text}")
            else:
                raise AssertionError(
                    f"the parameter `{wrong}` was accepted: hand all parameters to "
                    "`super().__init__`, which checks them"
                )

    def test_parameters_may_be_handed_over_within_all_defaults(
        self, example: ScanExample, whole: Delivered
    ) -> None:
        """A derived class does so: ``p = self.DEFAULT.copy(99); p.update(pars)``."""
        parameters = example.loader.DEFAULT.copy(99)
        parameters.update({**example.parameters, **WHOLE}, in_place_depth=99)
        same_scan(deliver(example.loader(parameters)), whole, "parameters within all defaults")
        for asked in ("center", "auto_center"):
            alone = {key: value for key, value in WHOLE.items() if key != asked}
            parameters = example.loader.DEFAULT.copy(99)
            parameters.update({**example.parameters, **alone}, in_place_depth=99)
            expected = deliver(example.loader({**example.parameters, **alone}))
            found = deliver(example.loader(parameters))
            same_scan(found, expected, f"`{asked}` left at its default, among all defaults,")

    def test_a_package_has_the_documented_form(self, example: ScanExample) -> None:
        """Scripts rely on it."""
        package = next_package(build(example, **WHOLE), 2)
        require(set(package) == {"common", "chunk", "iterable"}, f"keys {sorted(package)}")
        common, chunk, entries = package["common"], package["chunk"], package["iterable"]
        missing = [key for key in PtyScan.METAKEYS if key not in common]
        require(not missing, f"common lacks {missing}")
        shape = tuple(int(n) for n in common["shape"])
        count = len(entries)
        require(list(chunk["indices"]) == [e["index"] for e in entries], "chunk.indices")
        require(np.shape(chunk["positions"]) == (count, 2), "chunk.positions must be (n, 2)")
        for entry in entries:
            data, mask = entry["data"], entry["mask"]
            require(set(entry) == {"index", "data", "position", "mask"}, f"keys {sorted(entry)}")
            is_counts = isinstance(data, np.ndarray) and data.dtype.kind in "uif"
            require(is_counts, f"data must be an array of numbers, not {type(data).__name__}")
            require(data.shape == shape, f"data {data.shape}, but common.shape {shape}")
            is_mask = mask.dtype == np.bool_ and mask.shape == shape
            require(is_mask, f"mask: {mask.dtype} {mask.shape}, not bool {shape}")
        for name in ("data", "weights"):
            require(set(chunk[name]) == {e["index"] for e in entries}, f"chunk.{name}")

    def test_every_frame_comes_once_and_in_order(self, example: ScanExample) -> None:
        """A frame lost or doubled moves all positions after it."""
        scan = build(example, **WHOLE)
        found = deliver(scan, 3)
        rising = all(b > a for a, b in zip(found.indices, found.indices[1:], strict=False))
        require(rising, f"scan points came as {found.indices}")
        require(scan.auto(1) == scan.EOS, "after EOS, auto() must go on to answer EOS")
        announced = found.meta["num_frames"]
        require(
            announced is None or int(announced) == len(found.indices),
            f"common.num_frames is {announced}, and {len(found.indices)} frames came",
        )

    def test_frames_masks_and_positions_are_the_true_ones(
        self, example: ScanExample, whole: Delivered
    ) -> None:
        """Compare with what the example says it wrote."""
        if example.frames is None and example.positions is None and example.mask is None:
            pytest.skip("the example does not say what its frames, mask and positions are")
        if example.mask is not None:
            same_mask(whole.mask, np.asarray(example.mask, dtype=bool))
        if example.frames is not None:
            agree(whole.frames, np.asarray(example.frames), whole.mask, "frames")
        if example.positions is not None:
            same_positions(whole.positions, np.asarray(example.positions, dtype=np.float64))

    def test_positions_are_finite_and_in_metres(self, whole: Delivered) -> None:
        """A stage that counts micrometres needs a factor of 1e-6."""
        require(np.isfinite(whole.positions).all(), "positions must be finite numbers")
        fault = implausible_positions(whole.positions)
        require(fault is None, fault or "")
        moves = len(whole.positions) == 1 or np.ptp(whole.positions, axis=0).any()
        require(moves, "all positions are the same")

    def test_most_pixels_are_trusted_and_finite(self, whole: Delivered) -> None:
        """A mask that marks bad pixels must be inverted: here True is a good one."""
        share = float(whole.mask.mean())
        require(share > 0.5, f"only {share:.0%} of the pixels are trusted: is the mask inverted?")
        finite = np.isfinite(whole.frames) | ~whole.mask
        require(finite.all(), "trusted pixels hold NaN or infinity: mask them")

    def test_the_geometry_is_told_or_announced_as_a_placeholder(self, example: ScanExample) -> None:
        """Every length in an image rests on these numbers."""
        with loud_messages() as said:
            found = deliver(build(example, **WHOLE))
        for name in GEOMETRY:
            value = found.meta[name]
            told = name in example.geometry or name in example.parameters
            if not told and np.all(np.equal(value, PtyScan.DEFAULT[name])):
                require(
                    any(f"`{name}`" in text for text in said),
                    f"common.{name} is a placeholder, and nobody was told: keep PLACEHOLDERS as "
                    "they are; or say in `geometry` of the example that the files hold it",
                )
                continue
            require(value is not None, f"common.{name} is None")
            faults = implausible_numbers({name: value})
            require(not faults, "; ".join(faults))
        given = {name: example.parameters.get(name) for name in GEOMETRY}
        for name, true in {**given, **example.geometry}.items():
            if true is not None:
                expected = np.broadcast_to(true, np.shape(found.meta[name]))
                np.testing.assert_allclose(found.meta[name], expected, rtol=1e-6, err_msg=name)

    @pytest.mark.parametrize("frames", [1, 7])
    def test_the_size_of_packages_does_not_matter(
        self, example: ScanExample, whole: Delivered, frames: int
    ) -> None:
        """Frames do not depend on which others are loaded with them."""
        found = deliver(build(example, **WHOLE), frames)
        same_scan(found, whole, f"auto({frames})")

    def test_any_stretch_of_frames_can_be_loaded_alone(self, example: ScanExample) -> None:
        """So do several processes, each with a part of the frames."""
        scan = build(example, **WHOLE)
        scan.initialize()
        count = len(deliver(build(example, **WHOLE)).indices)
        wanted = list(range(count // 2, count))
        ways = _ways_to_load(scan)
        require(ways, "the class has neither `load` nor `load_block` of its own")
        for name, load in ways.items():
            everything, part = load(list(range(count))), load(wanted)
            require(len(part) == len(wanted), f"{name}: {len(part)} frames for {len(wanted)}")
            same = np.array_equal(everything[count // 2 :], part, equal_nan=part.dtype.kind == "f")
            require(same, f"{name}: frames {wanted} alone differ from the same within the scan")

    def test_load_and_load_block_agree(self, example: ScanExample) -> None:
        """Both forms must give the same frames."""
        scan = build(example, **WHOLE)
        scan.initialize()
        ways = _ways_to_load(scan)
        if len(ways) < 2:
            pytest.skip("the class offers only one of `load` and `load_block`")
        wanted = list(range(min(3, len(deliver(build(example, **WHOLE)).indices))))
        one, other = (load(wanted) for load in ways.values())
        same = np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        require(same, f"{' and '.join(ways)} give different frames")

    @pytest.mark.parametrize(("turn", "rebin"), [(0, 1), (5, 2), (3, 1), (6, 2)])
    def test_region_orientation_and_binning_are_left_to_ptyscan(
        self, example: ScanExample, whole: Delivered, turn: int, rebin: int
    ) -> None:
        """What is prepared is what NumPy makes of the whole frames."""
        if example.parameters.get("source") == "file":
            pytest.skip("frames are read as they were saved")
        height, width = whole.frames.shape[1:]
        shape = [max(2, n // 4 * 2) for n in (height, width)]
        start = [(height - shape[0]) // 2 + (shape[0] < height), (width - shape[1]) // 2]
        center = [s + n // 2 for s, n in zip(start, shape, strict=True)]
        asked = {"shape": shape, "center": center, "orientation": turn, "rebin": rebin}
        found = deliver(build(example, **{**WHOLE, **asked}), 3)
        frames, mask = by_numpy(whole.frames, whole.mask, start, shape, turn=turn, rebin=rebin)
        require(np.array_equal(found.mask, mask), "the mask was not cut and turned as the frames")
        agree(found.frames, frames, mask, f"orientation {turn}, rebin {rebin}")

    def test_fewer_frames_can_be_asked_for(self, example: ScanExample, whole: Delivered) -> None:
        """`num_frames` takes the first of them."""
        count = max(1, len(whole.indices) // 2)
        found = deliver(build(example, **{**WHOLE, "num_frames": count}))
        require(
            found.indices == whole.indices[:count],
            f"num_frames={count} gave scan points {found.indices}",
        )
        agree(found.frames, whole.frames[:count], whole.mask[:count], "frames")

    @pytest.mark.parametrize("save", ["append", "link"])
    def test_saved_frames_are_read_back_the_same(
        self, example: ScanExample, whole: Delivered, tmp_path: Path, save: str
    ) -> None:
        """A reconstruction may start from the saved file instead of the raw ones."""
        path = str(tmp_path / "saved.ptyd")
        written = deliver(build(example, **{**WHOLE, "save": save, "dfile": path}), 3)
        same_scan(written, whole, "while saving")
        found = deliver(PtydScan(dfile=path))
        same_scan(found, whole, "read back")

    def test_a_missing_file_is_named(self, example: ScanExample) -> None:
        """The user is to see which of the files is not there."""
        for file in _files(example):
            away = file.with_name(f"{file.name}.away")
            file.rename(away)
            try:
                _fails_naming(example, file, "missing")
            finally:
                away.rename(file)

    def test_a_file_cut_short_is_named(self, example: ScanExample) -> None:
        """A copy that broke off must not pass for the whole."""
        for file in _files(example):
            content = file.read_bytes()
            file.write_bytes(content[: len(content) // 2])
            try:
                _fails_naming(example, file, "cut short")
            finally:
                file.write_bytes(content)

    def test_a_scan_can_be_pickled(self, example: ScanExample, whole: Delivered) -> None:
        """Other processes may receive it, before it begins or after some frames."""
        if "<locals>" in example.loader.__qualname__:
            pytest.skip("the class is defined in a function, so that it cannot be pickled")
        scan = build(example, **WHOLE)
        same_scan(deliver(_copied(scan)), whole, "a pickled scan")
        next_package(scan, 1)
        rest = deliver(_copied(scan)).indices if len(whole.indices) > 1 else []
        require(rest == whole.indices[1:], f"pickled after one frame, it went on with {rest}")

    @_mpi
    def test_two_processes_load_what_one_loads(
        self, example: ScanExample, whole: Delivered, tmp_path: Path
    ) -> None:
        """Every frame comes to one process, and is the same as on one."""
        if "<locals>" in example.loader.__qualname__:
            pytest.skip("the class is defined in a function: other processes cannot find it")
        folder = tmp_path / "processes"
        folder.mkdir()
        found = on_processes(example, WHOLE, folder, processes=2, frames=3)
        same_scan(found, whole, "on two processes")


def _ways_to_load(scan: PtyScan) -> dict[str, Callable[[list[int]], Any]]:
    """Give the forms of loading that a scan has, each as a function from indices to a stack."""

    def by_dictionary(indices: list[int]) -> Any:
        raw, _, _ = scan.load(indices=indices)
        return np.stack([np.asarray(raw[index]) for index in indices])

    def by_block(indices: list[int]) -> Any:
        return np.array(scan.load_block(np.asarray(indices, dtype=np.int64))[0])

    ways: dict[str, Callable[[list[int]], Any]] = {}
    if scan._overrides("load"):
        ways["load"] = by_dictionary
    if scan.load_block is not None:
        ways["load_block"] = by_block
    return ways


def _copied(scan: PtyScan) -> PtyScan:
    twin = pickle.loads(pickle.dumps(scan))  # noqa: S301 -- pickled on the same line
    require(isinstance(twin, PtyScan), "a pickled scan came back as something else")
    return twin  # type: ignore[no-any-return]


def _files(example: ScanExample) -> list[Path]:
    files = [Path(file) for file in example.files]
    if not files:
        pytest.skip("the example names no files")
    return files


def _fails_naming(example: ScanExample, file: Path, fault: str) -> None:
    """See that a scan with a faulty file ends in an error that names it."""
    try:
        deliver(build(example, **WHOLE))
    except Exception as error:  # noqa: BLE001 -- any error will do that says which file it is
        require(
            file.name in str(error),
            f"{file.name} is {fault}, and the error does not name it: "
            f"{type(error).__name__}: {error}",
        )
        return
    raise AssertionError(f"{file.name} is {fault}, and nobody noticed")
