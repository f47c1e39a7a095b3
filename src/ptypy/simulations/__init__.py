"""Simulated experiments: what a detector would have written, had it looked at a known sample."""

from ptypy.simulations._beamtime import Beamtime, Truth, read_truth

__all__ = ["Beamtime", "Truth", "read_truth"]
