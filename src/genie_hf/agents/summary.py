"""What several seeds of a study say together."""

from collections.abc import Sequence
from statistics import mean, stdev


def summarise(runs: Sequence[dict], along: str) -> list[dict]:
    """For each agent at each point the mean share of levels solved, and the half-width of its 95 % interval.

    Args:
        runs: each with its `agent`, its point and the share of levels `solved`.
        along: name of the points, such as `labels`.
    """
    table = []
    for agent, point in dict.fromkeys((run["agent"], run[along]) for run in runs):
        solved = [run["solved"] for run in runs if (run["agent"], run[along]) == (agent, point)]
        half = 1.96 * stdev(solved) / len(solved) ** 0.5 if len(solved) > 1 else 0.0
        table.append({"agent": agent, along: point, "solved": mean(solved), "interval": half})
    return table
