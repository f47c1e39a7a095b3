"""Each kind of entry that PtyPy 0.9 writes, made with plain h5py, is read as its users know it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptypy.io import h5info, h5read
from ptypy.utils.parameters import Param

GZIP = {"compression": "gzip"}
TEXT = h5py.string_dtype()


def put(group: Any, name: str, kind: str | None, data: Any, **options: Any) -> Any:
    """Write a dataset and say of which kind it is, as PtyPy does."""
    dataset = group.create_dataset(name, data=data, **options)
    if kind is not None:
        dataset.attrs["type"] = kind
    return dataset


def branch(group: Any, name: str, kind: str | None) -> Any:
    made = group.create_group(name)
    if kind is not None:
        made.attrs["type"] = kind
    return made


def a_mixed_list(file: Any) -> None:
    group = branch(file, "x", "list")
    put(group, "00001", "string", "b", dtype=TEXT)
    put(group, "00000", "scalar", 1)
    put(group, "00002", "None", np.zeros(1))
    inner = branch(group, "00003", "dict")
    put(inner, "y", "scalar", 2.5)


def a_tuple_of_texts(file: Any) -> None:
    group = branch(file, "x", "tuple")
    put(group, "00000", "string", "a", dtype=TEXT)
    put(group, "00001", "string", "b", dtype=TEXT)


def a_dictionary(file: Any, kind: str | None = "dict") -> None:
    group = branch(file, "x", kind)
    for name in ("b", "aa", "c"):
        put(group, name, "scalar", 1)


def a_name_with_a_slash(file: Any) -> None:
    group = branch(file, "x", "dict")
    put(group, "in_SLASH_side", "scalar", 1).attrs["escaped"] = "1"
    put(group, "not_SLASH_escaped", "scalar", 2)


ROWS: list[tuple[str, Callable[[Any], Any], Any, type]] = [
    ("int", lambda f: put(f, "x", "scalar", 5), 5, int),
    ("np.int32", lambda f: put(f, "x", "scalar", np.int32(5)), 5, int),
    ("float", lambda f: put(f, "x", "scalar", 7.2), 7.2, float),
    ("bool", lambda f: put(f, "x", "scalar", True), True, bool),
    ("complex", lambda f: put(f, "x", "scalar", 1 + 2j), 1 + 2j, complex),
    ("complex64", lambda f: put(f, "x", "scalar", np.complex64(1j)), 1j, complex),
    ("bytes", lambda f: put(f, "x", "scalar", b"ab"), b"ab", bytes),
    ("str", lambda f: put(f, "x", "string", "Mühle", dtype=TEXT), "Mühle", str),
    ("empty str", lambda f: put(f, "x", "string", "", dtype=TEXT), "", str),
    ("unicode", lambda f: put(f, "x", "unicode", "Mühle", dtype=TEXT), "Mühle", str),
    ("type object", lambda f: put(f, "x", "string", str(int), dtype=TEXT), str(int), str),
    ("None", lambda f: put(f, "x", "None", np.zeros(1)), None, type(None)),
    ("list of int", lambda f: put(f, "x", "arraylist", [1, 2], **GZIP), [1, 2], list),
    ("list of rows", lambda f: put(f, "x", "arraylist", [[1, 2], [3, 4]], **GZIP), None, list),
    ("list of bool", lambda f: put(f, "x", "arraylist", [True, False]), [True, False], list),
    ("list of bytes", lambda f: put(f, "x", "arraylist", [b"a", b"b"]), [b"a", b"b"], list),
    ("tuple of float", lambda f: put(f, "x", "arraytuple", [1.5, 2.5]), (1.5, 2.5), tuple),
    ("tuple of rows", lambda f: put(f, "x", "arraytuple", [[1, 2], [3, 4]]), None, tuple),
    ("mixed list", a_mixed_list, [1, "b", None, {"y": 2.5}], list),
    ("empty list", lambda f: branch(f, "x", "list"), [], list),
    ("tuple of str", a_tuple_of_texts, ("a", "b"), tuple),
    ("empty tuple", lambda f: branch(f, "x", "tuple"), (), tuple),
    ("dict", a_dictionary, {"aa": 1, "b": 1, "c": 1}, dict),
    ("OrderedDict", lambda f: a_dictionary(f, "ordered_dict"), {"aa": 1, "b": 1, "c": 1}, dict),
    ("no attribute", lambda f: a_dictionary(f, None), {"aa": 1, "b": 1, "c": 1}, dict),
    ("Param", lambda f: a_dictionary(f, "param"), Param(aa=1, b=1, c=1), Param),
    ("slash", a_name_with_a_slash, {"in/side": 1, "not_SLASH_escaped": 2}, dict),
]


def read(tmp_path: Path, write: Callable[[Any], Any]) -> Any:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["h5rw_version"] = "0.1"
        write(file)
    return h5read(tmp_path / "x.h5")["x"]


@pytest.mark.parametrize(
    ("write", "expected", "kind"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_an_entry_has_the_value_and_the_type_that_scripts_expect(
    tmp_path: Path, write: Callable[[Any], Any], expected: Any, kind: type
) -> None:
    value = read(tmp_path, write)
    assert type(value) is kind
    if expected is not None:
        assert value == expected


def test_members_of_lists_are_numpy_scalars_and_rows_and_of_tuples_python_numbers(
    tmp_path: Path,
) -> None:
    numbers = read(tmp_path, lambda f: put(f, "x", "arraylist", [1, 2]))
    assert [type(number) for number in numbers] == [np.int64, np.int64]
    rows = read(tmp_path, lambda f: put(f, "x", "arraylist", [[1, 2], [3, 4]]))
    assert [row.tolist() for row in rows] == [[1, 2], [3, 4]]
    assert all(isinstance(row, np.ndarray) for row in rows)
    assert read(tmp_path, lambda f: put(f, "x", "arraytuple", [[1, 2], [3, 4]])) == ([1, 2], [3, 4])
    numbers = read(tmp_path, lambda f: put(f, "x", "arraytuple", [1, 2]))
    assert [type(number) for number in numbers] == [int, int]


def test_a_dictionary_has_its_names_in_the_order_of_the_alphabet(tmp_path: Path) -> None:
    assert list(read(tmp_path, a_dictionary)) == ["aa", "b", "c"]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.uint16).reshape(2, 3),
        np.array([True, False]),
        np.array([1j, 2], dtype=np.complex64),
        np.array([b"ab", b"c"]),
        np.zeros((0, 4)),
        np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
    ],
    ids=["uint16", "bool", "complex64", "bytes", "empty", "records"],
)
def test_an_array_keeps_type_shape_and_values(tmp_path: Path, array: Any) -> None:
    options = GZIP if array.size else {}
    value = read(tmp_path, lambda f: put(f, "x", "array", array, **options))
    assert value.dtype == array.dtype
    assert np.array_equal(value, array)


def test_numbers_and_text_without_an_attribute_are_no_arrays_without_axes(tmp_path: Path) -> None:
    number = read(tmp_path, lambda f: put(f, "x", None, 8.8))
    assert not isinstance(number, np.ndarray)
    assert number == 8.8
    assert read(tmp_path, lambda f: put(f, "x", None, "star", dtype=TEXT)) == "star"


@pytest.mark.parametrize("kind", ["record_array", "pickle"])
def test_what_is_a_pickle_there_is_read_when_asked_for(tmp_path: Path, kind: str) -> None:
    records = np.rec.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        put(file, "x", kind, np.bytes_(pickle.dumps(records)))
    value = h5read(path, allow_pickle=True)["x"]
    assert type(value) is type(records)
    assert np.array_equal(value, records)


def test_attributes_may_be_of_fixed_length(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_group("x").attrs["type"] = np.bytes_("list")
    assert h5read(tmp_path / "x.h5") == {"x": []}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("list[1]", "b"),
        ("list[:2]", [1, "b"]),
        ("tuple[0]", 1.5),
        ("tuple[::-1]", (2.5, 1.5)),
        ("numbers[1:]", [2, 3]),
        ("text[1:3]", "üh"),
        ("list[...]", [1, "b", None, {"y": 2.5}]),
    ],
)
def test_parts_of_lists_tuples_and_texts_are_of_the_same_type(
    tmp_path: Path, name: str, expected: Any
) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        a_mixed_list(file)
        file.move("x", "list")
        put(file, "tuple", "arraytuple", [1.5, 2.5])
        put(file, "numbers", "arraylist", [1, 2, 3])
        put(file, "text", "string", "Mühle", dtype=TEXT)
    (value,) = h5read(tmp_path / "x.h5", name).values()
    assert value == expected
    assert type(value) is type(expected)


def test_the_outline_shows_every_kind(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for number, (_, write, _, _) in enumerate(ROWS):
            write(file)
            file.move("x", f"row{number:02d}")
    lines: list[str] = []
    h5info(tmp_path / "x.h5", output=lines.append)
    assert sum(line.startswith("  row") for line in lines) == len(ROWS)
