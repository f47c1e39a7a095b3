"""A facility ships its loaders as a package of its own, and users need not import it."""

import subprocess
import sys
import textwrap

import pytest

GOOD = '''
from ptypy import defaults_tree
from ptypy.core.data import PtyScan

@defaults_tree.parse_doc("scandata.HarbourScan")
class HarbourScan(PtyScan):
    """Read scans of the harbour's beamline.

    Defaults:

    [name]
    default = 'HarbourScan'
    type = str
    help = Read scans of the harbour

    [tide]
    default = 3
    type = int
    help = Height of the water
    """

class QuietScan(PtyScan):
    """Declares no parameters of its own."""
'''

ENTRIES = """
[ptypy.loaders]
HarbourScan = harbour:HarbourScan
QuietScan = harbour:QuietScan
SunkenScan = wreck:SunkenScan
NoScan = json:JSONDecoder
EndingScan = program:EndingScan
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with a package that offers loaders, laid out as pip does."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "harbour.py").write_text(GOOD)
    (folder / "wreck.py").write_text("raise OSError('the wreck lies too deep')\n")
    (folder / "program.py").write_text("import sys\nsys.exit(3)\n")
    about = folder / "harbour-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: harbour\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRIES)
    return folder


def run(installed, code):
    program = f"import sys; sys.path.insert(0, {str(installed)!r})\n{textwrap.dedent(code)}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_a_loader_of_another_package_is_found_by_its_name_and_not_before(installed):
    out, err = run(
        installed,
        """
        import ptypy
        from ptypy.core.data import find_scan
        from ptypy.errors import ParameterError
        find_scan("PtydScan")
        print("harbour" in sys.modules)
        print(find_scan("HarbourScan").DEFAULT.tide, find_scan("QuietScan").__name__)
        print(ptypy.defaults_tree["scandata.HarbourScan.tide"].help)
        try:
            find_scan("SunkenScan")
        except ParameterError as error:
            print(error)
        """,
    )
    before, values, text, *trouble = out.splitlines()
    assert before == "False"
    assert values == "3 QuietScan"
    assert text == "Height of the water"
    assert "package harbour" in " ".join(trouble)
    assert "the wreck lies too deep" in " ".join(trouble)
    assert "loader SunkenScan is offered by the package harbour" in err
    assert "loader NoScan" in err
    assert "loader EndingScan" in err


def test_its_parameters_are_checked_like_those_of_any_loader(installed):
    out, _ = run(
        installed,
        """
        from ptypy.core import Ptycho
        from ptypy.errors import ParameterError
        from ptypy.utils.parameters import Param
        p = Param(scans=Param(s=Param(name="BlockFull", data=Param(name="HarbourScan", tid=4))))
        p.engines = Param(e=Param(name="DM"))
        try:
            Ptycho(p, level=0)
        except ParameterError as error:
            print(error)
        """,
    )
    assert "did you mean `tide`" in out
