"""The three models with what each is called with."""

import pytest
import torch


@pytest.fixture(params=["video_tokenizer", "latent_action_model", "dynamics"])
def part(request, tiny_pipeline):
    """A model that may be changed, and positional inputs for it; two clips of four frames."""
    generator = torch.Generator().manual_seed(0)
    model = getattr(tiny_pipeline, request.param)
    fresh = type(model)(type(model.config).from_dict(model.config.to_dict())).eval()
    fresh.load_state_dict(model.state_dict())
    pixels = torch.rand(2, 4, 3, 16, 16, generator=generator)
    codes = torch.randint(32, (2, 4, 4, 4), generator=generator)
    actions = torch.randint(5, (2, 3), generator=generator)
    return fresh, (codes, actions) if request.param == "dynamics" else (pixels,)
