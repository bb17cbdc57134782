"""Which video tokenizer and which latent action model a world was trained with."""

import copy

import pytest
import torch

from genie_hf.fingerprint import check_fingerprints, fingerprint


def test_a_fingerprint_is_that_of_the_codes(tiny_video_tokenizer):
    tokenizer = copy.deepcopy(tiny_video_tokenizer)
    known = fingerprint(tokenizer)
    torch.nn.init.zeros_(tokenizer.to_pixels.weight)
    tokenizer.quantizer.usage.zero_()
    assert fingerprint(tokenizer) == fingerprint(tokenizer.bfloat16()) == known
    torch.nn.init.zeros_(tokenizer.patch_embedding.weight)
    assert fingerprint(tokenizer) != known
    assert fingerprint(tokenizer.half()) is None


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("video_tokenizer_fingerprint", "the codes of a different video_tokenizer"),
        ("latent_action_fingerprint", "the actions of a different latent_action_model"),
    ],
)
def test_dynamics_take_only_the_models_that_they_learnt_with(tiny_pipeline, key, message):
    parts = tiny_pipeline.video_tokenizer, tiny_pipeline.latent_action_model
    dynamics = copy.deepcopy(tiny_pipeline.dynamics)
    dynamics.config.video_tokenizer_fingerprint, dynamics.config.latent_action_fingerprint = map(fingerprint, parts)
    check_fingerprints(dynamics, *parts)
    setattr(dynamics.config, key, "0123456789abcdef")
    with pytest.raises(ValueError, match=message):
        check_fingerprints(dynamics, *parts)


def test_a_reward_model_takes_only_the_tokenizer_that_it_learnt_with(tiny_pipeline, tiny_reward_model):
    parts = tiny_pipeline.dynamics, tiny_pipeline.video_tokenizer, tiny_pipeline.latent_action_model
    model = copy.deepcopy(tiny_reward_model)
    model.config.video_tokenizer_fingerprint = fingerprint(tiny_pipeline.video_tokenizer)
    check_fingerprints(*parts, model)
    model.config.video_tokenizer_fingerprint = "0123456789abcdef"
    with pytest.raises(ValueError, match="the reward model learnt the codes of a different .* --stage reward"):
        check_fingerprints(*parts, model)
