"""Declarations become scripts, tables, command-line options and documentation."""

import csv
import io

import pytest

import ptypy
from ptypy.utils.descriptor import EvalDescriptor
from ptypy.utils.parameters import Param

DECLARATION = """
[scandata.Camera.name]
default = Camera
type = str
help = Which loader

[scandata.Camera.energy]
default = 7.2
type = float
help = Photon energy [keV]
doc = Of the incident beam, 100 % of it.
lowlim = 0

[scandata.Moon.name]
default = Moon
type = str
help = Which loader

[ptycho.run]
default = None
type = str
help = Name of the run

[ptycho.data_type]
default = single
type = str
help = Precision
choices = 'single', 'double'
userlevel = 1

[ptycho.steps]
default = 5
type = int
help = Steps

[ptycho.extent]
default = (1e-6, 2e-6)
type = float, tuple
help = Extent

[ptycho.active]
default = True
type = bool
help = On or off

[ptycho.io]
default =
type = Param
help = Files

[ptycho.io.rfile]
default = dumps/%(run)s.ptyr
type = str
help = Name of the file

[ptycho.scans]
default =
type = Param
help = Scans

[ptycho.scans.*]
default =
type = Param
help = One scan

[ptycho.scans.*.data]
default =
type = @scandata.*
help = Its data
"""


@pytest.fixture
def tree():
    return EvalDescriptor("root").from_string(DECLARATION)


def test_a_template_runs_and_what_it_sets_fits(tree, tmp_path):
    path = tmp_path / "new.py"
    script = tree["ptycho"].create_template(path, user_level=2, names={"scans.*.data": "Moon"})
    assert path.read_text() == script
    namespace = {}
    exec(script, namespace)  # noqa: S102 -- that it runs is what is to be shown
    p = namespace["p"]
    assert isinstance(p.scans.scan_00.data, Param)
    assert p.scans.scan_00.data.name == "Moon"
    assert p.io.rfile == "dumps/%(run)s.ptyr"
    assert p.extent == (1e-6, 2e-6)
    tree["ptycho"].validate(p)


def test_a_template_shows_as_much_as_is_asked_for(tree):
    brief = tree["ptycho"].create_template(user_level=0, doc_level=0)
    assert "data_type" not in brief
    assert "#" not in brief
    full = tree["scandata.Camera"].create_template(start_at_root=True, footer="print(p)")
    assert "p.scandata.Camera.energy = 7.2" in full
    assert "# Photon energy [keV]\n# Of the incident beam, 100 % of it.\n" in full
    assert full.endswith("\nprint(p)\n")


def test_a_template_leaves_open_what_nobody_said(tree):
    @tree.parse_doc("scandata.Camera")
    class Camera:
        """A detector."""

        PLACEHOLDERS = ("energy",)

    script = tree["ptycho"].create_template(names={"scans.*.data": "Camera"})
    assert "\n# p.ptycho.scans" not in script
    assert "\n# p.scans.scan_00.data.energy = 7.2\n" in script
    assert Camera.DEFAULT.get("energy") is None


def test_a_template_names_a_class_once(tree):
    script = tree["ptycho"].create_template(names={"scans.*.data": "Camera"})
    assert script.count("scan_00.data.name = ") == 1
    assert "Which loader" not in script


def test_a_table_gives_back_what_was_declared(tree):
    buffer = io.StringIO()
    tree.save_csv(buffer)
    buffer.seek(0)
    rows = list(csv.DictReader(buffer))
    assert rows[1]["path"] == "scandata.Camera.energy"
    assert rows[1]["lowlim"] == "0"
    buffer.seek(0)
    twin = EvalDescriptor("root").load_csv(buffer)
    assert twin["ptycho"].make_default(99) == tree["ptycho"].make_default(99)
    assert twin["ptycho.data_type"].choices == ["single", "double"]


def test_a_table_of_the_older_form_can_be_read():
    table = io.StringIO(
        "level,name,type,default,shortdoc\n0,io,Param,,Files\n1,home,str,./,Where\n0,run,str,,Name\n"
    )
    root = EvalDescriptor("root").load_csv(table)
    assert [node.path for node in root.descendants] == ["io", "io.home", "run"]
    assert root["io.home"].help == "Where"


