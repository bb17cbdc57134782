"""Figures of matplotlib as pictures."""

import io

import PIL.Image
from matplotlib.figure import Figure


def picture_of(figure: Figure) -> PIL.Image.Image:
    file = io.BytesIO()
    figure.savefig(file)
    return PIL.Image.open(file)
