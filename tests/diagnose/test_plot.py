"""A picture of any file, also where there is no screen but a terminal."""

import io
import re

import matplotlib.image
import numpy as np
import pytest

from ptypy.cli import main
from ptypy.diagnose import colour_depth, draw_file, sample_frames, show_file
from ptypy.errors import DataError, ParameterError
from ptypy.io import ptyd, ptyr

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """Frames twice as high as wide, the light in one corner, one pixel masked and hot."""
    path = tmp_path_factory.mktemp("scan") / "scan.ptyd"
    data = np.zeros((9, 40, 20), np.uint16)
    data[:, 2:8, 2:8] = 100 * np.arange(1, 10)[:, None, None]
    data[:, 30, 10] = 60000
    mask = np.ones((40, 20), bool)
    mask[30, 10] = False
    positions = np.stack(np.divmod(np.arange(9.0), 3), axis=1) * 1e-6
    ptyd.create(path, {"energy": 8.0, "center": (5, 5)}, {})
    ptyd.append_chunk(path, 0, data, np.arange(9), positions, mask)
    return path


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    path = tmp_path_factory.mktemp("result") / "run.ptyr"
    y, x = np.mgrid[:48, :64]
    obj = np.exp(1j * ((x > 32) & (y < 24)))[None].astype(np.complex64)
    probe = np.exp(-((y[:32, :32] - 16) ** 2 + (x[:32, :32] - 16) ** 2) / 30)[None] * (1 + 0j)
    storage = {
        "_psize": np.array([2e-8, 2e-8]),
        "_origin": np.array([-4e-7, -6e-7]),
        "_energy": 8.0,
    }
    history = [
        {"engine": "DM", "iteration": k, "iterations": k, "residual": 1 / k, "duration": 0.1,
         "error": np.ones(3)} for k in range(1, 9)
    ]  # fmt: skip
    content = {
        "obj": {"S": {"data": obj, **storage}}, "probe": {"S": {"data": probe, **storage}},
        "pars": {}, "runtime": {"iter_info": history, "run": "run"},
    }  # fmt: skip
    ptyr.write_run(path, content, "a run", kind="minimal")
    return path


def test_mean_and_maximum_leave_out_what_is_masked(scan):
    sample = sample_frames(scan, number=-1)
    assert sample.mean[4, 4] == 500
    assert sample.maximum[4, 4] == 900
    assert sample.maximum.max() == 900
    assert (sample.number, sample.frame[4, 4], sample.center) == (8, 900, (5.0, 5.0))
    assert not sample.ever[30, 10]
    assert len(sample.positions) == 9
    with pytest.raises(DataError, match=r"no frame 9; it has 9"):
        sample_frames(scan, number=9)


@pytest.mark.parametrize(("name", "begin"), [("a.png", b"\x89PNG"), ("a.pdf", b"%PDF")])
@pytest.mark.parametrize("kind", ["scan", "result"])
def test_a_picture_is_written_whole_and_shows_something(tmp_path, request, kind, name, begin):
    source = request.getfixturevalue(kind)
    draw_file(source, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes().startswith(begin)
    if name.endswith("png"):
        assert matplotlib.image.imread(tmp_path / name)[..., :3].std() > 0.1


def test_raw_frames_are_drawn_from_whatever_they_lie_in(tmp_path):
    import h5py

    frames = np.random.default_rng(0).poisson(5, (4, 12, 10)).astype(np.uint16)
    np.save(tmp_path / "a.npy", frames)
    np.savez(tmp_path / "a.npz", frames=frames)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["small"], file["entry/frames"] = frames[:1], frames
    for name in ("a.npy", "a.npz", "a.h5"):
        sample = sample_frames(tmp_path / name, number=2)
        assert np.array_equal(sample.frame, frames[2]), name
        assert np.allclose(sample.mean, frames.mean(axis=0)), name
    assert sample_frames(tmp_path / "a.h5", place="small").count == 1


def test_what_a_file_does_not_hold_is_refused_with_what_it_does(scan, tmp_path):
    with pytest.raises(ParameterError, match=r"object: data has frames, positions"):
        draw_file(scan, tmp_path / "a.png", what=["object"])
    with pytest.raises(ParameterError, match=r"\.png, \.pdf"):
        draw_file(scan, tmp_path / "a.jpg")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("depth", ["true", "256", "text"])
def test_a_terminal_shows_square_pixels_where_they_are(scan, depth):
    text = show_file(scan, columns=30, lines=60, depth=depth, what=["frames"], number=0)
    lines = [ESCAPES.sub("", line) for line in text.splitlines()]
    assert all(len(line) <= 30 for line in lines[1:-1])
    picture = lines[2 : lines.index(next(line for line in lines if line.startswith("frame 0")))]
    width = len(picture[0])
    # Two pixels to a character: a frame of 40 x 20 px has as many lines as columns.
    assert len(picture) == width
    if depth == "text":
        bright = [(row, column) for row, line in enumerate(picture)
                  for column, shade in enumerate(line) if shade == "@"]  # fmt: skip
        rows, columns = np.mean(bright, axis=0)
        assert rows < width * 0.25
        assert columns < width * 0.5


def test_plain_text_holds_no_escapes_and_colours_end_with_every_line(scan, result):
    for source in (scan, result):
        assert "\x1b" not in show_file(source, depth="text")
        for line in show_file(source, depth="true").splitlines():
            assert "\x1b" not in line or line.rstrip().endswith("\x1b[0m")


def test_the_error_curve_falls_from_left_to_right(result):
    lines = show_file(result, depth="text", columns=60, what=["error"]).splitlines()
    rows = [line for line in lines if "*" in line]
    assert rows[0].startswith("  1.0000 *")
    assert rows[-1].startswith("  0.1250 ")
    assert rows[0].index("*") < rows[-1].index("*")


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "true"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "dumb"}, "text"),
        ({"TERM": "xterm", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "text"),
    ],
)
def test_colours_are_those_that_the_terminal_shows(monkeypatch, variables, expected):
    for name in ("TERM", "COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert colour_depth(Terminal()) == expected
    assert colour_depth(io.StringIO()) == "text"


def test_the_command_draws_and_takes_what_ptypys_own_took(
    scan, result, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["plot", str(result), "-l", "weak", "-t", "pdf"]) == 0
    assert (tmp_path / "run.pdf").exists()
    assert main(["plot", str(scan), "-o", "b.png", "--what", "positions"]) == 0
    assert main(["plot", str(scan), "--terminal", "--width", "70"]) == 0
    assert "9 positions over 2 µm x 2 µm" in capsys.readouterr().out
