"""A whole simulated scan, written to disk as a beamline writes one.

The scan is known exactly (`Truth`), the files are not kind: frames larger than the region
that holds signal, the beam off the middle of the detector, the detector mounted turned and
mirrored, a pedestal on every pixel, dead and hot pixels, photon noise, motor positions in
micrometres in a file of their own. Preparing and reconstructing them exercises every step
that real data need, with an answer to compare with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ptypy.io import h5read, h5write
from ptypy.simulations._optics import far_field_intensity, fermat_spiral, lens_probe
from ptypy.utils.units import wavelength

__all__ = ["Beamtime", "Truth", "read_truth"]

BATCH = 32
"""Frames simulated at once: 32 fields of 256 x 256 stay in the last-level cache."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What the simulated microscope looked at, on the pixels a reconstruction will have."""

    object: npt.NDArray[np.complex64]
    """Transmission of the sample, shape (Y, X)."""
    probe: npt.NDArray[np.complex64]
    """Field of the beam at the sample [sqrt(photons)], shape (h, w) of a prepared frame."""
    resolution: float
    """Edge of a pixel of `object` and `probe` [m]."""
    positions: npt.NDArray[np.float64]
    """Scan points (y, x) [m], shape (N, 2); (0, 0) is the middle of `object`."""

    def write(self, path: str | Path) -> None:
        """Write everything to an HDF5 file."""
        h5write(
            str(path),
            object=self.object,
            probe=self.probe,
            resolution=self.resolution,
            positions=self.positions,
        )


def read_truth(path: str | Path) -> Truth:
    """Read what `Truth.write` wrote."""
    stored = h5read(str(path))
    return Truth(stored["object"], stored["probe"], stored["resolution"], stored["positions"])


