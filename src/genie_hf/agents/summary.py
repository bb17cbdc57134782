"""What several seeds of a study say together."""

from collections.abc import Sequence
from statistics import mean, stdev

STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
"""The 97.5 % points of Student's distribution with 1, 2, ... degrees of freedom."""


def summarise(runs: Sequence[dict], along: str, measure: str = "solved") -> list[dict]:
    """For each agent at each point the mean of a measure, and the half-width of its 95 % interval (Student's).

    Args:
        runs: each with its `agent`, its point and the measure.
        along: name of the points, such as `labels`.
        measure: its name.
    """
    table = []
    for agent, point in dict.fromkeys((run["agent"], run[along]) for run in runs):
        found = [run[measure] for run in runs if (run["agent"], run[along]) == (agent, point)]
        table.append({"agent": agent, along: point, measure: mean(found), "interval": half_width(found)})
    return table


def interval_of_share(hits: int, number: int) -> list[float]:
    """The 95 % interval of a share: lowest and highest (Wilson 1927), which is not empty where all or none hit."""
    share, weight = hits / number, 1.96**2 / number
    middle = (share + weight / 2) / (1 + weight)
    half = (weight * (share * (1 - share) + weight / 4)) ** 0.5 / (1 + weight)
    return [max(middle - half, 0.0), min(middle + half, 1.0)]


def half_width(found: Sequence[float]) -> float:
    """Of the 95 % interval of a mean; 0 for a single value, of which nothing is known."""
    if len(found) < 2:
        return 0.0
    return STUDENT[min(len(found) - 1, len(STUDENT)) - 1] * stdev(found) / len(found) ** 0.5
