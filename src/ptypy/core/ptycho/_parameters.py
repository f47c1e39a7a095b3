"""The parameters of a run, but for those of its scans and engines."""

from __future__ import annotations

from typing import ClassVar

from ptypy.utils.parameters import Param

__all__ = ["PtychoParameters"]


class PtychoParameters:
    """Parameters of a run.

    Defaults:

    [verbose_level]
    default = ERROR
    type = str, int
    help = How much is said: 0 to 5, or a name in upper or lower case
    doc = ``CRITICAL``, ``ERROR``, ``WARNING``, ``INFO``, ``INSPECT``, ``DEBUG`` stand for 0 to 5;
      ``INTERACTIVE`` shows progress and what goes wrong.
    userlevel = 0

    [data_type]
    default = single
    type = str
    choices = ['single', 'double']
    help = Precision of probe, object and all that is calculated
    doc = ``double`` takes twice the memory and more than twice the time; for comparisons.
    userlevel = 1

    [run]
    default = None
    type = str
    help = Name of the run; None: that of the script
    userlevel = 0

    [frames_per_block]
    default = 100000
    type = int
    lowlim = 1
    help = Most frames that are kept together in one block
    userlevel = 1

    [min_frames_for_recon]
    default = 0
    type = int
    help = Frames that must have arrived before the first iteration
    doc = For scans that are still being recorded. A scan that ends with fewer is reconstructed
      from what there is.
    userlevel = 2

    [dry_run]
    default = False
    type = bool
    help = Load the frames, let engines get ready, say what would be done; iterate and save nothing
    userlevel = 2

    [ipython_kernel]
    default = False
    type = bool
    help = Start an IPython kernel inside of the run; not supported yet
    userlevel = 2

    [io]
    default = None
    type = Param
    help = Files, and programs that watch
    userlevel = 0

    [io.home]
    default = ./
    type = str
    help = Folder that the names of files are relative to
    userlevel = 0

    [io.rfile]
    default = recons/%(run)s/%(run)s_%(engine)s_%(iterations)04d.ptyr
    type = str
    help = File for the result, written when an engine has finished
    doc = The fields are filled in: the name of the run, the name of the engine, and the iterations
      of all engines so far. None writes no file.
    userlevel = 0

    [io.rformat]
    default = minimal
    type = str
    choices = ['minimal', 'dls', 'used_params']
    help = What the file of the result holds
    doc = ``minimal``: probes, objects, parameters, history. ``dls``: coordinates of every pixel,
      too. ``used_params``: the parameters of scans and engines complete with their defaults.
    userlevel = 1

    [io.interaction]
    default = None
    type = Param
    help = Programs that watch or steer the run
    doc = The server does not exist yet: nothing is started, whatever stands here.
    userlevel = 1

    [io.interaction.active]
    default = True
    type = bool
    help = Let programs watch; without effect in this version
    userlevel = 1

    [io.interaction.server]
    default = None
    type = @io.interaction.server
    help = Settings of the server; without effect in this version
    userlevel = 2

    [io.interaction.client]
    default = None
    type = @io.interaction.client
    help = Settings of clients; without effect in this version
    userlevel = 2

    [io.autosave]
    default = None
    type = Param
    help = Saving now and then, while engines iterate
    userlevel = 1

    [io.autosave.active]
    default = True
    type = bool
    help = Save now and then
    userlevel = 1

    [io.autosave.interval]
    default = 10
    type = int
    lowlim = -1
    help = Iterations between two savings; -1 or 0: never
    userlevel = 1

    [io.autosave.rfile]
    default = dumps/%(run)s/%(run)s_%(engine)s_%(iterations)04d.ptyr
    type = str
    help = File to save to; the fields are those of ``io.rfile``
    userlevel = 1

    [io.autosave.resume]
    default = False
    type = bool
    help = Go on from the latest automatic save of a run of this name, if there is one
    doc = Start the same script again after it was stopped or killed: iterations and engines count
      on from there. Without a save the run begins at its beginning. To begin anew nevertheless,
      remove the files that ``rfile`` names, or choose another name for the run.
    userlevel = 1

    [io.autosave.keep]
    default = 2
    type = int
    lowlim = 1
    help = Automatic saves that are kept, the latest ones; None: all
    doc = Older ones of the run are removed as soon as a new one is safely there. Only those that
      the running script itself made are.
    userlevel = 1

    [io.autoplot]
    default = None
    type = Param
    help = Pictures now and then, while engines iterate
    doc = Not made by this version: what stands here has no effect, and the log says so.
    userlevel = 1

    [io.autoplot.active]
    default = True
    type = bool
    help = Make pictures; without effect in this version
    userlevel = 1

    [io.autoplot.imfile]
    default = plots/%(run)s/%(run)s_%(engine)s_%(iterations)04d.png
    type = str
    help = File of the picture; without effect in this version
    userlevel = 1

    [io.autoplot.interval]
    default = 1
    type = int
    lowlim = -1
    help = Iterations between two pictures; without effect in this version
    userlevel = 1

    [io.autoplot.threaded]
    default = True
    type = bool
    help = Draw beside the reconstruction; without effect in this version
    userlevel = 2

    [io.autoplot.layout]
    default = default
    type = str
    choices = ['default', 'black_and_white', 'nearfield', 'minimal', 'weak']
    help = What the picture shows; without effect in this version
    userlevel = 2

    [io.autoplot.dump]
    default = False
    type = bool
    help = Keep every picture; without effect in this version
    userlevel = 2

    [io.autoplot.make_movie]
    default = False
    type = bool
    help = Join the pictures to a film; without effect in this version
    userlevel = 2

    [io.benchmark]
    default = None
    type = str
    choices = ['all', 'loading', 'engine_init', 'engine_prepare', 'engine_iterate',
      'engine_finalize']
    help = Measure how long parts of the run take
    doc = Seconds by part are in ``benchmark`` of the run and of its ``runtime``, and so in every
      file of a result. ``engine_prepare`` and the like are sums over all engines; kernels that have
      to be compiled are in them.
    userlevel = 2

    [scans]
    default = None
    type = Param
    help = Scans to reconstruct, by labels of your choice
    userlevel = 0

    [scans.*]
    default = None
    type = @scan.*
    help = A scan: its ``name`` chooses the model, its ``data`` where the frames come from
    userlevel = 0

    [engines]
    default = None
    type = Param
    help = Engines to run, by labels of your choice, in the alphabetic order of the labels
    userlevel = 0

    [engines.*]
    default = None
    type = @engine.*
    help = An engine: its ``name`` chooses the algorithm
    userlevel = 0
    """

    DEFAULT: ClassVar[Param]
