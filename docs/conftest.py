"""Pages begin as a fresh session does: nobody has asked for messages yet."""

import logging

import pytest


@pytest.fixture(autouse=True)
def _fresh_log():
    logger = logging.getLogger("ptypy")
    level, handlers = logger.level, list(logger.handlers)
    logger.handlers[:] = []
    logger.setLevel(logging.NOTSET)
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers
