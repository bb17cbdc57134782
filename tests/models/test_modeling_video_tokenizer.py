import pytest
import torch
from transformers import AutoModel

from genie_hf import GenieVideoTokenizer, GenieVideoTokenizerConfig, TemporalCache


@pytest.fixture
def make(transformer):
    def make(**kwargs):
        torch.manual_seed(0)
        sizes = {"image_size": 16, "patch_size": 4}
        parts = {"encoder": transformer, "decoder": transformer | {"num_hidden_layers": 1}}
        quantizer = {"type": "vq", "codebook_size": 32}
        return GenieVideoTokenizer(GenieVideoTokenizerConfig(**sizes | parts | {"quantizer": quantizer} | kwargs))

    return make


FINER = {
    "codes_per_token_side": 2,
    "quantizer": {"type": "fsq", "levels": [4, 4, 4]},
    "linear_path": True,
}  # four codes a token, without a codebook to learn
KINDS = pytest.mark.parametrize("kind", [{}, FINER], ids=["vq", "four fsq codes a token"])


def clip_of_patches(num_clips, num_frames):
    """Frames made of 20 kinds of patches, and which kind is where: (B, T, 3, 16, 16) and (B, T, 4, 4)."""
    generator = torch.Generator().manual_seed(0)
    kinds = torch.rand(20, 3, 4, 4, generator=generator)
    grid = torch.randint(20, (num_clips, num_frames, 4, 4), generator=generator)
    pixels = kinds[grid].permute(0, 1, 4, 2, 5, 3, 6)  # (B, T, h, w, C, p, p) -> (B, T, C, h, p, w, p)
    return pixels.reshape(num_clips, num_frames, 3, 16, 16), grid


@KINDS
def test_overfits_one_clip(kind, make):
    pixels, _ = clip_of_patches(1, 5)
    tokenizer = make(**kind)
    optimizer = torch.optim.AdamW(tokenizer.parameters(), lr=1e-2)
    for _ in range(250):
        tokenizer(pixels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    tokenizer.eval()
    assert (tokenizer.decode(tokenizer.encode(pixels)) - pixels).square().mean() < 0.2 * pixels.var()


def test_it_starts_from_the_patches_of_the_data(make):
    pixels, grid = clip_of_patches(64, 1)
    tokenizer = make()
    tokenizer.initialize_from_frames(pixels)
    tokenizer.eval()
    codes = tokenizer.encode(pixels)
    assert (tokenizer.decode(codes) - pixels).square().mean() < 0.1 * pixels.var()
    kinds_of_codes = set(zip(codes.flatten().tolist(), grid.flatten().tolist(), strict=True))
    assert len(kinds_of_codes) <= 32  # a code stands for one kind of patch (a kind may have several codes)


def test_a_frozen_codebook_does_not_move(make, pixels):
    tokenizer = make()
    tokenizer.initialize_from_frames(pixels)
    tokenizer.quantizer.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in tokenizer.quantizer.state_dict().items() if "norm" not in name}
    for _ in range(30):
        tokenizer(pixels)
    assert all(torch.equal(tokenizer.quantizer.state_dict()[name], tensor) for name, tensor in before.items())


def test_a_fresh_model_starts_at_grey(make):
    assert (make().to_pixels.bias == 0.5).all()


@pytest.mark.parametrize("pattern", ["st", "spatial", "full"])
def test_codes_and_frames_depend_on_no_later_frame(pattern, make, transformer, pixels):
    part = transformer | {"pattern": pattern}
    tokenizer = make(encoder=part, decoder=part).eval()
    changed = pixels.clone()
    changed[:, 3:] = 1 - changed[:, 3:]
    codes, changed_codes = tokenizer.encode(pixels), tokenizer.encode(changed)
    assert torch.equal(codes[:, :3], changed_codes[:, :3])
    assert not torch.equal(codes[:, 3:], changed_codes[:, 3:])
    torch.testing.assert_close(tokenizer.decode(codes)[:, :3], tokenizer.decode(changed_codes)[:, :3])


@KINDS
def test_frame_by_frame_equals_all_at_once(kind, make, pixels):
    tokenizer = make(**kind).eval()
    codes, frames = tokenizer.encode(pixels), tokenizer.decode(tokenizer.encode(pixels))
    encoder_cache, decoder_cache = TemporalCache(5), TemporalCache(5)
    for t in range(5):
        assert torch.equal(tokenizer.encode(pixels[:, t : t + 1], encoder_cache), codes[:, t : t + 1])
        torch.testing.assert_close(tokenizer.decode(codes[:, t : t + 1], decoder_cache), frames[:, t : t + 1])
        encoder_cache.advance()
        decoder_cache.advance()


