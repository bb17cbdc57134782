"""Curves over the horizons of a rollout."""

from collections.abc import Mapping, Sequence

import PIL.Image
from PIL import ImageDraw, ImageFont

from .rows import GAP, INK, MARGIN

GRID = (215, 215, 215)


def draw_curves(
    curves: Mapping[str, Sequence[float]],
    colours: Mapping[str, tuple[int, int, int]],
    title: str,
    width: int,
    height: int = 240,
) -> PIL.Image.Image:
    """Lines over the horizons 1, 2, ..., with a legend.

    Args:
        curves: values by name.
        colours: RGB by name.
        title: drawn above.
        width: of the picture in pixels.
        height: of the picture in pixels.
    """
    image = PIL.Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    draw.text((GAP, GAP), title, INK, ImageFont.load_default(12))
    values = [value for curve in curves.values() for value in curve]
    low, high = int(min(values)) - 1, int(max(values)) + 1
    left, right, top, bottom = 40, width - MARGIN, 28, height - 34
    horizon = max(map(len, curves.values()))

    def x(t: int) -> float:
        return left + (t - 1) / max(1, horizon - 1) * (right - left)

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - top)

    for value in range(low, high + 1, max(1, (high - low) // 6)):
        draw.line([(left, y(value)), (right, y(value))], GRID)
        draw.text((left - 24, y(value) - 7), str(value), INK, font)
    for t in range(1, horizon + 1):
        draw.text((x(t) - 3, bottom + 6), str(t), INK, font)
    for i, (name, curve) in enumerate(curves.items()):
        points = [(x(t), y(value)) for t, value in enumerate(curve, 1)]
        draw.line(points, colours[name], 2)
        for px, py in points:
            draw.ellipse([px - 3, py - 3, px + 3, py + 3], colours[name])
        draw.text((right + 12, top + 18 * i), name.replace("_", " "), colours[name], font)
    return image
