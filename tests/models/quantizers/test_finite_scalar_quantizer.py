import pytest
import torch

from genie_hf.models.quantizers.registry import make_quantizer, quantizer_config


def make(*levels):
    return make_quantizer(quantizer_config({"type": "fsq", "levels": list(levels)}))


@pytest.mark.parametrize("levels", [(8, 5, 5, 5), (2,), (4, 3)])
def test_every_code_is_its_own_vector_and_back(levels):
    quantizer = make(*levels)
    codes = torch.arange(quantizer.codebook_size)
    vectors = quantizer.lookup(codes)
    assert vectors.shape == (len(codes), len(levels)) and len(vectors.unique(dim=0)) == len(codes)
    assert vectors.min() == -1 and vectors.max() == 1
    output = quantizer(torch.atanh(vectors * 0.999))
    assert torch.equal(output.codes, codes)
    torch.testing.assert_close(output.quantized, vectors)


def test_latents_of_unit_variance_use_all_levels_about_alike():
    output = make(8, 5, 5, 5)(torch.randn(100_000, 4))
    assert output.perplexity > 600 and output.usage == 1


def test_extreme_latents_stay_in_the_codebook():
    output = make(8, 5)(torch.tensor([[1e9, -1e9], [-1e9, 1e9]]))
    assert output.codes.tolist() == [7, 32]


def test_the_gradient_passes_straight_through_the_rounding():
    latents = torch.randn(20, 2, requires_grad=True)
    make(3, 3)(latents).quantized.sum().backward()
    torch.testing.assert_close(latents.grad, 1 - torch.tanh(latents.detach()).square())


def test_bfloat16_latents_are_rounded_in_float32():
    latents = torch.randn(50, 4)
    with torch.autocast("cpu", torch.bfloat16):
        output = make(8, 5, 5, 5)(latents)
    assert torch.equal(output.codes, make(8, 5, 5, 5)(latents).codes)


def test_its_codes_cannot_start_from_data():
    with pytest.raises(ValueError, match="type 'fsq' has fixed codes"):
        make(4, 3).initialize_from_latents(torch.zeros(2, 4))
