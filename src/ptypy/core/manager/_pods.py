"""Views and pods of a block, as objects: for scripts, not for engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ptypy.core.classes import POD, View

if TYPE_CHECKING:
    from ptypy.core.manager._block import Block, Colour
    from ptypy.core.manager._scan_model import ScanModel

__all__ = ["pods_of"]


def pods_of(run: Any, scan: ScanModel, block: Block) -> list[POD]:
    """Make a pod for every frame, energy, object mode and probe mode of a block.

    Parameters
    ----------
    run : Ptycho
        Gets the pods.
    scan : ScanModel
        The block's.
    block : Block

    Returns
    -------
    list of POD
        The last of the four changes fastest.
    """
    frames = block.frames
    diff = run.diff.objects_of(frames.diff, frames.diff_views)
    mask = run.mask.objects_of(frames.mask, frames.mask_views)
    seen = [_object_views(run, colour) for colour in block.colours]
    probes = [_probe_views(run, scan, block, colour) for colour in block.colours]
    pods = []
    for frame in range(len(block)):
        for colour, layers, modes in zip(block.colours, seen, probes, strict=True):
            for obj in layers:
                for probe in modes[frame % len(modes)]:
                    views = {
                        "probe": probe,
                        "obj": obj[frame],
                        "diff": diff[frame],
                        "mask": mask[frame],
                    }
                    pod = POD(run, scan, None, views, colour.geometry, resample=block.resample)
                    pods.append(pod)
    return pods


def _object_views(run: Any, colour: Colour) -> list[list[View]]:
    """Give the views of all frames, layer by layer of the object."""
    tables = [colour.object_views.on_layer(layer) for layer in range(colour.obj.nlayers)]
    return [run.obj.objects_of(colour.obj, table) for table in tables]


def _probe_views(run: Any, scan: ScanModel, block: Block, colour: Colour) -> list[list[View]]:
    """Give the views on probe modes, frame by frame; one list if all frames meet the same."""
    if block.probe_rows is None:
        optics = scan.probe_owner.optics
        number = next(k for k, probe in enumerate(optics.probes) if probe is colour.probe)
        return [run.probe.objects_of(colour.probe, optics.probe_views[number])]
    rows = block.probe_rows
    plane = (colour.probe.shape[1], colour.probe.shape[2])
    table = colour.probe.add_views(np.zeros((rows.size, 2)), plane, rows.ravel())
    views = run.probe.objects_of(colour.probe, table)
    return [views[k : k + rows.shape[1]] for k in range(0, rows.size, rows.shape[1])]
