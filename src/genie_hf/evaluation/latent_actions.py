"""What do latent actions mean? Agreement with the true actions, use of the codes, consistency of what they do.

Dimension keys: N transitions, A latent actions, U true actions.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.clustering import adjusted_mutual_info_score, normalized_mutual_info_score


def merge_actions(actions: Tensor, groups: Sequence[int]) -> Tensor:
    """Maps true actions to effective ones.

    Args:
        actions: int64 in [0, len(groups)), any shape.
        groups: the effective action of each true action.

    Raises:
        ValueError: an action is outside the table.
    """
    if actions.numel() and not 0 <= actions.min() <= actions.max() < len(groups):
        wrong = actions.max() if actions.max() >= len(groups) else actions.min()
        raise ValueError(
            f"action {wrong} is outside the data set's table of {len(groups)} actions; give action_groups in its "
            "recording.json one entry for each action."
        )
    return torch.as_tensor(groups, device=actions.device)[actions]


def contingency(latent: Tensor, true: Tensor, num_latent: int, num_true: int) -> Tensor:
    """How often each latent action meets each true one: float64 counts of shape `(num_latent, num_true)`."""
    pairs = latent.flatten() * num_true + true.flatten()
    return torch.bincount(pairs, minlength=num_latent * num_true).view(num_latent, num_true).double()


def entropy(counts: Tensor) -> float:
    """Entropy in nats of the distribution that non-negative counts describe."""
    return torch.special.entr(counts / counts.sum()).sum().item()


def mutual_information(latent: Tensor, true: Tensor) -> dict:
    """Normalised mutual information of latent and true actions, int64 of shape `(N,)`.

    Returns:
        `nmi`: I(a; u) / sqrt(H(a) H(u)) in [0, 1], 0 where one side is constant; and `ami`, the same corrected for
        what chance gives: 0 for unrelated actions, 1 for actions that name each other.
    """
    with torch.sparse.check_sparse_tensor_invariants(enable=False):  # torch warns where nobody has chosen
        return {
            "nmi": normalized_mutual_info_score(latent, true, "geometric").item(),
            "ami": adjusted_mutual_info_score(latent, true, "geometric").item(),
        }


def best_mapping(counts: Tensor) -> Tensor:
    """The most frequent true action of each latent one; ties go to the one that is more frequent overall.

    Args:
        counts: how often each latent action meets each true one, of shape `(num_latent, num_true)`.

    Returns:
        int64 of shape `(num_latent,)`; a latent action that was never seen has the most common true action.
    """
    return (counts + 0.5 * counts.sum(0) / counts.sum()).argmax(1)


def mapping_accuracy(
    latent: Tensor,
    true: Tensor,
    num_latent: int,
    num_true: int,
    num_labels: int,
    generator: torch.Generator,
    num_draws: int = 10,
) -> float:
    """Accuracy of the best mapping latent -> true action, fitted on few labels and tested on all others.

    Args:
        latent: int64 of shape `(N,)` in [0, num_latent).
        true: int64 of shape `(N,)` in [0, num_true).
        num_latent: number of latent actions.
        num_true: number of true actions.
        num_labels: transitions with a label, below N.
        generator: for drawing them.
        num_draws: the result is the mean over so many draws.
    """
    accuracies = []
    for _ in range(num_draws):
        order = torch.randperm(len(true), generator=generator)
        fit, test = order[:num_labels], order[num_labels:]
        counts = contingency(latent[fit], true[fit], num_latent, num_true)
        mapping = best_mapping(counts)
        accuracies.append((mapping[latent[test]] == true[test]).double().mean().item())
    return sum(accuracies) / num_draws


def code_usage(latent: Tensor, num_latent: int) -> dict:
    """Use of the codes: `usage` = exp(H(a)) in [1, num_latent], `dead_codes` never seen, and each one's `shares`."""
    counts = torch.bincount(latent.flatten(), minlength=num_latent).double()
    return {
        "usage": math.exp(entropy(counts)),
        "dead_codes": int((counts == 0).sum()),
        "shares": (counts / counts.sum()).tolist(),
    }


def switch_rate(actions: Tensor) -> float:
    """How often the action differs from the one before it, for actions of shape `(num_clips, num_transitions)`."""
    return (actions[:, 1:] != actions[:, :-1]).double().mean().item()