@dataclass(frozen=True, slots=True)
class Beamtime:
    """A simulated experiment with a two-dimensional photon-counting detector.

    The stage moves in steps of whole object pixels.
    """

    frames: int = 600
    """Number of scan points."""
    photons: float = 1.5e6
    """Photons in the beam during one exposure."""
    seed: int = 1
    """Seed of photon noise, pedestal and bad pixels."""
    energy: float = 8.0
    """Photon energy [keV]."""
    distance: float = 2.0
    """Sample to detector [m]."""
    psize: float = 55e-6
    """Edge of a detector pixel [m]."""
    region: int = 256
    """Edge of the part of the detector that holds signal [px]."""
    rebin: int = 2
    """Binning the reconstruction will use; frames are simulated unbinned."""
    frame_shape: tuple[int, int] = (320, 288)
    """Shape of a raw frame (rows, columns) [px]."""
    center: tuple[int, int] = (171, 139)
    """Pixel of the raw frame that the undeflected beam hits (row, column)."""
    beam_diameter: float = 36.0
    """Diameter of the beam at the sample [object px]."""
    step: float = 9.0
    """Mean distance between scan points [object px]."""
    bad_pixels: int = 250
    """Number of dead and of hot pixels, each."""
    pedestal: int = 40
    """Mean of the dark offset [counts]."""
    files: dict[str, str] = field(
        default_factory=lambda: {
            "detector": "detector.h5",
            "stage": "stage.h5",
            "truth": "truth.h5",
        }
    )
    """Names of the files that `write` makes."""

    @property
    def resolution(self) -> float:
        """Edge of an object pixel [m]: wavelength * distance / (pixel size * region)."""
        return wavelength(self.energy) * self.distance / (self.psize * self.region)

    def points(self) -> npt.NDArray[np.int64]:
        """Scan points (y, x) [object px], shape (N, 2)."""
        return fermat_spiral(self.frames, self.step)

    def truth(self) -> Truth:
        """Draw sample and beam."""
        from ptypy.resources import flower_obj

        points = self.points()
        binned = self.region // self.rebin
        size = int(2 * np.abs(points).max()) + self.region + 2
        # The sample fills what the beam reaches; beyond it nothing absorbs.
        lit = int(2 * np.abs(points).max() + self.beam_diameter)
        sample = np.ones((size, size), dtype=np.complex64)
        first = (size - lit) // 2
        sample[first : first + lit, first : first + lit] = flower_obj((lit, lit))
        inner = slice((self.region - binned) // 2, (self.region + binned) // 2)
        return Truth(
            object=sample,
            probe=self._probe()[inner, inner],
            resolution=self.resolution,
            positions=np.asarray(points * self.resolution, dtype=np.float64),
        )

    def write(self, directory: str | Path) -> dict[str, Path]:
        """Run the scan and write its files.

        Parameters
        ----------
        directory : path
            Existing directory that receives ``detector.h5`` (``entry/data`` frames,
            ``entry/dark``, ``entry/bad_pixels``), ``stage.h5`` (``scan/y``, ``scan/x`` [um],
            ``beam/energy`` [eV], ``detector/distance`` [mm], ``detector/psize`` [um]) and
            ``truth.h5``.

        Returns
        -------
        dict
            The three paths under ``detector``, ``stage`` and ``truth``.
        """
        paths = {kind: Path(directory) / name for kind, name in self.files.items()}
        truth = self.truth()
        truth.write(paths["truth"])
        self._write_stage(paths["stage"])
        self._write_detector(paths["detector"], truth.object)
        return paths

    def _probe(self) -> npt.NDArray[np.complex64]:
        return lens_probe(self.region, self.beam_diameter, self.photons)

    def _write_stage(self, path: Path) -> None:
        positions_um = self.points() * self.resolution * 1e6
        h5write(
            str(path),
            {
                "scan": {"y": positions_um[:, 0], "x": positions_um[:, 1]},
                "beam": {"energy": self.energy * 1e3},
                "detector": {"distance": self.distance * 1e3, "psize": self.psize * 1e6},
            },
        )

    def _write_detector(self, path: Path, sample: npt.NDArray[np.complex64]) -> None:
        """Write the file of the detector, whole or not at all."""
        temporary = path.with_suffix(".tmp")
        try:
            self._write_frames(temporary, sample)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _write_frames(self, path: Path, sample: npt.NDArray[np.complex64]) -> None:
        """Write the frames batch by batch, compressed as detectors of today do."""
        import h5py
        import hdf5plugin

        rng = np.random.default_rng(self.seed)
        pedestal = rng.poisson(self.pedestal, self.frame_shape).astype(np.uint16)
        bad, hot = self._bad_pixels(rng)
        with h5py.File(path, "w") as file:
            frames = file.create_dataset(
                "entry/data",
                shape=(self.frames, *self.frame_shape),
                dtype=np.uint16,
                chunks=(1, *self.frame_shape),
                **hdf5plugin.Bitshuffle(cname="lz4"),
            )
            file["entry/dark"] = pedestal
            file["entry/bad_pixels"] = bad.astype(np.uint8)
            for start in range(0, self.frames, BATCH):
                counts = self._expose(sample, slice(start, start + BATCH), rng)
                raw = counts + pedestal
                raw[:, bad] = 0
                raw[:, hot] = rng.integers(2**12, 2**16 - 1, size=(len(raw), int(hot.sum())))
                frames[start : start + len(raw)] = raw

    def _bad_pixels(
        self, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Choose bad pixels; the second mask has those of them that are hot."""
        chosen = rng.choice(np.prod(self.frame_shape), 2 * self.bad_pixels, replace=False)
        bad = np.zeros(self.frame_shape, dtype=bool)
        hot = np.zeros(self.frame_shape, dtype=bool)
        bad.flat[chosen] = True
        hot.flat[chosen[: self.bad_pixels]] = True
        return bad, hot

    def _expose(
        self, sample: npt.NDArray[np.complex64], which: slice, rng: np.random.Generator
    ) -> npt.NDArray[np.uint16]:
        """Count the photons of a few frames, laid out as the detector is mounted."""
        n = self.region
        views = np.lib.stride_tricks.sliding_window_view(sample, (n, n))
        corners = self.points()[which] + (np.array(sample.shape) - n) // 2
        waves = views[corners[:, 0], corners[:, 1]] * self._probe()
        photons = rng.poisson(far_field_intensity(waves))
        raw = np.zeros((len(photons), *self.frame_shape), dtype=np.uint16)
        top, left = self.center[0] - n // 2, self.center[1] - n // 2
        # The detector stands mirrored and turned: orientation 5 (transpose, then mirror the
        # columns) brings its frames upright again.
        raw[:, top : top + n, left : left + n] = photons[:, :, ::-1].swapaxes(1, 2)
        return raw
