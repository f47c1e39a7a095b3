"""Errors are what a caller expects and say all that is wrong."""

import pytest

from ptypy import errors
from ptypy.errors import Fault, ParameterError


@pytest.mark.parametrize("name", [n for n in errors.__all__ if n.endswith("Error")])
def test_everything_raised_on_purpose_has_one_name_in_common(name):
    assert issubclass(getattr(errors, name), errors.PtypyError)


@pytest.mark.parametrize(
    ("name", "builtins"),
    [
        ("ParameterError", (ValueError, RuntimeError)),
        ("DataError", (ValueError, RuntimeError)),
        ("FormatError", (OSError, RuntimeError)),
        ("GeometryError", (ValueError,)),
        ("ParallelError", (RuntimeError,)),
    ],
)
def test_scripts_that_catch_the_builtin_keep_working(name, builtins):
    for builtin in builtins:
        with pytest.raises(builtin, match="a reason"):
            raise getattr(errors, name)("a reason")


def test_the_drawing_of_errors_shows_all_of_them():
    assert all(name in errors.__doc__ for name in errors.__all__ if name != "Fault")


def test_faults_are_told_at_once_in_columns():
    error = ParameterError([Fault("a.b", "99", "is too much"), Fault("c", "1", "is too little")])
    assert str(error).splitlines() == [
        "2 parameters do not fit",
        "  a.b  99  is too much",
        "  c    1   is too little",
    ]
    assert error.faults[1].path == "c"
    assert str(ParameterError([Fault("c", "1", "is odd")])).startswith("1 parameter does not fit")
    assert ParameterError("plain").faults == ()
