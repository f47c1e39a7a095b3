"""The tutorial's loader does what every loader owes its users; run by ``pytest``, from here."""

import numpy as np
from subclassing_ptyscan import FRAME, NumpyScan, write_raw

from ptypy.testing import ScanContract, ScanExample


class TestNumpyScan(ScanContract):
    """Read a small scan in every way that ptypy may ask for."""

    def make_example(self, folder):
        """Write raw files, and say what is in them."""
        write_raw(folder)
        raw = np.stack([np.load(folder / FRAME.format(k)) for k in range(60)])
        dark, flat = np.load(folder / "dark.npy"), np.load(folder / "flat.npy")
        return ScanExample(
            NumpyScan,
            {"base_path": str(folder)},
            frames=np.maximum(raw - dark, 0) / flat,
            mask=np.load(folder / "bad_pixels.npy") == 0,
            positions=np.loadtxt(folder / "positions.txt")[:, 1:] * 1e-6,
            geometry={"energy": 6.2, "distance": 0.5, "psize": 75e-6},
            files=[folder / FRAME.format(7), folder / "dark.npy", folder / "bad_pixels.npy"],
        )
