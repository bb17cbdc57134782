"""Clusters of unit vectors, of which each process holds its part. All processes get the same clusters."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .processes import first, num_processes, process_index, total
from .quantizer import code_counts


@torch.no_grad()
def sample(flat: Tensor, count: int) -> Tensor:
    """Draws from the unit vectors of all processes, with replacement.

    What is drawn is slightly perturbed, so that no two are equal.

    Args:
        flat: this process's, of shape `(num_vectors, dim)`; equally many in each.
        count: how many are drawn.
    """
    places = first(torch.randint(num_processes() * len(flat), (count,), device=flat.device))
    is_here = places // len(flat) == process_index()
    chosen = total(flat[places % len(flat)] * is_here[:, None])
    return first(F.normalize(chosen + 0.02 * torch.randn_like(chosen), dim=-1))


@torch.no_grad()
def k_means(flat: Tensor, count: int, iterations: int = 10) -> Tensor:
    """Spherical k-means; a cluster that loses all its points starts again at a random one.

    Args:
        flat: as for `sample`.
        count: number of clusters.
        iterations: rounds.
    """
    centres = sample(flat, count)
    for _ in range(iterations):
        nearest = (flat @ centres.T).argmax(dim=-1)
        sums = total(torch.zeros_like(centres).index_add_(0, nearest, flat))
        empty = total(code_counts(nearest, count)) == 0
        centres = torch.where(empty[:, None], sample(flat, count), F.normalize(sums, dim=-1))
    return centres
