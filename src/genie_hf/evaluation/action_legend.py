"""What does each latent action do? It is held from many start frames, and the motion that follows is measured.

Dimension keys: B start frames, A actions, T frames for which an action is held.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.video_dataset import VideoDataset
from ..pipeline_genie import GeniePipeline
from .evaluate import ClipBatches, roll_out
from .motion import block_flow, camera_follows
from .picture import draw_action_legend

DIRECTIONS = ("none", "left", "right", "up", "down")
ARROWS = dict(zip(DIRECTIONS, "·←→↑↓", strict=True))

MIN_MOTION = 0.5  # pixels a frame; slower is "none"
CHANGED_PIXEL = 0.1  # difference in any channel of a pixel that has changed
SHOWN = 4  # start frames in the picture


@torch.no_grad()
def measure_action_legend(
    pipe: GeniePipeline,
    data: str | Path | VideoDataset | Sequence[str | Path],
    output: str | Path | None = None,
    *,
    num_start_frames: int = 200,
    num_frames: int = 4,
    num_inference_steps: int = 4,
    batch_size: int = 4,
    seed: int = 0,
) -> dict:
    """Holds each action from start frames spread evenly over a data set. The same arguments give the same legend.

    Args:
        pipe: the pipeline, on the device to use.
        data: what `VideoDataset` takes as its source, or a `VideoDataset` of clips of 2 frames.
        output: folder for `action_legend.json` and `action_legend.png`; by default nothing is written.
        num_start_frames: start frames (all where there are fewer).
        num_frames: frames for which an action is held.
        num_inference_steps: MaskGIT steps for a frame.
        batch_size: start frames at once.
        seed: of the sampling; from one start frame all actions are sampled alike.

    Returns:
        A dict that JSON can hold: `num_start_frames`, `num_frames`, `num_inference_steps`, `seed`, and `actions` with
        a dict for each action:

        - `direction`: where the viewer, or else the thing that moves, goes from most start frames: `"left"`,
          `"right"`, `"up"`, `"down"`, or `"none"` below half a pixel a frame.
        - `consistency`: share of the start frames with that direction, in [0, 1].
        - `motion`: mean [x, y] over all start frames in pixels a frame, x to the right and y down.
        - `moves`: `"camera"` where the viewer moves, so that the picture's content flows the opposite way, `"thing"`
          where something moves in a picture that stands, None where the direction is `"none"`.
        - `changed_area`: mean share of pixels in [0, 1] whose colour is another after `num_frames` frames.

    Raises:
        ValueError: a number below 1, or data that has no clip of 2 frames.
    """
    for name, value in (("num_start_frames", num_start_frames), ("num_frames", num_frames)):
        if value < 1:
            raise ValueError(f"{name} is {value}; choose at least 1.")
    if not isinstance(data, VideoDataset):
        data = VideoDataset(data, 2, pipe.video_tokenizer.config.frame_size)
    chosen = torch.linspace(0, len(data) - 1, min(num_start_frames, len(data))).long().tolist()
    clips = ClipBatches(pipe, data, chosen, batch_size, "action legend")

    by_camera = camera_follows(torch.cat([batch["pixels"] for batch in clips]))
    num_actions = pipe.dynamics.config.num_actions
    flows, changes, shown = [], [], []
    for number, batch in enumerate(clips.watched("start frames")):
        # Compared with the start frame as the tokenizer has it: what coding does to it is not the action's doing.
        start = batch["pixels"][:, :1]
        before = pipe.video_tokenizer.decode(pipe.video_tokenizer.encode(start)).repeat_interleave(num_actions, dim=0)
        actions = torch.arange(num_actions).repeat(len(start)).unsqueeze(1).expand(-1, num_frames)
        seeds = [seed + number * batch_size + b for b in range(len(start)) for _ in range(num_actions)]
        prompt = start.repeat_interleave(num_actions, dim=0)
        after = roll_out(pipe, prompt, actions, seeds, num_inference_steps=num_inference_steps)
        video = torch.cat([before, after], dim=1)  # (B * A, T + 1, C, H, W)
        flow = block_flow(video[:, :-1].flatten(0, 1), video[:, 1:].flatten(0, 1))[0]
        flows.append(flow.view(len(start), num_actions, num_frames, 2).mean(2))
        changed = (video[:, -1] - video[:, 0]).abs().amax(1) > CHANGED_PIXEL
        changes.append(changed.float().mean((1, 2)).view(len(start), num_actions))
        if number * batch_size < SHOWN:
            shown.append(torch.cat([start, after[:, -1].unflatten(0, (-1, num_actions))], dim=1).cpu())
    # What all actions have in common at a start frame stays in: without it, actions that move nothing are said to move
    # against the others, and the legend of coinrun-small was less consistent, on average over its actions.
    legend = {
        "num_start_frames": len(chosen),
        "num_frames": num_frames,
        "num_inference_steps": num_inference_steps,
        "seed": seed,
        "actions": describe_actions(torch.cat(flows), torch.cat(changes), by_camera),
    }
    if output is not None:
        output = Path(output)
        output.mkdir(parents=True, exist_ok=True)
        (output / "action_legend.json").write_text(json.dumps(legend, indent=2) + "\n")
        draw_action_legend(torch.cat(shown)[:SHOWN], legend["actions"]).save(output / "action_legend.png")
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
    shares = F.one_hot(direction, len(DIRECTIONS)).double().mean(0)  # (A, 5)
    return [
        {
            "direction": DIRECTIONS[best],
            "consistency": shares[a, best].item(),
            "motion": motion[:, a].double().mean(0).tolist(),
            "moves": None if best == 0 else "camera" if by_camera else "thing",
            "changed_area": changed_area[:, a].double().mean().item(),
        }
        for a, best in enumerate(shares.argmax(1).tolist())
    ]
