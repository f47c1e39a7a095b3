"""Prepare and reconstruct what arrays hold."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from ptypy.core.illumination import probe_from
from ptypy.core.ptycho import Ptycho
from ptypy.diagnose import Result
from ptypy.errors import Fault, ParameterError
from ptypy.quick._engines import engines_of
from ptypy.quick._first_probe import estimate_probe
from ptypy.quick._geometry import check_middle, check_span, geometry_of
from ptypy.quick._options import Options, complete, shows_options
from ptypy.quick._sources import Frames, array_of, frames_of
from ptypy.utils import verbose
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import Progress

__all__ = ["prepare", "reconstruct"]

LABEL = "scan"

Numbers = npt.NDArray[Any]


@shows_options
def reconstruct(
    frames: Any,
    positions: Any,
    *,
    engine: Any = ("DM", "ML"),
    iterations: Any = 60,
    save: str | Path | None = None,
    progress: bool = True,
    **how: Unpack[Options],
) -> Result:
    """Reconstruct the object and the probe from an array of frames and their positions.

    Parameters
    ----------
    frames, positions : array, h5py.Dataset or str
        As for `prepare`.
    engine : str, mapping, or sequence of these
        Engines that run one after the other: names, such as ``"DM"``, ``"ML"``, ``"EPIE"``, or
        their parameters, such as ``{"name": "DM", "alpha": 0.9}``.
    iterations : int or sequence of int
        Of all engines, or of each.
    save : path, optional
        ``.ptyr`` file that receives the result, after each engine, and when Ctrl-C ends the run.
    progress : bool
        Show how far it has come.
    **how
        All else that `prepare` takes: ``position_unit`` must be given.

    Returns
    -------
    Result
        Every process gets it.

    Raises
    ------
    ParameterError
        If something does not fit; lists every fault.

    Examples
    --------
    ::

        import ptypy

        result = ptypy.reconstruct(frames, positions, position_unit="m", pixel_size=12e-9)
        result.plot()
    """
    faults: list[Fault] = []
    engines = engines_of(engine, iterations, faults)
    if save is not None and Path(save).suffix != ".ptyr":
        faults.append(Fault("save", repr(str(save)), "results are files that end in .ptyr"))
    run = _prepared(frames, positions, dict(how), faults, progress=progress)
    run.p.engines = engines
    if save is not None:
        # Each engine leaves its result there, and so does a run that Ctrl-C ends.
        run.p.io.rfile = str(Path(save).absolute()).replace("%", "%%")
    total = sum(int(pars.numiter) for pars in engines.values())
    with Progress(total, "reconstructing", "iterations", force=True) as shown:
        # A run of which more is to be heard has a bar of its own.
        shown.active = shown.active and progress and not _is_heard()
        forget = run.on_iteration(lambda run: _advance(run, shown))
        try:
            run.run()
        finally:
            forget()
    run.finalize()
    result = Result.from_run(run)
    return result if save is None else replace(result, source=Path(save))


@shows_options
def prepare(frames: Any, positions: Any, **how: Unpack[Options]) -> Ptycho:
    """Prepare a run of arrays: frames, a first probe and a first object, and no engine yet.

    For whoever wants more than `reconstruct`: ``run.p`` is the tree of parameters, `Ptycho.run`
    takes engines, `Result.from_run` gives what has been reached.

    Parameters
    ----------
    frames : array, h5py.Dataset or str
        Counts (N, rows, columns). A string names a file, and where it holds more than one array
        the array: ``"scan.npy"``, ``"scan.h5:/entry/data"``. Files are read as they are needed.
    positions : array, h5py.Dataset or str
        Where the beam hit the sample (N, 2), (y, x).
    position_unit : str
        ``"m"``, or ``"px"`` for pixels of the object as whole frames resolve it. Must be given.
    pixel_size : float or (float, float), optional
        Edge of an object pixel (y, x) [m], as whole frames resolve it. Enough for positions in
        metres; no distance is needed then, and an energy only if results are to say it.
    energy, distance, detector_pixel : float, optional
        Photon energy [keV], sample to detector [m], edge of a detector pixel [m]: give all three,
        or none. Without them and without `pixel_size` positions must be in pixels, and so are
        all lengths of the result (``result.unit == "px"``).
    zero_frequency : str
        ``"center"``: the beam hits the frames near their middle. ``"corner"``: in pixel (0, 0).
    center : (int, int) or "auto", optional
        Pixel of the frames that the beam hits (y, x); ``"auto"`` finds it as the centre of mass.
        The middle, ``shape // 2``, if not given.
    mask : array or str, optional
        True where a pixel may be trusted, (rows, columns) or (N, rows, columns).
    region : int or (int, int), optional
        Pixels of the frames that are used, around their centre. With fewer, the object has
        coarser pixels.
    rebin : int
        Edge of the squares of pixels that are summed up.
    orientation : int, optional
        How frames are turned, as ``scans.<label>.data.orientation``.
    probe : array or str, optional
        First probe (H, W) or (modes, H, W), complex; its power is set to that of the frames.
        Estimated from the frames if not given, see `estimate_probe`.
    probe_modes : int
        Modes of the probe; more than 1 for partially coherent beams.
    name : str
        Of the run.

    Returns
    -------
    Ptycho
        At level 2. One scan, labelled ``scan``.

    Raises
    ------
    ParameterError
        If something does not fit; lists every fault.
    """
    return _prepared(frames, positions, dict(how), [])


def _prepared(
    frames: Any,
    positions: Any,
    how: dict[str, Any],
    faults: list[Fault],
    *,
    progress: bool = False,
) -> Ptycho:
    """Look at all that is given, say all that is wrong, and make the run."""
    asked = complete(how, faults)
    source = frames_of(frames, faults)
    places = array_of(positions, "positions", faults)
    if positions is None:
        faults.append(Fault("positions", "None", "are needed: (N, 2), (y, x)"))
    mask = array_of(asked["mask"], "mask", faults)
    probe = array_of(asked["probe"], "probe", faults, "buifc")
    shape = None if source is None else source.shape
    numbers, tags = geometry_of(asked, shape, faults)
    if source is not None:
        check_middle(source.mean_modulus(), asked, faults)
    before = len(faults)
    _compare(shape, places, mask, probe, faults)
    if not faults and shape is not None:
        _see_region(shape[1:], asked["region"], faults)
    if numbers and places is not None and shape is not None and len(faults) == before:
        check_span(places, numbers, asked, shape, faults)
    if faults or source is None:
        raise ParameterError(faults)
    arrays = {"positions": places, "mask": mask, "probe": probe}
    run = _make(source, arrays, asked, numbers, tags)
    if probe is None:
        _set_probe(run, int(asked["probe_modes"]), progress and not _is_heard())
    return run


def _compare(
    shape: tuple[int, ...] | None,
    places: Numbers | None,
    mask: Numbers | None,
    probe: Numbers | None,
    faults: list[Fault],
) -> None:
    """Note which arrays do not fit one another."""
    if places is not None and (places.ndim != 2 or places.shape[1] != 2):
        faults.append(Fault("positions", f"shape {places.shape}", "should be (N, 2), (y, x)"))
    elif places is not None and not np.isfinite(places).all():
        bad = int(np.count_nonzero(~np.isfinite(places).all(axis=1)))
        faults.append(Fault("positions", f"{bad} not finite", "leave these frames out"))
    if shape is not None:
        if places is not None and places.ndim == 2 and len(places) != shape[0]:
            remedy = f"should be as many as there are frames, {shape[0]}"
            faults.append(Fault("positions", f"{len(places)} of them", remedy))
        if mask is not None and mask.shape not in {shape, shape[1:]}:
            remedy = f"should be {shape[1:]}, or {shape} for one a frame"
            faults.append(Fault("mask", f"shape {mask.shape}", remedy))
    if probe is not None and (probe.ndim not in {2, 3} or not np.any(probe)):
        remedy = "should be (H, W) or (modes, H, W), and not zero"
        faults.append(Fault("probe", f"shape {probe.shape}", remedy))


def _see_region(frame: tuple[int, ...], region: Any, faults: list[Fault]) -> None:
    """Note a region that is larger than the frames."""
    if region is None:
        return
    size = [int(n) for n in np.broadcast_to(np.asarray(region), 2)]
    if any(n < 1 or n > whole for n, whole in zip(size, frame, strict=True)):
        remedy = f"should be from 1 to {frame[0]} rows and {frame[1]} columns, as frames are"
        faults.append(Fault("region", repr(region), remedy))


def _make(
    source: Frames,
    arrays: dict[str, Numbers | None],
    asked: dict[str, Any],
    numbers: dict[str, Any],
    tags: list[str],
) -> Ptycho:
    """Make a run that holds the frames and a first probe."""
    data = Param(
        name="ArrayScan", **source.pars, **numbers,
        positions=arrays["positions"], mask=arrays["mask"],
        position_unit=asked["position_unit"], zero_frequency=asked["zero_frequency"],
        rebin=int(asked["rebin"]), orientation=asked["orientation"],
    )  # fmt: skip
    if asked["region"] is not None:
        size = np.broadcast_to(np.asarray(asked["region"], dtype=int), 2)
        data.shape = tuple(int(n) for n in size)
    is_found = isinstance(asked["center"], str)
    data.auto_center = is_found
    if not is_found:
        middle = tuple(n // 2 for n in source.shape[1:])
        data.center = tuple(middle if asked["center"] is None else asked["center"])
    modes = int(asked["probe_modes"])
    scan = Param(name="BlockFull", data=data, tags=tags or ["dummy"])
    scan.coherence = Param(num_probe_modes=modes)
    scan.illumination = Param(model=arrays["probe"], aperture=None)
    io = Param(rfile=None, autosave=Param(active=False), autoplot=Param(active=False))
    pars = Param(run=asked["name"], scans=Param({LABEL: scan}), io=io)
    pars.verbose_level = _level()
    run = Ptycho(pars, level=1)
    run.init_data(print_stats=False)
    # Frames are no parameters: whoever saves the run would save them, too.
    told = run.p.scans[LABEL].data
    told.frames = told.frames if isinstance(told.frames, str) else None
    told.mask = None
    return run


def _set_probe(run: Ptycho, modes: int, progress: bool) -> None:
    """Let the run begin from a probe that its frames tell of."""
    (probe,), (obj,) = run.probe.storages.values(), run.obj.storages.values()
    blocks = run.model.blocks
    counts = np.concatenate([block.counts for block in blocks]) if len(blocks) > 1 else None
    counts = blocks[0].counts if counts is None else counts
    masks = [np.broadcast_to(block.mask, block.counts.shape) for block in blocks]
    trusted = blocks[0].mask if len(blocks) == 1 else np.concatenate(masks)
    places = np.concatenate([block.object_views.coord for block in blocks]) / obj.psize
    found = estimate_probe(counts, places, trusted, progress=progress)
    geometry = blocks[0].geometry
    # The estimate knows no curvature of the way to the detector; where there is one, it is added.
    found = found * np.conj(geometry.propagator.pre_phase)
    light = Param(model=found, aperture=None)
    photons = float(blocks[0].max_power)
    probe.data[...] = probe_from(light, geometry, photons, modes)
    run.p.scans[LABEL].illumination.model = found


def _advance(run: Ptycho, shown: Progress) -> None:
    entry = run.runtime.iter_info[-1]
    done = int(entry["iterations"]) - shown.done
    shown.update(done, f"{entry['engine']}, residual {entry['residual']:.4f}")


def _level() -> str:
    """Give the level of the log as it is, so that the run leaves it; that of runs if none is."""
    is_set = verbose.logger.level != logging.NOTSET
    return str(verbose.get_level("name")) if is_set else "ERROR"


def _is_heard() -> bool:
    level = verbose.logger.getEffectiveLevel()
    return level == verbose.INTERACTIVE or level <= logging.INFO
