"""What several seeds of a study say together."""

from collections.abc import Sequence
from statistics import mean, stdev


def summarise(runs: Sequence[dict], along: str, measure: str = "solved") -> list[dict]:
    """For each agent at each point the mean of a measure, and the half-width of its 95 % interval.

    Args:
        runs: each with its `agent`, its point and the measure.
        along: name of the points, such as `labels`.
        measure: its name.
    """
    table = []
    for agent, point in dict.fromkeys((run["agent"], run[along]) for run in runs):
        found = [run[measure] for run in runs if (run["agent"], run[along]) == (agent, point)]
        half = 1.96 * stdev(found) / len(found) ** 0.5 if len(found) > 1 else 0.0
        table.append({"agent": agent, along: point, measure: mean(found), "interval": half})
    return table
