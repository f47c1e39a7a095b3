"""A loader of one's own, from raw files to an image: the script of the tutorial.

It writes the raw files of a small simulated scan into a folder (unless there is a scan in it
already), reads them with `NumpyScan`, reconstructs, saves what it prepared, and reconstructs once
more from the saved file::

    python subclassing_ptyscan.py scan_0042/

It leaves ``prepared.ptyd``, two results below ``recons`` and the picture ``look.png`` in the
folder. Change the class to suit your files, delete `write_raw`, and run it on your own folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ptypy import defaults_tree
from ptypy import utils as u
from ptypy.core import Ptycho
from ptypy.core.data import MoonFlowerScan, PtyScan
from ptypy.diagnose import noise_floor
from ptypy.errors import DataError
from ptypy.io import h5read
from ptypy.utils import parallel

FRAME = "ccd/diffraction_{:04d}.npy"


@defaults_tree.parse_doc("scandata.numpyscan")
class NumpyScan(PtyScan):
    """Read a folder of .npy files.

    Defaults:

    [name]
    default = numpyscan
    type = str
    help = Read a folder of .npy files

    [base_path]
    default = './'
    type = str
    help = Folder of the scan

    [shape]
    default = None
    """

    def __init__(self, pars=None, **kwargs):
        p = self.DEFAULT.copy(99)
        p.update(pars)
        p.update(kwargs)
        for line in (Path(p.base_path) / "geometry.txt").read_text().splitlines():
            name, value = line.split()
            if p.get(name) is None:
                p[name] = float(value)
        super().__init__(p)
        self.folder = Path(p.base_path)

    def read(self, name):
        """Read an array; a copy that broke off is named."""
        path = self.folder / name
        try:
            return np.load(path)
        except (ValueError, EOFError) as error:
            raise DataError(f"{path} is damaged: {error}") from error

    def load_positions(self):
        """Give where the beam was, in metres."""
        return np.loadtxt(self.folder / "positions.txt", usecols=(1, 2)) * 1e-6

    def load_weight(self):
        """Give the mask: True where a pixel may be trusted."""
        return self.read("bad_pixels.npy") == 0

    def load_common(self):
        """Have the dark frame subtracted, and the rest divided by the flat field."""
        self.correct_with(dark=self.read("dark.npy"), flat=self.read("flat.npy"))
        return {}

    def check(self, frames=None, start=None):
        """Say how many frames are there, and whether they are the last."""
        start = self.framestart if start is None else start
        wanted = self.min_frames if frames is None else frames
        finished = self.folder / "finished.txt"
        if finished.exists():
            total = int(finished.read_text())
            count = min(wanted, total - start)
            return count, start + count == total
        count = 0
        while count < wanted and (self.folder / FRAME.format(start + count)).exists():
            count += 1
        return count, None

    def load(self, indices):
        """Read frames."""
        raw = {index: self.read(FRAME.format(index)) for index in indices}
        return raw, {}, {}


def write_raw(folder: Path) -> None:
    """Write what a detector and a stage would leave: frames, positions, dark, flat, bad pixels."""
    (folder / "ccd").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(42)
    flat = rng.uniform(0.8, 1.2, (96, 80)).astype(np.float32)
    moon = MoonFlowerScan(
        num_frames=60, shape=64, energy=6.2, distance=0.5, psize=75e-6, density=0.12, photons=1e6
    )
    photons, _, _ = moon.load(list(range(moon.num_frames)))
    with (folder / "positions.txt").open("w") as log:
        for index, (y, x) in enumerate(moon.load_positions()):
            counts = np.zeros((96, 80))
            counts[16:80, 10:74] = photons[index]  # the beam arrives at pixel (48, 42)
            frame = np.rint(20 + counts * flat).astype(np.uint32)
            frame[40, 30] = frame[41, 30] = 2**32 - 1  # broken pixels
            np.save(folder / FRAME.format(index), frame)
            log.write(f"{index} {y * 1e6:.6f} {x * 1e6:.6f}\n")  # the stage counts micrometres
    bad = np.zeros((96, 80), dtype=np.uint8)
    bad[40, 30] = bad[41, 30] = 1
    for name, image in {"dark": np.full((96, 80), 20), "flat": flat, "bad_pixels": bad}.items():
        np.save(folder / f"{name}.npy", image)
    (folder / "geometry.txt").write_text("energy 6.2\ndistance 0.5\npsize 75e-6\n")
    (folder / "finished.txt").write_text(f"{len(photons)}\n")


def reconstruct(folder: Path, source: str) -> Ptycho:
    """Run a standard script; from the second time on, only ``source`` is another."""
    p = u.Param(verbose_level="ERROR", run=f"from_{source}")
    p.io = u.Param(home=str(folder), autosave=u.Param(active=False))
    p.scans = u.Param()
    p.scans.scan_0042 = u.Param(name="BlockFull")
    p.scans.scan_0042.data = u.Param(
        source=source,
        recipe=u.Param(base_path=str(folder)),
        shape=64,
        center=(48, 42),
        save="append",
        dfile=str(folder / "prepared.ptyd"),
    )
    p.engines = u.Param()
    p.engines.engine00 = u.Param(name="EPIE", numiter=60)
    p.engines.engine01 = u.Param(name="ML", numiter=200, scale_precond=True)
    return Ptycho(p, level=5)


def draw(folder: Path, ptycho: Ptycho) -> Path:
    """Put side by side what the detector recorded, what was made of it, and the image."""
    from matplotlib import pyplot as plt

    raw = np.load(folder / FRAME.format(0))
    prepared = h5read(folder / "prepared.ptyd", "chunks.0.data[0]", "meta.weight2d")
    (obj,) = ptycho.obj.storages.values()
    seen = obj.data[0][30:-30, 30:-30]
    phase = np.angle(seen * np.exp(-1j * np.angle(seen.sum())))
    pictures = {
        "recorded: an offset, broken pixels, a margin": np.log(raw.clip(1, 1e4)),
        "prepared: the beam is in the middle": np.log1p(
            np.where(prepared["weight2d"], prepared["data"], np.nan)
        ),
        "reconstructed: the phase of the object": phase.clip(*np.percentile(phase, [1, 99])),
    }
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
    for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
        ax.imshow(picture, cmap="gray")
        ax.set(xticks=[], yticks=[])
        ax.set_title(title, fontsize=9)
    axes[1].axhline(32, color="tab:orange", lw=0.5)
    axes[1].axvline(32, color="tab:orange", lw=0.5)
    figure.savefig(folder / "look.png", dpi=80)
    plt.close(figure)
    return folder / "look.png"


def main(folder: Path) -> None:
    """Write raw files, reconstruct from them, and once more from what was saved."""
    if parallel.master and not (folder / "geometry.txt").exists():
        write_raw(folder)
    parallel.barrier()
    for source in ("numpy", "file"):
        ptycho = reconstruct(folder, source)
        residual = ptycho.runtime.iter_info[-1]["residual"]
        if parallel.master:
            print(f"source={source!r}: residual {residual:.3f}")
    floor = noise_floor(ptycho.model.blocks)
    if parallel.master:
        print(f"photon noise alone leaves {floor:.3f}")
        print(f"a picture to look at: {draw(folder, ptycho)}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
