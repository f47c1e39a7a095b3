"""Engines that scripts of PtyPy 0.9 import from here; they live in `ptypy.engines`."""
