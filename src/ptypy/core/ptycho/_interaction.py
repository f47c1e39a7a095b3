"""Parameters of the interaction server and its clients, which do not exist yet."""

from __future__ import annotations

from ptypy import defaults_tree

__all__: list[str] = []


@defaults_tree.parse_doc("io.interaction.server")
class _Server:
    """Talks to programs that watch a run. Not part of this version: nothing is started.

    Defaults:

    [active]
    default = True
    type = bool
    help = Serve programs that watch the run; without effect in this version

    [address]
    default = tcp://127.0.0.1
    type = str
    help = Address to listen at; without effect in this version

    [port]
    default = 5560
    type = int
    help = First port to try; without effect in this version

    [connections]
    default = 10
    type = int
    help = Programs that may watch at once; without effect in this version

    [poll_timeout]
    default = 10.0
    type = float
    help = Longest wait for a message [ms]; without effect in this version

    [pinginterval]
    default = 2
    type = float
    help = Time between two checks that a program is still there [s]; without effect in this version

    [pingtimeout]
    default = 10
    type = float
    help = Silence after which a program counts as gone [s]; without effect in this version
    """


@defaults_tree.parse_doc("io.interaction.client")
class _Client:
    """Watches a run from another program. Not part of this version.

    Defaults:

    [address]
    default = tcp://127.0.0.1
    type = str
    help = Address of the server; without effect in this version

    [port]
    default = 5560
    type = int
    help = Port of the server; without effect in this version

    [poll_timeout]
    default = 100.0
    type = float
    help = Longest wait for a message [ms]; without effect in this version

    [pinginterval]
    default = 1
    type = float
    help = Time between two signs of life [s]; without effect in this version

    [connection_timeout]
    default = 3600000.0
    type = float
    help = Silence after which the server counts as gone [ms]; without effect in this version
    """
