"""From the chunks of one scan to blocks, a probe and an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ptypy import defaults_tree
from ptypy.core.data import EOS, Chunk
from ptypy.core.manager._arrival import Kept, take_frames
from ptypy.core.manager._block import Block
from ptypy.core.manager._frames import FrameStore
from ptypy.core.manager._geometry import geometry_of
from ptypy.core.manager._loader import make_ptyscan, naming_scan
from ptypy.core.manager._optics import Optics, no_photons
from ptypy.core.manager._parameters import ModelParameters
from ptypy.core.manager._placement import check_positions, local_rows
from ptypy.core.manager._setups import Light, Margins, wave_setups
from ptypy.core.manager._statistics import Statistics, summarize
from ptypy.errors import Fault, ParameterError
from ptypy.utils import parallel
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.core.classes import Storage
    from ptypy.core.data import PtyScan
    from ptypy.core.geometry import Geo
    from ptypy.core.sample import Region
    from ptypy.utils.parameters import Param

__all__ = ["BlockScanModel", "ScanModel"]

Positions = npt.NDArray[np.float64]


@defaults_tree.parse_doc("scan.ScanModel")
class ScanModel(ModelParameters):
    """One scan: its frames, the probe that took them, the object that they show.

    A frame at position (y, x) [m] sees the object around that coordinate: the probe's
    centre pixel ``shape // 2`` falls on the object's pixel
    ``round(position / resolution + obj.center)``. Positions grow along with rows and columns.

    Override `draw_probe`, `draw_object` and `list_unsupported` to begin from something else.

    Parameters
    ----------
    ptycho : Ptycho
        The run; its containers ``probe``, ``obj``, ``diff`` and ``mask`` get the storages.
    pars : mapping
        ``scans.<label>``; what is missing takes its default.
    label : str
        Name of the scan.

    Attributes
    ----------
    p : Param
        Parameters, complete.
    ptyscan : PtyScan
        Prepares the frames.
    blocks : list of Block
        All that has arrived, in order.
    setups : tuple of Geo
        Setup of the waves of each energy; empty before the first chunk.
    optics : Optics
        The probes and objects that belong to this scan.
    probe_owner, object_owner : ScanModel
        The scan itself, or the one whose probe or object it uses.
    region : Region or None
        Where the object that is being drawn lies, see `draw_object`.
    statistics : Statistics or None
        Photons of all frames; None before the first chunk.

    Raises
    ------
    ParameterError
        If parameters ask for what is not there, or name no scan class.
    """

    DEFAULT: ClassVar[Param]

    in_blocks: ClassVar[bool] = False
    """A storage of frames for each chunk; otherwise one for the whole scan."""

    suffix: ClassVar[str] = ""
    """What the IDs of probe and object have behind ``S<label>``."""

    has_probe_per_frame: ClassVar[bool] = False
    """Every frame meets layers of the probe that are its own."""

    def __init__(self, ptycho: Any, pars: Mapping[str, Any], label: str) -> None:
        self.ptycho = ptycho
        self.label = label
        self.p: Param = self.DEFAULT.copy(99)
        self.p.update(pars, in_place_depth=99)
        faults = self.list_unsupported()
        if faults:
            raise ParameterError(
                [Fault(f"scans.{label}.{path}", value, remedy) for path, value, remedy in faults]
            )
        self.ptyscan: PtyScan = make_ptyscan(self.p, label)
        self.blocks: list[Block] = []
        self.optics = Optics(self)
        self.probe_owner = self.object_owner = self
        self.siblings: Mapping[str, ScanModel] = {label: self}
        self.setups: tuple[Geo, ...] = ()
        self.region: Region | None = None
        self.statistics: Statistics | None = None
        self._detector: Geo | None = None
        self._margins = Margins()
        self._store: FrameStore | None = None
        self._photons: list[npt.NDArray[np.float64]] = []
        self._positions: list[Positions] = []
        self._has_ended = False

    @property
    def ID(self) -> str:
        """Name of the storages of probe and object, those of the first energy."""
        return self.name_storage(0)

    def name_storage(self, number: int) -> str:
        """Name the storages of probe and object of one of the energies."""
        return f"S{self.label}{f'G{number:02d}' if number else self.suffix}"

    @property
    def geometry(self) -> Geo | None:
        """Setup of the waves of the first energy; None before the first chunk."""
        return self.setups[0] if self.setups else None

    @property
    def probe(self) -> Storage | None:
        """Probe of the first energy; None before there is one."""
        return next(iter(self.probe_owner.optics.probes), None)

    @property
    def obj(self) -> Storage | None:
        """Object of the first energy; None before there is one."""
        return next(iter(self.object_owner.optics.objects), None)

    @property
    def light(self) -> Light:
        """Wavelengths of the light; one unless the model knows better."""
        return Light()

    @property
    def resolution(self) -> float | None:
        """Size of an object pixel that is asked for [m]; None for that of the setup."""
        return None

    def count_modes(self, part: str) -> int:
        """Say how many modes the ``'probe'`` or the ``'object'`` begins with."""
        del part
        return 1

    def shares_with(self, part: str) -> str | None:
        """Give the label of the scan whose ``'probe'`` or ``'object'`` this one takes."""
        label = (self.p.sharing or {}).get(f"{part}_share_with")
        return None if label is None else str(label)

    @property
    def fill(self) -> complex:
        """Transmission of the object where nothing is known."""
        sample = self.p.sample
        return complex(sample.get("fill", 1.0)) if isinstance(sample, Mapping) else 1.0

    @property
    def end_of_scan(self) -> bool:
        """Whether all frames have arrived."""
        return self._has_ended

    @property
    def data_available(self) -> bool:
        """Whether there may be frames that have not been asked for."""
        return not self._has_ended

    # ------------------------------------------------------------ hooks

    def list_unsupported(self) -> list[Fault]:
        """List the parameters that ask for something that is not there.

        Paths are those within the scan.
        """
        if self.p.resample is not None and self.p.resample < 1:
            return [Fault("resample", repr(self.p.resample), "should be at least 1")]
        return []

    def draw_probe(self, geometry: Geo, photons: float) -> npt.NDArray[np.complex64]:
        """Give the probe to begin with. Override me.

        Called once for each energy, when the first frames have arrived, on every process.

        Parameters
        ----------
        geometry : Geo
            Setup of the waves.
        photons : float
            Photons in the brightest frame.

        Returns
        -------
        (modes, H, W) complex64
            Field at the sample [sqrt(photons)].
        """
        from ptypy.core.illumination import probe_from

        return probe_from(self.p.illumination, geometry, photons)

    def draw_object(self, shape: tuple[int, int], geometry: Geo) -> npt.NDArray[np.complex64]:
        """Give the object to begin with. Override me.

        Called once for each energy, when the first frames have arrived, on every process, and,
        if it has several modes, whenever it grows. `region` says where it lies meanwhile.

        Parameters
        ----------
        shape : (int, int)
            Of the scanned region and a small margin [px].
        geometry : Geo
            Setup of the waves.

        Returns
        -------
        (H, W) or (modes, H, W) complex64
            Transmission.
        """
        from ptypy.core.sample import object_from

        return object_from(self.p.sample, shape, geometry.lam, self.region)

    def complete(self, geometry: Mapping[str, Any]) -> dict[str, Any]:
        """Change the numbers of the setup before it is built. Override me."""
        return dict(geometry)

    # ------------------------------------------------------------ frames

    def new_data(self, max_frames: int) -> list[Block]:
        """Take in all frames that are there; never waits for more.

        Parameters
        ----------
        max_frames : int
            Most frames of a chunk, on all processes together.

        Returns
        -------
        list of Block
            What has arrived, empty if nothing has.

        Raises
        ------
        DataError
            If frames have no positions, or do not fit those that came before.
        """
        if self._has_ended:
            return []
        arrived = []
        with naming_scan(self.label):
            while isinstance(answer := self.ptyscan.next_chunk(max_frames), Chunk):
                arrived.append(self._keep(answer))
        self._has_ended = answer == EOS
        return self._place(arrived) if arrived else []

    def _keep(self, chunk: Chunk) -> Kept:
        """Check a chunk, put its frames where they will stay, and weigh them."""
        detector = self._find_setups(chunk)
        positions = check_positions(chunk.positions, chunk.indices, self.label)
        frames = take_frames(chunk, detector, self._margins)
        if self._store is None:
            self._store = FrameStore(
                self.ptycho.diff,
                self.ptycho.mask,
                in_blocks=self.in_blocks,
                psize=detector.psize,
            )
        rows = local_rows(chunk.indices, chunk.indices_node)
        total = self.ptyscan.num_frames or 0
        return Kept(
            frames=self._store.add(frames.counts, frames.mask, -(-total // parallel.size)),
            photons=frames.photons,
            indices=chunk.indices_node,
            rows=rows,
            positions=positions[rows],
            everyones_positions=positions,
            weights=frames.weights,
        )

    def _find_setups(self, chunk: Chunk) -> Geo:
        """Give the setup of the detector; with the first chunk, find those of the waves."""
        shape = (chunk.data.shape[1], chunk.data.shape[2]) if len(chunk.data) else None
        detector = geometry_of(
            chunk.meta,
            shape,
            self.label,
            propagation=self.p.propagation,
            known=self._detector,
            complete=self.complete,
            owner=self.ptycho,
        )
        if self._detector is None:
            self._margins = Margins.for_resolution(detector, self.resolution, self.label)
            with naming_scan(self.label):
                self.setups = wave_setups(
                    detector,
                    self.light,
                    margins=self._margins,
                    resample=self.p.resample or 1,
                    ffttype=self.p.ffttype,
                    owner=self.ptycho,
                )
            self._detector = detector
        return detector

    def _place(self, arrived: list[Kept]) -> list[Block]:
        """Make blocks of new chunks: give each frame its place on the object."""
        self._photons += [kept.photons for kept in arrived]
        self._positions += [kept.positions for kept in arrived]
        shape = arrived[0].frames.diff.shape[1:]
        self.statistics = summarize(np.concatenate(self._photons), int(np.prod(shape)))
        probes, objects = self._optics([kept.everyones_positions for kept in arrived])
        first = len(self.blocks)
        placed = self.statistics.num_frames - sum(len(k.everyones_positions) for k in arrived)
        for number, kept in enumerate(arrived, first):
            places = placed + kept.rows
            placed += len(kept.everyones_positions)
            block = Block(
                label=self.label,
                number=number,
                frames=kept.frames,
                indices=kept.indices,
                places=places,
                num_everywhere=len(kept.everyones_positions),
                positions=kept.positions,
                weights=kept.weights,
                colours=self.optics.colours(self.setups, probes, objects, kept.positions),
                tot_power=float(kept.photons.sum()),
                max_power=self.statistics.max_power,
                resample=self.p.resample or 1,
                probe_rows=self.optics.probe_rows(places, placed, self.ptyscan.num_frames or 0),
            )
            self.blocks.append(block)
        for block in self.blocks:
            block.max_power = self.statistics.max_power
        self._report(len(arrived))
        return self.blocks[first:]

    def _optics(self, arrived: list[Positions]) -> tuple[tuple[Storage, ...], tuple[Storage, ...]]:
        """Give probes and objects, made at the first call, with room for frames at positions."""
        if not self.brightest > 0:
            raise no_photons(self.label)
        probes = self.probe_owner.optics.probes_for(self)
        return probes, self.object_owner.optics.objects_for(self, np.concatenate(arrived))

    @property
    def brightest(self) -> float:
        """Photons in the brightest frame that has arrived, on any process."""
        return 0.0 if self.statistics is None else self.statistics.max_power

    def gather_photons(self) -> tuple[Positions, npt.NDArray[np.float64]]:
        """Give position [m] and photons of all frames that have arrived on any process.

        Every process must call it.

        Returns
        -------
        positions : (M, 2) float64
        photons : (M,) float64
        """
        mine = np.column_stack([
            np.concatenate([np.empty((0, 2)), *self._positions]),
            np.concatenate([np.empty(0), *self._photons]),
        ])  # fmt: skip
        parts = parallel.allgather_dict({parallel.rank: mine})
        everyones = np.concatenate([parts[rank] for rank in sorted(parts)])
        return everyones[:, :2], everyones[:, 2]

    def _report(self, num_chunks: int) -> None:
        """Log what has arrived, in a line."""
        photons = self.statistics
        if photons is not None and self.obj is not None:
            logger.info(
                "scan %s: %d frames so far (%d new chunks), %s; photons in a frame: %.4g on "
                "average, %.4g at most; object %d x %d px",
                self.label,
                photons.num_frames,
                num_chunks,
                self.geometry,
                photons.mean_power,
                photons.max_power,
                *self.obj.shape[1:],
            )


@defaults_tree.parse_doc("scan.BlockScanModel")
class BlockScanModel(ScanModel):
    """One scan whose frames stay in the arrays in which they arrived, chunk by chunk."""

    in_blocks = True
