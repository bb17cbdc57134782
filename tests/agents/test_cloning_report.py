"""The comparison of cloned agents in the real CoinRun, in small."""

import json

import PIL.Image
import pytest

pytest.importorskip("procgen")

from genie_hf.agents import real_game
from genie_hf.agents.cloning_report import report_cloning
from genie_hf.data.coinrun import record


def test_all_agents_play_and_the_figure_shows_them(tiny_pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr(real_game, "TIME_LIMIT", 60)  # of a game that nobody has learnt
    record(tmp_path / "expert", (0, 2), steps=12, mode="easy", policy="expert", frame_skip=3, num_workers=1)
    settings = {"mode": "easy", "levels": range(5, 8), "num_labels": [4, 8], "num_seeds": 2, "num_steps": 2}
    result = report_cloning(tiny_pipeline, str(tmp_path / "expert"), tmp_path, **settings)
    assert [(line["agent"], line["labels"]) for line in result["table"]] == [
        ("random", 0), ("blind", 12), ("oracle", 12),
        ("latent", 4), ("labels alone", 4), ("latent", 8), ("labels alone", 8),
    ]  # fmt: skip
    assert all(0 <= line["solved"] <= 1 for line in result["table"]) and len(result["runs"]) == 14
    written = json.loads((tmp_path / "cloning-easy.json").read_text())
    assert written["table"] == result["table"] and "dynamics_fingerprint" in written
    assert PIL.Image.open(tmp_path / "cloning-easy.png").width > 400


def test_what_cannot_be_compared_is_refused(tiny_pipeline, tmp_path):
    tiny_pipeline.latent_action_model = None
    with pytest.raises(ValueError, match="no latent_action_model to infer actions with"):
        report_cloning(tiny_pipeline, "nowhere", tmp_path)
