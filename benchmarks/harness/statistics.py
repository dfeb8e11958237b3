"""Medians, ratios of medians, and what is noise."""

from __future__ import annotations

import math
from statistics import median
from typing import Dict, Iterable, List, Sequence


def geometric_mean(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


def spread(samples: Sequence[float]) -> float:
    """How far apart the middle half of the samples is, in parts of the median: 0.1 is ten per cent.

    The middle half, because one run that a neighbour has disturbed says nothing about the others.
    """
    ordered = sorted(samples)
    quarter = (len(ordered) - 1) / 4
    return (_at(ordered, 3 * quarter) - _at(ordered, quarter)) / median(ordered)


def _at(ordered: Sequence[float], place: float) -> float:
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median_error(samples: Sequence[float]) -> float:
    """The standard error of the median, in parts of it.

    The standard deviation is 0.741 times the interquartile range, the standard error of a median 1.253 times that of a
    mean.
    """
    return 1.253 * 0.741 * spread(samples) / math.sqrt(len(samples))


def rounds_for(seconds: float, quick: bool) -> int:
    """How often something is measured that takes so long."""
    if quick:
        return 5 if seconds < 0.5 else 2
    return 15 if seconds < 0.1 else 9 if seconds < 0.5 else 5 if seconds < 1.5 else 3


def schedule(rounds: Dict[str, int]) -> List[List[str]]:
    """Who runs in which round. Contenders with fewer rounds are spread over all of them; who begins changes."""
    most = max(rounds.values(), default=0)
    plan = []
    for i in range(most):
        names = [name for name, n in rounds.items() if (i + 1) * n // most > i * n // most]
        shift = i % len(names)
        plan.append(names[shift:] + names[:shift])
    return plan
