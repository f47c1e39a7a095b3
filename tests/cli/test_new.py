"""A file to begin with: complete, documented, and what must be filled in is marked."""

import json
import re
import subprocess
import sys

import pytest

from ptypy import defaults_tree
from ptypy.cli import main
from ptypy.core.ptycho import choices_of, new_config
from ptypy.engines import find_engine
from ptypy.utils.config import read_config, read_yaml_text, set_values

LOADERS = sorted(choices_of("scandata"))
ENGINES = sorted(choices_of("engine"))
COMMENTED = re.compile(r"^( {0,20})# ( *[\w*]+:(?: .*)?)$")


def uncommented(text):
    """Take the marks of comments off all lines that set a parameter."""
    start = text.index("\nrun:")
    lines = text[start:].splitlines()
    return "\n".join(COMMENTED.sub(r"\1\2", line) for line in lines)


def as_lists(value):
    """Give values as a file has them."""
    if isinstance(value, dict):
        return {name: as_lists(member) for name, member in value.items()}
    return [as_lists(v) for v in value] if isinstance(value, list | tuple) else value


def defaults(path, name):
    return as_lists(defaults_tree[f"{path}.{name}"].make_default(99))


def agrees(given, default):
    """Say whether all that is given is what holds anyhow."""
    if isinstance(given, dict):
        return isinstance(default, dict) and all(agrees(v, default[k]) for k, v in given.items())
    return given == default


@pytest.mark.parametrize("loader", LOADERS)
def test_what_stands_in_a_new_file_changes_no_default(loader):
    p = read_yaml_text(new_config(loader, ENGINES), "new")
    scan = p["scans"]["scan00"]
    model, data = scan.pop("name"), scan.pop("data")
    assert data.pop("name") == loader
    assert agrees(data, defaults("scandata", loader))
    assert agrees(scan, defaults("scan", model))
    for number, name in enumerate(ENGINES):
        engine = p["engines"][f"engine{number:02d}"]
        assert engine.pop("name") == name
        assert agrees(engine, defaults("engine", name))
    top = {name: p[name] for name in p if name not in {"scans", "engines"}}
    assert agrees(top, as_lists(defaults_tree["ptycho"].make_default(99)))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_is_chosen_that_the_engine_treats(engine):
    p = read_yaml_text(new_config("PtydScan", [engine], level=0), "new")
    supported = [cls.__name__ for cls in find_engine(engine).SUPPORTED_MODELS]
    assert p["scans"]["scan00"]["name"] in (supported or ["BlockFull"])


@pytest.mark.parametrize("loader", LOADERS)
def test_with_all_comments_taken_off_every_parameter_is_there_with_its_default(loader):
    engines = ENGINES if loader == "PtydScan" else ENGINES[:1]
    text = uncommented(new_config(loader, engines, "BlockFull", everything=True))
    p = read_yaml_text(text, "new")
    data = p["scans"]["scan00"].pop("data")
    assert data == {**defaults("scandata", loader), "name": loader}
    expected = {**defaults("scan", "BlockFull"), "name": "BlockFull"}
    expected.pop("data")
    assert p["scans"]["scan00"] == expected
    for number, name in enumerate(engines):
        assert p["engines"][f"engine{number:02d}"] == {**defaults("engine", name), "name": name}
    # It says the same as a file in which nothing stands: it can be run as it is.
    set_values(p, ["run=x"], defaults_tree["ptycho"])


def test_the_three_forms_say_the_same(tmp_path):
    made = []
    for form in ("yaml", "json", "py"):
        path = tmp_path / f"scan.{form}"
        engines = ["--engine", "EPIE", "--engine", "ML"]
        assert main(["new", "-o", str(path), "--loader", "Hdf5Loader", *engines]) == 0
        made.append(read_config(path))
    assert made[0] == made[1] == made[2]
    assert made[0].engines.engine01.name == "ML"
    assert (tmp_path / "ptypy.schema.json").exists()


def test_what_must_be_filled_in_is_marked_and_nothing_else():
    text = new_config("Hdf5Loader", ["DM"])
    marked = re.findall(r"^ *(\w+): null +# <-- FILL IN", text, re.MULTILINE)
    assert marked == ["file", "key", "file", "slow_key", "fast_key"]
    unless = re.findall(r"^ *# (\w+): .*# <-- FILL IN, unless the data says it", text, re.MULTILINE)
    assert unless == ["psize", "distance", "energy"]
    assert "FILL IN" not in new_config("MoonFlowerScan", ["DM"])


def test_help_type_limits_and_unit_of_a_parameter_stand_beside_it():
    text = " ".join(new_config("Hdf5Loader", ["DM"], level=2).replace("# ", "").split())
    assert "rebin: null Edge of the blocks of pixels that are summed (integer, 1 … 32)" in text
    assert "data_type: single Precision of probe" in text
    assert "(single | double)" in text
    assert "Size of a detector pixel [m] (number or list, 0 or more)" in text


def test_levels_show_more_and_more():
    counts = [len(new_config(level=level).splitlines()) for level in (0, 1, 2)]
    assert counts[0] < counts[1] < counts[2] < len(new_config(everything=True).splitlines())
    assert max(len(line) for line in new_config(everything=True).splitlines()) <= 108


def test_all_that_is_unknown_is_said_at_once(capsys):
    arguments = ["--loader", "Hdf5Loadr", "--engine", "DN", "--engine", "ML", "--model", "Fll"]
    assert main(["new", *arguments]) == 1
    said = capsys.readouterr().err
    assert "did you mean `Hdf5Loader`?" in said
    assert "did you mean `Full`?" in said
    assert "'DN'" in said


def test_a_file_that_is_there_stays_unless_told_otherwise(tmp_path, capsys):
    path = tmp_path / "scan.yaml"
    path.write_text("mine")
    assert main(["new", "-o", str(path)]) == 1
    assert "stays as it is" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main(["new", "-o", str(path), "--force"]) == 0
    assert path.read_text().startswith("# yaml-language-server: $schema=./ptypy.schema.json\n")
    assert main(["new", "-o", str(tmp_path / "scan.txt")]) == 1
    assert "End it with .yaml, .json or .py" in capsys.readouterr().err


def test_a_list_names_what_there_is_with_a_line_each(capsys):
    assert main(["new", "--list"]) == 0
    said = capsys.readouterr().out
    for name in ("Hdf5Loader", "BlockFull", "ThreePIE"):
        assert re.search(rf"^  {name} +\w", said, re.MULTILINE)
    assert "DM_cupy" not in said


def test_the_schema_alone_goes_where_it_is_wanted(tmp_path, capsys):
    assert main(["new", "--schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert main(["new", "--schema", str(tmp_path / "s.json")]) == 0
    assert json.loads((tmp_path / "s.json").read_text()) == printed


def test_help_loads_nothing_heavy():
    script = (
        "import sys; from ptypy.cli import main\n"
        "for words in (['--help'], ['new', '--help'], ['run', '--help']):\n"
        "    try: main(words)\n"
        "    except SystemExit: pass\n"
        "heavy = {'numba', 'h5py', 'scipy', 'matplotlib', 'mpi4py', 'ruamel.yaml', 'ptypy.core'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--loader NAME" in done.stdout
