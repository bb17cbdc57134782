"""Pictures to look at: of an evaluation (clips, rollouts, PSNR by horizon), and of what each latent action does."""

from collections.abc import Mapping, Sequence

import PIL.Image
import torch
from PIL import ImageDraw, ImageFont
from torch import Tensor

ROWS = {
    "truth": "truth",
    "reconstruction": "reconstruction",
    "inferred": "inferred actions",
    "random": "random actions",
}
MARGIN = 130
GAP = 4
INK, GRID = (30, 30, 30), (215, 215, 215)
COLOURS = {
    "inferred_actions": (31, 119, 180),
    "shifted_actions": (23, 190, 207),
    "shuffled_actions": (255, 127, 14),
    "constant_actions": (148, 103, 189),
    "random_actions": (214, 39, 40),
    "copy_first_frame": (127, 127, 127),
}


def draw_evaluation(examples: Mapping[str, dict], figures: Mapping[str, dict]) -> PIL.Image.Image:
    """Draws the figures that `evaluate` returns under `data` and its example clips.

    Args:
        examples: for each data set `truth`, `reconstruction`, `inferred` and `random` (rollouts), pixels in [0, 1] of
            shape `(num_clips, num_frames, channels, height, width)`, and `inferred_actions` and `random_actions` of
            shape `(num_clips, num_frames - 1)`; and, where it was measured, `long`: what `measure_persistence` gives
            for a picture.
        figures: for each data set the figures.
    """
    parts = []
    for name, example in examples.items():
        parts += [draw_clip(example, clip, name) for clip in range(len(example["truth"]))]
        curves = {key: values["psnr"] for key, values in figures[name]["rollout"].items()}
        parts.append(draw_curves(curves, f"{name}: rollout PSNR in dB by horizon", parts[-1].width))
        if "long" in example:
            parts += [draw_long(example["long"], clip, name) for clip in range(len(example["long"]["truth"]))]
    picture = PIL.Image.new("RGB", (max(part.width for part in parts), sum(part.height for part in parts)), "white")
    top = 0
    for part in parts:
        picture.paste(part, (0, top))
        top += part.height
    return picture


def draw_clip(example: Mapping[str, Tensor], clip: int, name: str) -> PIL.Image.Image:
    """The truth, the reconstruction, and the rollouts with the action that led to each frame."""
    rows = []
    for kind, label in ROWS.items():
        actions = example.get(f"{kind}_actions")
        captions = [] if actions is None else ["", *map(str, actions[clip].tolist())]
        rows.append((label, example[kind][clip], captions))
    return draw_rows(f"{name}, clip {clip + 1}", rows)


def draw_long(long: Mapping[str, Tensor], clip: int, name: str) -> PIL.Image.Image:
    """Frames far from the prompt: does the world last? Above, the number of steps."""
    steps = list(map(str, long["horizons"].tolist()))
    rows = [
        ("truth", long["truth"][clip], steps),
        ("inferred actions", long["inferred_actions"][clip], steps),
        (f"action {long['held'][clip].item()} held", long["constant_actions"][clip], steps),
    ]
    return draw_rows(f"{name}, long rollout {clip + 1}", rows)


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


def draw_curves(curves: Mapping[str, Sequence[float]], title: str, width: int, height: int = 240) -> PIL.Image.Image:
    """Lines over the horizons 1, 2, ..., with a legend."""
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
        draw.line(points, COLOURS[name], 2)
        for px, py in points:
            draw.ellipse([px - 3, py - 3, px + 3, py + 3], COLOURS[name])
        draw.text((right + 12, top + 18 * i), name.replace("_", " "), COLOURS[name], font)
    return image


def draw_action_legend(frames: Tensor, actions: Sequence[dict]) -> PIL.Image.Image:
    """A row for each start frame: itself, and where each action leads; above, the action with its arrow and percent.

    Args:
        frames: in [0, 1], of shape `(num_start_frames, 1 + num_actions, channels, height, width)`, the start first.
        actions: `actions` of what `genie_hf.evaluation.measure_action_legend` returns.
    """
    height, width = frames.shape[-2:]
    scale = max(1, round(96 / width))
    height, width, top = height * scale, width * scale, 56
    size = (len(frames[0]) * (width + GAP) + GAP, top + len(frames) * (height + GAP))
    image = PIL.Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    draw.text((GAP + width // 2, 12), "start", INK, font, anchor="mm")
    for a, action in enumerate(actions):
        centre = GAP + (a + 1) * (width + GAP) + width // 2
        draw.text((centre, 12), f"action {a}", INK, font, anchor="mm")
        draw_arrow(draw, (centre - 22, 38), action["direction"])
        draw.text((centre + 18, 38), f"{action['consistency']:.0%}", INK, font, anchor="mm")
    for row, cells in enumerate(frames):
        for column, frame in enumerate(cells):
            cell = to_image(frame).resize((width, height), PIL.Image.Resampling.NEAREST)
            image.paste(cell, (GAP + column * (width + GAP), top + row * (height + GAP)))
    return image.quantize(256)  # a third of the size


def draw_arrow(draw: ImageDraw.ImageDraw, centre: tuple[int, int], direction: str) -> None:
    """An arrow to the left, right, up or down; a dot for `"none"`."""
    x, y = centre
    if direction == "none":
        draw.ellipse([x - 3, y - 3, x + 3, y + 3], INK)
        return
    dx, dy = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}[direction]
    draw.line([(x - 12 * dx, y - 12 * dy), (x + 4 * dx, y + 4 * dy)], INK, 4)
    side = [(x + 2 * dx + 7 * sign * dy, y + 2 * dy + 7 * sign * dx) for sign in (-1, 1)]
    draw.polygon([(x + 12 * dx, y + 12 * dy), *side], INK)


def to_image(frame: Tensor) -> PIL.Image.Image:
    """Pixels in [0, 1] of shape `(channels, height, width)` as an RGB image."""
    array = frame.clamp(0, 1).mul(255).round().to(torch.uint8)
    return PIL.Image.fromarray(array.expand(3, -1, -1).permute(1, 2, 0).numpy())  # (C, H, W) -> (H, W, C)
