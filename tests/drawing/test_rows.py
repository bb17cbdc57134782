"""Frames stand where they should."""

import numpy as np
import PIL.Image
import torch

from genie_hf.drawing.rows import GAP, MARGIN, draw_rows, stacked


def plain(*levels):
    """A frame of 64x64 for each grey level."""
    return torch.tensor(levels).reshape(-1, 1, 1, 1).expand(-1, 3, 64, 64) / 255


def test_each_row_has_its_frames_in_order():
    picture = draw_rows("clip", [("truth", plain(10, 60, 110), []), ("again", plain(160, 210), ["", "3"])])
    pixels = np.asarray(picture)[..., 0]
    for row, levels in enumerate([(10, 60, 110), (160, 210)]):
        for t, level in enumerate(levels):
            top, left = 20 + row * (64 + GAP), MARGIN + t * (64 + GAP)
            assert (pixels[top + 30 : top + 64, left : left + 64] == level).all()


def test_stacked_pictures_keep_their_order():
    pictures = [PIL.Image.new("RGB", (4, 3), "red"), PIL.Image.new("RGB", (6, 2), "blue")]
    stack = stacked(pictures)
    assert stack.size == (6, 5)
    assert [stack.getpixel((0, y)) for y in range(5)] == [(255, 0, 0)] * 3 + [(0, 0, 255)] * 2
