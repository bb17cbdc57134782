"""Pictures of what a stage has learnt: labelled rows of frames."""

import PIL.Image
import torch
from PIL import ImageDraw, ImageFont
from torch import Tensor

LABEL_WIDTH, GAP = 110, 2


def draw_rows(rows: dict[str, Tensor]) -> PIL.Image.Image:
    """
    Args:
        rows: by label, pixels in [0, 1] of one shape `(num_clips, num_frames, 3, height, width)`; the rows of a clip
            are drawn below one another.
    """
    pixels = torch.stack(list(rows.values()), dim=1).cpu().float()  # (clips, rows, T, C, H, W)
    num_clips, num_rows, num_frames, _, height, width = pixels.shape
    scale = max(1, 64 // width)
    height, width = height * scale, width * scale
    picture = PIL.Image.new(
        "RGB", (LABEL_WIDTH + num_frames * (width + GAP), num_clips * (num_rows * (height + GAP) + 4 * GAP)), "white"
    )
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    frames = pixels.mul(255).round().byte().movedim(3, -1).numpy()  # (..., C, H, W) -> (..., H, W, C)
    for clip in range(num_clips):
        for row, label in enumerate(rows):
            top = clip * (num_rows * (height + GAP) + 4 * GAP) + row * (height + GAP)
            draw.text((2 * GAP, top + height // 2 - 6), label, "black", font)
            for t in range(num_frames):
                frame = PIL.Image.fromarray(frames[clip, row, t]).resize((width, height), PIL.Image.Resampling.NEAREST)
                picture.paste(frame, (LABEL_WIDTH + t * (width + GAP), top))
    return picture
