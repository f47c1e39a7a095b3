"""Prepared scans keep the contract of loaders too, whether their chunks are inside or beside."""

import numpy as np

from ptypy.core.data import PtydScan, PtyScan
from ptypy.testing import ScanContract, ScanExample

N, H, W = 10, 16, 20


def counts():
    return np.random.default_rng(11).poisson(30, (N, H, W)).astype(np.uint16)


def positions():
    return np.random.default_rng(12).uniform(-1e-6, 1e-6, (N, 2))


def good():
    mask = np.ones((H, W), bool)
    mask[2, 7] = False
    return mask


class Source(PtyScan):
    """What is saved to be read again."""

    def load_positions(self):
        return positions()

    def load_weight(self):
        return good()

    def load(self, indices):
        return {i: counts()[i] for i in indices}, {}, {}


class TestAppended(ScanContract):
    SAVE = "append"

    def make_example(self, folder):
        path = folder / "scan.ptyd"
        geometry = {"energy": 8.0, "distance": 1.5, "psize": 75e-6}
        scan = Source(shape=None, save=self.SAVE, dfile=str(path), **geometry)
        while scan.auto(4) != scan.EOS:
            pass
        return ScanExample(
            PtydScan,
            {"source": str(path)},
            frames=counts(),
            positions=positions(),
            mask=good(),
            geometry=geometry,
            files=sorted(folder.iterdir()),
        )


class TestLinked(TestAppended):
    SAVE = "link"
