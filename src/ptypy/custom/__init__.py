"""Engines under the names of modules that scripts for PtyPy 0.9 import."""
