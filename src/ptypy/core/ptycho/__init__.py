"""The application: reads parameters, owns a run.

`Ptycho` is all there is to it; `ptypy.core.paths` names its files and
`ptypy.core.save_load` says what is in them.
"""

from ptypy.core.ptycho._check import check
from ptypy.core.ptycho._ptycho import Ptycho

__all__ = ["Ptycho", "check"]
