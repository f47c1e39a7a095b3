"""Before hours are spent: would it run, and is what comes out to be believed?"""

import json
import re
from pathlib import Path

import pytest

from ptypy.cli import main
from ptypy.simulations import Beamtime

BEAMTIME = """\
scans:
  flower:
    name: BlockFull
    data:
      name: Hdf5Loader
      intensities: {file: detector.h5, key: entry/data}
      darkfield: {file: detector.h5, key: entry/dark}
      mask: {file: detector.h5, key: entry/bad_pixels, invert: true}
      positions:
        file: stage.h5
        slow_key: scan/y
        fast_key: scan/x
        slow_multiplier: 1e-6
        fast_multiplier: 1e-6
      recorded_energy: {file: stage.h5, key: beam/energy, multiplier: 1e-3}
      recorded_distance: {file: stage.h5, key: detector/distance, multiplier: 1e-3}
      psize: 55e-6
      shape: 256
      center: null
      orientation: 5
      rebin: 2
      save: append
      dfile: flower.ptyd
    illumination: {aperture: {form: circ, size: 0.8e-6}}
engines:
  engine00: {name: DM, numiter: 30}
  engine01: {name: ML, numiter: 10}
"""
DATA = "scans.flower.data"


@pytest.fixture(scope="module")
def beamtime(tmp_path_factory):
    """Raw data of a beamtime, and a file of parameters for them."""
    where = tmp_path_factory.mktemp("beamtime")
    Beamtime(frames=60).write(where)
    (where / "scan.yaml").write_text(BEAMTIME)
    return where


@pytest.fixture
def check(beamtime, capsys, monkeypatch):
    """Check with changes; give exit code, and page or dictionary."""
    monkeypatch.chdir(beamtime)

    def look(*assignments, as_json=False, file="scan.yaml"):
        words = [word for text in assignments for word in ("--set", text)]
        code = main(["check", file, *words, *["--json"] * as_json])
        said = capsys.readouterr()
        assert said.err == ""
        return code, json.loads(said.out) if as_json else said.out

    return look


def test_it_says_what_a_scan_is_like(check, beamtime):
    before = sorted(path.name for path in beamtime.iterdir())
    code, page = check()
    assert code == 0
    assert page.startswith("scan.yaml: would run\n")
    text = " ".join(page.split())
    for words in (
        "frames 60; the first 16 were looked at",
        "region 256 x 256 px from row", "found from the frames; orientation 5; 2 x 2 px summed",
        "→ 128 x 128 px", "energy 8 keV, from the data", "distance 2 m, from the data",
        "psize 55 µm, given", "(farfield)", "engine01 ML, 10 iterations → recons/scan/scan_ML_0040",
    ):  # fmt: skip
        assert words in text
    assert sorted(path.name for path in beamtime.iterdir()) == before
    assert max(len(line) for line in page.splitlines()) <= 100


def test_programs_get_numbers(check):
    code, found = check(as_json=True)
    (scan,) = found["scans"]
    assert (code, found["verdict"], scan["frames"], scan["shape"]) == (0, "runs", 60, [128, 128])
    assert scan["energy"] == {"value": 8.0, "unit": "keV", "source": "data"}
    # 8 keV, 2 m, 256 pixels of 55 µm: wavelength times distance over the size of the region.
    assert scan["resolution"][0] == pytest.approx(1.23984193e-9 / 8 * 2 / (256 * 55e-6), rel=1e-3)
    assert 0.97 < scan["trusted"] < 0.99
    frames = 60 * 128 * 128
    assert found["memory"]["frames"] == pytest.approx(4 * frames, rel=0.02)
    # The difference map holds the frames once more, and an exit wave for each.
    assert found["memory"]["engines"] == pytest.approx((4 + 8) * frames)


def test_numbers_that_nobody_gave_are_doubtful(check):
    code, page = check(f"{DATA}.recorded_energy.file=null", f"{DATA}.recorded_energy.key=null")
    assert code == 3
    assert "would run, but 1 thing is doubtful" in page
    assert "energy      7.2 keV, NOBODY GAVE IT" in page
    assert "NOBODY GAVE energy" in page.split("What is doubtful")[1]


