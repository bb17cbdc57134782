"""What a picture shows stands where it should."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from genie_hf.drawing.rows import GAP
from genie_hf.evaluation.picture import COLOURS, draw_action_legend, draw_arrow, draw_evaluation


def plain(*levels):
    """A frame of 64x64 for each grey level."""
    return torch.tensor(levels).reshape(-1, 1, 1, 1).expand(-1, 3, 64, 64) / 255


@pytest.mark.parametrize("direction", ["left", "right", "up", "down"])
def test_an_arrow_points_there(direction):
    drawn = Image.new("RGB", (41, 41), "white")
    draw_arrow(ImageDraw.Draw(drawn), (20, 20), direction)
    ink = np.asarray(drawn.convert("L")) < 128
    # The head is wide and the shaft narrow, so there is more ink on the side that it points to.
    halves = {"left": ink[:, :20], "right": ink[:, 21:], "up": ink[:20], "down": ink[21:]}
    assert max(halves, key=lambda half: halves[half].sum()) == direction


def test_a_legend_has_the_start_and_each_action():
    frames = torch.stack([plain(20, 120, 220), plain(70, 170, 250)])
    actions = [{"direction": "left", "consistency": 0.9}, {"direction": "none", "consistency": 0.5}]
    pixels = np.asarray(draw_action_legend(frames, actions).convert("L"), int)
    side = 128  # 64 pixels enlarged to about 96
    for row, levels in enumerate([(20, 120, 220), (70, 170, 250)]):
        for column, level in enumerate(levels):
            top, left = 56 + row * (side + GAP), GAP + column * (side + GAP)
            assert abs(pixels[top : top + side, left : left + side] - level).max() <= 2


def test_curves_are_told_apart_by_their_colours():
    clips = torch.rand(3, 11, 3, 64, 64)
    example = dict.fromkeys(("truth", "reconstruction", "aligned", "random"), clips)
    example |= dict.fromkeys(("aligned_actions", "random_actions"), torch.zeros(3, 10, dtype=torch.int64))
    rollout = {name: {"psnr": [20.0 + i, 10.0 + i]} for i, name in enumerate(COLOURS)}
    picture = draw_evaluation({"levels": example}, {"levels": {"rollout": rollout}})
    drawn = np.asarray(picture.convert("RGB"), int)[-240:].reshape(-1, 3)
    for name, colour in COLOURS.items():
        assert abs(drawn - colour).max(axis=1).min() < 8, name
