"""What several seeds say together."""

import pytest

from genie_hf.agents.summary import interval_of_share, summarise


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


def test_the_interval_of_a_share_is_wilsons():
    assert interval_of_share(13, 20) == pytest.approx([0.4329, 0.8188], abs=1e-3)
    none, every = interval_of_share(0, 20), interval_of_share(20, 20)
    assert none == pytest.approx([0, 0.1611], abs=1e-3) and every == pytest.approx([0.8389, 1], abs=1e-3)
