"""The report of a run says what was asked, what was done and what came out, in one file."""

import json
import re
from base64 import b64decode
from html.parser import HTMLParser

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.diagnose import Result, write_report
from ptypy.diagnose._scan_facts import scan_facts
from ptypy.errors import FormatError
from ptypy.utils.parameters import Param, asParam


def parameters(home, photons=1e7):
    data = Param(name="MoonFlowerScan", num_frames=40, shape=64, photons=photons)
    return Param(
        run="moon <1>",
        io=Param(home=str(home), rfile=None, autosave=Param(active=False)),
        scans=Param(MF=Param(name="BlockFull", data=data)),
        engines=Param(engine00=Param(name="DM", numiter=20), engine01=Param(name="ML", numiter=2)),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Ptycho(parameters(tmp_path_factory.mktemp("moon")), level=5)


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "new" / "report.html"
    given = write_report(run, path, files=["recons/moon.ptyr"], command="ptypy run moon.yaml")
    assert given == path
    return path.read_text(encoding="utf-8")


class Links(HTMLParser):
    """Collects what a page would load or lead to, and sees that what it opens it closes."""

    EMPTY = frozenset({"meta", "img", "br", "link"})

    def __init__(self):
        super().__init__()
        self.found, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in {"src", "href", "srcset"}]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_it_can_be_sent_alone_and_loads_nothing(page):
    reader = Links()
    reader.feed(page)
    assert not reader.open
    assert len(reader.found) == 3
    assert all(link.startswith("data:") for link in reader.found)
    assert "<script" not in page
    assert "url(" not in page


def test_a_name_is_text_and_no_markup(page):
    assert "<h1>moon &lt;1&gt;</h1>" in page


def test_it_says_how_good_the_result_is_beside_the_photon_noise(page, run):
    result = Result.from_run(run)
    assert f"residual {result.residual:.4f}" in page
    assert result.residual > 1.5 * result.noise_floor
    assert f"well above the {result.noise_floor:.2g} or so" in page
    assert "DM, ML, 22 iterations" in page


def test_its_parameters_do_the_same_again(page, run):
    (link,) = re.findall(r"href='data:application/json;base64,([^']+)'", page)
    again = Ptycho(asParam(json.loads(b64decode(link))), level=5)
    first, second = (next(iter(one.obj.S.values())).data for one in (run, again))
    np.testing.assert_array_equal(first, second)


def test_it_names_files_papers_and_the_command(page):
    for text in ("recons/moon.ptyr", "Ultramicroscopy 109 (2009) 338", "ptypy run moon.yaml"):
        assert text in page


def test_frames_are_counted_as_they_are(run):
    facts = scan_facts(run.model.blocks)
    (block,) = run.model.blocks
    counts = np.where(block.mask, block.counts, 0).astype(np.float64)
    np.testing.assert_allclose(facts.photons, counts.sum(axis=(1, 2)))
    np.testing.assert_allclose(facts.mean, counts.mean(axis=0))
    np.testing.assert_array_equal(facts.positions, block.object_views.coord)
    whole = np.sqrt(np.sum(facts.residuals**2 * facts.photons) / facts.photons.sum())
    assert whole == pytest.approx(Result.from_run(run).residual, rel=0.02)


def test_a_frame_that_does_not_fit_is_named(run, tmp_path):
    (block,) = run.model.blocks
    kept = block.counts[7].copy()
    block.counts[7] = np.roll(kept, 9, axis=1)
    try:
        page = write_report(run, tmp_path / "r.html").read_text(encoding="utf-8")
    finally:
        block.counts[7] = kept
    assert re.search(r"\d+ frames stand out: 7\b", page)


def test_where_it_cannot_be_written_the_message_says_so(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FormatError, match="report cannot be written"):
        write_report(run, tmp_path / "file" / "report.html")


PROCESSES = """
from ptypy.core import Ptycho
from ptypy.diagnose import write_report
from ptypy.utils import Param, parallel
data = Param(name="MoonFlowerScan", num_frames=30, shape=64)
p = Param(scans=Param(MF=Param(name="BlockFull", data=data)), run="moon")
p.io = Param(home="./", rfile=None, autosave=Param(active=False))
p.engines = Param(e=Param(name="DM", numiter=3))
given = write_report(Ptycho(p, level=5), "report.html")
assert (given is None) == (parallel.rank > 0)
"""


@pytest.mark.mpi
def test_frames_of_all_processes_are_in_it(mpirun, tmp_path):
    done = mpirun(PROCESSES, 2)
    assert done.returncode == 0, done.stderr
    assert "30 of 64 x 64 px" in (tmp_path / "report.html").read_text(encoding="utf-8")
