"""PPO in a world and in the real CoinRun, in small."""

import json

import PIL.Image
import pytest

pytest.importorskip("procgen")

from genie_hf import (
    GenieLatentActionConfig,
    GenieLatentActionModel,
    GeniePipeline,
    GenieVideoTokenizer,
    GenieVideoTokenizerConfig,
)
from genie_hf.agents import ppo, real_game
from genie_hf.agents.dream_report import report_dreaming, tabulate
from genie_hf.data.coinrun import record

TRANSFORMER = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "head_dim": 8}


@pytest.fixture
def dreamt(tiny_pipeline, tiny_reward_model):
    """A world of 64x64 frames, as large as PPO's network needs them."""
    layers = {"image_size": 64, "num_frames": 4, "encoder": TRANSFORMER, "decoder": TRANSFORMER}
    tokenizer = GenieVideoTokenizerConfig(patch_size=16, codebook_size=32, **layers)
    latent = GenieLatentActionConfig(patch_size=32, num_actions=5, **layers)
    return GeniePipeline(
        video_tokenizer=GenieVideoTokenizer(tokenizer).eval(),
        latent_action_model=GenieLatentActionModel(latent).eval(),
        dynamics=tiny_pipeline.dynamics,
        scheduler=tiny_pipeline.scheduler,
        reward_model=tiny_reward_model,
    )


def test_both_learn_and_play_and_the_figure_shows_them(dreamt, tmp_path, monkeypatch):
    monkeypatch.setattr(real_game, "TIME_LIMIT", 30)  # of a game that nobody has learnt
    monkeypatch.setitem(ppo.SETTINGS, "n_steps", 8)
    monkeypatch.setitem(ppo.SETTINGS, "batch_size", 32)
    record(tmp_path / "shown", (0, 3), steps=12, mode="easy", policy="expert", frame_skip=3, num_workers=1)
    settings = {"mode": "easy", "levels": range(5, 8), "num_steps": 100, "num_seeds": 1, "horizon": 4, "num_envs": 4}
    result = report_dreaming(dreamt, str(tmp_path / "shown"), tmp_path, **settings)
    steps = [0, 32, 64, 96, 128]  # 100 in whole rollouts
    points = [("random", 0), *(("world", number) for number in steps), *(("real", number) for number in steps)]
    assert [(line["agent"], line["steps"]) for line in result["table"]] == points and len(result["runs"]) == 11
    assert all(0 <= line["solved"] <= 1 for line in result["table"])
    imagined = [line["return"] for line in result["table"] if line["agent"] == "world"]
    assert imagined[0] is None and all(0 <= earned <= 10 for earned in imagined[1:])
    written = json.loads((tmp_path / "dream-easy.json").read_text())
    assert written["table"] == result["table"] and "dynamics_fingerprint" in written and written["horizon"] == 4
    assert PIL.Image.open(tmp_path / "dream-easy.png").width > 400


def test_a_mean_return_needs_one_of_each_seed():
    runs = [
        {"agent": "world", "steps": steps, "seed": seed, "solved": 0.5, "return": earned}
        for steps, seed, earned in ((0, 0, None), (0, 1, None), (8, 0, 2.0), (8, 1, 4.0))
    ]
    assert [line["return"] for line in tabulate(runs)] == [None, 3.0]


def test_what_cannot_be_learnt_in_is_refused(tiny_pipeline, dreamt, tmp_path):
    with pytest.raises(ValueError, match="no reward_model, so nothing can be learnt in it: train its stage reward"):
        report_dreaming(tiny_pipeline, "nowhere", tmp_path)
