"""The first two ways of use, with the class of the specification's tutorial as it stands there."""

import gc
from pathlib import Path

import numpy as np
import pytest

import ptypy.experiment
from ptypy import defaults_tree
from ptypy.core import Ptycho
from ptypy.core.data import PTYSCANS, MoonFlowerScan, PtydScan
from ptypy.errors import ParameterError
from ptypy.utils import Param

CLASS = '''
import numpy as np
from ptypy import defaults_tree
from ptypy.core.data import PtyScan

files = []


@defaults_tree.parse_doc('scandata.numpyscan')
class NumpyScan(PtyScan):
    """
    A PtyScan subclass to extract data from a numpy array.

    Defaults:

    [name]
    type=str
    default=numpyscan
    help=

    [base_path]
    type=str
    default=/tmp/ptypy/sim/
    help=Base path to extract data files from.

    [auto_center]
    default=False

    [dfile]
    default=/tmp/ptypy/sim/npy.ptyd
    """

    def __init__(self, pars=None, **kwargs):
        p = self.DEFAULT.copy(depth=2)
        p.update(pars)

        with open(p.base_path+'geometry.txt') as f:
            for line in f:
                key, value = line.strip().split()
                # we only replace Nones or missing keys
                if p.get(key) is None:
                    p[key] = eval(value)

        super(NumpyScan, self).__init__(p, **kwargs)

    def load_positions(self):
        # the base path is now stored in
        base_path = self.info.base_path
        pos = []
        with open(base_path+'positions.txt') as f:
            for line in f:
                fname, y, x = line.strip().split()
                pos.append((eval(y), eval(x)))
                files.append(fname)
        return np.asarray(pos)

    def load(self, indices):
        raw = {}
        bp = self.info.base_path
        for ii in indices:
            raw[ii] = np.load(bp+'ccd/diffraction_%04d.npy' % ii)
        return raw, {}, {}
'''

