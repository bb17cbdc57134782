"""Held-out clips, read once, and worlds played from their first frames.

Dimension keys: N clips, T frames of a clip.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import torch
from datasets import Dataset, DatasetDict
from torch import Tensor

from ..data.place import DataSource, to_source
from ..data.video_dataset import VideoDataset
from ..pipeline_genie import GeniePipeline
from .latent_actions import merge_actions

logger = logging.getLogger(__name__)

OneSource: TypeAlias = str | os.PathLike | Dataset | DatasetDict | DataSource | dict
Source: TypeAlias = OneSource | Sequence[OneSource]
"""What `VideoDataset` takes."""


def name_of(source: Source) -> str:
    """The last part of a folder's or data set's name, or of several; "data" without one."""
    if isinstance(source, (list, tuple)):
        return ", ".join(map(name_of, source))
    where = to_source(source).source
    return Path(where).name if isinstance(where, str | os.PathLike) else "data"


def warn_of_another_pace(pipe: GeniePipeline, dataset: VideoDataset, name: str) -> None:
    """Says so where data have more or fewer frames a second than the world: what an action does depends on it."""
    rate, fps = dataset.frame_rate, pipe.config.fps
    if rate and not 0.98 <= rate / fps <= 1.02:
        logger.warning(
            "%s has %.3g frames a second and the world %.3g: measure it on data of the pace at which it learnt.",
            name,
            rate,
            fps,
        )


@dataclass
class Clips:
    """Some clips of a data set.

    Args:
        name: of the data set, for progress bars.
        pixels: uint8 of shape `(N, T, channels, height, width)`, on the CPU.
        actions: the true effective actions, int64 of shape `(N, T - 1)`, or None.
        action_names: the names of the effective actions, or None where the data set does not tell.
    """

    name: str
    pixels: Tensor
    actions: Tensor | None = None
    action_names: list[str] | None = None

    @classmethod
    def read(cls, dataset: VideoDataset, indices: Sequence[int], name: str) -> "Clips":
        clips = [dataset[index] for index in indices]
        actions = torch.stack([clip["actions"] for clip in clips]) if dataset.has_actions else None
        names = dataset.action_names
        if dataset.action_groups is not None:
            names = dataset.action_group_names
            actions = None if actions is None else merge_actions(actions, dataset.action_groups)
        return cls(name, torch.stack([clip["pixels"] for clip in clips]), actions, names)

    @property
    def num_true_actions(self) -> int:
        """How many effective actions there are, as far as is known."""
        return len(self.action_names) if self.action_names else int(self.actions.max()) + 1

    def __len__(self) -> int:
        return len(self.pixels)

    def batches(
        self, pipe: GeniePipeline, batch_size: int, task: str, repeats: int = 1
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches with the pipeline's progress bar.

        Args:
            pipe: the pipeline.
            batch_size: clips in a batch.
            task: for the progress bar.
            repeats: how many times all clips come, one time after the other.

        Yields:
            The numbers of a batch's rows among all `repeats * N`, int64 of shape `(batch_size,)`, and its pixels in
            [0, 1], on the pipeline's device.
        """
        parts = torch.arange(repeats * len(self)).split(batch_size)
        with pipe.progress_bar(total=len(parts)) as progress_bar:
            progress_bar.set_description(f"{self.name}: {task}")
            for rows in parts:
                yield rows, self.pixels[rows % len(self)].to(pipe.device).float() / 255
                progress_bar.update()

    def infer_actions(self, pipe: GeniePipeline, batch_size: int) -> Tensor:
        """The clips' latent actions, int64 of shape `(N, T - 1)`, on the CPU."""
        return torch.cat([pipe.infer_actions(x).cpu() for _, x in self.batches(pipe, batch_size, "latent actions")])

    def actions_of(self, pipe: GeniePipeline, batch_size: int) -> Tensor:
        """The actions that lead from frame to frame: inferred, or recorded where the world learnt from such.

        Args:
            pipe: the pipeline; without a latent action model its actions are the recorded ones.
            batch_size: clips at once.

        Returns:
            int64 of shape `(N, T - 1)`, on the CPU.
        """
        return self.actions if pipe.latent_action_model is None else self.infer_actions(pipe, batch_size)

    def num_actions_of(self, pipe: GeniePipeline) -> int:
        """How many actions the world has; one that learnt from recorded actions may have room for more of them."""
        return pipe.dynamics.config.num_actions if pipe.latent_action_model is not None else self.num_true_actions

    def first(self, number: int) -> "Clips":
        """The same with the first clips only."""
        return replace(
            self, pixels=self.pixels[:number], actions=None if self.actions is None else self.actions[:number]
        )


@torch.no_grad()
def reconstruct(pipe: GeniePipeline, pixels: Tensor) -> Tensor:
    """Clips encoded and decoded, as far as the tokenizer's window goes: in [0, 1] as what comes in."""
    frames = pixels[:, : pipe.video_tokenizer.config.num_frames]
    return pipe.video_tokenizer.decode(pipe.video_tokenizer.encode(frames)).float().clamp(0, 1)


@torch.no_grad()
def roll_out(
    pipe: GeniePipeline,
    prompt: Tensor,
    actions: Tensor,
    seeds: Sequence[int],
    horizons: Sequence[int] | None = None,
    **sampling,
) -> Tensor:
    """Plays a batch of worlds.

    Args:
        pipe: the pipeline.
        prompt: uint8 pixels, or floats in [0, 1], of shape `(batch_size, num_frames, channels, height, width)`.
        actions: int64 of shape `(batch_size, horizon)`.
        seeds: one for each world.
        horizons: the generated frames to return, counted from 1; by default all.
        sampling: `num_inference_steps` and `temperature`.

    Returns:
        The generated frames, in [0, 1], of shape `(batch_size, len(horizons), channels, height, width)`.
    """
    world = pipe.start(frames=prompt, seed=list(seeds), **sampling)
    frames = []
    for horizon, action in enumerate(actions.unbind(1), 1):
        frame = world.step(action, output_type="pt")
        if horizons is None or horizon in horizons:
            frames.append(frame)
    return torch.stack(frames, dim=1)
