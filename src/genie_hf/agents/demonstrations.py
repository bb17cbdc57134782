"""What an expert has shown: its frames, and what it did after each of them, told by the latent action model."""

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..data.video_dataset import VideoDataset
from ..evaluation.latent_actions import merge_actions
from ..pipeline_genie import GeniePipeline

UNKNOWN = -1


class Demonstrations:
    """All frames of an expert's videos in memory.

    Args:
        data: the videos, read as clips of 2 frames or more.

    Attributes:
        pixels: uint8 of shape `(num_frames, channels, height, width)`.
        starts: of each frame, the number of its episode's first one.
        ends: of each frame, the number of its episode's last one.
        buttons: the true action after each frame, those with the same effect as one, int64 of shape `(num_frames,)`;
            None where the data have none.
        latent: the latent action after each frame, int64 of shape `(num_frames,)`; `UNKNOWN` before the first call of
            `infer`, and after the last frame of an episode.
    """

    def __init__(self, data: VideoDataset):
        self.pixels, actions = data.read_all()
        first, lengths = data.first_frames[:-1], data.lengths
        self.starts = torch.from_numpy(np.repeat(first, lengths))
        self.ends = torch.from_numpy(np.repeat(first + lengths - 1, lengths))
        self.buttons = actions
        if actions is not None and data.action_groups is not None:
            self.buttons = merge_actions(actions, data.action_groups)
        self.latent = torch.full((len(self.pixels),), UNKNOWN)

    def infer(self, pipe: GeniePipeline) -> None:
        """Names the latent action between each two frames."""
        for start, end in tqdm(torch.stack([self.starts, self.ends]).unique(dim=1).T.tolist(), desc="Latent actions"):
            if end > start:
                self.latent[start:end] = pipe.infer_actions(self.pixels[start : end + 1]).cpu()

    def stacks(self, frames: Tensor, num_frames: int) -> Tensor:
        """Each of these frames with those before it; an episode's first frame stands for what was before it.

        Args:
            frames: their numbers, of shape `(batch_size,)`.
            num_frames: in a stack.

        Returns:
            uint8 of shape `(batch_size, num_frames, channels, height, width)`.
        """
        before = frames.unsqueeze(1) + torch.arange(1 - num_frames, 1)
        return self.pixels[before.maximum(self.starts[frames].unsqueeze(1))]
