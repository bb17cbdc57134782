import pytest
import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.vae import VectorQuantizer as DiffusersVectorQuantizer
from torch.utils._python_dispatch import TorchDispatchMode

from genie_hf.models.quantizers.vector_quantizer import VectorQuantizer, VectorQuantizerConfig


def make(size=8, dim=4, **kwargs):
    torch.manual_seed(0)
    quantizer = VectorQuantizer(VectorQuantizerConfig(codebook_size=size, codebook_dim=dim, **kwargs))
    quantizer.reset_parameters()
    return quantizer


def test_a_latent_gets_the_code_of_highest_cosine():
    quantizer = make().eval()
    latents = torch.randn(50, 4)
    codes = quantizer(latents).codes
    similarity = F.cosine_similarity(latents[:, None], quantizer.codebook[None], dim=-1)
    assert torch.equal(codes, similarity.argmax(dim=1))
    assert torch.equal(quantizer(quantizer.lookup(codes)).codes, codes)


def test_losses_are_those_of_diffusers_on_the_unit_sphere():
    quantizer = make().eval()
    latents = F.normalize(torch.randn(6, 4), dim=-1)
    ours = quantizer(latents)
    theirs = DiffusersVectorQuantizer(8, 4, beta=0.25, legacy=False)
    theirs.embedding.weight.data = F.normalize(quantizer.codebook.detach(), dim=-1)
    _, loss, _ = theirs(latents.T.reshape(1, 4, 6, 1))
    torch.testing.assert_close(ours.codebook_loss + ours.commitment_loss, loss)


def test_gradients_reach_codebook_and_latents():
    quantizer = make().eval()
    latents = torch.randn(20, 4, requires_grad=True)
    output = quantizer(latents)
    output.codebook_loss.backward(retain_graph=True)
    assert quantizer.codebook.grad.abs().sum() > 0 and latents.grad is None
    target = torch.randn(20, 4)
    (output.quantized - target).square().sum().backward()  # straight through
    assert latents.grad.abs().sum() > 0


def test_the_codebook_starts_from_the_data():
    centres = F.normalize(torch.randn(8, 16), dim=-1)
    latents = centres.repeat(40, 1) + 0.01 * torch.randn(320, 16)
    output = make(dim=16).train()(latents)
    assert output.perplexity > 5  # a random codebook would hold about 3 of the 8 clusters apart
    assert output.codebook_loss < 0.02


def test_codes_can_be_moving_averages_of_their_latents():
    centres = F.normalize(torch.randn(8, 16), dim=-1)
    quantizer = make(dim=16, codebook_decay=0.9).train()
    quantizer(centres.repeat(40, 1))
    turned = F.normalize(centres + 0.3 * torch.randn(8, 16), dim=-1)
    for _ in range(60):
        latents = (turned.repeat(40, 1) + 0.05 * torch.randn(320, 16)).requires_grad_()
        output = quantizer(latents)
        (output.codebook_loss + output.quantized.sum()).backward()
    assert quantizer.codebook.grad is None and latents.grad is not None
    nearest = F.cosine_similarity(quantizer.codebook[None], turned[:, None], dim=-1).amax(dim=1)
    assert nearest.min() > 0.99


def test_latents_pass_unquantised_at_first():
    quantizer = make(continuous_steps=2).train()
    latents = torch.randn(20, 4)
    for _ in range(2):
        torch.testing.assert_close(quantizer(latents).quantized, F.normalize(latents, dim=-1))
    output = quantizer(latents)
    torch.testing.assert_close(output.quantized, quantizer.lookup(output.codes))


def test_continuous_steps_are_those_of_the_optimiser():
    """Where gradients are accumulated, and the codebook then starts from the latents of a whole step."""
    quantizer = make(dim=16, continuous_steps=2).train()
    quantizer.passes_per_step = 4
    centres = F.normalize(torch.randn(8, 16), dim=-1)
    quarters = [centre.repeat(40, 1) + 0.01 * torch.randn(80, 16) for centre in centres.split(2)]
    for step in range(3):
        for i, latents in enumerate(quarters):
            assert quantizer.training_passes == step
            output = quantizer(latents)
            is_continuous = torch.allclose(output.quantized, F.normalize(latents, dim=-1), atol=1e-6)
            assert is_continuous == ((step, i) != (2, 3))
    assert quantizer.training_passes == 3
    found = F.normalize(quantizer.codebook, dim=-1)
    assert ((centres @ found.T).amax(dim=1) > 0.98).sum() >= 5  # one pass has two of the eight


