"""Objects and probes to try things on, drawn by code: no file, no download, always the same.

Each function takes the shape of the picture and gives the same scene at that size, so that a
larger picture shows finer detail.
"""

from ptypy.resources._flower import flower_obj
from ptypy.resources._moon import moon_pr
from ptypy.resources._tree import tree_obj

__all__ = ["flower_obj", "moon_pr", "tree_obj"]
