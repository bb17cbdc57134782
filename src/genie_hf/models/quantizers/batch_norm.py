"""Batch norm that does not depend on how a batch is split over processes."""

import torch
from torch import Tensor, nn

from .processes import num_processes, total


class BatchNorm(nn.BatchNorm1d):
    """Batch norm over the batch of all processes, on any device (`nn.SyncBatchNorm` is for GPUs alone)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, D) -> the same."""
        if num_processes() == 1 or not self.training:
            return super().forward(x)
        sums, count = total(torch.cat([x.sum(dim=0), x.new_full((1,), len(x))])).split([x.shape[1], 1])
        mean = sums / count
        centred = x - mean
        variance = total(centred.square().sum(dim=0)) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        return centred * (variance + self.eps).rsqrt() * self.weight + self.bias
