"""A cloned agent in the real game and in the imagined one, in small."""

import PIL.Image
import pytest
import torch

pytest.importorskip("procgen")

from genie_hf.agents import real_game
from genie_hf.agents.film import film_clone
from genie_hf.agents.policy import GeniePolicy
from genie_hf.data.coinrun import record


def test_the_film_has_the_game_above_and_the_world_below(tiny_pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr(real_game, "TIME_LIMIT", 18)  # six decisions
    record(tmp_path / "expert", (0, 2), steps=12, mode="easy", policy="expert", frame_skip=3, num_workers=1)
    settings = {"mode": "easy", "levels": range(5, 7), "num_labels": 8, "num_steps": 2}
    policy, gif = film_clone(tiny_pipeline, str(tmp_path / "expert"), tmp_path, **settings)
    policy = GeniePolicy.from_pretrained(policy)
    assert policy.config.num_actions == 5 and policy(torch.rand(1, 4, 3, 16, 16)).logits.shape == (1, 5)
    with PIL.Image.open(gif) as film:
        assert film.n_frames == 7 and film.width == film.height and film.format == "GIF"
