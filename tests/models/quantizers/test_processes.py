"""Two processes with half of each batch do what one process does with the whole. The file is also their program."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from genie_hf.models.quantizers.registry import make_quantizer, quantizer_config

KINDS = {
    "vq": {"type": "vq", "codebook_size": 16, "codebook_dim": 4, "continuous_steps": 1, "batch_norm": True},
    "fsq": {"type": "fsq", "levels": [3, 3, 2, 2]},
}


class Model(nn.Module):
    """An encoder, a quantiser, and a loss whose gradient passes through both."""

    def __init__(self, kind):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Linear(6, 4)
        self.quantizer = make_quantizer(quantizer_config(KINDS[kind]))
        self.quantizer.reset_parameters()

    def forward(self, inputs, targets):
        output = self.quantizer(self.encoder(inputs))
        return F.mse_loss(output.quantized, targets) + output.codebook_loss + output.commitment_loss, output


def train(kind, index=0, count=1):
    """Five steps on this process's part of the batches: latents are continuous, k-means starts, a third of the codes
    is revived. Returns what can be compared."""
    model = Model(kind)
    wrapped = DistributedDataParallel(model, find_unused_parameters=True) if count > 1 else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(index)  # each process draws numbers of its own
    found = {}
    for step in range(5):
        inputs = torch.randn(64, 6, generator=generator) @ torch.randn(6, 6, generator=generator)
        targets = torch.randn(64, 4, generator=generator)
        if step == 3 and kind == "vq":
            model.quantizer.usage[:5] = 0.01
        loss, output = wrapped(*(part.chunk(count)[index] for part in (inputs, targets)))
        optimizer.zero_grad()
        loss.backward()
        found |= {f"{step} {name}": p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        found |= {f"{step} {name}": value.detach() for name, value in output.items() if name != "commitment_loss"}
        found |= {f"{step} {name}": value.clone() for name, value in model.state_dict().items()}
        optimizer.step()
    if model.quantizer.learns_codes:  # from data that all processes have
        model.quantizer.initialize_from_latents(model.encoder(inputs))
        found["codebook from data"] = model.quantizer.codebook.detach()
    return found


@pytest.fixture(scope="module")
def trained_by_two(tmp_path_factory):
    """The folder in which each of two processes has left what it found, for each kind."""
    folder = tmp_path_factory.mktemp("processes")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", __file__]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run([*command, str(folder)], capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr[-3000:]
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_are_one(kind, trained_by_two):
    one, (first, second) = train(kind), (torch.load(trained_by_two / f"{kind}-{index}.pt") for index in range(2))
    assert one.keys() == first.keys() == second.keys()
    for name, whole in one.items():
        if name.endswith(("quantized", "codes")):
            parts = torch.cat([first[name], second[name]])
        elif name.endswith("codebook_loss"):
            parts = (first[name] + second[name]) / 2
        else:
            parts = first[name]
            assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5, msg=name)


if __name__ == "__main__":
    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    for kind in KINDS:
        torch.save(train(kind, rank, 2), Path(sys.argv[1]) / f"{kind}-{rank}.pt")
    torch.distributed.destroy_process_group()
