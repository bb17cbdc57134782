"""Frames in labelled rows, to look at."""

from collections.abc import Sequence

import PIL.Image
import torch
from PIL import ImageDraw, ImageFont
from torch import Tensor

MARGIN = 130  # for the labels
GAP = 4
INK = (30, 30, 30)


def draw_rows(title: str, rows: Sequence[tuple[str, Tensor, Sequence[str]]]) -> PIL.Image.Image:
    """Rows of a label, frames `(num_frames, channels, height, width)` in [0, 1], and a caption for each or none."""
    height, width = rows[0][1].shape[-2:]
    scale = max(1, round(64 / width))
    height, width = height * scale, width * scale
    line = height + GAP
    font = ImageFont.load_default(11)
    columns = max(len(frames) for _, frames, _ in rows)
    image = PIL.Image.new("RGB", (MARGIN + columns * (width + GAP), 20 + len(rows) * line + 4 * GAP), "white")
    draw = ImageDraw.Draw(image)
    draw.text((GAP, GAP), title, INK, ImageFont.load_default(12))
    for row, (label, frames, captions) in enumerate(rows):
        top = 20 + row * line
        draw.text((GAP, top + height // 2 - 6), label, INK, font)
        for t, frame in enumerate(frames):
            left = MARGIN + t * (width + GAP)
            image.paste(to_image(frame).resize((width, height), PIL.Image.Resampling.NEAREST), (left, top))
            if captions:
                draw.text((left + 2, top), captions[t], "white", font, stroke_width=1, stroke_fill=INK)
    return image


def stacked(pictures: Sequence[PIL.Image.Image]) -> PIL.Image.Image:
    """The pictures below one another."""
    size = max(picture.width for picture in pictures), sum(picture.height for picture in pictures)
    stack, top = PIL.Image.new("RGB", size, "white"), 0
    for picture in pictures:
        stack.paste(picture, (0, top))
        top += picture.height
    return stack


def to_image(frame: Tensor) -> PIL.Image.Image:
    """Pixels in [0, 1] of shape `(channels, height, width)` as an RGB image."""
    array = frame.clamp(0, 1).mul(255).round().to(torch.uint8)
    return PIL.Image.fromarray(array.expand(3, -1, -1).permute(1, 2, 0).numpy())  # (C, H, W) -> (H, W, C)
