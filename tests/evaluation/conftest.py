"""Pictures whose motion is known."""

from types import SimpleNamespace

import pytest
import torch


def textured(num_frames, size=64, seed=0):
    """Smooth random pictures, floats of shape (num_frames, 3, size, size)."""
    noise = torch.rand(num_frames, 3, size // 4, size // 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, (size, size), mode="bilinear")


def shifted(frames, shift):
    return frames.roll((shift[1], shift[0]), dims=(-2, -1))


def with_thing(background, shift=(0, 0), size=16):
    frames, (x, y) = background.clone(), shift
    thing = textured(len(frames), seed=1)[..., :size, :size] > 0.5
    frames[..., 24 + y : 24 + y + size, 24 + x : 24 + x + size] = thing
    return frames


@pytest.fixture(scope="session")
def scenery():
    """`textured`, `shifted` and `with_thing`, which make them."""
    return SimpleNamespace(textured=textured, shifted=shifted, with_thing=with_thing)