REGISTERED = CLASS.replace(
    "@defaults_tree.parse_doc('scandata.numpyscan')", "@ptypy.experiment.register()"
).replace("import numpy", "import ptypy, ptypy.experiment\nimport numpy").replace(
    "default=numpyscan", "default=NumpyScan"
)  # fmt: skip


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Raw files of the described form: a scan of 25 frames of 32 x 32 px."""
    moon = MoonFlowerScan(
        num_frames=25, shape=32, photons=1e6, energy=6.2, distance=0.5, psize=75e-6
    )
    (tmp_path / "ccd").mkdir()
    with (tmp_path / "positions.txt").open("w") as log:
        for point in moon.auto(100)["iterable"]:
            name = f"ccd/diffraction_{point['index']:04d}.npy"
            np.save(tmp_path / name, point["data"])
            log.write(f"{name} {point['position'][0]:.8e} {point['position'][1]:.8e}\n")
    (tmp_path / "geometry.txt").write_text("energy 6.2\ndistance 0.5\npsize 75e-6\n")
    return tmp_path


@pytest.fixture
def typed_in(raw: Path, monkeypatch):
    """Type a class into a script of one's own; other tests' classes of that name are away."""
    for name in ("NumpyScan", "numpyscan"):
        monkeypatch.delitem(PTYSCANS, name, raising=False)
    gc.collect()

    def type_in(text: str) -> type:
        namespace: dict = {"__name__": "user_script"}
        exec(text.replace("/tmp/ptypy/sim/", f"{raw}/"), namespace)  # noqa: S102
        return namespace["NumpyScan"]

    yield type_in
    for name in ("NumpyScan", "numpyscan"):
        PTYSCANS.pop(name, None)
    gc.collect()


def reconstruct(home: Path, level: int = 5, **data) -> Ptycho:
    """Run a standard script; only `data` differs from user to user."""
    p = Param(run="moon", frames_per_block=10)
    p.io = Param(home=str(home), rfile=None, autosave=Param(active=False))
    p.scans = Param(moon=Param(name="BlockFull", data=Param(data)))
    p.engines = Param(engine00=Param(name="DM", numiter=5))
    return Ptycho(p, level=level)


def image(run: Ptycho) -> np.ndarray:
    (obj,) = run.obj.storages.values()
    return obj.data


WAYS = [
    (CLASS, "source", "numpy"),
    (CLASS, "source", "numpyscan"),
    (CLASS, "source", "NumpyScan"),
    (CLASS, "name", "numpyscan"),
    (REGISTERED, "name", "NumpyScan"),
    (REGISTERED, "source", "numpy"),
]


@pytest.mark.parametrize(("script", "key", "loader"), WAYS)
def test_raw_files_become_an_image_and_later_only_the_source_changes(
    raw, typed_in, script, key, loader
):
    cls = typed_in(script)
    prepared = str(raw / "npy.ptyd")
    asked = {"shape": 32, "save": "append", "dfile": prepared}
    own = {"base_path": f"{raw}/"}
    asked |= {"recipe": own} if key == "source" else own
    first = reconstruct(raw, **{key: loader}, **asked)
    assert type(first.model.scans["moon"].ptyscan) is cls
    assert first.num_frames == 25
    assert first.model.blocks[0].geometry.distance == 0.5  # as the user's own file says
    for path in (raw / "ccd").iterdir():
        path.unlink()
    stored = Path(prepared).read_bytes()
    later = reconstruct(raw, **{key: loader, **asked, "source": "file"})
    assert type(later.model.scans["moon"].ptyscan) is PtydScan
    np.testing.assert_array_equal(image(later), image(first))
    assert Path(prepared).read_bytes() == stored


def test_parameters_of_the_loader_may_stand_in_the_recipe_or_beside_it(raw, typed_in):
    typed_in(CLASS)
    own = {"base_path": f"{raw}/"}
    runs = [
        reconstruct(raw, 2, shape=32, source="numpy", recipe=own),
        reconstruct(raw, 2, shape=32, source="numpy", **own),
        reconstruct(raw, 2, shape=32, name="numpyscan", recipe=own),
        reconstruct(raw, 2, source="numpy", recipe={**own, "shape": 32}),
        reconstruct(raw, 2, source="numpy", shape=32),  # the class has a default
    ]
    counts = [np.concatenate([block.counts for block in run.model.blocks]) for run in runs]
    for other in counts[1:]:
        np.testing.assert_array_equal(other, counts[0])


def test_a_file_that_was_named_in_the_recipe_is_found_again(raw, typed_in):
    typed_in(CLASS)
    recipe = {"base_path": f"{raw}/", "dfile": str(raw / "other.ptyd")}
    first = reconstruct(raw, 2, source="numpy", recipe=recipe, save="append", shape=32)
    later = reconstruct(raw, 2, source="file", recipe=recipe, save="append", shape=32)
    assert later.num_frames == first.num_frames == 25


def test_a_misspelt_parameter_is_named_whichever_way_the_class_was_chosen(raw, typed_in):
    typed_in(CLASS)
    wrong = {"base_pth": f"{raw}/"}
    for chosen in (
        {"source": "numpy", "recipe": wrong},
        {"name": "numpyscan", "recipe": wrong},
        {"name": "numpyscan", **wrong},
    ):
        with pytest.raises(ParameterError, match=r"scans\.moon\.data.*did you mean `base_path`"):
            reconstruct(raw, 2, **chosen)


# ------------------------------------------------------------------------ where classes are listed


@pytest.mark.parametrize("script", [CLASS, REGISTERED])
def test_a_class_of_ones_own_is_listed_where_the_others_are(typed_in, script):
    cls = typed_in(script)
    assert ptypy.experiment.NumpyScan is cls
    assert "NumpyScan" in dir(ptypy.experiment)
    assert ptypy.experiment.find_scan("NumpyScan") is cls
    label = "numpyscan" if script is CLASS else "NumpyScan"
    assert label in defaults_tree["scandata"].children


def test_a_registered_class_is_in_the_table_of_scans(typed_in):
    cls = typed_in(REGISTERED)
    assert ptypy.experiment.PTYSCANS["NumpyScan"] is cls


def test_of_two_classes_of_one_name_the_one_typed_in_last_is_meant(typed_in):
    for script in (CLASS, REGISTERED):
        first, second = typed_in(script), typed_in(script)
        assert ptypy.experiment.NumpyScan is second
        assert first is not second


def test_a_name_that_nobody_declared_is_no_part_of_the_package():
    with pytest.raises(AttributeError, match="NobodysScan"):
        _ = ptypy.experiment.NobodysScan
