"""What is put into an HDF5 file comes out of it."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ptypy.io import h5append, h5info, h5read, h5write
from ptypy.utils.parameters import Param, Placeholder

quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
names = texts.filter(lambda name: name not in ("", ".") and "_SLASH_" not in name)
numbers = (
    st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
)
arrays = hnp.arrays(
    st.sampled_from(
        ["?", "i1", "u2", ">i4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "U3", "S3"]
    ),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    elements=None,
    fill=st.nothing(),
)
leaves = st.none() | numbers | texts | st.binary(max_size=6)


def nested(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(children, max_size=4)
    dicts = st.dictionaries(names, children, max_size=4)
    return lists | lists.map(tuple) | dicts


def storable(array: np.ndarray) -> bool:
    """Strings with a NUL inside, or half a character, have no form in HDF5."""
    if array.dtype.kind != "U":
        return True
    return all("\0" not in s and not any("\ud800" <= c <= "\udfff" for c in s) for s in array.flat)


def same(a: Any, b: Any) -> bool:
    """Equal in value and in type; ``a``, a member of a list that was read, may be of NumPy."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        is_array = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        numeric = is_array and a.dtype.kind in "fc"
        return is_array and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=numeric)
    if isinstance(a, dict):
        return type(a) is type(b) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    plain = a.item() if isinstance(a, np.generic) else a
    return bool(a == b) and type(plain) is type(b)


@given(tree=st.dictionaries(names, st.recursive(leaves, nested, max_leaves=15), max_size=4))
@quick
def test_nested_values_survive_the_file(tree: dict[str, Any], tmp_path: Path) -> None:
    tree = {name.replace("/", "-"): value for name, value in tree.items()}
    h5write(tmp_path / "tree.h5", tree)
    assert same(h5read(tmp_path / "tree.h5"), tree)


@given(array=arrays.filter(storable))
@quick
def test_arrays_keep_shape_type_and_every_value(array: np.ndarray, tmp_path: Path) -> None:
    h5write(tmp_path / "array.h5", a=array, inside=[array, {"b": array}])
    read = h5read(tmp_path / "array.h5")
    assert same(read["a"], array)
    assert same(read["inside"], [array, {"b": array}])


def test_a_param_comes_back_as_a_param_also_with_dots_in_its_names(tmp_path: Path) -> None:
    tree = Param(a=Param(b=1))
    dict.__setitem__(tree, "x.y", 2)
    h5write(tmp_path / "p.h5", tree=tree)
    read = h5read(tmp_path / "p.h5")["tree"]
    assert type(read) is Param
    assert type(read.a) is Param
    assert list(read) == ["a", "x.y"]


def test_a_number_that_nobody_gave_is_stored_as_the_number_it_is(tmp_path: Path) -> None:
    h5write(tmp_path / "p.h5", energy=Placeholder(7.2), path=Path("a") / "b", kind=int)
    read = h5read(tmp_path / "p.h5")
    assert read["energy"] == 7.2
    assert read["path"] == str(Path("a") / "b")
    assert "int" in read["kind"]


def test_what_is_almost_a_number_or_a_text_is_stored_as_that(tmp_path: Path) -> None:
    class Level(enum.IntEnum):
        LOW = 1

    class Mode(str, enum.Enum):  # noqa: UP042  -- as scripts write it
        FAST = "fast"

    content = {"level": Level.LOW, "mode": Mode.FAST, "name": np.str_("x"), "half": np.float16(0.5)}
    h5write(tmp_path / "x.h5", content)
    read = h5read(tmp_path / "x.h5")
    assert read == {"half": 0.5, "level": 1, "mode": "fast", "name": "x"}
    assert [type(value) for value in read.values()] == [float, int, str, str]


