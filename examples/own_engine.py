"""An engine of one's own, written twice: the script of the tutorial.

Alternating projections, first pod by pod as in scripts of PtyPy 0.9, then on whole blocks of frames
with the compiled kernels. Both reconstruct a simulated scan::

    python own_engine.py results/
"""

from __future__ import annotations

import sys

import numpy as np

from ptypy import accelerate
from ptypy import utils as u
from ptypy.core import Ptycho
from ptypy.engines import BaseEngine, register


@register()
class PodProjections(BaseEngine):
    """Alternating projections, one pod after the other.

    Defaults:

    [name]
    default = PodProjections
    type = str
    help = Name of the engine

    [probe_update_start]
    default = 2
    type = int
    lowlim = 0
    help = Iterations before the probe is updated for the first time
    """

    def engine_initialize(self):
        """Make room for the weights of object and probe."""
        self.ob_weight = self.ob.copy(self.ob.ID + "_weight")
        self.pr_weight = self.pr.copy(self.pr.ID + "_weight")

    def engine_iterate(self, num):
        """Go back and forth between what was measured and what overlaps."""
        for _ in range(num):
            errors = {name: self.project(pod) for name, pod in self.pods.items()}
            self.update_object()
            if self.curiter >= self.p.probe_update_start:
                self.update_probe()
            self.curiter += 1
        return errors

    def project(self, pod):
        """Give the wave on the detector its measured modulus, and return it to the sample."""
        wave = pod.fw(pod.probe * pod.object)
        modulus, measured = np.abs(wave), np.sqrt(np.maximum(pod.diff, 0))
        factor = np.where(pod.mask, measured / (modulus + 1e-9), 1.0)
        pod.exit = pod.bw(factor * wave)
        missing = (modulus - measured)[pod.mask]
        return np.array([np.mean(missing**2), np.nan, np.nan])

    def update_object(self):
        """Take the object that fits all exit waves best."""
        self.ob *= 1e-9
        self.ob_weight.fill(1e-9)
        for pod in self.pods.values():
            pod.object += pod.probe.conj() * pod.exit
            self.ob_weight[pod.ob_view] += np.abs(pod.probe) ** 2
        self.ob.allreduce()
        self.ob_weight.allreduce()
        self.ob /= self.ob_weight

    def update_probe(self):
        """Take the probe that fits all exit waves best."""
        self.pr.fill(0.0)
        self.pr_weight.fill(1e-9)
        for pod in self.pods.values():
            pod.probe += pod.object.conj() * pod.exit
            self.pr_weight[pod.pr_view] += np.abs(pod.object) ** 2
        self.pr.allreduce()
        self.pr_weight.allreduce()
        self.pr /= self.pr_weight


@register()
class BlockProjections(BaseEngine):
    """Alternating projections, all frames of a block at once.

    Defaults:

    [name]
    default = BlockProjections
    type = str
    help = Name of the engine

    [probe_update_start]
    default = 2
    type = int
    lowlim = 0
    help = Iterations before the probe is updated for the first time
    """

    def engine_initialize(self):
        """Start without frames."""
        self.packed = []

    def engine_prepare(self):
        """Bring the frames that are new into the order of the kernels."""
        for block in self.ptycho.model.blocks[len(self.packed) :]:
            transform = accelerate.Transform(block.counts.shape[1:])
            amplitude = transform.pack_measured(np.sqrt(np.maximum(block.counts, 0)), block.mask)
            waves = transform.empty_waves(len(block), len(block.probe.data))
            self.packed.append((block, transform, amplitude, waves))

    def engine_iterate(self, num):
        """Go back and forth between what was measured and what overlaps."""
        (obj,), (probe,) = self.ob.storages.values(), self.pr.storages.values()
        for _ in range(num):
            errors = self.project(obj.data[0], probe.data)
            if self.curiter >= self.p.probe_update_start:
                self.update_probe(obj.data[0], probe.data)
            self.curiter += 1
        return errors

    def project(self, obj, probe):
        """Project every frame, and take the object that fits all exit waves best."""
        total = 1e-9 * obj
        weight = np.full(obj.shape, 1e-9, np.float32)
        errors = [
            accelerate.project(
                transform,
                waves,
                probe * block.geometry.pre_phase,
                obj,
                block.corners,
                amplitude,
                coefficients=(0.0, 1.0, 1.0),
                object_numerator=total,
                object_denominator=weight,
            )
            for block, transform, amplitude, waves in self.packed
        ]
        u.parallel.allreduce(total)
        u.parallel.allreduce(weight)
        obj[...] = total / weight
        return np.concatenate(errors)

    def update_probe(self, obj, probe):
        """Take the probe that fits all exit waves best."""
        total = np.zeros_like(probe)
        weight = np.zeros(probe.shape[1:], np.float32)
        for block, transform, _, waves in self.packed:
            accelerate.probe_sums(transform, waves, obj, block.corners, total, weight)
        u.parallel.allreduce(total)
        u.parallel.allreduce(weight)
        probe[...] = total / (weight + 1e-9) * self.packed[0][0].geometry.pre_phase.conj()


def reconstruct(engine, home="./", **pars):
    """Let an engine reconstruct a simulated scan."""
    p = u.Param(run="own_engine")
    p.io = u.Param(home=home, autosave=u.Param(active=False))
    p.scans = u.Param(moon=u.Param(name="BlockFull"))
    p.scans.moon.data = u.Param(
        name="MoonFlowerScan", shape=64, num_frames=60, density=0.1, photons=1e5, save=None
    )
    p.scans.moon.illumination = u.Param(diversity=None)
    p.engines = u.Param(engine00=u.Param(name=engine, **pars))
    return Ptycho(p, level=5)


def main(home):
    """Reconstruct twice, and say how each engine got on."""
    for name in ("PodProjections", "BlockProjections"):
        history = reconstruct(name, home, numiter=100).runtime.iter_info
        errors = [entry.error[0] for entry in history]
        milliseconds = 1e3 * np.median([entry.duration for entry in history])
        print(
            f"{name}: error {errors[0]:.2f} at first, {errors[-1]:.2f} after {len(errors)} "
            f"iterations of {milliseconds:.1f} ms"
        )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "./")
