"""What has no form in HDF5 is refused, what is wrong with a file is said, and nothing is run."""

from __future__ import annotations

import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.io import h5append, h5info, h5options, h5read, h5write


class Strange:
    """HDF5 has no form for this."""


def circle() -> list[Any]:
    loop: list[Any] = [1]
    loop.append(loop)
    return loop


def remains(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


UNSTORABLE = [
    (Strange(), "a Strange has no form"),
    ({1, 2}, "a set has no form"),
    (2**64, "65 bit"),
    (-(2**63) - 1, "64 bit"),
    ([1, 10**400], "bit"),
    ("a\0b", "NUL"),
    (np.array(["a\0b"]), "NUL"),
    (np.array([{}, None], dtype=object), "array of objects"),
    (np.ma.masked_array([1, 2], [True, False]), "masked"),
    (np.array(["2026-01-01"], dtype="M8[s]"), "times"),
    ({1: "one"}, "key 1 is a int"),
    ({"": 1}, "cannot be a name"),
    ({"a/b": 1, "a_SLASH_b": 2}, "one stored name"),
    (circle(), "contains itself"),
    (np.zeros((1,) * 33), "33 axes; HDF5 has 32"),
    (np.zeros(2, [("name", "U3")]), "values of type <U3"),
]


@pytest.mark.parametrize(("value", "reason"), UNSTORABLE)
@pytest.mark.parametrize("write", [h5write, h5append])
def test_a_value_without_a_form_leaves_the_old_file_byte_for_byte(
    tmp_path: Path, write: Any, value: Any, reason: str
) -> None:
    path = tmp_path / "old.h5"
    h5write(path, {"old": np.arange(1000)})
    before = path.read_bytes()
    with pytest.raises(DataError, match=rf"(?s)nothing was written.*new\.deep.*{reason}"):
        write(path, {"old": 1, "new": {"deep": value}})
    assert path.read_bytes() == before
    assert remains(tmp_path) == ["old.h5"]


def test_all_values_without_a_form_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)a\.x: .*b\.00001: "):
        h5write(tmp_path / "new.h5", a={"x": Strange()}, b=["fine", Strange()])
    assert remains(tmp_path) == []


def test_an_unnamed_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name it"):
        h5write(tmp_path / "x.h5", np.zeros(3))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="not a name"):
        h5write(tmp_path / "x.h5", {"/": 3})
    assert remains(tmp_path) == []


def test_a_path_through_a_number_is_refused_and_the_number_stays(tmp_path: Path) -> None:
    h5write(tmp_path / "x.h5", a=1)
    with pytest.raises(DataError, match="leads through 'a'"):
        h5append(tmp_path / "x.h5", {"b": 2, "a/c": 3})
    assert h5read(tmp_path / "x.h5") == {"a": 1}


def test_values_without_a_form_are_left_out_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(h5options, "UNSUPPORTED", "ignore")
    h5write(tmp_path / "x.h5", a=1, b=Strange())
    assert h5read(tmp_path / "x.h5") == {"a": 1}
    with pytest.raises(DataError, match="contains itself"):
        h5write(tmp_path / "x.h5", a=circle())
    monkeypatch.setitem(h5options, "UNSUPPORTED", "fial")
    with pytest.raises(ParameterError, match="may be 'fail', 'ignore', 'pickle'"):
        h5write(tmp_path / "x.h5", a=1)


def test_values_without_a_form_are_pickled_when_asked_and_read_when_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(h5options, "UNSUPPORTED", "pickle")
    tree = {"a": [{1, 2}, 2**70], "b": Fraction(1, 3), "c": np.array(["2026-01-01"], "M8[s]")}
    h5write(tmp_path / "x.h5", tree)
    with pytest.raises(FormatError, match="is a Python pickle"):
        h5read(tmp_path / "x.h5")
    assert h5read(tmp_path / "x.h5", allow_pickle=True) == tree
    for value, reason in ((circle(), "contains itself"), ({1: 2}, "key 1"), (lambda: 1, "pickled")):
        with pytest.raises(DataError, match=reason):
            h5write(tmp_path / "x.h5", bad=value)


def test_a_value_may_stand_in_two_places(tmp_path: Path) -> None:
    shared = {"x": 1}
    h5write(tmp_path / "x.h5", a=shared, b=[shared, shared, "no array"])
    assert h5read(tmp_path / "x.h5")["b"] == [shared, shared, "no array"]


def nest(levels: int) -> Any:
    inner: Any = {}
    for _ in range(levels):
        inner = {"in": inner}
    return inner


def test_what_lies_deeper_than_can_be_read_back_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    h5write(path, nest(98))
    assert h5read(path) == nest(98)
    for deep in (nest(5000), [nest(98)]):
        with pytest.raises(DataError, match="more than 99 levels deep"):
            h5write(path, deep=deep)
    endless: Any = []
    for _ in range(5000):
        endless = [endless]
    with pytest.raises(DataError, match="more than 99 levels deep"):
        h5write(path, endless=endless)
    assert h5read(path) == nest(98)


