"""A small scan in memory for the tests of this room."""

import numpy as np
import pytest

from ptypy.core.data import PtyScan


class MemoryScan(PtyScan):
    """Frames and positions that a test hands over; the geometry is given."""

    PLACEHOLDERS = ()

    def __init__(self, frames, positions=None, pars=None, mask=None, common=None, **kwargs):
        self.frames = frames
        self.place = np.arange(2.0 * len(frames)).reshape(-1, 2) if positions is None else positions
        self.trust = mask
        self.shared = common or {}
        self.calls = []
        super().__init__(pars, **{"shape": None, "label": "memory", **kwargs})

    def load_positions(self):
        self.calls.append("load_positions")
        return self.place

    def load_weight(self):
        self.calls.append("load_weight")
        return self.trust

    def load_common(self):
        self.calls.append("load_common")
        return self.shared

    def post_initialize(self):
        self.calls.append("post_initialize")

    def load(self, indices):
        self.calls.append(("load", indices))
        return {i: self.frames[i] for i in indices}, {}, {}


@pytest.fixture
def memory_scan():
    return MemoryScan


@pytest.fixture
def one_frame():
    """Prepare a single frame: one_frame(frame, **parameters) -> (data, mask, common)."""

    def prepare(frame, *, mask=None, **parameters):
        scan = MemoryScan([np.asarray(frame)], mask=mask, **parameters)
        package = scan.auto(1)
        entry = package["iterable"][0]
        return entry["data"], entry["mask"], package["common"]

    return prepare
