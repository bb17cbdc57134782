import copy

import pytest
import torch

from genie_hf import TemporalCache
from genie_hf.models.st_transformer import ATTENTION

ATTENTIONS = sorted(ATTENTION)
PATTERNS = ["st", "spatial", "full"]
B, T, S, D = 2, 6, 9, 32


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_frame_by_frame_with_a_cache_equals_all_at_once(pattern, attention, make_transformer, hidden):
    model = make_transformer(pattern, attention)
    cache = TemporalCache(T)
    outputs = [model(hidden[:, :2], cache)]
    cache.advance(2)
    for t in range(2, T):
        model(torch.randn_like(hidden[:, t : t + 1]), cache)  # a refinement pass leaves nothing behind
        outputs.append(model(hidden[:, t : t + 1], cache))
        cache.advance()
    torch.testing.assert_close(torch.cat(outputs, dim=1), model(hidden), rtol=1e-4, atol=1e-5)


def test_a_full_cache_forgets_the_oldest_frame(make_transformer, hidden):
    model = make_transformer("st", num_hidden_layers=1)  # one layer: memory is exactly the window
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
def test_several_frames_at_once_are_written_around_the_end_of_the_ring(pattern, make_transformer, hidden):
    model = make_transformer(pattern, num_hidden_layers=1)
    cache = TemporalCache(4)
    for frames in (hidden[:, :3], hidden[:, 3:]):  # slots 0, 1, 2, then 3, 0, 1
        output = model(frames, cache)
        cache.advance(3)
    kept = model(hidden[:, 2:])  # one old frame had room beside the three
    torch.testing.assert_close(output, kept[:, 1:], rtol=1e-4, atol=1e-5)


def test_the_cache_knows_its_size(make_transformer, hidden):
    cache = TemporalCache(4)
    make_transformer("st")(hidden[:, :1], cache)
    assert cache.nbytes() == 2 * 2 * 2 * B * S * 2 * 4 * 16 * 4  # kept aside as well, layers, k and v, ..., bytes


@pytest.mark.parametrize("pattern", PATTERNS)
def test_rewind_is_exact_or_refused(pattern, make_transformer, hidden):
    model = make_transformer(pattern)
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
def test_joined_caches_give_what_each_gives_alone(pattern, attention, make_transformer, hidden):
    model = make_transformer(pattern, attention)
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


def test_clones_and_repeats_are_independent(make_transformer, hidden):
    model = make_transformer("st")
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


def test_too_many_frames_for_the_window_are_refused(make_transformer, hidden):
    with pytest.raises(ValueError, match="6 frames do not fit a window of 4"):
        make_transformer("st")(hidden, TemporalCache(4))


def filled(model, histories, max_frames=3):
    """A cache for each history, passed frame by frame."""
    caches = []
    for history in histories:
        caches.append(TemporalCache(max_frames))
        for frame in history.split(1, dim=1):
            model(frame, caches[-1])
            caches[-1].advance()
    return caches


def places(cache):
    return [buffer.data_ptr() for buffer in cache.buffers]


def test_the_same_caches_are_joined_once(make_transformer, hidden):
    model = make_transformer("st")
    first, second, third = filled(model, [hidden[:1, :1], hidden[:1, :4], hidden[1:, :3]])
    joined = TemporalCache.join([first, second])
    assert TemporalCache.join([first]) is first and TemporalCache.join([first, second]) is joined
    model(hidden[:, 4:5], joined)
    joined.advance()
    assert places(first) == places(joined) and [first.position, second.position] == [2, 5]
    assert TemporalCache.join([second, first]) is not joined
    assert TemporalCache.join([first, second, third]).position == 2


def test_who_is_left_behind_holds_no_memory_of_the_others(make_transformer, hidden):
    model = make_transformer("st")
    first, second, third = filled(model, [hidden[:1, :1], hidden[:1, :4], hidden[1:, :3]])
    TemporalCache.join([first, second])
    expected = model(hidden[:1, 4:5], first.clone())
    TemporalCache.join([second, third])
    for buffer in first.buffers:
        assert buffer.untyped_storage().nbytes() == buffer.nbytes
    torch.testing.assert_close(model(hidden[:1, 4:5], first), expected, rtol=0, atol=0)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_row_is_reset_and_rewound_alone(pattern, make_transformer, hidden):
    model = make_transformer(pattern)
    (cache,) = filled(model, [torch.cat([hidden, hidden[:1].flip(1)])[:, :5]])
    reset, rewound, other = cache.split([1, 1, 1])
    reset.reset()
    model(hidden[:1, 2:4], reset)  # another start, of two frames
    reset.advance(2)
    assert rewound.rewind(2) and [row.position for row in cache.rows] == [2, 3, 5]
    alone = [
        *filled(model, [hidden[:1, 2:4], hidden[1:, :3]]),
        filled(model, [hidden[:1].flip(1)[:, :5]])[0],
    ]
    for frame in torch.randn(4, 3, 1, S, D).unbind():
        expected = torch.cat([model(row, single) for row, single in zip(frame.split(1), alone, strict=True)])
        torch.testing.assert_close(model(frame, cache), expected, rtol=1e-4, atol=1e-5)
        for each in (cache, *alone):
            each.advance()
    assert other.position == 9 and TemporalCache.join([reset, rewound, other]) is cache


def test_a_reset_row_forgets_what_a_broken_model_wrote(make_transformer, hidden):
    model = make_transformer("st")
    (cache,) = filled(model, [hidden[:, :3] * torch.nan])
    for part in cache.split([1, 1]):
        part.reset()
    assert model(hidden[:, :1], cache).isfinite().all()


def test_a_cache_that_need_not_be_rewound_takes_half_the_memory(make_transformer, hidden):
    model = make_transformer("st")
    caches = [TemporalCache(3, rewindable=rewindable) for rewindable in (True, False)]
    for frame in hidden.split(1, dim=1):
        outputs = [model(frame, cache) for cache in caches]
        assert torch.equal(*outputs)
        for cache in caches:
            cache.advance()
    assert caches[0].nbytes() == 2 * caches[1].nbytes()
    assert caches[0].rewind(2) and not caches[1].rewind(2)
