"""The tutorial's engine does what every engine owes its users; run by ``pytest``, from here."""

from own_engine import BlockProjections

from ptypy.testing import EngineContract


class TestBlockProjections(EngineContract):
    """Try the engine on blocks of frames."""

    engine = BlockProjections
