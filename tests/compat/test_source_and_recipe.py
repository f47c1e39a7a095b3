"""The specification's scenarios 1 and 2: from raw data, and later from the saved file."""

import gc

import numpy as np
import pytest

from ptypy import defaults_tree
from ptypy.core import Ptycho
from ptypy.core.data import PTYSCANS, MoonFlowerScan, PtyScan, register
from ptypy.errors import ParameterError
from ptypy.utils import Param


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Frames of a simulated scan, one file each, as a user's loader would find them."""
    folder = tmp_path_factory.mktemp("raw")
    scan = MoonFlowerScan(num_frames=20, shape=32, photons=1e6)
    package = scan.auto(100)
    for frame in package["iterable"]:
        np.save(folder / f"frame_{frame['index']:04d}.npy", frame["data"])
    np.save(folder / "positions.npy", package["chunk"].positions)
    np.save(folder / "geometry.npy", [float(package["common"][k]) for k in ("energy", "distance")])
    return folder


@pytest.fixture(scope="module", autouse=True)
def loader():
    """The user's class, with one parameter of its own."""

    @register()
    class FolderScan(PtyScan):
        """Frames in a folder.

        Defaults:

        [folder]
        default = None
        type = str
        help = Where the frames are
        """

        def load_positions(self):
            self.info.energy, self.info.distance = np.load(f"{self.info.folder}/geometry.npy")
            return np.load(f"{self.info.folder}/positions.npy")

        def load(self, indices):
            frames = {k: np.load(f"{self.info.folder}/frame_{k:04d}.npy") for k in indices}
            return frames, {}, {}

    return FolderScan


def run(home, **data):
    p = Param(io=Param(home=str(home), autosave=Param(active=False)), scans=Param())
    p.scans.mine = Param(name="BlockVanilla", data=Param(data))
    return Ptycho(p, level=2)


def frames_of(ptycho):
    (block,) = ptycho.model.blocks
    return block.counts, block.positions


def test_the_word_file_is_all_that_changes_between_the_first_and_the_second_run(raw, tmp_path):
    script = {
        "recipe": {"folder": str(raw)}, "shape": 32, "psize": 172e-6,
        "save": "append", "dfile": str(tmp_path / "mine.ptyd"),
    }  # fmt: skip
    first = run(tmp_path, source="folder", **script)
    before = (tmp_path / "mine.ptyd").read_bytes()
    second = run(tmp_path, source="file", **script)
    for a, b in zip(frames_of(first), frames_of(second), strict=True):
        np.testing.assert_array_equal(a, b)
    assert second.model.blocks[0].geometry.energy == first.model.blocks[0].geometry.energy
    assert (tmp_path / "mine.ptyd").read_bytes() == before


@pytest.mark.parametrize(
    "chosen",
    [{"source": "numpy"}, {"source": "NumpyScan"}, {"name": "NumpyScan"}, {"name": "numpyscan"}],
)
def test_the_class_of_the_tutorial_is_found_by_every_name_a_script_may_use(
    chosen, raw, tmp_path, monkeypatch
):
    # Other tests register a class of this name, which would be meant first.
    monkeypatch.delitem(PTYSCANS, "NumpyScan", raising=False)
    gc.collect()

    @defaults_tree.parse_doc("scandata.numpyscan")
    class NumpyScan(PtyScan):
        """Frames in a folder, declared and not registered.

        Defaults:

        [folder]
        default = None
        type = str
        help = Where the frames are
        """

        def load_positions(self):
            return np.load(f"{self.info.folder}/positions.npy")

        def load(self, indices):
            return {k: np.load(f"{self.info.folder}/frame_{k:04d}.npy") for k in indices}, {}, {}

    more = {"folder": str(raw)} if "name" in chosen else {"recipe": {"folder": str(raw)}}
    ptycho = run(tmp_path, **chosen, **more, shape=32, energy=7.0, distance=7.0, psize=172e-6)
    assert len(ptycho.model.blocks[0]) == 20


def test_the_path_of_a_file_as_source_allows_further_preparation(raw, tmp_path):
    dfile = str(tmp_path / "mine.ptyd")
    first = run(
        tmp_path, name="FolderScan", folder=str(raw), shape=32, save="append", dfile=dfile,
        psize=172e-6,
    )  # fmt: skip
    second = run(tmp_path, source=dfile, rebin=2)
    assert frames_of(second)[0].shape[1:] == (16, 16)
    assert frames_of(second)[0].sum() == frames_of(first)[0].sum()


def test_an_unknown_source_says_what_was_likely_meant(tmp_path):
    with pytest.raises(ParameterError, match=r"scans\.mine\.data\.source.*did you mean"):
        run(tmp_path, source="foldr")


def test_a_misspelt_entry_of_the_recipe_is_named(raw, tmp_path):
    with pytest.raises(ParameterError, match=r"foldr.*did you mean `folder`"):
        run(tmp_path, source="folder", recipe={"foldr": str(raw)})


def test_what_is_wrong_with_sources_is_told_with_all_other_faults(tmp_path):
    p = Param(io=Param(home=str(tmp_path)), scans=Param(), engines=Param())
    p.scans.one = Param(name="BlockVanilla", data=Param(source="foldr"))
    p.scans.two = Param(name="BlockVanilla", data=Param(source="folder", recipe="raw"))
    p.engines.e = Param(name="DM", numitr=3)
    with pytest.raises(ParameterError) as raised:
        Ptycho(p, level=5)
    assert [fault.path for fault in raised.value.faults] == [
        "scans.one.data.source", "scans.two.data.recipe", "engines.e.numitr",
    ]  # fmt: skip