def test_lists_within_more_lists_than_an_array_has_axes_survive(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    block = np.zeros((1,) * 20)
    h5write(tmp_path / "x.h5", deep=deep, blocks=[[[block] * 2] * 2] * 20)
    read = h5read(tmp_path / "x.h5")
    assert read["deep"] == deep
    assert len(read["blocks"]) == 20


def test_a_list_of_a_hundred_thousand_and_one_keeps_its_order(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "long.h5", "w") as file:
        group = file.create_group("long")
        group.attrs["type"] = "list"
        for name in ("99999", "100000"):
            group.create_dataset(name, data=int(name)).attrs["type"] = "scalar"
    assert h5read(tmp_path / "long.h5")["long"] == [99999, 100000]


def test_rows_of_a_list_of_arrays_are_arrays(tmp_path: Path) -> None:
    rows = [np.arange(3.0), np.ones(3)]
    h5write(tmp_path / "rows.h5", rows=rows, pairs=[(1, 2), (3, 4)])
    read = h5read(tmp_path / "rows.h5")
    assert same(read["rows"], rows)
    assert read["pairs"] == [(1, 2), (3, 4)]


def test_records_survive(tmp_path: Path) -> None:
    records = np.array(
        [(1, True, b"ab", [1, 2])], [("i", "i4"), ("b", "?"), ("s", "S2"), ("v", "f4", 2)]
    )
    h5write(tmp_path / "r.h5", records=records, one=records[0])
    read = h5read(tmp_path / "r.h5")
    assert read["records"].dtype == records.dtype
    assert read["records"].tobytes() == records.tobytes() == read["one"].tobytes()


def test_a_file_of_another_program_gives_numbers_and_text(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["energy"] = 8.8
        file["label"] = "star"
        file["frames"] = np.zeros((2, 3))
        file["nothing"] = h5py.Empty("f4")
        file.attrs["type"] = "something else"
        file["energy"].attrs["type"] = np.array([1, 2])
    read = h5read(tmp_path / "plain.h5")
    assert float(read["energy"]) == 8.8
    assert f"{read['energy']:.1f}" == "8.8"
    assert read["label"] == "star"
    assert read["frames"].shape == (2, 3)
    assert read["nothing"] is None


TREE = {
    "a": {"b": {"c": np.arange(12).reshape(3, 4), "d": "text"}},
    "e": [1, "x", None],
    "f": (1.5, 2.5),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    path = tmp_path / "tree.h5"
    h5write(path, TREE)
    return path


@pytest.mark.parametrize(
    ("name", "key", "expected"),
    [
        ("a.b.d", "d", "text"),
        ("a/b/d", "a/b/d", "text"),
        ("a.b.d[1:3]", "d", "ex"),
        ("a.b.c[1]", "c", [4, 5, 6, 7]),
        ("a.b.c[1:3, 0]", "c", [4, 8]),
        ("a.b.c[..., -1]", "c", [3, 7, 11]),
        ("a.b.c[::-1, 0]", "c", [8, 4, 0]),
        ("e[1]", "e", "x"),
        ("e[:2]", "e", [1, "x"]),
        ("f[-1]", "f", 2.5),
    ],
)
def test_a_part_of_a_file_is_found_by_its_path(
    tree: Path, name: str, key: str, expected: Any
) -> None:
    read = h5read(tree, name)
    assert list(read) == [key]
    value = read[key]
    assert (value.tolist() if isinstance(value, np.ndarray) else value) == expected


@pytest.mark.parametrize("names", [("e", "f"), ["e", "f"]])
def test_names_may_come_as_list_and_as_tuple(tree: Path, names: Any) -> None:
    assert h5read(tree, names) == h5read(tree, "e", "f") == {"e": [1, "x", None], "f": (1.5, 2.5)}


def test_the_slice_argument_is_for_the_last_name(tree: Path) -> None:
    read = h5read(tree, "a.b.d", "a.b.c", slice=np.s_[0, 1:3])
    assert read["d"] == "text"
    assert read["c"].tolist() == [1, 2]
    assert h5read(tree, "a.b.c", slice="0, 1:3")["c"].tolist() == [1, 2]


def test_depth_limits_how_far_groups_are_read(tree: Path) -> None:
    assert h5read(tree, depth=2)["a"] == {"b": {}}
    assert h5read(tree, "f", depth=0) == {"f": (1.5, 2.5)}


def test_wildcards_and_lists_of_files_give_lists(tmp_path: Path) -> None:
    for k in range(3):
        h5write(tmp_path / f"s{k}.h5", k=k)
    h5write(tmp_path / "odd[1].h5", k=7)
    assert h5read(tmp_path / "s*.h5", "k") == [{"k": 0}, {"k": 1}, {"k": 2}]
    assert h5read([tmp_path / "s2.h5", tmp_path / "s0.h5"]) == [{"k": 2}, {"k": 0}]
    assert h5read(tmp_path / "odd[1].h5") == {"k": 7}
    assert h5read([tmp_path / "s[01].h5", tmp_path / "odd[1].h5"]) == [{"k": 0}, {"k": 1}, {"k": 7}]
    assert h5read(tmp_path / "s2.h5", doglob=True) == [{"k": 2}]
    with pytest.raises(OSError, match="no such file"):
        h5read(tmp_path / "s*.h5", doglob=False)
    with pytest.raises(OSError, match=r"no match for .*t\*\.h5"):
        h5read(tmp_path / "t*.h5")


def test_a_slash_addresses_a_path_at_the_top_and_is_kept_inside(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    h5write(path, {"chunks/0": {"in/side": 1}})
    h5append(path, {"chunks/1": {"x": 2}})
    assert h5read(path) == {"chunks": {"0": {"in/side": 1}, "1": {"x": 2}}}
    assert h5read(path, "chunks/1") == {"chunks/1": {"x": 2}}


def test_appending_replaces_entries_of_that_name_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "s.h5"
    h5append(path, {"a": 1, "b": {"old": 2}})
    h5append(path, {"b": {"new": 3}}, c=4)
    assert h5read(path) == {"a": 1, "b": {"new": 3}, "c": 4}
    h5append(path, {"b/new": "text", "a": None})
    assert h5read(path) == {"a": None, "b": {"new": "text"}, "c": 4}


def test_the_outline_names_every_entry_without_reading_arrays(tree: Path) -> None:
    lines: list[str] = []
    h5info(tree, output=lines.append)
    text = "\n".join(lines)
    assert "[3 x 4 int64]" in text
    assert "d  'text'" in text
    lines.clear()
    h5info(tree, "a.b", output=lines.append, depth=1)
    assert len(lines) == 3


def test_the_outline_is_printed_unless_told_otherwise(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    h5info(tree)
    assert "[3 x 4 int64]" in capsys.readouterr().out
