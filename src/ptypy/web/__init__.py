"""Frames and results in the browser, on this machine's loopback address.

`view` shows a file: the preparation of a scan, or a result. `watch` shows a run that goes on, to
pause it, stop it and save. Needs Tornado (``pip install 'ptypy[view]'``), which is imported when
somebody looks.
"""

from ptypy.web._run import Viewer, watch
from ptypy.web._view import view

__all__ = ["Viewer", "view", "watch"]