@KINDS
def test_gradients_reach_every_parameter(kind, make, pixels):
    tokenizer = make(**kind)
    for _ in range(2):  # in the first pass the codebook is the latents' own k-means
        tokenizer.zero_grad()
        tokenizer(pixels).loss.backward()
    assert [name for name, p in tokenizer.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_activation_checkpointing_changes_nothing(make, pixels):
    tokenizer = make()
    tokenizer(pixels)
    gradients = []
    for switch in (tokenizer.activation_checkpointing_disable, tokenizer.activation_checkpointing_enable):
        switch()
        tokenizer.zero_grad()
        tokenizer(pixels).loss.backward()
        gradients.append([p.grad.clone() for p in tokenizer.parameters()])
    torch.testing.assert_close(*gradients)


@KINDS
def test_attention_implementations_agree(kind, make, pixels):
    tokenizer = make(**kind).eval()
    codes = tokenizer.encode(pixels)
    frames = {}
    for attention in ("eager", "sdpa"):
        tokenizer.set_attn_implementation(attention)
        assert tokenizer.config._attn_implementation == attention
        frames[attention] = tokenizer.decode(codes)
    torch.testing.assert_close(frames["eager"], frames["sdpa"], rtol=1e-4, atol=1e-5)


def test_save_and_load_give_the_same_output(make, pixels, tmp_path):
    tokenizer = make()
    tokenizer(pixels)
    tokenizer.eval().save_pretrained(tmp_path)
    loaded, info = GenieVideoTokenizer.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    codes = tokenizer.encode(pixels)
    assert torch.equal(loaded.encode(pixels), codes)
    torch.testing.assert_close(loaded.decode(codes), tokenizer.decode(codes), rtol=0, atol=0)
    automatic = AutoModel.from_pretrained(tmp_path, dtype="bfloat16")
    assert isinstance(automatic, GenieVideoTokenizer)
    assert automatic.dtype == torch.bfloat16 and automatic.quantizer.codebook.dtype == torch.float32
    assert (automatic.decode(codes).float() - tokenizer.decode(codes)).abs().max() < 0.1
    assert automatic.config.encoder.size() == tokenizer.config.encoder.size()


def test_finer_codes_save_and_load(make, pixels, tmp_path):
    tokenizer = make(**FINER).eval()
    tokenizer.save_pretrained(tmp_path)
    loaded, info = GenieVideoTokenizer.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values()) and loaded.config.codebook_size == 64
    codes = tokenizer.encode(pixels)
    assert codes.shape == (2, 5, 8, 8) and torch.equal(loaded.encode(pixels), codes)


def test_a_code_of_a_block_lies_where_its_part_of_the_picture_does(make):
    tokenizer = make(**FINER | {"encoder": {"pattern": "spatial", "num_hidden_layers": 0}}).eval()
    quarter = torch.zeros(1, 1, 3, 16, 16)
    quarter[..., :4, 4:8] = 1  # the second patch: codes [0:2, 2:4]
    changed = tokenizer.encode(quarter) != tokenizer.encode(torch.zeros_like(quarter))
    assert changed[0, 0, :2, 2:4].any() and not changed[0, 0, 2:].any() and not changed[0, 0, :, 4:].any()


def test_a_file_from_before_there_were_quantizers_is_read():
    config = GenieVideoTokenizerConfig.from_dict({"codebook_size": 64, "codebook_dim": 8, "image_size": 16})
    assert (config.codebook_size, config.codebook_dim, config.quantizer.model_type) == (64, 8, "vq")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"image_size": 30}, "30x30 is not a multiple of patch_size 4"),
        ({"image_size": 16, "patch_size": 0}, "patch_size 0"),
        ({"image_size": 0}, r"a number of pixels or \[height, width\], at least 1, got 0"),
        ({"image_size": [64]}, r"a number of pixels or \[height, width\], at least 1, got \[64\]"),
    ],
)
def test_impossible_grids_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        GenieVideoTokenizerConfig(**kwargs)


def test_frames_of_another_size_are_refused(make):
    with pytest.raises(ValueError, match=r"3, 16, 16\).*\(1, 2, 3, 8, 8\)"):
        make().encode(torch.rand(1, 2, 3, 8, 8))
