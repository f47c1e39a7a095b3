"""All scans of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy import defaults_tree
from ptypy.core.classes import POD
from ptypy.core.manager._block import Block
from ptypy.core.manager._optics import sharing_faults
from ptypy.core.manager._pods import pods_of
from ptypy.core.manager._scan_model import ScanModel
from ptypy.errors import DataError, Fault, ParameterError
from ptypy.utils import parallel

if TYPE_CHECKING:
    from ptypy.core.classes import Storage

__all__ = ["ModelManager"]


class ModelManager:
    """The scans of a run, and the blocks of frames that they have delivered.

    Parameters
    ----------
    ptycho : Ptycho
        The run: its containers get the storages, its ``frames_per_block`` says how many
        frames each process takes at once.
    pars : mapping or None
        ``scans``: parameters by label; ``name`` in them chooses the model.

    Attributes
    ----------
    scans : dict of ScanModel
        By label.

    Raises
    ------
    ParameterError
        If a scan's parameters do not fit; the faults of all scans at once.
    """

    def __init__(self, ptycho: Any, pars: Mapping[str, Any] | None) -> None:
        self.ptycho = ptycho
        self.scans: dict[str, ScanModel] = {}
        self._with_pods: dict[str, int] = {}
        faults: list[Fault] = []
        for label, scan_pars in (pars or {}).items():
            try:
                self.scans[label] = _find_model(label, scan_pars)(ptycho, scan_pars, label)
            except ParameterError as error:
                if not error.faults:
                    raise
                faults += error.faults
        for scan in self.scans.values():
            scan.siblings = self.scans
            faults += [] if faults else sharing_faults(scan, self.scans)
        if faults:
            raise ParameterError(faults)

    @property
    def blocks(self) -> list[Block]:
        """All blocks of all scans, in the order of the scans and of arrival."""
        return [block for scan in self.scans.values() for block in scan.blocks]

    @property
    def data_available(self) -> bool:
        """Whether any scan may have frames that have not been asked for."""
        return any(scan.data_available for scan in self.scans.values())

    @property
    def end_of_scan(self) -> bool:
        """Whether all frames of all scans have arrived."""
        return all(scan.end_of_scan for scan in self.scans.values())

    def new_data(self) -> list[Block] | None:
        """Take in all frames that are there; never waits for more.

        Every process must call it. Objects grow where new frames need it; the corners of
        all blocks are kept right.

        Returns
        -------
        list of Block or None
            What has arrived; None if nothing has.
        """
        parallel.barrier()
        most = int(getattr(self.ptycho, "frames_per_block", 100_000)) * parallel.size
        arrived = [block for scan in self.scans.values() for block in scan.new_data(most)]
        return arrived or None

    def grow(self, storage: Storage, positions: npt.NDArray[np.float64]) -> None:
        """Let an object have room for frames elsewhere than where they were recorded.

        Every process must call it, with the same positions. What it had stays; new pixels are
        those that the object would have begun with.

        Parameters
        ----------
        storage : Storage
            An object that frames of the run see.
        positions : (n, 2) float64
            Where the centre of the probe will fall on the object [m], (y, x).
        """
        for scan in self.scans.values():
            optics = scan.object_owner.optics
            for known, setup in zip(optics.objects, scan.setups, strict=False):
                if known is storage:
                    optics.grow(storage, setup, positions)
                    return
        raise DataError(f"no frame of this run sees an object {storage.ID}")

    def make_pods(self) -> dict[str, POD]:
        """Make a `POD` for every wave of every frame that has none yet.

        A wave is that of an energy, an object mode and a probe mode, which change in this
        order, the last of them fastest. This costs microseconds for each, so engines do without;
        scripts may ask for ``P.pods`` at any time.

        Returns
        -------
        dict of POD
            Those of the run, by ID.
        """
        for label, scan in self.scans.items():
            new = scan.blocks[self._with_pods.get(label, 0) :]
            # Noted before they are made: a pod that looks for its siblings comes back here.
            self._with_pods[label] = len(scan.blocks)
            for block in new:
                pods_of(self.ptycho, scan, block)
        known: dict[str, POD] = self.ptycho.known_pods
        return known


def _find_model(label: str, pars: Any) -> type[ScanModel]:
    """Find the model that a scan's parameters name."""
    path = f"scans.{label}"
    if not isinstance(pars, Mapping):
        raise ParameterError([Fault(path, repr(pars)[:40], "should be a Param with a `name`")])
    models = _models()
    name = pars.get("name")
    if name in models:
        return models[str(name)]
    remedy = f"is no scan model; choose from {', '.join(sorted(models))}"
    raise ParameterError([Fault(f"{path}.name", repr(name), remedy)])


def _models() -> dict[str, type[ScanModel]]:
    """Collect the classes that are declared below ``scan``, by the name they have there."""
    known: dict[str, type[ScanModel]] = {}
    waiting: list[type[ScanModel]] = [ScanModel]
    declared = defaults_tree["scan"].children
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        reference = cls.__dict__.get("_descriptor")
        node: Any = None if reference is None else reference()
        name = "" if node is None else str(node.name)
        if name and declared.get(name) is node:
            known[name] = cls
    return known
