"""A measured scan, all the way: raw frames on disk, a .ptyd file, an image.

The frames are a far-field scan of a Siemens star, published with the reconstruction library
tike (BSD-3-Clause, UChicago Argonne) as ``siemens-star-small.npz.bz2``. That file holds
prepared arrays; this script first writes them out again as a beamline would have (frames
larger than needed, positions in micrometres), then prepares and reconstructs from there::

    python siemens_star.py siemens-star-small.npz.bz2 star/

It leaves ``star.ptyd``, two ``.ptyr`` files, pictures and ``summary.json`` in ``star/``.
"""

from __future__ import annotations

import bz2
import io
import json
import sys
from pathlib import Path

import h5py
import numpy as np

from ptypy import utils as u
from ptypy.core import Ptycho
from ptypy.diagnose import coverage, draw_error_curve, draw_object, draw_probe, noise_floor
from ptypy.experiment import Hdf5Loader

# The file gives no physical units. Any consistent set-up does; this one is plausible.
ENERGY = 8.8  # keV
DISTANCE = 2.0  # m
PSIZE = 75e-6  # m
SHAPE = 128  # px
RESOLUTION = 1.239841984e-9 / ENERGY * DISTANCE / (PSIZE * SHAPE)  # m
MARGIN = 16  # px of empty detector around the measured frames


def write_raw(source: Path, raw: Path) -> np.ndarray:
    """Write the scan as a detector and a stage would have; give the published probe guess."""
    arrays = np.load(io.BytesIO(bz2.decompress(source.read_bytes())))
    # Published with zero frequency in the corner; a detector has it in the middle.
    frames = np.fft.fftshift(arrays["data"][0], axes=(1, 2)).astype(np.uint16)
    frames = np.pad(frames, [(0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)])
    positions_um = arrays["scan"][0] * RESOLUTION * 1e6
    with h5py.File(raw, "w") as file:
        file["entry/data"] = frames
        file["stage/y"] = positions_um[:, 0]
        file["stage/x"] = positions_um[:, 1]
        file["beam/energy_eV"] = ENERGY * 1e3
        file["detector/distance"] = DISTANCE
        file["detector/pixel_size"] = PSIZE
    return arrays["probe"].reshape(-1, SHAPE, SHAPE)[0]


def prepare(raw: Path, dfile: Path) -> None:
    """Cut the region and zip frames with positions; save them as ``dfile``."""
    file = str(raw)
    scan = Hdf5Loader(
        u.Param(
            intensities=u.Param(file=file, key="entry/data"),
            positions=u.Param(
                file=file,
                slow_key="stage/y",
                fast_key="stage/x",
                slow_multiplier=1e-6,
                fast_multiplier=1e-6,
            ),
            recorded_energy=u.Param(file=file, key="beam/energy_eV", multiplier=1e-3),
            recorded_distance=u.Param(file=file, key="detector/distance"),
            recorded_psize=u.Param(file=file, key="detector/pixel_size"),
            shape=SHAPE,
            center=(MARGIN + SHAPE // 2, MARGIN + SHAPE // 2),
            dfile=str(dfile),
            save="append",
        )
    )
    scan.initialize()
    while scan.auto(200) != scan.EOS:
        pass


def reconstruct(dfile: Path, probe: np.ndarray, home: Path, more: int = 0) -> Ptycho:
    """Run 40 iterations of DM and 60 of ML, and ``more`` of ML to see that it stays."""
    p = u.Param()
    p.verbose_level = "INFO"
    p.run = "star"
    p.io = u.Param(home=str(home), rfile="%(run)s_%(engine)s_%(iterations)04d.ptyr")
    p.io.autosave = u.Param(active=False)
    p.io.autoplot = u.Param(active=False)
    p.io.interaction = u.Param(active=False)
    p.scans = u.Param()
    p.scans.star = u.Param(name="BlockFull")
    p.scans.star.data = u.Param(name="PtydScan", source=str(dfile))
    p.scans.star.coherence = u.Param(num_probe_modes=3)
    p.scans.star.illumination = u.Param(model=probe)
    p.engines = u.Param()
    p.engines.engine00 = u.Param(name="DM", numiter=40)
    p.engines.engine01 = u.Param(name="ML", numiter=60 + more, scale_precond=True)
    return Ptycho(p, level=5)


def main(source: str, directory: str, more: int = 0) -> None:
    """Go from the published file to pictures."""
    home = Path(directory)
    home.mkdir(parents=True, exist_ok=True)
    raw, dfile = home / "star_raw.h5", home / "star.ptyd"
    probe = write_raw(Path(source), raw)
    prepare(raw, dfile)
    ptycho = reconstruct(dfile, probe, home, more)

    history = ptycho.runtime.iter_info
    (obj,), (modes,) = ptycho.obj.S.values(), ptycho.probe.S.values()
    floor = noise_floor(ptycho.model.blocks)
    seen = coverage(ptycho.model.blocks, obj) > 0.1
    draw_object(home / "object.png", obj.data[0], resolution=obj.psize[0], weight=seen)
    draw_probe(home / "probe.png", modes.data, resolution=modes.psize[0])
    draw_error_curve(home / "error.png", history, floor=floor)
    summary = {
        "residual": [float(entry["residual"]) for entry in history],
        "noise_floor": floor,
        "seconds_an_iteration": float(np.median([entry["duration"] for entry in history])),
    }
    (home / "summary.json").write_text(json.dumps(summary, indent=1))
    print(f"residual {summary['residual'][-1]:.4f}, photon noise alone {floor:.4f}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], *(int(n) for n in sys.argv[3:]))
