"""The next frame from the past and an action, by MaskGIT steps over its codes (paper §2.2)."""

from collections.abc import Callable, Iterator
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from ..models.modeling_dynamics import GenieDynamicsModel
from ..models.modeling_video_tokenizer import GenieVideoTokenizer
from ..models.temporal_cache import TemporalCache
from ..scheduling_maskgit import MaskGITScheduler, Uniform
from .world_cache import WorldCache


def step_generator(seed: int, step: int, roll: int = 0) -> torch.Generator:
    """The source of all randomness of one step (counted from 0) of the world with this seed."""
    if not isinstance(roll, Integral) or roll < 0:
        raise ValueError(f"roll is {roll!r}; give a whole number from 0 upwards.")
    return torch.Generator().manual_seed(int(np.random.SeedSequence((seed, step, roll)).generate_state(1)[0]))


class Sampler:
    """Makes frames of one or more worlds. It keeps nothing of them: the past is in the cache that it is given.

    Args:
        dynamics: draws a frame's codes.
        video_tokenizer: decodes them.
        scheduler: with its timesteps set.
    """

    def __init__(
        self, dynamics: GenieDynamicsModel, video_tokenizer: GenieVideoTokenizer, scheduler: MaskGITScheduler
    ):
        self.dynamics, self.video_tokenizer, self.scheduler = dynamics, video_tokenizer, scheduler
        self.on_draw: Callable[[int, Tensor], Tensor] | None = None  # timestep, codes after it -> codes to go on with

    @property
    def kind(self) -> tuple:
        """Samplers of equal kinds do the same."""
        scheduler = self.scheduler
        settings = scheduler.num_inference_steps, scheduler.temperature, scheduler.config.unmasking_order
        return id(self.dynamics), id(self.video_tokenizer), *settings

    @property
    def num_inference_steps(self) -> int:
        """The most MaskGIT steps that a frame gets."""
        return self.scheduler.num_inference_steps

    @property
    def reach(self) -> int:
        """Frames that must be passed through the models before one whose cache is to be the same to the bit.

        A frame's keys and values in the last layer depend on layers x (window - 1) frames before it; to these come
        those of the window, and the frames kept aside for `rewind`.
        """
        tokenizer = self.video_tokenizer.config
        return max(
            window + 1 + transformer.num_hidden_layers * (window - 1)
            for window, transformer in (
                (self.dynamics.config.num_frames, self.dynamics.config),
                (tokenizer.num_frames, self.video_tokenizer.decoder.config),
            )
        )

    def new_cache(self, position: int = 0) -> WorldCache:
        """An empty cache; `position` is the time of the first frame that will come."""
        configs = self.dynamics.config, self.video_tokenizer.config
        return WorldCache(*(TemporalCache(config.num_frames, position) for config in configs))

    def step(self, action: Tensor, generators: list[torch.Generator], cache: WorldCache) -> tuple[Tensor, Tensor]:
        """Draws and decodes the next frame, and keeps it in the cache, which an error leaves as it was.

        Args:
            action: the actions that lead to it, int64 in [0, num_actions) of shape `(batch_size, 1)`.
            generators: one for each sample.
            cache: of the frames before.

        Returns:
            The frame's codes, of shape `(batch_size, 1, h, w)`, and its pixels, uint8 of shape
            `(batch_size, channels, height, width)`.
        """
        *_, codes = self.drawing(action, generators, cache)
        return codes, self.commit(codes, action, cache)

    @torch.inference_mode()
    def drawing(
        self, action: Tensor, generators: list[torch.Generator] | Uniform, cache: WorldCache
    ) -> Iterator[Tensor]:
        """The next frame's codes as they are after each MaskGIT step, in part still masked; arguments as in `step`."""
        config = self.dynamics.config
        codes = action.new_full((len(action), 1, *config.grid_size), config.mask_token_id)
        changed = False
        for timestep in self.scheduler.timesteps.tolist():
            positions = None if changed else self.scheduler.positions(codes, generators)
            logits = self.dynamics(codes, action, cache=cache.dynamics, positions=positions).logits
            codes, _ = self.scheduler.step(logits, timestep, codes, generators, positions, return_dict=False)
            if self.on_draw is not None:
                drawn = codes.clone()
                codes = self.on_draw(timestep, codes)
                changed = changed or not codes.equal(drawn)  # more may be masked than the schedule knows of
            yield codes

    @torch.inference_mode()
    def commit(self, codes: Tensor, actions: Tensor, cache: WorldCache) -> Tensor:
        """Puts frames behind the cached ones and returns the last one's pixels; an error leaves the cache as it was.

        Args:
            codes: of shape `(batch_size, num_frames, h, w)`.
            actions: those that lead to them, of shape `(batch_size, num_frames)`; to the first frame of all none does.
            cache: of the frames before.
        """
        frames = self.pass_frames(codes, actions, cache)
        cache.advance(codes.shape[1])
        return frames[:, -1]

    @torch.inference_mode()
    def pass_frames(self, codes: Tensor, actions: Tensor, cache: WorldCache) -> Tensor:
        """What `commit` does before the cache takes note of it. Returns all frames, uint8 (B, T, C, H, W)."""
        self.dynamics(codes, actions, cache=cache.dynamics)
        return self.decode(codes, cache)

    @torch.inference_mode()
    def decode(self, codes: Tensor, cache: WorldCache) -> Tensor:
        """Codes (B, T, h, w) that follow the cached frames -> uint8 frames (B, T, C, H, W). The cache stays."""
        return self.video_tokenizer.decode(codes, cache=cache.decoder).float().mul_(255).round_().to(torch.uint8)