def test_a_file_gives_back_what_was_declared(tree):
    buffer = io.StringIO()
    tree.save_conf_parser(buffer)
    assert EvalDescriptor("x").load_conf_parser(io.StringIO(buffer.getvalue())).to_string() == (
        tree.to_string()
    )
    short = io.StringIO()
    tree.save_conf_parser(short, print_optional=False)
    assert "userlevel" not in short.getvalue()
    assert "help = Photon energy" in short.getvalue()


def test_declarations_are_not_kept_as_json(tree):
    with pytest.raises(NotImplementedError, match="load_conf_parser"):
        tree.load_json(io.StringIO())
    with pytest.raises(NotImplementedError, match="save_conf_parser"):
        tree.save_json(io.StringIO())


@pytest.mark.parametrize("mode", ["add", "group"])
def test_parameters_become_options_of_a_command_line(tree, mode):
    parser = tree["ptycho"].add2argparser(mode=mode)
    line = ["--run", "star", "--steps", "7", "--extent", "(1,2)"]
    line += ["--active", "false", "--io-rfile", "None"]
    given = vars(parser.parse_args(line))
    assert given == {
        "run": "star",
        "steps": 7,
        "extent": (1, 2),
        "active": False,
        "io.rfile": None,
    }
    p = Param()
    p.update(given)
    assert p.io.rfile is None
    assert "Precision" in parser.format_help()


@pytest.mark.parametrize("line", [["--steps", "many"], ["--data_type", "half"], ["--scans", "x"]])
def test_a_command_line_is_checked_too(tree, line, capsys):
    with pytest.raises(SystemExit):
        tree["ptycho"].add2argparser().parse_args(line)
    assert line[0] in capsys.readouterr().err


def test_options_can_have_a_prefix_and_parts_can_be_left_out(tree):
    parser = tree["ptycho"].add2argparser(prefix="p", excludes=("io",))
    assert "--p-run" in parser.format_help()
    assert "rfile" not in parser.format_help()


def test_documentation_tells_limits_choices_and_defaults(tree):
    buffer = io.StringIO()
    tree.make_doc_rst(buffer)
    text = buffer.getvalue()
    assert ".. py:data:: scandata.Camera.energy\n\n   *(float)*\n\n   Photon energy [keV]\n" in text
    assert "   Default: ``7.2``\n\n   Allowed: 0 ... \n" in text
    assert "   Choices: ``'single'``, ``'double'``\n" in text


@pytest.fixture(scope="module")
def everything():
    ptypy.defaults_tree.sanity_check()
    return ptypy.defaults_tree


@pytest.mark.parametrize("group", ["ptycho", "scan", "scandata", "engine"])
def test_templates_of_all_there_is_run_and_what_they_set_fits(everything, group):
    nodes = [everything[group]]
    if group != "ptycho":
        nodes = [node for node in everything[group].children.values() if node.children]
    for node in nodes:
        for user_level in (0, 2):
            namespace = {}
            exec(node.create_template(user_level=user_level), namespace)  # noqa: S102
            node.validate(namespace["p"])


def test_all_there_is_survives_a_table_and_a_file(everything):
    options = {node.path: node.options for node in everything.descendants if not node.implicit}
    table, file = io.StringIO(), io.StringIO()
    everything.save_csv(table)
    everything.save_conf_parser(file)
    for twin in (
        EvalDescriptor("root").load_csv(io.StringIO(table.getvalue())),
        EvalDescriptor("root").load_conf_parser(file.getvalue()),
    ):
        assert {n.path: n.options for n in twin.descendants if not n.implicit} == options


def test_all_there_is_can_be_documented_and_typed(everything):
    text = io.StringIO()
    everything.make_doc_rst(text)
    assert ".. py:data:: scandata.PtyScan.rebin\n" in text.getvalue()
    parser = everything["ptycho"].add2argparser(excludes=(), mode="group")
    assert parser.parse_args(["--run", "star"]) is not None
    assert "--io-autosave-interval" in parser.format_help()