class Consistency:
    """Does an action do the same thing everywhere?

    The mean cosine of the frame differences of two transitions with the same action, minus that of two with different
    actions. Pairs come from different clips: within a clip the scenery alone makes differences alike. Transitions
    without change are left out. Sums over transitions are enough, so memory does not grow.

    Args:
        num_actions: number of latent actions.
    """

    def __init__(self, num_actions: int):
        self.num_actions = num_actions
        self.sums = torch.zeros((), dtype=torch.float64)  # of unit differences per action, (A, D)
        self.counts = torch.zeros(num_actions, dtype=torch.float64)
        self.clip_within = self.clip_within_pairs = 0.0
        self.clip_all = self.clip_all_pairs = 0.0

    def update(self, pixels: Tensor, actions: Tensor) -> None:
        """Adds clips.

        Args:
            pixels: in [0, 1], of shape `(batch_size, num_frames, channels, height, width)`.
            actions: int64 of shape `(batch_size, num_frames - 1)`.
        """
        change = pixels.float().diff(dim=1).flatten(2)
        moved = change.norm(dim=-1) > 1e-3
        direction = F.normalize(change, dim=-1) * moved.unsqueeze(-1)
        one_hot = F.one_hot(actions, self.num_actions) * moved.unsqueeze(-1)
        sums = one_hot.float().transpose(1, 2) @ direction  # (B, A, T-1) @ (B, T-1, D) -> (B, A, D)
        counts = one_hot.sum(1).double()
        self.sums = self.sums + sums.sum(0).double()
        self.counts += counts.sum(0).cpu()
        self.clip_within += sums.square().sum().item()
        self.clip_within_pairs += counts.square().sum().item()
        self.clip_all += sums.sum(1).square().sum().item()
        self.clip_all_pairs += counts.sum(1).square().sum().item()

    def compute(self) -> dict:
        """`same_action` and `other_action` mean cosines, and their difference `consistency`; None without pairs."""
        within = self.sums.square().sum().item() - self.clip_within
        within_pairs = self.counts.square().sum().item() - self.clip_within_pairs
        between = self.sums.sum(0).square().sum().item() - self.clip_all - within
        between_pairs = self.counts.sum().item() ** 2 - self.clip_all_pairs - within_pairs
        if within_pairs == 0 or between_pairs == 0:
            return {"same_action": None, "other_action": None, "consistency": None}
        same, other = within / within_pairs, between / between_pairs
        return {"same_action": same, "other_action": other, "consistency": same - other}


def action_agreement(
    latent: Tensor,
    true: Tensor,
    num_latent: int,
    num_true: int,
    *,
    num_labels: int = 200,
    ceiling: float | None = None,
    seed: int = 0,
) -> dict:
    """How well latent actions predict the true ones.

    Args:
        latent: int64 of shape `(N,)` in [0, num_latent).
        true: int64 of shape `(N,)` in [0, num_true).
        num_latent: number of latent actions.
        num_true: number of true actions.
        num_labels: labels of the small fit; another mapping is fitted on half of the transitions.
        ceiling: accuracy of a supervised classifier on this data.
        seed: of the splits.

    Returns:
        `nmi` and `ami`, `mapping_accuracy` fitted on half of the transitions,
        `mapping_accuracy_<num_labels>_labels` (where there are more transitions), `majority_accuracy`, given a ceiling
        also `ceiling` and `share_of_ceiling` = (mapping - majority) / (ceiling - majority), None for a ceiling that
        is not above the majority; and `counts` of shape `(num_latent, num_true)`.
    """
    generator = torch.Generator().manual_seed(seed)
    majority = torch.bincount(true).max().item() / len(true)
    figures = mutual_information(latent, true)
    if len(true) > num_labels:
        figures[f"mapping_accuracy_{num_labels}_labels"] = mapping_accuracy(
            latent, true, num_latent, num_true, num_labels, generator
        )
    accuracy = mapping_accuracy(latent, true, num_latent, num_true, len(true) // 2, generator)
    figures |= {"mapping_accuracy": accuracy, "majority_accuracy": majority}
    if ceiling is not None:
        share = (accuracy - majority) / (ceiling - majority) if ceiling > majority else None
        figures |= {"ceiling": ceiling, "share_of_ceiling": share}
    figures["counts"] = contingency(latent, true, num_latent, num_true).long().tolist()
    return figures
