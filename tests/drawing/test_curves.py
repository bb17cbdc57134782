"""Curves say which is better."""

import numpy as np

from genie_hf.drawing.curves import draw_curves
from genie_hf.drawing.rows import MARGIN

COLOURS = {"better": (31, 119, 180), "worse": (214, 39, 40)}


def test_a_better_curve_lies_above():
    picture = draw_curves({"better": [30.0] * 4, "worse": [20.0] * 4}, COLOURS, "PSNR", 400)
    pixels = np.asarray(picture.crop((0, 0, 400 - MARGIN, picture.height)))  # without the names of the curves
    better, worse = (np.nonzero((pixels == colour).all(-1))[0].mean() for colour in COLOURS.values())
    assert better < worse
