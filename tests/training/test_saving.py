"""Weights are saved in the recipe's dtype, but for what must stay exact."""

import torch

from genie_hf.training.saving import in_dtype


def test_a_copy_is_cast_and_the_codebook_is_not(tiny_video_tokenizer):
    saved = in_dtype(tiny_video_tokenizer, torch.bfloat16)
    assert saved.to_pixels.weight.dtype == torch.bfloat16
    assert {tensor.dtype for tensor in saved.quantizer.parameters()} == {torch.float32}
    assert {tensor.dtype for tensor in tiny_video_tokenizer.parameters()} == {torch.float32}