def test_casting_a_model_leaves_the_codebook_as_it_was():
    quantizer = make()
    codebook = quantizer.codebook.detach().clone()
    torch.nn.Sequential(quantizer).to(torch.bfloat16).half().float()
    assert torch.equal(quantizer.codebook, codebook)


def test_dead_codes_come_back_for_the_whole_run():
    quantizer = make(size=16).train()
    for _ in range(500):
        quantizer(F.normalize(torch.tensor([[1.0, 0, 0, 0]]), dim=-1) + 0.01 * torch.randn(64, 4))
    moved = torch.randn(512, 4)  # the data change: codes that have died must find the new latents
    for _ in range(200):
        output = quantizer(moved)
    assert output.usage == 1
    assert output.perplexity > 8


def test_batch_norm_removes_a_constant_offset():
    latents = torch.tensor([20.0, 0, 0, 0]) + torch.randn(256, 4)
    perplexity = {
        norm: make(batch_norm=norm, revival_threshold=0.0).train()(latents).perplexity for norm in (True, False)
    }
    spread = {
        norm: F.normalize(make(batch_norm=norm).train().batch_norm(latents) if norm else latents, dim=-1).std(0).mean()
        for norm in (True, False)
    }
    assert spread[True] > 5 * spread[False]
    assert perplexity[True] > 4


@pytest.mark.parametrize("batch_norm", [False, True])
def test_state_survives_saving(batch_norm):
    quantizer = make(batch_norm=batch_norm, continuous_steps=1).train()
    for _ in range(3):
        quantizer(torch.randn(64, 4))
    other = make(batch_norm=batch_norm, continuous_steps=1)
    other.load_state_dict(quantizer.state_dict())
    latents = torch.randn(30, 4)
    assert torch.equal(quantizer.eval()(latents).codes, other.eval()(latents).codes)
    assert other.training_passes == 3


def test_a_loaded_state_goes_on_where_it_was():
    early, late = make(continuous_steps=2).train(), make(continuous_steps=2).train()
    early(torch.randn(20, 4))
    for _ in range(5):
        late(torch.randn(20, 4))
    late.load_state_dict(early.state_dict())
    latents = torch.randn(20, 4)
    torch.testing.assert_close(late(latents).quantized, F.normalize(latents, dim=-1))  # still unquantised
    output = late(latents)
    torch.testing.assert_close(output.quantized, late.lookup(output.codes))


def test_a_gradient_may_be_taken_after_the_next_pass():
    quantizer = make().train()
    quantizer(torch.randn(20, 4))
    first, second = torch.randn(2, 20, 4)
    (quantizer(first).codebook_loss + quantizer(second).codebook_loss).backward()
    assert quantizer.codebook.grad.any()


class Syncs(TorchDispatchMode):
    """Counts what a GPU would be waited for."""

    count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.count += operation.overloadpacket.__name__ in ("_local_scalar_dense", "nonzero", "bincount", "is_nonzero")
        return operation(*args, **kwargs or {})


def test_no_pass_but_the_first_waits_for_the_device():
    quantizer = make(continuous_steps=2, batch_norm=True).train()
    quantizer(torch.randn(20, 4))
    with Syncs() as syncs:
        for _ in range(4):  # the last continuous one, k-means, and two in which codes may be revived
            quantizer(torch.randn(20, 4))
    assert syncs.count == 0


def test_arithmetic_is_float32_under_autocast():
    quantizer = make(size=512, dim=32).eval()
    latents = torch.randn(200, 32)
    expected = quantizer(latents).codes
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(quantizer(latents).codes, expected)
