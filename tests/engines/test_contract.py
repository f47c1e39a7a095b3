"""What every engine owes to its users, asked of each that comes with the package."""

import pytest

from ptypy.engines import DM, ML
from ptypy.testing import EngineContract


class TestDM(EngineContract):
    engine = DM


class TestRAAR(EngineContract):
    engine = "RAAR"


class TestEPIE(EngineContract):
    engine = "EPIE"


class TestML(EngineContract):
    engine = ML


def test_a_class_that_is_not_registered_is_told_so():
    class Unknown(EngineContract):
        engine = EngineContract

    with pytest.raises(AssertionError, match=r"decorate it with @ptypy\.engines\.register"):
        Unknown().name()


def test_a_contract_without_an_engine_says_what_it_needs():
    with pytest.raises(AssertionError, match="EngineContract needs `engine = MyEngine`"):
        EngineContract().name()