def test_positions_in_another_unit_are_doubtful(check):
    code, page = check(f"{DATA}.positions.slow_multiplier=1e-3")
    assert code == 3
    text = " ".join(page.split())
    assert re.search(r"positions 60 over \d\.\d+ mm x \d\.\d+ µm", text)
    assert "overlap no other" in text.split("What is doubtful")[1]


def test_a_probe_that_is_much_too_bright_is_doubtful(check):
    code, page = check("scans.flower.illumination.photons=1e12")
    assert code == 3
    assert "illumination.photons" in page


def test_every_fault_is_found_at_once_with_its_line(check, beamtime):
    text = BEAMTIME.replace("rebin: 2", "rebn: 2").replace("numiter: 10", "numiter: none?")
    (beamtime / "bad.yaml").write_text(text.replace("name: BlockFull", "name: BlockFul"))
    code, page = check(file="bad.yaml")
    assert code == 1
    assert "would NOT run; 2 things to put right" in page
    assert "line  3  scans.flower.name = 'BlockFul'" in page
    assert "line 27  engines.engine01.numiter = 'none?'" in page
    assert "did you mean `BlockFull`" in page
    code, found = check(file="bad.yaml", as_json=True)
    assert [fault["path"] for fault in found["faults"]] == [
        "scans.flower.name",
        "engines.engine01.numiter",
    ]


def test_files_and_datasets_that_are_missing_are_named(check):
    code, page = check(
        f"{DATA}.intensities.key=entry/dta", f"{DATA}.positions.file=nothere.h5"
    )  # fmt: skip
    assert code == 1
    text = " ".join(page.split("Why it would not run")[1].split())
    assert "has no dataset 'entry/dta'; /entry holds bad_pixels, dark, data" in text
    assert "nothere.h5: there is no such file" in text


def test_an_engine_that_cannot_treat_the_model_is_found(check):
    code, page = check("engines.engine01.name=DMOPR")
    assert code == 1
    assert "is a model that DMOPR cannot treat" in page


def test_a_new_file_is_told_what_to_fill_in(check, capsys):
    assert main(["new", "-o", "new.yaml", "--force"]) == 0
    capsys.readouterr()
    code, found = check(file="new.yaml", as_json=True)
    assert code == 1
    assert [fault["path"].removeprefix("scans.scan00.data.") for fault in found["faults"]] == [
        "intensities.file", "intensities.key", "positions.file", "positions.slow_key",
        "positions.fast_key",
    ]  # fmt: skip
    # A pattern gives positions, too: those of the file are not needed then.
    code, found = check("scans.scan00.xy.model=raster", file="new.yaml", as_json=True)
    assert len(found["faults"]) == 2


def test_what_will_be_replaced_is_said(check, beamtime):
    result = beamtime / "recons" / "scan" / "scan_ML_0040.ptyr"
    result.parent.mkdir(parents=True)
    result.write_text("")
    try:
        code, page = check()
    finally:
        result.unlink()
    assert code == 0
    assert f"{result.relative_to(beamtime)} is there already" in page


def test_several_scans_are_all_looked_at(check):
    code, page = check(
        "scans.moon={name: BlockFull, data: {name: MoonFlowerScan, shape: 32}}",
        "scans.bad={name: BlockFull, data: {name: PtydScan, source: nothere.ptyd}}",
    )
    assert code == 1
    assert "nothere.ptyd" in page
    assert re.search("would NOT run", page)


def test_a_folder_that_cannot_hold_results_is_found(check, beamtime):
    code, page = check(f"io.home={Path('scan.yaml')}")
    assert code == 1
    assert "cannot hold results" in page


def test_a_scan_that_has_not_begun_can_be_looked_at(check, beamtime):
    (beamtime / "watched").mkdir(exist_ok=True)
    (beamtime / "stage.csv").write_text("y,x\n0,0\n0,1\n1,0\n")
    code, page = check(
        "scans.flower.data={name: FolderWatch, folder: watched, shape: 64, "
        "positions: {file: stage.csv, multiplier: 1e-6}}",
    )
    assert code == 0
    assert "frames      3; none has come yet" in page
    assert "no frame has come yet" in page.split("Worth knowing")[1]
    assert "Memory" not in page
