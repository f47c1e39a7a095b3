"""The specification's tutorial, typed in by a user into a script of their own."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from ptypy import defaults_tree
from ptypy.utils.verbose import report

SCRIPT = '''
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

BARE = '''
from ptypy import defaults_tree
from ptypy.core.data import PtyScan


@defaults_tree.parse_doc('scandata.bare_numpyscan')
class NumpyScan(PtyScan):
    """
    A PtyScan subclass to extract data from a numpy array.
    """

    def __init__(self, pars=None, **kwargs):
        # In init we need to call the parent.
        super(NumpyScan, self).__init__(pars, **kwargs)
'''

# What the specification prints of the class without a declaration of its own. Values are
# compared; of help and doc only that they are there.
PRINTED = """
[name] default = PtyScan | help | type = str
[dfile] default = None | help | type = file | userlevel = 0
[chunk_format] default = .chunk%02d | help | type = str | doc | userlevel = 2
[save] default = None | help | type = str | doc | userlevel = 1
[auto_center] default = None | help | type = bool | doc | userlevel = 0
[load_parallel] default = data | help | type = str | doc | choices = ['data', 'common', 'all']
[rebin] default = None | help | type = int | doc | userlevel = 1 | lowlim = 1 | uplim = 32
[orientation] default = None | help | type = int, tuple, list | doc | choices = [0, 1, 2, 3, 4, 5, 6, 7] | userlevel = 1
[min_frames] default = 1 | help | type = int | doc | userlevel = 2 | lowlim = 1
[positions_theory] default = None | help | type = ndarray | doc | userlevel = 2
[num_frames] default = None | help | type = int | doc | userlevel = 1
[label] default = None | help | type = str | doc | userlevel = 1
[experimentID] default = None | help | type = str | doc | userlevel = 2
[version] default = 0.1 | help | type = float | doc | userlevel = 2
[shape] default = 256 | help | type = int, tuple | doc | userlevel = 1
[center] default = 'fftshift' | help | type = list, tuple, str | doc | userlevel = 1
[psize] default = 0.000172 | help | type = float, tuple | doc | userlevel = 0 | lowlim = 0
[distance] default = 7.19 | help | type = float | doc | userlevel = 0 | lowlim = 0
[energy] default = 7.2 | help | type = float | doc | userlevel = 0 | lowlim = 0
[add_poisson_noise] default = False | help | type = bool
"""  # noqa: E501 - one parameter a line


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """Files of the described form: 12 frames of 32 x 32, one pixel of each telling its number."""
    rng = np.random.default_rng(5)
    (tmp_path / "ccd").mkdir()
    with (tmp_path / "positions.txt").open("w") as file:
        for k in range(12):
            frame = rng.poisson(20, (32, 32)).astype(np.int32)
            frame[3, 4] = 1000 + k
            np.save(tmp_path / "ccd" / f"diffraction_{k:04d}.npy", frame)
            file.write(f"ccd/diffraction_{k:04d}.npy {k // 4 * 1e-6:.4e} {k % 4 * 1e-6:.4e}\n")
    (tmp_path / "geometry.txt").write_text(
        "distance 1.5000e-01\nenergy 2.3305e-03\npsize 2.4000e-05\nshape 32\n"
    )
    return tmp_path


@pytest.fixture
def numpy_scan(experiment: Path) -> type:
    """The class of the final listing, with the paths of this test written into it."""
    return run(SCRIPT.replace("/tmp/ptypy/sim/", f"{experiment}/"))


def run(script: str) -> type:
    namespace: dict = {"__name__": "user_script"}
    exec(script, namespace)  # noqa: S102 - it stands for a user's script
    return namespace["NumpyScan"]


def sections(text: str) -> dict[str, dict[str, str]]:
    """Read what `to_string` wrote: name -> option -> value, in order."""
    found: dict[str, dict[str, str]] = {}
    option = ""
    for line in text.splitlines():
        if header := re.fullmatch(r"\[(\S+)\]", line):
            options = found[header[1]] = {}
        elif pair := re.fullmatch(r"(\w+) =(?: (.*))?", line):
            option = pair[1]
            options[option] = pair[2] or ""
        elif line.startswith("\t"):
            options[option] += line
        else:
            assert not line, f"neither a section, nor an option, nor continued: {line!r}"
    return found


def test_a_class_without_declarations_prints_what_the_specification_prints():
    run(BARE)
    printed = sections(defaults_tree["scandata.bare_numpyscan"].to_string())
    wanted = {}
    for line in PRINTED.strip().splitlines():
        name, options = re.fullmatch(r"\[(\w+)\] (.*)", line).groups()
        wanted[name] = [option.partition(" = ")[::2] for option in options.split(" | ")]
    assert list(printed)[: len(wanted)] == list(wanted)
    ours = ["propagation", "compression", "resume", "timeout", "find_bad_pixels"]
    assert list(printed)[len(wanted) :] == ours
    # Ours may be 'auto' besides.
    wanted["shape"] = [
        (name, value + ", str" * (name == "type")) for name, value in wanted["shape"]
    ]
    for name, options in wanted.items():
        assert list(printed[name]) == [option for option, _ in options], name
        for option, value in options:
            if option not in ("help", "doc"):
                assert printed[name][option] == value, (name, option)


def test_values_in_the_printout_read_as_what_they_mean():
    run(BARE)
    printed = sections(defaults_tree["scandata.bare_numpyscan"].to_string())
    assert ast.literal_eval(printed["orientation"]["choices"]) == list(range(8))
    assert ast.literal_eval(printed["center"]["default"]) == "fftshift"


def test_a_parameter_of_ones_own_prints_as_in_the_specification():
    run(SCRIPT.replace("/tmp/ptypy/sim/\n    help", "'./'\n    help"))
    assert str(defaults_tree["scandata.numpyscan.base_path"]).split("\n") == [
        "[base_path]",
        "default = './'",
        "help = Base path to extract data files from.",
        "type = str",
        "",
    ]


def test_overridden_defaults_arrive_in_the_class(numpy_scan):
    assert numpy_scan.DEFAULT.auto_center is False
    assert numpy_scan.DEFAULT.name == "numpyscan"
    assert numpy_scan.DEFAULT.dfile.endswith("npy.ptyd")


def test_the_geometry_in_the_users_file_takes_effect(numpy_scan):
    scan = numpy_scan()
    scan.initialize()
    common = scan.auto(4)["common"]
    assert common.distance == pytest.approx(0.15)
    assert common.energy == pytest.approx(2.3305e-3)
    np.testing.assert_allclose(common.psize, 24e-6)


def test_what_the_user_says_wins_over_the_file(numpy_scan):
    scan = numpy_scan({"energy": 6.2})
    assert scan.meta.energy == 6.2
    assert scan.meta.distance == pytest.approx(0.15)


def test_all_frames_arrive_in_order_with_their_positions(numpy_scan):
    scan = numpy_scan({"shape": 32})
    scan.initialize()
    seen = []
    for _ in range(3):
        package = scan.auto(5)
        for entry in package["iterable"]:
            k = entry["index"]
            assert entry["data"][3, 4] == 1000 + k
            assert entry["data"].dtype == np.int32
            assert entry["mask"].all()
            np.testing.assert_allclose(entry["position"], (k // 4 * 1e-6, k % 4 * 1e-6))
            seen.append(k)
    assert seen == list(range(12))
    assert scan.auto(5) == scan.EOS == "msgEOS"


def test_frames_smaller_than_the_default_region_are_padded_with_pixels_nobody_trusts(numpy_scan):
    scan = numpy_scan()
    scan.initialize()
    entry = scan.auto(1)["iterable"][0]
    assert entry["data"].shape == (256, 256)
    assert entry["mask"].sum() == 32 * 32
    assert entry["data"][112 + 3, 112 + 4] == 1000


def test_the_package_can_be_reported(numpy_scan):
    scan = numpy_scan({"shape": 32})
    scan.initialize()
    text = report(scan.auto(5))
    assert "common" in text
    assert "chunk" in text
    assert "iterable" in text


def test_hooks_are_documented_for_those_who_override_them():
    from ptypy.core.data import PtyScan

    positions = PtyScan.load_positions.__doc__
    for word in ("initialize", "load", "positions_theory", "load_parallel", "num_frames", "(N, 2)"):
        assert word in positions
    load = PtyScan.load.__doc__
    for word in ("indices", "raw", "positions", "weights", "empty"):
        assert word in load
