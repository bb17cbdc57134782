"""Behavioural cloning from latent actions (paper §3.3): a policy learnt from video, and names for its actions."""

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..data.video_dataset import VideoDataset
from ..evaluation.clips import Clips
from ..pipeline_genie import GeniePipeline
from .demonstrations import UNKNOWN, Demonstrations
from .policy import GeniePolicy, GeniePolicyConfig

SHIFT = 3  # pixels by which pictures are moved in training, so that little is learnt by heart


def train_policy(
    shown: Demonstrations,
    actions: Tensor,
    num_actions: int,
    *,
    num_steps: int = 2_000,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
    device: torch.device | str = "cpu",
    **config,
) -> GeniePolicy:
    """Trains a policy to do what was shown.

    Args:
        shown: the frames.
        actions: what was done after each, latent or true, int64 of shape `(num_frames,)`; frames with `UNKNOWN` are
            not learnt from.
        num_actions: how many actions there are.
        num_steps: training steps.
        batch_size: frames in a step.
        learning_rate: peak of the one-cycle schedule.
        seed: of the weights and all draws.
        device: where to train.
        config: of the `GeniePolicyConfig`.
    """
    device = torch.device(device)
    known = (actions != UNKNOWN).nonzero().squeeze(1)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):  # the caller's stay as they were
        torch.manual_seed(seed)
        settings = GeniePolicyConfig(num_actions=num_actions, image_size=shown.pixels.shape[-2:], **config)
        policy = GeniePolicy(settings).to(device, memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(policy.parameters(), lr=learning_rate, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=num_steps)
        for _ in tqdm(range(num_steps), desc="Training a policy"):
            frames = known[torch.randint(len(known), (batch_size,))]
            shift = torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist()
            pixels = shown.stacks(frames, settings.num_frames).roll(shift, dims=(-2, -1))
            loss = policy(pixels.to(device), actions[frames].to(device)).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return policy.eval()


class ActionDictionary:
    """What real actions a latent one stands for: those of some labelled transitions in which it was seen (paper §3.3).

    Args:
        latent: the latent actions of the transitions, of shape `(N,)`.
        real: their real ones.
        num_latent: how many latent actions there are.
        frame_skip: steps of the game for which each was held.
    """

    def __init__(self, latent: Tensor, real: Tensor, num_latent: int, frame_skip: int = 1):
        self.frame_skip = frame_skip
        self.real = [real[latent == action] for action in range(num_latent)]
        self.real = [seen if len(seen) else real for seen in self.real]  # an action never seen may be any

    @classmethod
    def learn(
        cls, pipe: GeniePipeline, data: VideoDataset, number: int, generator: torch.Generator
    ) -> "ActionDictionary":
        """From the last transitions of some clips, which have the most before them.

        Args:
            pipe: the world, with its `latent_action_model`.
            data: clips with true actions.
            number: of clips.
            generator: draws them.
        """
        clips = Clips.read(data, torch.randperm(len(data), generator=generator)[:number].tolist(), "labelled")
        latent = pipe.infer_actions(clips.pixels)[:, -1].cpu()
        return cls(latent, clips.actions[:, -1], pipe.num_actions, data.frame_skip or 1)

    def draw(self, latent: Tensor, generator: torch.Generator) -> Tensor:
        """For each latent action one of its real ones, int64 of the same shape."""
        drawn = [
            known[torch.randint(len(known), (), generator=generator)]
            for known in (self.real[a] for a in latent.tolist())
        ]
        return torch.stack(drawn)
