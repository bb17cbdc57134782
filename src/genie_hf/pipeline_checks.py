"""What a [`GeniePipeline`] takes: components that make one world, and inputs that this world can play.

Each check raises `ValueError` or `TypeError` with a message that names the value and the remedy.
"""

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .scheduling_maskgit import MaskGITScheduler

if TYPE_CHECKING:
    from .pipeline_genie import GeniePipeline


def check_parts(pipe: "GeniePipeline") -> None:
    """The components make one world."""
    for name in ("video_tokenizer", "dynamics", "scheduler"):
        if getattr(pipe, name) is None:
            raise ValueError(f"{name} is None; a world cannot be played without it.")
    if not isinstance(pipe.scheduler, MaskGITScheduler):
        raise TypeError(f"the scheduler is a {type(pipe.scheduler).__name__}; give a MaskGITScheduler.")
    ours, theirs = pipe.dynamics.config, pipe.video_tokenizer.config
    pairs = [
        ("codebook_size", ours.codebook_size, "video_tokenizer's", theirs.codebook_size),
        ("grid_size", tuple(ours.grid_size), "video_tokenizer's", tuple(theirs.grid_size)),
        ("mask_token_id", ours.mask_token_id, "scheduler's", pipe.scheduler.config.mask_token_id),
    ]
    if pipe.latent_action_model is not None:
        num_actions = pipe.latent_action_model.config.num_actions
        pairs.append(("num_actions", ours.num_actions, "latent_action_model's", num_actions))
    for name, own, owner, other in pairs:
        if own != other:
            raise ValueError(f"the dynamics' {name} {own} is not the {owner} {other}; give parts of one world.")


def check_latent_action_model(pipe: "GeniePipeline") -> None:
    """There is a model that infers actions."""
    if pipe.latent_action_model is None:
        raise ValueError("actions between frames need a latent_action_model; load one, or give a single image.")


def check_actions(
    actions: int | list | np.ndarray | Tensor, num_actions: int, batch_size: int | None, dim: int
) -> torch.LongTensor:
    """Actions as int64 with `dim` axes, the batch first; shared ones are repeated. A batch of any size if `None`."""
    try:
        checked = torch.as_tensor(actions)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"actions are {actions!r}; give whole numbers, in lists of equal length.") from error
    if checked.numel() == 0:
        raise ValueError("the list of actions is empty; give at least one action.")
    if checked.dtype == torch.bool or checked.is_floating_point() or checked.is_complex():
        raise TypeError(f"actions are {actions!r}; give whole numbers from 0 to {num_actions - 1}.")
    shape = tuple(checked.shape)
    if checked.dim() == dim - 1 and batch_size is not None:
        checked = checked.expand(batch_size, *shape)
    if batch_size is None and checked.dim() != dim:
        raise ValueError(f"actions have the shape {shape}; give {dim} axes, the first for the plans.")
    if batch_size is not None and (checked.dim() != dim or len(checked) != batch_size):
        raise ValueError(f"actions of shape {shape} came for {batch_size} videos; give one list, or one for each.")
    outside = checked[(checked < 0) | (checked >= num_actions)]
    if len(outside):
        value = outside[0].item()
        raise ValueError(f"action {value} is none of this world's {num_actions}; choose 0 to {num_actions - 1}.")
    return checked.to(torch.int64)


def check_one_start(**inputs: Any) -> None:
    """Exactly one of these inputs is given."""
    given = [name for name, value in inputs.items() if value is not None]
    if len(given) != 1:
        came = " and ".join(given) or "no image"
        raise ValueError(f"{came} came; give one of image=, frames= or prompt= to start from.")


def batch_clips(pixels: Tensor) -> tuple[Tensor, bool]:
    """A clip or a batch of them with a batch axis, and whether there was one."""
    if pixels.dim() not in (4, 5):
        raise ValueError(f"frames have {pixels.dim()} axes; give one clip (4 axes) or a batch of clips (5).")
    return (pixels, True) if pixels.dim() == 5 else (pixels[None], False)


def check_seeds(seed: int | Sequence[int]) -> list[int]:
    """A seed, or one for each world, as a list."""
    seeds = list(seed) if isinstance(seed, Sequence) else [seed]
    if not seeds or not all(isinstance(s, Integral) and 0 <= s < 2**63 for s in seeds):
        raise ValueError(f"seed is {seed!r}; give a whole number from 0 upwards, or a list of them.")
    return list(map(int, seeds))


def check_generator(generator: torch.Generator | list[torch.Generator] | None) -> None:
    """It is what PyTorch draws from."""
    generators = generator if isinstance(generator, list) else [] if generator is None else [generator]
    if not all(isinstance(g, torch.Generator) for g in generators):
        raise TypeError(f"generator is {generator!r}; give a torch.Generator, or a list with one for each video.")


def check_num_images_per_prompt(number: int) -> None:
    """It is a whole number from 1 upwards."""
    if not isinstance(number, Integral) or number < 1:
        raise ValueError(f"num_images_per_prompt is {number!r}; give a number from 1 upwards.")


def check_callback_tensors(names: Sequence[str]) -> None:
    """A callback asks for nothing but the codes."""
    for name in names:
        if name != "codes":
            raise ValueError(f"there is no tensor {name!r} for a callback; there is 'codes'.")
