"""What does each latent action do? It is held from many start frames, and the motion that follows is measured.

Dimension keys: B start frames, A actions, T frames for which an action is held.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data import HELD_OUT, VideoDataset
from ..pipeline_genie import GeniePipeline
from .clips import Clips, Source, name_of, reconstruct, roll_out, warn_of_another_pace
from .motion import camera_follows, mean_flow
from .picture import draw_action_legend
from .results import check_folder, write_results

DIRECTIONS = ("none", "left", "right", "up", "down")
ARROWS = dict(zip(DIRECTIONS, "·←→↑↓", strict=True))

MIN_MOTION = 0.5  # pixels a frame; slower is "none"
CHANGED_PIXEL = 0.1  # difference in any channel of a pixel that has changed
SHOWN = 4  # start frames in the picture


@torch.no_grad()
def measure_action_legend(
    pipe: GeniePipeline,
    data: Source,
    output: str | Path | None = None,
    *,
    num_start_frames: int = 200,
    num_frames: int = 4,
    num_inference_steps: int = 4,
    batch_size: int = 4,
    frame_rate: float | None = None,
    frame_skip: int = 1,
    seed: int = 0,
) -> dict:
    """Holds each action from start frames spread evenly over a data set. The same arguments give the same legend.

    Args:
        pipe: the pipeline, on the device to use.
        data: what `VideoDataset` takes as its source.
        output: folder for `action_legend.json` and `action_legend.png`; by default nothing is written.
        num_start_frames: start frames (all where there are fewer).
        num_frames: frames for which an action is held.
        num_inference_steps: MaskGIT steps for a frame.
        batch_size: start frames at once.
        frame_rate: at which videos are read, as `VideoDataset` takes it.
        frame_skip: after that, every `frame_skip`-th frame is used, as in training.
        seed: of the sampling; from one start frame all actions are sampled alike.

    Returns:
        A dict that JSON can hold: `num_start_frames`, `num_frames`, `num_inference_steps`, `seed`, and `actions` with
        a dict for each action:

        - `direction`: where the viewer, or else the thing that moves, goes from most start frames: `"left"`,
          `"right"`, `"up"`, `"down"`, or `"none"` below half a pixel a frame.
        - `consistency`: share of the start frames with that direction, in [0, 1].
        - `starts`: from how many start frames it goes in each direction.
        - `motion`: mean [x, y] over all start frames in pixels a frame, x to the right and y down.
        - `moves`: `"camera"` where the viewer moves, so that the picture's content flows the opposite way, `"thing"`
          where something moves in a still picture, None where the direction is `"none"`.
        - `changed_area`: mean share of pixels in [0, 1] whose colour has changed after `num_frames` frames.

    Raises:
        ValueError: a number below 1, data that has no clip of 2 frames, or nothing can be written to `output`: all
            before measuring.
        OSError: the results could not be written in the end; the message holds the figures.
    """
    for name, value in (("num_start_frames", num_start_frames), ("num_frames", num_frames)):
        if value < 1:
            raise ValueError(f"{name} is {value}; choose at least 1.")
    folder = None if output is None else check_folder(output)
    dataset = VideoDataset(data, 2, pipe.frame_size, frame_rate, HELD_OUT, frame_skip)
    warn_of_another_pace(pipe, dataset, name_of(data))
    number = min(num_start_frames, len(dataset))
    chosen = torch.linspace(0, len(dataset) - 1, number, dtype=torch.float64).long().tolist()
    clips = Clips.read(dataset, chosen, "action legend")

    by_camera = camera_follows(clips.pixels.to(pipe.device).float() / 255)
    num_actions = pipe.dynamics.config.num_actions
    flows, changes, shown = [], [], []
    for rows, pixels in clips.batches(pipe, batch_size, "start frames"):
        # Compared with the start frame as the tokenizer has it: what coding does to it is not the action's doing.
        start = pixels[:, :1]
        before = reconstruct(pipe, start).repeat_interleave(num_actions, dim=0)
        actions = torch.arange(num_actions).repeat(len(start)).unsqueeze(1).expand(-1, num_frames)
        seeds = (seed + rows).repeat_interleave(num_actions).tolist()
        prompt = start.repeat_interleave(num_actions, dim=0)
        after = roll_out(pipe, prompt, actions, seeds, num_inference_steps=num_inference_steps)
        video = torch.cat([before, after], dim=1)  # (B * A, T + 1, C, H, W)
        flows.append(mean_flow(video).view(len(start), num_actions, 2))
        changed = (video[:, -1] - video[:, 0]).abs().amax(1) > CHANGED_PIXEL
        changes.append(changed.float().mean((1, 2)).view(len(start), num_actions))
        if rows[0] < SHOWN:
            shown.append(torch.cat([start, after[:, -1].unflatten(0, (-1, num_actions))], dim=1).cpu())
    # What all actions have in common at a start frame stays in: without it, actions that move nothing are said to move
    # against the others, and the legend of coinrun-small was less consistent, on average over its actions.
    legend: dict = {
        "num_start_frames": len(chosen),
        "num_frames": num_frames,
        "num_inference_steps": num_inference_steps,
        "seed": seed,
        "actions": describe_actions(torch.cat(flows), torch.cat(changes), by_camera),
    }
    if folder is not None:
        picture = draw_action_legend(torch.cat(shown)[:SHOWN], legend["actions"])
        write_results(folder, {"action_legend.json": legend, "action_legend.png": picture}, pipe.dynamics)
    return legend


def describe_actions(flow: Tensor, changed_area: Tensor, by_camera: bool) -> list[dict]:
    """`actions` of `measure_action_legend`.

    Args:
        flow: of the content, in pixels a frame, x to the right and y down, of shape `(B, A, 2)`.
        changed_area: share of changed pixels, of shape `(B, A)`.
        by_camera: whether the flow is that of a camera which follows.
    """
    motion = -flow if by_camera else flow
    x, y = motion.unbind(-1)
    sideways = torch.where(x < 0, 1, 2)
    direction = torch.where(x.abs() >= y.abs(), sideways, torch.where(y < 0, 3, 4))
    direction = torch.where(motion.abs().amax(-1) < MIN_MOTION, 0, direction)  # (B, A), into DIRECTIONS
    starts = F.one_hot(direction, len(DIRECTIONS)).sum(0)  # (A, 5)
    return [
        {
            "direction": DIRECTIONS[best],
            "consistency": starts[a, best].item() / len(flow),
            "starts": dict(zip(DIRECTIONS, starts[a].tolist(), strict=True)),
            "motion": motion[:, a].double().mean(0).tolist(),
            "moves": None if best == 0 else "camera" if by_camera else "thing",
            "changed_area": changed_area[:, a].double().mean().item(),
        }
        for a, best in enumerate(starts.argmax(1).tolist())
    ]
