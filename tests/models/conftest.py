"""Configurations that are tiny but complete: 16x16 frames, 4x4 patches or codes, five frames."""

import pytest
import torch

from genie_hf import STTransformerConfig
from genie_hf.models.st_transformer import STTransformer

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


@pytest.fixture
def hidden():
    """Hidden states of two clips of six frames of nine tokens: (2, 6, 9, 32)."""
    return torch.randn(2, 6, 9, 32, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def make_transformer(transformer):
    """An `STTransformer` of a pattern, for the frames of `hidden`."""

    def make(pattern="st", attention="sdpa", **size):
        torch.manual_seed(0)
        config = STTransformerConfig(**transformer | size, pattern=pattern)
        config._attn_implementation = attention
        return STTransformer(config, 9, config).eval()

    return make
