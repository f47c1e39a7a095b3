"""A misspelt name is answered with the one that was meant."""

import pytest

from ptypy.utils.text_utils import did_you_mean, listed_names, nearest

KNOWN = ["energy", "distance", "MoonFlowerScan", "*"]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("enery", "energy"),
        ("ENERGY", "energy"),
        ("moonflowerscn", "MoonFlowerScan"),
        ("xyz", None),
        (None, None),
        (3, None),
        ("", None),
    ],
)
def test_the_name_most_alike_is_found_whatever_the_case(wrong, right):
    assert nearest(wrong, KNOWN) == right


def test_how_much_alike_can_be_chosen():
    assert nearest("dist", KNOWN) == "distance"
    assert nearest("dist", KNOWN, cutoff=0.9) is None


def test_without_a_likeness_the_names_are_listed_unless_there_are_too_many():
    assert did_you_mean("qqq", KNOWN) == "; known: energy, distance, MoonFlowerScan"
    assert did_you_mean("qqq", KNOWN, listing=False) == did_you_mean("qqq", []) == ""
    assert listed_names(map(str, range(100))).endswith("10, 11, ...")
