"""Pictures of training show held-out clips, row by row."""

import numpy as np
import torch

from genie_hf.drawing.rows import MARGIN
from genie_hf.training.data import open_data
from genie_hf.training.pictures import draw_clips, pick_clips
from genie_hf.training.recipe_file import build_recipe


def test_a_clips_rows_stand_below_one_another():
    levels = torch.tensor([[10, 60], [110, 160]])  # clip, frame
    truth = levels[:, :, None, None, None].expand(-1, -1, 3, 64, 64) / 255
    picture = draw_clips({"truth": truth, "again": truth + 50 / 255})
    found = [int(level) for level in np.asarray(picture)[:, MARGIN + 32, 0] if level != 255]
    assert found == [level for clip in levels[:, 0].tolist() for level in [clip] * 64 + [clip + 50] * 64]


def test_held_out_clips_are_shown_where_there_are_any(tiny_values, recording):
    dataset = open_data(build_recipe(tiny_values), 8)
    ours = pick_clips(build_recipe(tiny_values), dataset, None, ("pixels",))["pixels"]
    tiny_values["data"] |= {"test": tiny_values["data"]["train"], "train": ["no/such/data"]}
    recipe = build_recipe(tiny_values)
    held_out = pick_clips(recipe, None, recipe.training.stages["tokenizer"], ("pixels",))["pixels"]
    assert len(ours) == len(held_out) == 4
    assert len({clip.numpy().tobytes() for clip in ours}) == 4  # spread over the data
