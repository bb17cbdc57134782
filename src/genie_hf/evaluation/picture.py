"""Pictures to look at: of an evaluation (clips, rollouts, PSNR by horizon), and of what each latent action does."""

from collections.abc import Mapping, Sequence

import PIL.Image
from PIL import ImageDraw, ImageFont
from torch import Tensor

from ..drawing.curves import draw_curves
from ..drawing.rows import GAP, INK, draw_rows, stacked, to_image

ROWS = {
    "truth": "truth",
    "reconstruction": "reconstruction",
    "aligned": "aligned actions",
    "random": "random actions",
}
COLOURS = {
    "aligned_actions": (31, 119, 180),
    "shifted_actions": (23, 190, 207),
    "shuffled_actions": (255, 127, 14),
    "constant_actions": (148, 103, 189),
    "random_actions": (214, 39, 40),
    "copy_first_frame": (127, 127, 127),
}


def draw_evaluation(examples: Mapping[str, dict], figures: Mapping[str, dict]) -> PIL.Image.Image:
    """Draws the figures that `evaluate` returns under `data` and its example clips.

    Args:
        examples: for each data set `truth`, `reconstruction`, `aligned` and `random` (rollouts), pixels in [0, 1] of
            shape `(num_clips, num_frames, channels, height, width)`, and `aligned_actions` and `random_actions` of
            shape `(num_clips, num_frames - 1)`; and, where it was measured, `long`: what `measure_persistence` gives
            for a picture.
        figures: for each data set the figures.
    """
    parts = []
    for name, example in examples.items():
        parts += [draw_clip(example, clip, name) for clip in range(len(example["truth"]))]
        curves = {key: values["psnr"] for key, values in figures[name]["rollout"].items()}
        parts.append(draw_curves(curves, COLOURS, f"{name}: rollout PSNR in dB by horizon", parts[-1].width))
        if "long" in example:
            parts += [draw_long(example["long"], clip, name) for clip in range(len(example["long"]["truth"]))]
    # A fifth of the size. The octree keeps rare colours, such as those of the curves.
    return stacked(parts).quantize(256, PIL.Image.Quantize.FASTOCTREE)


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
        ("aligned actions", long["aligned_actions"][clip], steps),
        (f"action {long['held'][clip].item()} held", long["constant_actions"][clip], steps),
    ]
    return draw_rows(f"{name}, long rollout {clip + 1}", rows)


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
