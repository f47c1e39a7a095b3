"""Files are whole or absent, and opening one is safe."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.io import h5append, h5info, h5options, h5read, h5write, open_h5


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
    with pytest.raises(DataError, match="leads through /a"):
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
    monkeypatch.setitem(h5options, "UNSUPPORTED", "pickle")
    with pytest.raises(ParameterError, match="pickles are not written"):
        h5write(tmp_path / "x.h5", a=1)


def test_a_value_may_stand_in_two_places(tmp_path: Path) -> None:
    shared = {"x": 1}
    h5write(tmp_path / "x.h5", a=shared, b=[shared, shared, "no array"])
    assert h5read(tmp_path / "x.h5")["b"] == [shared, shared, "no array"]


def test_a_writer_that_is_killed_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    h5write(path, a=1)
    before = path.read_bytes()
    code = (
        "import os, sys\nfrom ptypy.io._hdf5 import replacing\n"
        "with replacing(sys.argv[1]) as file:\n"
        "    file['a'] = range(1000)\n    file.flush()\n    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == -9
    assert path.read_bytes() == before


def test_what_a_killed_appender_left_is_not_read_and_is_cleared(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    h5write(path, a=1)
    with h5py.File(path, "r+") as file:
        file[".writing/0"] = 5
    assert h5read(path) == {"a": 1}
    h5append(path, b=2)
    with h5py.File(path) as file:
        assert sorted(file) == ["a", "b"]


def test_a_symbolic_link_stays_one_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    h5write(tmp_path / "real" / "x.h5", a=1)
    (tmp_path / "x.h5").symlink_to(tmp_path / "real" / "x.h5")
    h5write(tmp_path / "x.h5", a=2)
    assert (tmp_path / "x.h5").is_symlink()
    assert h5read(tmp_path / "real" / "x.h5") == {"a": 2}


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


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here", encoding="utf-8")
    with pytest.raises(FormatError, match=r"x\.h5: cannot be written"):
        h5write(tmp_path / "file" / "x.h5", a=1)


def test_spoiled_bytes_inside_a_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    h5write(path, counts=np.arange(100_000))
    with h5py.File(path) as file:
        stored = file["counts"].id.get_chunk_info(0)
    raw = bytearray(path.read_bytes())
    raw[stored.byte_offset + 10 : stored.byte_offset + 200] = b"\xff" * 190
    path.write_bytes(bytes(raw))
    with pytest.raises(FormatError, match="/counts cannot be read"):
        h5read(path)


def test_a_file_in_use_elsewhere_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    h5write(path, a=1)
    code = (
        "import sys, h5py\nwith h5py.File(sys.argv[1], 'r+'):\n"
        "    print('open', flush=True)\n    sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        busy = pytest.raises(FormatError, match=r"another process has had .* 0\.1 s")
        with busy, open_h5(path, patience=0.1):
            pass
        other.communicate(b"\n")
    assert h5read(path) == {"a": 1}


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
