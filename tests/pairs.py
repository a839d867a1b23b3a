"""Which of all combinations run daily: few of them, in which every two values of any two lists still meet."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest


def pairs(*lists: Sequence[Any]) -> list[Any]:
    """Return all combinations as parameters of a test; those that no pair of values needs are marked `long`."""
    every = list(itertools.product(*lists))
    daily = _covering(every)
    return [each if place in daily else pytest.param(*each, marks=pytest.mark.long) for place, each in enumerate(every)]


def _covering(every: Sequence[tuple[Any, ...]]) -> set[int]:
    """Return the places of combinations that hold every pair; each time the one with the most new pairs is taken."""
    held = [_pairs_of(each) for each in every]
    missing, chosen = set().union(*held), set[int]()
    while missing:
        best = max(range(len(every)), key=lambda place: len(held[place] & missing))
        chosen.add(best)
        missing -= held[best]
    return chosen


def _pairs_of(each: tuple[Any, ...]) -> frozenset[tuple[int, str, int, str]]:
    values = [(place, repr(value)) for place, value in enumerate(each)]
    return frozenset((*one, *other) for one, other in itertools.combinations(values, 2))