def test_a_group_that_is_linked_within_itself_is_an_error_unless_a_depth_is_given(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["a/b/n"] = 1
        file["a/b/up"] = file["a"]
        file["a/b/top"] = h5py.SoftLink("/")
    with pytest.raises(FormatError, match=r"is linked to from within itself.*depth=3"):
        h5read(path)
    assert h5read(path, "a/b/n") == {"a/b/n": 1}
    assert h5read(path, "a", depth=2) == {"a": {"b": {"n": 1, "up": {}, "top": {}}}}
    with h5py.File(path, "w") as file:
        file["/".join(["deep"] * 120)] = 1
    with pytest.raises(FormatError, match="more than 99 levels deep"):
        h5read(path)
    assert h5read(path, depth=2) == {"deep": {"deep": {}}}


def test_a_missing_file_says_which_and_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"nix\.h5: there is no such file"):
        h5read(tmp_path / "nix.h5")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda whole: whole[:-100], r"cut short, \d+ of \d+ bytes"),
        (lambda whole: whole[:60], r"cut short, 60 of \d+ bytes"),
        (lambda whole: b"", "is empty"),
        (lambda whole: b"%PDF-1.4 " * 100, "not an HDF5 file"),
    ],
)
def test_a_damaged_file_says_how_and_what_to_do(tmp_path: Path, content: Any, reason: str) -> None:
    path = tmp_path / "x.h5"
    h5write(path, a=np.arange(5000))
    path.write_bytes(content(path.read_bytes()))
    appending = [] if reason == "is empty" else [lambda p: h5append(p, b=1)]
    for use in (h5read, h5info, *appending):
        with pytest.raises(FormatError, match=rf"x\.h5: .*{reason}"):
            use(path)


def test_a_directory_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is a directory"):
        h5read(tmp_path)
    with pytest.raises(FormatError, match="is a directory"):
        h5write(tmp_path, a=1)


def test_spoiled_bytes_inside_a_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    h5write(path, counts=np.arange(100_000))
    with h5py.File(path) as file:
        stored = file["counts"].id.get_chunk_info(0)
    raw = bytearray(path.read_bytes())
    raw[stored.byte_offset + 10 : stored.byte_offset + 200] = b"\xff" * 190
    path.write_bytes(bytes(raw))
    for names in ((), ("counts",), ("counts[5]",)):
        with pytest.raises(FormatError, match="/counts cannot be read"):
            h5read(path, *names)


@pytest.mark.parametrize("kind", ["pickle", "record_array"])
def test_a_pickle_in_a_file_is_not_run_unless_asked_for(tmp_path: Path, kind: str) -> None:
    trace = tmp_path / "trace"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (trace,))

    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a/trap", data=np.void(pickle.dumps(Trap()))).attrs["type"] = kind
    h5info(path, output=lambda line: None)
    for names in ((), ("a",), ("a.trap",), ("a.trap[0]",)):
        with pytest.raises(FormatError, match=r"/a/trap is a Python pickle .*allow_pickle=True"):
            h5read(path, *names)
    assert not trace.exists()
    h5read(path, allow_pickle=True)
    assert trace.exists()


@pytest.mark.parametrize("text", ["__import__('os')", "1:2:3:4", "x", "", "0, True", "1e3", "(1)"])
def test_what_stands_in_brackets_is_parsed_and_never_run(tmp_path: Path, text: str) -> None:
    h5write(tmp_path / "x.h5", a=np.arange(3))
    with pytest.raises(ParameterError, match="is not an index"):
        h5read(tmp_path / "x.h5", f"a[{text}]")


def test_a_missing_entry_says_what_there_is(tmp_path: Path) -> None:
    h5write(tmp_path / "x.h5", a={"b": 1, "c": 2})
    with pytest.raises(KeyError, match=r"no 'a\.d'; /a holds b, c"):
        h5read(tmp_path / "x.h5", "a.d")
    with pytest.raises(OSError, match=r"no 'd'; / holds a"):
        h5read(tmp_path / "x.h5", "d")
    h5write(tmp_path / "x.h5", energy=1)
    with pytest.raises(KeyError, match="did you mean `energy`"):
        h5read(tmp_path / "x.h5", "enery")


def test_a_slice_of_a_group_or_beyond_the_end_is_an_error(tmp_path: Path) -> None:
    h5write(tmp_path / "x.h5", a={"b": np.arange(3)}, l=[1, 2])
    with pytest.raises(RuntimeError, match="an index needs an array"):
        h5read(tmp_path / "x.h5", "a[0]")
    with pytest.raises(FormatError, match=r"/a/b\[7\]"):
        h5read(tmp_path / "x.h5", "a.b[7]")
    with pytest.raises(FormatError, match=r"/l\[7\]"):
        h5read(tmp_path / "x.h5", "l[7]")


def test_a_link_that_leads_nowhere_names_the_missing_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["part"] = h5py.ExternalLink("gone.h5", "/")
    with pytest.raises(FormatError, match=r"/part links to gone\.h5"):
        h5read(tmp_path / "x.h5")
    lines: list[str] = []
    h5info(tmp_path / "x.h5", output=lines.append)
    assert "leads nowhere" in lines[-1]


def test_a_pickle_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("a", data=np.bytes_(b"cnowhere\nthing\n.")).attrs["type"] = "pickle"
    with pytest.raises(FormatError, match=r"the pickle /a cannot be read \(ModuleNotFoundError"):
        h5read(tmp_path / "x.h5", allow_pickle=True)
