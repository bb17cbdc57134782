"""Configurations that are tiny but complete: 16x16 frames, 4x4 patches or codes, five frames."""

import pytest
import torch

TRANSFORMER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "head_dim": 16}


@pytest.fixture
def transformer():
    return dict(TRANSFORMER)


@pytest.fixture
def pixels():
    """Two clips of five frames in [0, 1], of shape (2, 5, 3, 16, 16)."""
    return torch.rand(2, 5, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def codes():
    return torch.randint(32, (2, 5, 4, 4), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def actions():
    return torch.randint(4, (2, 4), generator=torch.Generator().manual_seed(2))
