import math

import pytest
import torch
from torchmetrics.functional.clustering import normalized_mutual_info_score

from genie_hf.evaluation.latent_actions import (
    Consistency,
    action_agreement,
    best_mapping,
    code_usage,
    contingency,
    merge_actions,
    mutual_information,
    switch_rate,
)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_actions_merge_as_the_table_says():
    assert merge_actions(torch.tensor([[0, 1], [2, 3]]), [0, 0, 1, 2]).tolist() == [[0, 0], [1, 2]]


@pytest.mark.parametrize("action", [-1, 15])
def test_an_action_outside_the_table_is_named(action):
    with pytest.raises(ValueError, match=f"action {action} is outside the data set's table of 15 actions"):
        merge_actions(torch.tensor([0, action]), range(15))


def test_latent_actions_that_name_the_true_ones_are_perfect(generator):
    true = torch.randint(6, (2000,), generator=generator)
    latent = torch.tensor([3, 7, 1, 0, 5, 2])[true]
    figures = action_agreement(latent, true, 8, 6)
    assert figures["nmi"] == pytest.approx(1)
    assert figures["ami"] == pytest.approx(1)
    assert figures["mapping_accuracy"] == 1
    assert figures["mapping_accuracy_200_labels"] == 1


def test_unrelated_latent_actions_score_zero_and_the_majority(generator):
    true = torch.multinomial(torch.tensor([0.5, 0.2, 0.2, 0.1]), 1000, replacement=True, generator=generator)
    latent = torch.randint(8, (1000,), generator=generator)
    figures = action_agreement(latent, true, 8, 4)
    assert figures["nmi"] > 0.002  # chance alone
    assert abs(figures["ami"]) < 0.01
    assert abs(figures["mapping_accuracy"] - figures["majority_accuracy"]) < 0.05


def test_one_single_latent_action_knows_the_majority_only():
    true = torch.tensor([0] * 60 + [1] * 40)
    figures = action_agreement(torch.zeros(100, dtype=torch.int64), true, 8, 2)
    assert figures["nmi"] == figures["ami"] == 0
    assert figures["majority_accuracy"] == 0.6
    assert figures["mapping_accuracy"] == pytest.approx(0.6, abs=0.1)
    assert "mapping_accuracy_200_labels" not in figures


def test_share_of_the_ceiling_runs_from_majority_to_ceiling(generator):
    true = torch.randint(2, (4000,), generator=generator)
    flipped = torch.rand(4000, generator=generator) < 0.2
    figures = action_agreement(true ^ flipped.long(), true, 2, 2, ceiling=0.9)
    assert figures["mapping_accuracy"] == pytest.approx(0.8, abs=0.02)
    assert figures["share_of_ceiling"] == pytest.approx(0.3 / 0.4, abs=0.06)


def test_mutual_information_of_known_actions():
    # Left and right are told apart, whether the player jumps is not: ln 2 of ln 4 nats.
    latent, true = torch.tensor([0, 0, 1, 1]).repeat(50), torch.arange(4).repeat(50)
    assert contingency(latent[:4], true[:4], 2, 4).tolist() == [[1, 1, 0, 0], [0, 0, 1, 1]]
    expected = math.log(2) / math.sqrt(math.log(2) * math.log(4))
    assert mutual_information(latent, true)["nmi"] == pytest.approx(expected)


def test_what_chance_gives_is_what_shuffled_actions_give(generator):
    true = torch.randint(6, (300,), generator=generator)
    latent = torch.where(
        torch.rand(300, generator=generator) < 0.4, true, torch.randint(8, (300,), generator=generator)
    )
    found = mutual_information(latent, true)
    shuffled = [true[torch.randperm(300, generator=generator)] for _ in range(50)]
    chance = sum(normalized_mutual_info_score(latent, other, "geometric").item() for other in shuffled) / 50
    assert found["ami"] == pytest.approx((found["nmi"] - chance) / (1 - chance), abs=0.003)


def test_the_best_mapping_of_equals_and_of_what_was_never_seen():
    counts = torch.tensor([[2, 2, 1], [0, 0, 0], [0, 0, 3], [0, 1, 0]]).double()
    assert best_mapping(counts).tolist() == [1, 2, 2, 1]


def test_a_ceiling_that_is_none_gives_no_share():
    true = torch.tensor([0, 1] * 10)
    assert action_agreement(true, true, 2, 2, ceiling=0.5)["share_of_ceiling"] is None


def test_usage_counts_effective_and_dead_codes():
    figures = code_usage(torch.tensor([[0, 0, 1, 1], [3, 3, 4, 4]]), 6)
    assert figures["usage"] == pytest.approx(4)
    assert figures["dead_codes"] == 2
    assert figures["shares"] == [0.25, 0.25, 0, 0.25, 0.25, 0]


def test_switch_rate():
    assert switch_rate(torch.tensor([[0, 0, 1], [2, 2, 2]])) == 0.25


def test_consistency_compares_frame_differences_of_different_clips():
    # Each action brightens pixels of its own: same action, cosine 1; other action, cosine 0.
    actions = torch.tensor([[0, 1], [1, 0], [0, 0]])
    change = torch.zeros(3, 2, 1, 4, 4)
    change[actions == 0, :, 0] = 0.1
    change[actions == 1, :, 3] = 0.2
    pixels = torch.cat([torch.zeros(3, 1, 1, 4, 4), change.cumsum(1)], dim=1)
    consistency = Consistency(3)
    consistency.update(pixels[:1], actions[:1])
    consistency.update(pixels[1:], actions[1:])
    figures = consistency.compute()
    assert figures["same_action"] == pytest.approx(1, abs=1e-5)
    assert figures["other_action"] == pytest.approx(0, abs=1e-5)
    assert figures["consistency"] == pytest.approx(1, abs=1e-5)


def test_consistency_equals_the_mean_over_pairs(generator):
    pixels = torch.rand(3, 5, 3, 4, 4, generator=generator)
    actions = torch.randint(2, (3, 4), generator=generator)
    consistency = Consistency(2)
    consistency.update(pixels, actions)
    change = torch.nn.functional.normalize(pixels.diff(dim=1).flatten(2), dim=-1).flatten(0, 1)
    clip, action = torch.arange(3).repeat_interleave(4), actions.flatten()
    cosine, apart = change @ change.T, clip[:, None] != clip
    same = action[:, None] == action
    figures = consistency.compute()
    assert figures["same_action"] == pytest.approx(cosine[apart & same].mean().item(), abs=1e-5)
    assert figures["other_action"] == pytest.approx(cosine[apart & ~same].mean().item(), abs=1e-5)


def test_consistency_of_a_still_world_is_not_known():
    consistency = Consistency(2)
    consistency.update(torch.zeros(2, 3, 3, 4, 4), torch.zeros(2, 2, dtype=torch.int64))
    assert consistency.compute()["consistency"] is None
