"""Tables of positions: no line is lost, and what cannot be read says what to change."""

import numpy as np
import pytest

from ptypy.errors import DataError, FormatError
from ptypy.experiment.image_stack import ImageStackScan
from ptypy.io.tables import read_columns, read_dataset, read_table

POINTS = np.arange(12.0).reshape(6, 2)


def lines(mark=","):
    return "".join(f"{y}{mark}{x}\r\n" for y, x in POINTS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("heading", ["", "y,x\r\n"])
def test_marks_at_the_beginning_of_a_text_cost_no_line(tmp_path, encoding, heading):
    (tmp_path / "a.csv").write_bytes((heading + lines()).encode(encoding))
    np.testing.assert_array_equal(read_columns(tmp_path / "a.csv"), POINTS)
    if heading:
        np.testing.assert_array_equal(read_columns(tmp_path / "a.csv", ("x", "y")), POINTS[:, ::-1])


def test_a_first_line_with_one_number_is_a_position_that_cannot_be_read(tmp_path):
    (tmp_path / "a.csv").write_text("n/a,1.0\n" + lines())
    with pytest.raises(DataError, match=r"a\.csv, line 1: 'n/a,1.0' has no numbers"):
        read_columns(tmp_path / "a.csv")


def test_a_line_that_was_taken_for_names_is_given_back(tmp_path):
    for heading, expected in (("y,x\n", "y,x"), ("# y,x\n", None), ("", None)):
        (tmp_path / "a.csv").write_text(heading + lines())
        table = read_table(tmp_path / "a.csv")
        assert (table.heading, len(table.numbers)) == (expected, 6)
    (tmp_path / "a.csv").write_text("y,x\n" + lines())
    assert read_table(tmp_path / "a.csv", ("y", "x")).heading is None


def test_no_number_of_frames_is_advised_where_the_first_position_may_be_lost(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((6, 8, 8), np.uint16))
    text = lines().splitlines(keepends=True)
    asked = {
        "files": str(tmp_path / "a.npy"),
        "positions": {"file": str(tmp_path / "a.csv"), "multiplier": 1e-6},
        "energy": 8.0, "distance": 1.0, "psize": 75e-6,
    }  # fmt: skip
    (tmp_path / "a.csv").write_text("n/a,n/a\n" + "".join(text[1:]))
    for more in ({}, {"num_frames": 5}):
        with pytest.raises(DataError, match="'n/a,n/a', was taken for names of columns"):
            ImageStackScan(asked, **more).auto(1)
    (tmp_path / "a.csv").write_text("# n/a,n/a\n" + "".join(text[:5]))
    with pytest.raises(DataError, match="`num_frames=5` uses the first of both"):
        ImageStackScan(asked).auto(1)
    assert len(ImageStackScan(asked, num_frames=5).next_chunk(9).data) == 5


@pytest.mark.parametrize("mark", [";", "\t", " "])
def test_decimal_commas_are_named(tmp_path, mark):
    (tmp_path / "a.txt").write_text(lines(mark).replace(".", ","))
    with pytest.raises((DataError, FormatError), match="write decimal points, not commas"):
        read_columns(tmp_path / "a.txt")


def test_exponents_of_fortran_and_files_that_are_no_text_are_named(tmp_path):
    (tmp_path / "a.txt").write_text("1.5D-3 2\n")
    with pytest.raises(DataError, match="write exponents with E, not D"):
        read_columns(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(POINTS.tobytes())
    with pytest.raises(FormatError, match=r"a\.txt: is no text"):
        read_columns(tmp_path / "a.txt")


def test_tables_of_older_matlab_files_are_read(tmp_path):
    import scipy.io

    scipy.io.savemat(tmp_path / "a.mat", {"points": POINTS, "y": POINTS[:, :1], "x": POINTS[:, 1:]})
    np.testing.assert_array_equal(read_columns(tmp_path / "a.mat", key="points"), POINTS)
    np.testing.assert_array_equal(read_columns(tmp_path / "a.mat", key=("y", "x")), POINTS)
    with pytest.raises(DataError, match="no dataset 'z'; it holds points, x, y"):
        read_dataset(tmp_path / "a.mat", "z")
    (tmp_path / "b.mat").write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(FormatError, match=r"b\.mat"):
        read_dataset(tmp_path / "b.mat", "z")


# ------------------------------------------------------------ columns that nobody chose


@pytest.mark.parametrize(
    "text", ["frame,x,y\n0,2,1\n1,4,3\n", "# x y\n2 1\n4 3\n", "1,2\n3,4\n", "a b\n1 2\n3 4\n"]
)
def test_columns_named_y_and_x_or_the_only_two_need_not_be_chosen(tmp_path, text):
    (tmp_path / "log.csv").write_text(text)
    table = read_table(tmp_path / "log.csv", None)
    np.testing.assert_array_equal(table.numbers, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("frame,x_um,y_um\n0,2,1\n", "columns frame, x_um, y_um"),
        ("0,2,1\n1,4,3\n", "3 columns"),
        ("# y and x\n0 2 1 5\n", "4 columns"),
    ],
)
def test_the_number_of_a_frame_is_not_taken_for_a_position(tmp_path, text, known):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(DataError, match=f"has {known}: say by `columns`"):
        read_table(tmp_path / "log.csv", None)


def test_an_array_of_more_than_two_columns_needs_them_chosen(tmp_path):
    np.save(tmp_path / "log.npy", np.ones((5, 3)))
    with pytest.raises(DataError, match="has 3 columns: say by `columns`"):
        read_table(tmp_path / "log.npy", None)
    assert read_table(tmp_path / "log.npy", (0, 2)).numbers.shape == (5, 2)
