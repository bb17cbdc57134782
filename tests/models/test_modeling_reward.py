"""What comes of arriving at a frame."""

import pytest
import torch

from genie_hf import GenieRewardConfig, GenieRewardModel


def worth_of(codes):
    """A game that pays 10 for code 3 in the newest frame's corner, and ends with that or any change there."""
    reached = codes[:, -1, 0, 0] == 3
    return torch.where(reached, 10.0, 0.0), reached | (codes[:, -1, 0, 0] != codes[:, -2, 0, 0])


def draw(number, generator):
    codes = torch.randint(32, (number, 2, 4, 4), generator=generator)
    codes[:, 1, 0, 0] = torch.where(torch.rand(number, generator=generator) < 0.5, codes[:, 0, 0, 0], 3)
    return codes


def test_it_learns_what_a_game_pays_and_where_it_ends(tiny_reward_model):
    model = GenieRewardModel(tiny_reward_model.config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(150):
        codes = draw(64, generator)
        loss = model(codes, model.outcomes_of(*worth_of(codes))).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    codes = draw(256, generator)
    rewards, ended = worth_of(codes)
    odds = model.odds(codes)[:, 0]
    assert (model.rewards[odds.argmax(-1)] == rewards).float().mean() > 0.95
    assert (model.ends[odds.argmax(-1)] == ended).float().mean() > 0.95


def test_odds_of_a_clip_are_those_of_each_frame_and_the_one_before(tiny_reward_model):
    codes = torch.randint(32, (3, 5, 4, 4), generator=torch.Generator().manual_seed(0))
    odds = tiny_reward_model.odds(codes)
    assert odds.shape == (3, 4, 3)
    torch.testing.assert_close(odds.sum(-1), torch.ones(3, 4))
    for frame in range(4):
        alone = tiny_reward_model(codes[:, frame : frame + 2]).logits.softmax(-1)
        torch.testing.assert_close(odds[:, frame], alone)


def test_outcomes_are_the_nearest_that_end_alike(tiny_reward_model):
    rewards, ended = torch.tensor([0.0, 0.2, 8.0, 0.0]), torch.tensor([False, True, True, False])
    assert tiny_reward_model.outcomes_of(rewards, ended).tolist() == [0, 1, 2, 0]


def test_a_saved_model_says_the_same(tiny_reward_model, tmp_path):
    codes = torch.randint(32, (3, 2, 4, 4), generator=torch.Generator().manual_seed(0))
    tiny_reward_model.save_pretrained(tmp_path)
    loaded = GenieRewardModel.from_pretrained(tmp_path)
    assert loaded.config.outcomes == [[0.0, False], [0.0, True], [10.0, True]]
    torch.testing.assert_close(loaded.odds(codes), tiny_reward_model.odds(codes))


def test_impossible_values_are_told(tiny_reward_model):
    with pytest.raises(ValueError, match="where nothing else can happen, nothing can be learnt"):
        GenieRewardConfig(outcomes=[[0, False]])
    with pytest.raises(ValueError, match=r"codes have the shape \(1, 3, 4, 4\)"):
        tiny_reward_model(torch.zeros(1, 3, 4, 4, dtype=torch.int64))
