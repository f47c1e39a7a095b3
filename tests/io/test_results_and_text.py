"""Results of runs, parameters as JSON, pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import matplotlib.image
import numpy as np
import pytest

from ptypy.errors import DataError, FormatError
from ptypy.io import h5read, h5write, image_read, jread, jwrite, ptyr
from ptypy.utils.parameters import Param

OBJECT = np.exp(1j * np.arange(30.0).reshape(1, 5, 6)).astype(np.complex64)
CONTENT = Param(
    obj={"SmfG00": {"data": OBJECT, "_psize": np.array([1e-8, 1e-8]), "ID": "SmfG00"}},
    probe={"SmfG00": {"data": OBJECT[:, :3, :3], "_energy": 8.8}},
    pars=Param(io=Param(home="./"), engines=Param(engine00=Param(name="DM", numiter=3))),
    runtime={"iter_info": [{"iteration": 1, "error": np.zeros(3)}, {"iteration": 2, "note": "x"}]},
)


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "recons" / "run.ptyr"
    ptyr.write_run(path, CONTENT, "minimal")
    read = ptyr.read_run(path)
    assert isinstance(read, Param)
    assert read["obj"]["SmfG00"]["data"].dtype == np.complex64
    assert np.array_equal(read["obj"]["SmfG00"]["data"], OBJECT)
    assert read["pars"] == CONTENT.pars
    assert read.pars.engines.engine00.numiter == 3
    assert read["runtime"]["iter_info"][1] == {"iteration": 2, "note": "x"}
    assert ptyr.read_header(path) == {"kind": "minimal", "description": "minimal"}
    assert h5read(path, "content.probe.SmfG00._energy") == {"_energy": 8.8}


def test_viewers_are_led_to_the_object(tmp_path: Path) -> None:
    ptyr.write_run(tmp_path / "run.ptyr", CONTENT, "the star", kind="dls")
    assert ptyr.read_header(tmp_path / "run.ptyr")["kind"] == "dls"
    with h5py.File(tmp_path / "run.ptyr") as file:
        group = file
        while "default" in group.attrs:
            group = group[group.attrs["default"]]
        assert group.name == "/content/obj/SmfG00"
        assert np.array_equal(group[group.attrs["signal"]], OBJECT)


def test_a_result_that_cannot_be_stored_leaves_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "run.ptyr"
    ptyr.write_run(path, CONTENT, "minimal")
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"content\.bad\.deep"):
        ptyr.write_run(path, {**CONTENT, "bad": {"deep": object()}}, "minimal")
    assert path.read_bytes() == before


def test_other_files_are_told_from_results(tmp_path: Path) -> None:
    h5write(tmp_path / "x.ptyr", chunks={})
    with pytest.raises(FormatError, match=r"not the result of a run.*it holds chunks"):
        ptyr.read_run(tmp_path / "x.ptyr")
    with pytest.raises(FormatError, match="no such file"):
        ptyr.read_run(tmp_path / "nix.ptyr")


def test_arrays_of_noise_are_not_compressed_and_empty_ones_are(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).standard_normal((100, 100))
    h5write(tmp_path / "x.h5", noise=noise, zeros=np.zeros((100, 100)), few=np.zeros(3))
    with h5py.File(tmp_path / "x.h5") as file:
        assert file["noise"].compression is None
        assert file["zeros"].compression == "gzip"
        assert file["few"].compression is None


def test_parameters_survive_json_and_come_back_as_params(tmp_path: Path) -> None:
    tree = Param(scan=Param(shape=(128, 128), psize=np.array([1e-6, 2e-6]), file=Path("a.h5")))
    jwrite(tmp_path / "deep" / "p.json", tree, energy=np.float32(0.5), label="Mühle", old=None)
    read = jread(tmp_path / "deep" / "p.json")
    assert read.scan.shape == [128, 128]
    assert read.scan.psize == [1e-6, 2e-6]
    assert read.scan.file == "a.h5"
    assert (read.energy, read.label, read.old) == (0.5, "Mühle", None)
    assert jread(tmp_path / "deep" / "p.json", "label") == {"label": "Mühle"}


def test_a_name_with_a_dot_stays_a_name(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"a.b": {"c.d": 1}}', encoding="utf-8")
    assert list(jread(tmp_path / "p.json")) == ["a.b"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{'a': 1}", "is not JSON"), ("[1]", "holds a list"), ('{"a": 1}', "no 'b'; it holds a")],
)
def test_other_text_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "p.json").write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=reason):
        jread(tmp_path / "p.json", "b")


def test_json_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file"):
        jread(tmp_path / "nix.json")
    with pytest.raises(FormatError, match=r"p\.json"):
        jread(tmp_path / "p.json" / "..")
    jwrite(tmp_path / "p.json", a=1)
    with pytest.raises(DataError, match=r"p\.json: not written: a set"):
        jwrite(tmp_path / "p.json", a={1, 2})
    assert jread(tmp_path / "p.json") == {"a": 1}
    with pytest.raises(FormatError, match="cannot be written"):
        jwrite(tmp_path / "p.json" / "q.json", a=1)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_a_picture_is_read_as_it_was_drawn(tmp_path: Path, suffix: str) -> None:
    drawn = np.random.default_rng(0).integers(0, 255, (4, 5, 4), dtype=np.uint8)
    matplotlib.image.imsave(tmp_path / f"x.{suffix}", drawn)
    read, meta = image_read(tmp_path / f"x.{suffix}")
    assert np.array_equal(read, drawn)
    assert isinstance(meta, dict)


def test_what_is_not_a_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"no picture")
    with pytest.raises(FormatError, match=r"x\.png: is not a picture"):
        image_read(tmp_path / "x.png")
    with pytest.raises(FormatError, match="no such file"):
        image_read(tmp_path / "y.png")


def test_asking_for_one_name_loads_no_other_library() -> None:
    import subprocess
    import sys

    code = "import ptypy.io, sys; ptypy.io.jread; assert not {'h5py', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_name_is_there_and_no_other() -> None:
    import ptypy.io

    names: list[Any] = [getattr(ptypy.io, name) for name in dir(ptypy.io)]
    assert None not in names
    with pytest.raises(AttributeError, match="nix"):
        _ = ptypy.io.nix
