"""Pictures of what a stage has learnt: labelled rows of frames."""

import PIL.Image
import torch
from PIL import ImageDraw, ImageFont
from torch import Tensor
from torch.utils.data import default_collate

from ..data import VideoDataset
from .data import batches_for, open_data
from .recipe import Recipe, StageRecipe

CLIPS_SHOWN = 4
LABEL_WIDTH, GAP = 110, 2


def pick_clips(
    recipe: Recipe, dataset: VideoDataset, settings: StageRecipe, inputs: tuple[str, ...]
) -> dict[str, Tensor]:
    """A batch for the pictures, spread over the held-out data if there is any."""
    if recipe.data.test:
        dataset = open_data(recipe, settings.num_frames, held_out=True)
    indices = torch.linspace(0, len(dataset) - 1, CLIPS_SHOWN + 2)[1:-1].long().tolist()
    return next(batches_for([default_collate([dataset[i] for i in indices])], inputs, dataset))


def draw_rows(rows: dict[str, Tensor]) -> PIL.Image.Image:
    """A picture of clips.

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
