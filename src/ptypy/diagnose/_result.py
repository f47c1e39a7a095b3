"""The result of a reconstruction as a value: arrays with axes and units, history, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.diagnose._field import Field, find_ramp
from ptypy.diagnose._lengths import write_length
from ptypy.diagnose._seen import guess_seen, seen_from
from ptypy.errors import DataError, FormatError
from ptypy.utils.parameters import Param

if TYPE_CHECKING:
    from ptypy.core.ptycho import Ptycho

__all__ = ["Result"]

FORMS = (".png", ".pdf", ".svg")

Complex = npt.NDArray[np.complexfloating]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """What a reconstruction found, and how it came to it.

    Made by `read_result` of a file, by `Result.from_run` of a run, by `ptypy.reconstruct`. It
    does not change when the run goes on.

    `object`, `probe`, `pixel_size` and so on speak of the one object and the one probe there
    are. Where there are several they raise an error that names them: take one out of `objects`
    and `probes`, or `select` it.

    Examples
    --------
    ::

        result = ptypy.read_result("moon_ML_0120.ptyr")
        y, x = result.object_axes
        plt.pcolormesh(x, y, np.angle(result.object))
    """

    objects: Mapping[str, Field]
    """Objects by ID."""
    probes: Mapping[str, Field]
    """Probes by ID."""
    history: Sequence[Mapping[str, Any]] = ()
    """One entry for each call of an engine, in order: ``iteration`` (of the engine),
    ``iterations`` (of all), ``engine``, ``duration`` [s], ``error``, ``residual``."""
    parameters: Param = field(default_factory=Param)
    """Parameters of the run."""
    run: str = ""
    """Name of the run."""
    source: Path | None = None
    """File that it was read from."""
    noise_floor: float | None = None
    """Residual that photon noise alone would leave; None if nobody calculated it."""

    def __post_init__(self) -> None:
        if not self.objects or not self.probes:
            where = "" if self.source is None else f"{self.source}: "
            raise DataError(f"{where}holds no {'probe' if self.objects else 'object'}")

    @classmethod
    def from_run(cls, run: Ptycho) -> Result:
        """Copy what a run has reached. Every process must call it; all get the same.

        Parameters
        ----------
        run : Ptycho
            With frames, before, between or after its engines.
        """
        from ptypy.diagnose._make import result_of

        return result_of(run)

    # ------------------------------------------------- the one object and probe

    @property
    def object(self) -> Complex:
        """The object's transmission, (Y, X): its only mode, or the first of several.

        All modes are ``result.objects[label].data``, (modes, Y, X).
        """
        first: Complex = self._object.data[0]
        return first

    @property
    def probe(self) -> Complex:
        """The modes of the probe [sqrt(photons)], (modes, H, W)."""
        return _only(self.probes, "probe").data

    @property
    def pixel_size(self) -> Floats:
        """Edges of a pixel of object and probe (y, x) [`unit`], (2,)."""
        return self._object.pixel_size

    @property
    def unit(self) -> str:
        """Unit of all lengths: ``'m'``, or ``'px'`` where no geometry was given."""
        return next(iter(self.objects.values())).unit

    @property
    def object_axes(self) -> tuple[Floats, Floats]:
        """Places y (Y,) and x (X,) of the pixels of the object [`unit`]."""
        return self._object.axes

    @property
    def object_origin(self) -> Floats:
        """Place of the middle of the object's pixel (0, 0), (y, x) [`unit`]."""
        return self._object.origin

    @property
    def probe_axes(self) -> tuple[Floats, Floats]:
        """Places y (H,) and x (W,) of the pixels of the probe [`unit`]."""
        return _only(self.probes, "probe").axes

    @property
    def coverage(self) -> Floats | None:
        """Light on each pixel of the object over the most on one, (Y, X); None if not known."""
        return self._object.coverage

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        """Where the object is known, (Y, X): from the coverage, else about where beams were."""
        return self.seen_of(self._object.label)

    @property
    def positions(self) -> Floats | None:
        """Where the frames lay at last (N, 2), (y, x) [`unit`]; None if it is not known."""
        return self._object.positions

    @property
    def energy(self) -> float | None:
        """Photon energy [keV]; None if it is not known, or was never given."""
        return self._object.energy

    @property
    def _object(self) -> Field:
        return _only(self.objects, "object")

    # ------------------------------------------------- how it came to it

    @property
    def iterations(self) -> int:
        """Iterations of all engines together."""
        return int(self.history[-1].get("iterations", len(self.history))) if self.history else 0

    @cached_property
    def residuals(self) -> Floats:
        """Residual after each entry of `history`, (n,); NaN where there is none.

        ``sqrt(sum (|model| - sqrt(counts))**2 / sum counts)``. Files of PtyPy 0.9 have none.
        """
        return np.array([float(entry.get("residual", np.nan)) for entry in self.history])

    @property
    def residual(self) -> float:
        """The last of the `residuals`; NaN if there is none."""
        return float(self.residuals[-1]) if len(self.residuals) else float("nan")

    @property
    def errors(self) -> Floats:
        """Mean errors (fourier, photons, exit) after each entry of `history`, (n, 3)."""
        rows = [np.ravel(entry.get("error", (np.nan,) * 3))[:3] for entry in self.history]
        return np.array(rows, dtype=np.float64).reshape(-1, 3)

    @property
    def engines(self) -> tuple[str, ...]:
        """Engines that ran, in order."""
        return tuple(dict.fromkeys(str(entry["engine"]) for entry in self.history))

    # ------------------------------------------------- another one of it

    def select(self, label: str) -> Result:
        """Give the result of one object and the probe that lit it.

        Parameters
        ----------
        label : str
            ID of an object, or the label of its scan.

        Raises
        ------
        DataError
            If there is no such object; names those there are.
        """
        found = [ID for ID in self.objects if label in {ID, ID[1:], ID[1:].removesuffix("G00")}]
        if len(found) != 1:
            names = ", ".join(map(repr, self.objects))
            raise DataError(f"there is no object {label!r} in this result: it has {names}")
        ID = found[0]
        probe = self._probe_of(ID)
        return replace(self, objects={ID: self.objects[ID]}, probes={probe.label: probe})

    def without_ramp(self) -> Result:
        """Take from every object what no measurement sees: mean phase and mean phase ramp.

        Probes take the opposite ramp, so that object times probe gives the same frames.
        """
        objects, probes = dict(self.objects), dict(self.probes)
        changed = set()
        for ID, obj in self.objects.items():
            factor, slopes = find_ramp(obj.data[0], self.seen_of(ID))
            objects[ID] = replace(obj, data=(obj.data * factor).astype(obj.data.dtype))
            probe = self._probe_of(ID)
            if probe.label not in changed:
                changed.add(probe.label)
                y, x = (np.arange(n) - n // 2 for n in probe.data.shape[-2:])
                turn = np.exp(-1j * (slopes[0] * y[:, None] + slopes[1] * x))
                data = (probe.data * turn).astype(probe.data.dtype)
                probes[probe.label] = replace(probe, data=data)
        return replace(self, objects=objects, probes=probes)

    def seen_of(self, label: str) -> npt.NDArray[np.bool_]:
        """Say where an object is known, (Y, X); see `seen`."""
        obj = self.objects[label]
        if obj.coverage is not None:
            return seen_from(obj.coverage)
        return guess_seen(obj, self._probe_of(label))

    def _probe_of(self, label: str) -> Field:
        """Find the probe that lit an object: that of the same ID, or the first."""
        return self.probes.get(label) or next(iter(self.probes.values()))

    # ------------------------------------------------- looking at it

    def plot(self, label: str | None = None, *, remove_ramp: bool = True) -> Any:
        """Draw object, probe and error curve.

        Parameters
        ----------
        label : str, optional
            Of the object to draw, as for `select`; the first if not given.
        remove_ramp : bool
            Show the object without its mean phase ramp, which no measurement sees; see
            `without_ramp`. The mean phase is never shown.

        Returns
        -------
        matplotlib.figure.Figure
            It needs no screen; a notebook shows it.
        """
        from ptypy.diagnose._overview import draw_overview

        one = self.select(next(iter(self.objects)) if label is None else label)
        figure = draw_overview(one.without_ramp() if remove_ramp else one)
        if len(self.objects) > 1:
            figure.supxlabel(f"one of {len(self.objects)} objects: {', '.join(self.objects)}")
        return figure

    def save_picture(
        self, path: str | Path, label: str | None = None, *, remove_ramp: bool = True
    ) -> Path:
        """Write what `plot` draws to a PNG, PDF or SVG file.

        Raises
        ------
        FormatError
            If the file is to be another.
        """
        from ptypy.diagnose._pictures import save_figure

        form = Path(path).suffix.lower()
        if form not in FORMS:
            raise FormatError(f"{path}: pictures are files that end in {', '.join(FORMS)}")
        return save_figure(self.plot(label, remove_ramp=remove_ramp), path, form[1:])

    def describe(self) -> dict[str, str]:
        """Tell in words what this is; what a table shows."""
        said = {"run": self.run} if self.run else {}
        if self.source is not None:
            said["file"] = str(self.source)
        if self.history:
            said["engines"] = f"{', '.join(self.engines)}: {self.iterations} iterations"
        if np.isfinite(self.residual):
            floor = self.noise_floor
            noise = f", photon noise alone {floor:.4f}" if floor else ""
            said["residual"] = f"{self.residual:.4f}{noise}"
        for kind, fields in (("object", self.objects), ("probe", self.probes)):
            for ID, one in fields.items():
                name = kind if len(fields) == 1 else f"{kind} {ID}"
                said[name] = _size(one)
        first = next(iter(self.objects.values()))
        high, wide = (write_length(float(n), first.unit) for n in first.pixel_size)
        said["pixel"] = high if high == wide else f"{high} x {wide}"
        if first.energy:
            said["energy"] = f"{first.energy:.6g} keV"
        if first.positions is not None:
            said["frames"] = str(len(first.positions))
        return said

    def __repr__(self) -> str:
        said = self.describe()
        width = max(len(name) for name in said)
        lines = [f"  {name:<{width}}  {text}" for name, text in said.items()]
        return "\n".join(["Result of a reconstruction", *lines])

    def _repr_html_(self) -> str:
        from ptypy.diagnose._html import result_as_html

        return result_as_html(self)


def _only(fields: Mapping[str, Field], kind: str) -> Field:
    """Give the one that there is."""
    if len(fields) == 1:
        return next(iter(fields.values()))
    names = ", ".join(map(repr, fields))
    raise DataError(
        f"this result has {len(fields)} {kind}s, {names}: take one, as "
        f"`result.{kind}s[{next(iter(fields))!r}]`, or all that belongs to one object with "
        "`result.select(label)`"
    )


def _size(one: Field) -> str:
    modes, height, width = one.data.shape
    high, wide = (write_length(float(n), one.unit) for n in one.pixel_size * (height, width))
    extent = "" if one.unit == "px" else f", {high} x {wide}"
    return f"{height} x {width} px{extent}{f', {modes} modes' if modes > 1 else ''}"
