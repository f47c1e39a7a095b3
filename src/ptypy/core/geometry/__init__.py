"""The optical setup: wavelength, distances, pixel sizes, and the waves between two planes."""

from ptypy.core.geometry._geo import Geo
from ptypy.core.geometry._propagators import FarField, NearField, Propagator, Transforms
from ptypy.core.geometry._rescaled import RescaledFarField

__all__ = ["FarField", "Geo", "NearField", "Propagator", "RescaledFarField", "Transforms"]
