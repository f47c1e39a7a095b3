"""The shortest script: a simulated scan, prepared and reconstructed in one go.

``MoonFlowerScan`` needs no data: it computes frames of a flower in the light of a moon. Put the
name of your own loader in its place, and its parameters beside it::

    python moonflower.py results/
"""

from __future__ import annotations

import sys

from ptypy import utils as u
from ptypy.core import Ptycho

p = u.Param()
p.verbose_level = "INFO"
p.run = "moonflower"
p.io = u.Param()
p.io.home = sys.argv[1] if len(sys.argv) > 1 else "./"
p.io.autosave = u.Param(active=False)

# One scan: a model that joins probe and object, and the data it is fed with.
p.scans = u.Param()
p.scans.MF = u.Param()
p.scans.MF.name = "BlockFull"
p.scans.MF.data = u.Param()
p.scans.MF.data.name = "MoonFlowerScan"
p.scans.MF.data.shape = 128
p.scans.MF.data.num_frames = 200
p.scans.MF.data.photons = 1e8
p.scans.MF.data.save = None

# Engines run one after the other, in the order of their labels.
p.engines = u.Param()
p.engines.engine00 = u.Param()
p.engines.engine00.name = "DM"
p.engines.engine00.numiter = 80
p.engines.engine01 = u.Param()
p.engines.engine01.name = "ML"
p.engines.engine01.numiter = 80

P = Ptycho(p, level=5)
