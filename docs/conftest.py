"""Pages begin as a fresh session does: no messages asked for, no engines but those of ptypy."""

import logging

import pytest

from ptypy import defaults_tree
from ptypy.engines import ENGINES


def _says_no_more_than_later(record):
    """Leave out what only the first run on a machine says."""
    return not record.getMessage().startswith("compiling kernels")


@pytest.fixture(autouse=True)
def _fresh_log():
    logger = logging.getLogger("ptypy")
    level, handlers = logger.level, list(logger.handlers)
    logger.handlers[:] = []
    logger.setLevel(logging.NOTSET)
    logger.addFilter(_says_no_more_than_later)
    yield
    logger.removeFilter(_says_no_more_than_later)
    logger.setLevel(level)
    logger.handlers[:] = handlers


@pytest.fixture(autouse=True)
def _no_engines_of_others():
    engines, nodes = dict(ENGINES), set(defaults_tree["engine"].children)
    yield
    ENGINES.clear()
    ENGINES.update(engines)
    for name in set(defaults_tree["engine"].children) - nodes:
        defaults_tree["engine"].prune_child(name)
