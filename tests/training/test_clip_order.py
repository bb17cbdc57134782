import pytest
import torch

from genie_hf.training.clip_order import ClipOrder


def test_every_clip_comes_once_in_each_round_and_the_rounds_differ():
    batches = list(ClipOrder(num_clips=12, batch_size=4, steps=(0, 6), seed=1))
    first, second = sum(batches[:3], []), sum(batches[3:], [])
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second


def test_the_order_of_later_steps_needs_no_earlier_ones():
    whole = list(ClipOrder(num_clips=10, batch_size=4, steps=(0, 9)))
    assert list(ClipOrder(num_clips=10, batch_size=4, steps=(5, 9))) == whole[5:]


def test_processes_and_passes_share_the_same_batch():
    whole = list(ClipOrder(num_clips=50, batch_size=8, steps=(0, 3)))
    parts = [list(ClipOrder(50, 8, (0, 3), num_passes=2, process=(i, 2))) for i in range(2)]
    for step, batch in enumerate(whole):
        shares = [parts[process][2 * step + i] for i in range(2) for process in range(2)]
        assert sum(shares, []) == batch


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ValueError, match="batch_size 6 cannot be split over 4 processes with 1 passes"):
        ClipOrder(50, 6, (0, 1), process=(0, 4))


def test_sources_give_their_share_whatever_their_size():
    sources = [(90, 0.5), (8, 1), (2, 0.5)]
    order = list(ClipOrder(100, 20, (0, 40), seed=2, sources=sources))
    drawn = torch.tensor(order).flatten()
    counts = torch.bincount(drawn, minlength=100)
    assert [int(part.sum()) for part in counts.split([90, 8, 2])] == [200, 400, 200]
    assert all(part.max() - part.min() <= 1 for part in counts.split([90, 8, 2]))
    first = torch.bincount(drawn[:100], minlength=100)
    assert [int(part.sum()) for part in first.split([90, 8, 2])] == [25, 50, 25]
    assert list(ClipOrder(100, 20, (13, 40), seed=2, sources=sources)) == order[13:]
    assert list(ClipOrder(100, 20, (0, 40), seed=3, sources=sources)) != order
