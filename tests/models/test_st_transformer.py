import copy

import pytest
import torch
from huggingface_hub.errors import StrictDataclassFieldValidationError

from genie_hf import GenieDynamicsConfig, STTransformerConfig, TemporalCache
from genie_hf.models.st_transformer import ATTENTION, STTransformer

ATTENTIONS = sorted(ATTENTION)
PATTERNS = ["st", "spatial", "full"]
B, T, S, D = 2, 6, 9, 32


def make(pattern, transformer, attention="sdpa"):
    torch.manual_seed(0)
    config = STTransformerConfig(**transformer, pattern=pattern)
    config._attn_implementation = attention
    return STTransformer(config, S, config).eval()


@pytest.fixture
def hidden():
    return torch.randn(B, T, S, D, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_later_frame_cannot_change_an_earlier_output(pattern, attention, transformer, hidden):
    model = make(pattern, transformer, attention)
    changed = hidden.clone()
    changed[:, 4] = changed[:, 4].flip(-1)
    before, after = model(hidden), model(changed)
    torch.testing.assert_close(before[:, :4], after[:, :4], rtol=0, atol=1e-6)
    assert (before[:, 4] - after[:, 4]).abs().max() > 1e-2
    seen_later = (before[:, 5] - after[:, 5]).abs().max()
    assert seen_later > 1e-4 if pattern != "spatial" else seen_later == 0


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_token_sees_its_whole_frame(pattern, transformer, hidden):
    model = make(pattern, transformer)
    changed = hidden.clone()
    changed[:, 2, 0] = changed[:, 2, 0].flip(-1)
    assert ((model(hidden) - model(changed))[:, 2].abs().amax(-1) > 1e-5).all()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_eager_equals_sdpa_forwards_and_backwards(pattern, transformer, hidden):
    gradients = []
    for attention in ATTENTIONS:
        leaf = hidden.clone().requires_grad_()
        output = make(pattern, transformer, attention)(leaf)
        output.square().sum().backward()
        gradients.append((output, leaf.grad))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_frame_by_frame_with_a_cache_equals_all_at_once(pattern, attention, transformer, hidden):
    model = make(pattern, transformer, attention)
    cache = TemporalCache(T)
    outputs = [model(hidden[:, :2], cache)]
    cache.advance(2)
    for t in range(2, T):
        model(torch.randn_like(hidden[:, t : t + 1]), cache)  # a refinement pass leaves nothing behind
        outputs.append(model(hidden[:, t : t + 1], cache))
        cache.advance()
    torch.testing.assert_close(torch.cat(outputs, dim=1), model(hidden), rtol=1e-4, atol=1e-5)


def test_a_full_cache_forgets_the_oldest_frame(transformer, hidden):
    model = make("st", transformer | {"num_hidden_layers": 1})  # one layer: memory is exactly the window
    outputs = []
    for first in (hidden[:, :1], hidden[:, :1].flip(-1)):
        cache = TemporalCache(3)
        for t, frame in enumerate([first, *hidden[:, 1:].split(1, dim=1)]):
            outputs.append((t, model(frame, cache)))
            cache.advance()
        assert [(row.position, row.num_frames) for row in cache.rows] == [(T, 3)] * B
    for (t, one), (_, other) in zip(outputs[:T], outputs[T:], strict=True):
        same = torch.allclose(one, other, atol=1e-5)
        assert same == (t >= 3), t


@pytest.mark.parametrize("pattern", PATTERNS)
def test_several_frames_at_once_are_written_around_the_end_of_the_ring(pattern, transformer, hidden):
    model = make(pattern, transformer | {"num_hidden_layers": 1})
    cache = TemporalCache(4)
    for frames in (hidden[:, :3], hidden[:, 3:]):  # slots 0, 1, 2, then 3, 0, 1
        output = model(frames, cache)
        cache.advance(3)
    kept = model(hidden[:, 2:])  # one old frame had room beside the three
    torch.testing.assert_close(output, kept[:, 1:], rtol=1e-4, atol=1e-5)


def test_the_cache_knows_its_size(transformer, hidden):
    cache = TemporalCache(4)
    make("st", transformer)(hidden[:, :1], cache)
    assert cache.nbytes() == 2 * 2 * 2 * B * S * 2 * 4 * 16 * 4  # kept aside as well, layers, k and v, ..., bytes


def test_rotary_positions_are_relative(transformer, hidden):
    model = make("st", transformer)
    shifted = model(hidden, times=torch.arange(T) + 100)
    torch.testing.assert_close(model(hidden), shifted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_rewind_is_exact_or_refused(pattern, transformer, hidden):
    model = make(pattern, transformer)
    frames = [*hidden.split(1, dim=1), *hidden.flip(0).split(1, dim=1)]
    cache, outputs, before = TemporalCache(3), [], []
    for frame in frames:
        before.append(cache.clone())
        outputs.append(model(frame, cache))
        cache.advance()
    for n in (1, 2, 3):  # three frames are kept aside
        again = cache.clone()
        assert again.rewind(n) and again.position == len(frames) - n
        for frame, expected in zip(frames[-n:], outputs[-n:], strict=True):
            torch.testing.assert_close(model(frame, again), expected, rtol=0, atol=0)
            again.advance()
    other = before[8].clone()
    assert other.rewind(2)
    for frame, expected in zip(hidden.flip(2).split(1, dim=1), range(6), strict=True):  # another future after it
        model(frame, other)
        other.advance()
        assert other.position == 7 + expected
    assert other.rewind(3) and other.position == 9
    if pattern != "spatial":
        held = copy.copy(cache.__dict__)
        assert not cache.rewind(5)
        assert cache.__dict__ == held


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_joined_caches_give_what_each_gives_alone(pattern, attention, transformer, hidden):
    model = make(pattern, transformer, attention)
    histories = [hidden[:1, :1], hidden[:, 1:5], hidden[1:, :3]]  # of 1, 4 and 3 frames, and 1, 2 and 1 samples
    caches, sizes = [], [len(history) for history in histories]
    for history in histories:
        caches.append(TemporalCache(3))
        for frame in history.split(1, dim=1):
            model(frame, caches[-1])
            caches[-1].advance()
    alone = [cache.clone() for cache in caches]
    for frame in torch.randn(3, 4, 1, *hidden.shape[2:]).unbind():
        joined = TemporalCache.join(caches)
        model(torch.randn_like(frame), joined)  # a refinement pass leaves nothing behind
        outputs = model(frame, joined)
        joined.advance()
        for cache, part, output in zip(alone, frame.split(sizes), outputs.split(sizes), strict=True):
            torch.testing.assert_close(output, model(part, cache), rtol=1e-4, atol=1e-5)
            cache.advance()
    for cache, single in zip(caches, alone, strict=True):
        assert cache.position == single.position
        for buffer, expected in zip(cache.buffers, single.buffers, strict=True):
            torch.testing.assert_close(buffer, expected, rtol=1e-4, atol=1e-5)


def test_clones_and_repeats_are_independent(transformer, hidden):
    model = make("st", transformer)
    cache = TemporalCache(T)
    model(hidden[:, :2], cache)
    cache.advance(2)
    clone, repeated = cache.clone(), cache.repeat_interleave(3)
    expected = model(hidden[:, 2:3], clone)
    model(hidden[:, 3:4], cache)
    cache.advance()
    torch.testing.assert_close(model(hidden[:, 2:3], clone), expected, rtol=0, atol=0)
    threefold = model(hidden[:, 2:3].repeat_interleave(3, dim=0), repeated)
    torch.testing.assert_close(threefold, expected.repeat_interleave(3, dim=0), rtol=1e-4, atol=1e-5)


def test_too_many_frames_for_the_window_are_refused(transformer, hidden):
    with pytest.raises(ValueError, match="6 frames do not fit a window of 4"):
        make("st", transformer)(hidden, TemporalCache(4))


def test_head_dim_is_free_of_hidden_size(transformer, hidden):
    config = transformer | {"num_attention_heads": 3, "head_dim": 10}
    assert make("st", config)(hidden).shape == hidden.shape


@pytest.mark.parametrize(
    ("field", "value", "message"), [("head_dim", 7, "even.*7"), ("num_attention_heads", 0, "at least 1, got 0")]
)
def test_impossible_sizes_are_refused(field, value, message, transformer):
    with pytest.raises(ValueError, match=message):
        STTransformerConfig(**transformer | {field: value})


def test_unknown_patterns_are_refused(transformer):
    with pytest.raises(StrictDataclassFieldValidationError, match="pattern"):
        STTransformerConfig(**transformer | {"pattern": "diagonal"})


def test_impossible_mask_rates_are_refused(transformer):
    with pytest.raises(ValueError, match=r"low <= high <= 1, got \[0.9, 0.1\]"):
        GenieDynamicsConfig(**transformer, mask_rate=[0.9, 0.1])
