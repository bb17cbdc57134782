"""Pictures of what a stage has learnt: labelled rows of frames."""

import PIL.Image
import torch
from torch import Tensor
from torch.utils.data import default_collate

from ..data import VideoDataset
from ..drawing.rows import draw_rows, stacked
from .data import batches_for, open_data
from .recipe import Recipe, StageRecipe

CLIPS_SHOWN = 4


def pick_clips(
    recipe: Recipe, dataset: VideoDataset, settings: StageRecipe, inputs: tuple[str, ...]
) -> dict[str, Tensor]:
    """A batch for the pictures, spread over the held-out data if there is any."""
    if recipe.data.test:
        dataset = open_data(recipe, settings.num_frames, held_out=True)
    indices = torch.linspace(0, len(dataset) - 1, CLIPS_SHOWN + 2, dtype=torch.float64)[1:-1].long().tolist()
    return next(batches_for([default_collate([dataset[i] for i in indices])], inputs, dataset))


def draw_clips(rows: dict[str, Tensor]) -> PIL.Image.Image:
    """A picture of clips.

    Args:
        rows: by label, pixels in [0, 1] of one shape `(num_clips, num_frames, 3, height, width)`; the rows of a clip
            are drawn below one another.
    """
    num_clips = len(next(iter(rows.values())))
    return stacked(
        [
            draw_rows(f"clip {clip + 1}", [(label, frames[clip].float().cpu(), ()) for label, frames in rows.items()])
            for clip in range(num_clips)
        ]
    )
