"""Pixels as the models take them, and frames as patches."""

import torch
import torch.nn.functional as F
from torch import Tensor

PIXEL_SCALE = 4.0  # pixels in [0, 1] spread by about a quarter: what brings them to unit variance


def unit_pixels(pixels: Tensor) -> Tensor:
    """Pixels as floats in [0, 1]: uint8 is divided by 255, floats stay as they are.

    Raises:
        TypeError: for any other type.
    """
    if pixels.dtype == torch.uint8:
        return pixels.float() / 255
    if not pixels.is_floating_point():
        raise TypeError(f"pixels have the type {pixels.dtype}; give uint8 from 0 to 255, or floats in [0, 1].")
    return pixels


def check_shape(frames: Tensor, kind: str, shape: tuple[int, ...], fewest: int) -> None:
    """Raises `ValueError` unless clips are of at least the `fewest` frames of this shape."""
    if frames.shape[2:] != shape or frames.shape[1] < fewest:
        raise ValueError(
            f"frames must be {kind} of shape (batch_size, num_frames, {', '.join(map(str, shape))}) with at least "
            f"{fewest} frame{'s' * (fewest > 1)}, got {tuple(frames.shape)}."
        )


def patchify(pixels: Tensor, patch_size: int) -> Tensor:
    """(B, T, C, h * patch, w * patch) -> (B, T, S, C * patch * patch)."""
    return F.pixel_unshuffle(pixels, patch_size).flatten(-2).transpose(-1, -2)


def unpatchify(patches: Tensor, patch_size: int, grid_size: tuple[int, int]) -> Tensor:
    """(B, T, S, C * patch * patch) -> (B, T, C, h * patch, w * patch)."""
    return F.pixel_shuffle(patches.transpose(-1, -2).unflatten(-1, grid_size), patch_size)


def one_of(**inputs: Tensor | None) -> Tensor:
    """The one input that is given, under any of its names.

    Raises:
        TypeError: if none or more than one is given.
    """
    given = [name for name, value in inputs.items() if value is not None]
    if len(given) != 1:
        raise TypeError(f"got {' and '.join(given) or 'no input'}; give one of {', '.join(inputs)}.")
    return inputs[given[0]]
