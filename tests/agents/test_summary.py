"""What several seeds say together."""

import pytest

from genie_hf.agents.summary import summarise


def test_means_and_intervals_are_over_the_seeds():
    runs = [
        {"agent": "latent", "labels": 10, "seed": seed, "solved": solved} for seed, solved in enumerate([0.5, 0.7])
    ]
    (line,) = summarise(runs, "labels")
    assert line["solved"] == pytest.approx(0.6) and line["interval"] == pytest.approx(1.96 * 0.1)
