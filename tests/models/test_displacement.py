import pytest
import torch
import torch.nn.functional as F

from genie_hf.models.displacement import displacement


@pytest.fixture
def scenes():
    """Four smooth scenes of 48x48, of which the tests show a part."""
    noise = torch.rand(4, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    return (F.avg_pool2d(noise, 3, 1, 1) - 0.5) * 3 + 0.5


def view(scenes, x, y):
    return scenes[..., 12 + y : 36 + y, 12 + x : 36 + x]


@pytest.mark.parametrize(("x", "y"), [(3, -2), (-6, 5), (0, 7), (-7, -7)])
def test_a_camera_that_moves_is_followed(scenes, x, y):
    moved = displacement(view(scenes, 0, 0), view(scenes, -x, -y), reach=8)  # the content goes against the camera
    torch.testing.assert_close(moved, torch.tensor([[float(x), y]]).expand(4, 2), atol=0.3, rtol=0)


@pytest.mark.parametrize(("x", "y"), [(4, 0), (-3, 5)])
def test_a_thing_that_moves_before_a_still_camera_is_followed(scenes, x, y):
    before, after = (0.1 * view(scenes, 0, 0) + 0.2 for _ in range(2))
    thing = torch.tensor([1.0, 0.0, 1.0])[:, None, None] * torch.linspace(0.5, 1, 6)
    before[..., 9:15, 9:15] = thing
    after[..., 9 + y : 15 + y, 9 + x : 15 + x] = thing
    moved = displacement(before, after, reach=8)
    torch.testing.assert_close(moved, torch.tensor([[float(x), y]]).expand(4, 2), atol=0.5, rtol=0)


def test_parts_of_a_pixel_are_told(scenes):
    half = (view(scenes, 0, 0) + view(scenes, 1, 0)) / 2
    moved = displacement(view(scenes, 0, 0), half, reach=4)
    assert (moved[:, 0] + 0.5).abs().max() < 0.35 and moved[:, 1].abs().max() < 0.2


def test_what_changes_too_little_rests(scenes):
    before, after = view(scenes, 0, 0), view(scenes, 0, 0).clone()
    after[..., :3, :3] = 1 - after[..., :3, :3]  # 9 of 576 pixels
    assert displacement(before, after, reach=4).any()
    assert not displacement(before, after, reach=4, still_share=0.02).any()
    assert not displacement(before, before, reach=4).any()


def test_pairs_are_told_alone(scenes):
    before = view(scenes, 0, 0)
    after = torch.stack([view(scenes, -i, i)[i] for i in range(4)])
    together = displacement(before, after, reach=5)
    alone = torch.cat([displacement(before[i, None], after[i, None], reach=5) for i in range(4)])
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=0)
