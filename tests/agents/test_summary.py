"""What several seeds say together."""

import pytest

from genie_hf.agents.summary import summarise


def test_means_and_intervals_are_over_the_seeds():
    runs = [
        {"agent": "latent", "labels": 10, "seed": seed, "solved": solved} for seed, solved in enumerate([0.5, 0.7])
    ]
    (line,) = summarise(runs, "labels")
    assert line["solved"] == pytest.approx(0.6) and line["interval"] == pytest.approx(12.71 * 0.1)
    (alone,) = summarise(runs[:1], "labels")
    assert alone["solved"] == 0.5 and alone["interval"] == 0
    many = [{"agent": "latent", "labels": 10, "solved": value} for value in 10 * [0.0, 1.0]]
    assert summarise(many, "labels")[0]["interval"] == pytest.approx(2.26 * (5 / 19) ** 0.5 / 20**0.5)
