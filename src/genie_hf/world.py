"""One world being played: an action in, a frame out, everything past kept in caches (paper §2.2)."""

import copy
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .frame_budget import FrameBudget
from .frames import check_output_type, to_output
from .models.temporal_cache import TemporalCache

if TYPE_CHECKING:
    from .pipeline_genie import GeniePipeline

FILE_FORMAT = "genie_hf.world"


def step_generator(seed: int, step: int, roll: int = 0) -> torch.Generator:
    """The source of all randomness of one step (counted from 0) of the world with this seed."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence((seed, step, roll)).generate_state(1)[0]))


class Step(NamedTuple):
    """What a step added: `action` (B, 1), `codes` (B, 1, h, w) and `frame`, uint8 (B, C, H, W)."""

    action: Tensor
    codes: Tensor
    frame: Tensor


class GenieWorld:
    """A world that is played one action at a time; made by [`GeniePipeline.start`].

    A step costs `num_inference_steps` dynamics passes over the one new frame, a pass that keeps it, and its decoding.
    The past is never computed again: its keys and values lie in caches that span the trained window and then roll.
    A step's randomness depends on the seed and the step's number only: the same seed and actions give the same frames,
    also after [`~GenieWorld.undo`]. (With `max_frame_ms` the number of MaskGIT steps follows the clock, and frames are
    as reproducible as that.)

    A world started from a list of images (or a batch of tensors) plays all of them at once: then actions and frames
    are lists with one entry per image.

    Args:
        pipe ([`GeniePipeline`]): The models.
        prompt (`torch.Tensor`): The first frames, uint8 of shape `(batch_size, num_frames, channels, height, width)`.
        codes (`torch.Tensor`): Their codes, of shape `(batch_size, num_frames, h, w)`.
        actions (`torch.Tensor`): The actions between them, of shape `(batch_size, num_frames - 1)`.
        seeds (`list[int]`): One for each world of the batch.
        num_inference_steps (`int`): MaskGIT steps for a frame.
        temperature (`float`, *optional*): By default the scheduler's own.
        batched (`bool`): Whether actions and frames are lists over the batch.
        max_frame_ms (`float`, *optional*): A time budget for a frame in milliseconds: `num_inference_steps` is then
            the most that a frame gets, and each gets as many as past ones say will fit, at least 1.
    """

    def __init__(
        self,
        pipe: "GeniePipeline",
        prompt: Tensor,
        codes: Tensor,
        actions: Tensor,
        seeds: list[int],
        num_inference_steps: int,
        temperature: float | None,
        batched: bool,
        max_frame_ms: float | None = None,
    ):
        if max_frame_ms is not None and not max_frame_ms > 0:
            raise ValueError(f"max_frame_ms is {max_frame_ms}; give a number of milliseconds above 0.")
        self.pipe = pipe
        self.prompt, self.prompt_codes, self.prompt_actions = prompt, codes, actions
        self.seeds, self.batched = seeds, batched
        self.scheduler = copy.copy(pipe.scheduler)  # its own: worlds share the pipeline
        self.scheduler.set_timesteps(num_inference_steps, temperature)
        self.steps: list[Step] = []  # taken since the prompt
        self.on_draw: Callable[[int, Tensor], Tensor] | None = (
            None  # timestep and codes after it -> codes to go on with
        )
        self._start_caches()
        self._budget = None
        if max_frame_ms is not None:
            self._budget = FrameBudget(max_frame_ms / 1000, num_inference_steps)
            self._rehearse()

    # Playing

    def step(self, action: int | list[int] | Tensor, output_type: str = "pil", roll: int = 0):
        """Takes an action and returns the frame that it leads to. A step that fails leaves the world as it was.

        Args:
            action (`int`, or a list or tensor of `batch_size` of them): In `[0, num_actions)`; in a batched world one
                number counts for all.
            output_type (`str`): `"pil"`, `"np"` or `"pt"`, as in [`GeniePipeline.__call__`].
            roll (`int`, defaults to 0): From 0 upwards; each gives another sample of the same step.

        Returns:
            The frame: a `PIL.Image.Image`, a float array `(height, width, channels)` or tensor
            `(channels, height, width)` in [0, 1]. From a batched world a list, or with a batch axis in front.

        Raises:
            ValueError, TypeError: For an action that the world does not have, or an unknown output type.
        """
        return self.step_together([self], [action], output_type, [roll])[0]

    @staticmethod
    def step_together(
        worlds: list["GenieWorld"],
        actions: list[int | list[int] | Tensor],
        output_type: str = "pil",
        rolls: list[int] | None = None,
    ) -> list:
        """Steps several worlds in one batch, wherever each of them is: cheaper than one after the other, and the same.

        Args:
            worlds (`list[GenieWorld]`): Of one pipeline, with equal MaskGIT steps and temperature; without a time
                budget, unless there is one world only.
            actions, output_type, rolls: As in [`~GenieWorld.step`], one action and one roll for each world.

        Returns:
            A list with each world's frame.

        Raises:
            ValueError, TypeError: As [`~GenieWorld.step`], and for worlds that cannot be stepped together.
        """
        check_output_type(output_type)
        first, rolls = worlds[0], rolls or [0] * len(worlds)
        if len(worlds) > 1 and len({world._kind for world in worlds}) > 1:
            raise ValueError("worlds of different pipelines or settings came, or with a time budget; step them alone.")
        action = torch.cat(
            [
                world.pipe.check_actions(action, len(world.seeds), dim=1).unsqueeze(1)
                for world, action in zip(worlds, actions, strict=True)
            ]
        )
        generators = [g for world, roll in zip(worlds, rolls, strict=True) for g in world._generators(roll=roll)]
        sizes = [len(world.seeds) for world in worlds]
        dynamics_cache = TemporalCache.join([world._dynamics_cache for world in worlds])
        decoder_cache = TemporalCache.join([world._decoder_cache for world in worlds])

        if first._budget is not None:
            first.scheduler.set_timesteps(first._budget.num_steps(), first.scheduler.temperature)
        began = first._clock()
        *_, codes = first._drawing(action, generators, dynamics_cache)
        drawn = first._clock()
        frames = first._commit(codes, action, dynamics_cache, decoder_cache)
        if first._budget is not None:
            first._budget.record(first.scheduler.num_inference_steps, drawn - began, first._clock() - drawn)

        parts = zip(*(x.split(sizes) for x in (action, codes, frames)), strict=True)
        for world, part in zip(worlds, parts, strict=True):
            world.steps.append(Step(*map(Tensor.clone, part)))  # views would keep all worlds' memory as one
        return [to_output(world._unbatch(world.steps[-1].frame), output_type) for world in worlds]

    def preview(self, output_type: str = "pil"):
        """The frame that [`~GenieWorld.step`] would give for each action, in one batch. The world does not change.

        Args:
            output_type (`str`): As in [`~GenieWorld.step`].

        Returns:
            A list of `num_actions` frames, or an array or tensor with an axis for them; per world if batched.
        """
        *_, frames = self.previewing(output_type)
        return frames

    def previewing(self, output_type: str = "pil") -> Iterator:
        """[`~GenieWorld.preview`] in pieces, so that something more urgent can be done between them.

        Yields:
            `None` after each MaskGIT step, and at last what `preview` returns.
        """
        check_output_type(output_type)
        B, A = len(self.seeds), self.pipe.num_actions
        action = torch.arange(A, device=self.prompt_actions.device).repeat(B).unsqueeze(1)
        generators = self._generators(copies=A)
        decoder_cache = self._decoder_cache.repeat_interleave(A)
        for drawn in self._drawing(action, generators, self._dynamics_cache.repeat_interleave(A)):
            codes = drawn
            yield None
        frames = self._decode(codes, decoder_cache)[:, 0].unflatten(0, (B, A))
        yield to_output(self._unbatch(frames), output_type)

    def undo(self, n: int = 1) -> list[Step]:
        """Takes back the last `n` steps.

        As many as the window is long are taken back at once; where that needs frames that were forgotten, the frames
        before are passed through the models again.

        Returns:
            `list[Step]`: What [`~GenieWorld.redo`] takes.
        """
        kept = max(len(self.steps) - n, 0)
        undone = self.steps[kept:]
        for _ in self.undoing(n):
            pass
        return undone

    def undoing(self, n: int = 1) -> Iterator[None]:
        """[`~GenieWorld.undo`] in pieces, so that something more urgent can be done between them: yields after each
        pass of the models. Until the last of them the world is between two states."""
        if not 0 <= n <= len(self.steps):
            raise ValueError(f"{n} steps cannot be taken back from {len(self.steps)}; choose at most that many.")
        self.steps = self.steps[: len(self.steps) - n]
        if not (self._dynamics_cache.rewind(n) and self._decoder_cache.rewind(n)):
            yield from self._rebuilding()

    def redo(self, steps: list[Step]) -> None:
        """Takes steps again that were taken from here before, by their codes: nothing is sampled."""
        for step in steps:
            self._commit(step.codes, step.action, self._dynamics_cache, self._decoder_cache)
            self.steps.append(step)

    def fork(self) -> "GenieWorld":
        """An independent copy: the same past, and with the same actions the same future."""
        other = copy.copy(self)
        other.steps = self.steps.copy()
        other._dynamics_cache, other._decoder_cache = self._dynamics_cache.clone(), self._decoder_cache.clone()
        return other

    # Looking back

    @property
    def pixels(self) -> Tensor:
        """All frames, the prompt's first: uint8 of shape `(batch_size, num_frames, channels, height, width)`."""
        return torch.cat([self.prompt, *(step.frame.unsqueeze(1) for step in self.steps)], dim=1)

    @property
    def codes(self) -> Tensor:
        """All frames' codes, of shape `(batch_size, num_frames, h, w)`."""
        return torch.cat([self.prompt_codes, *(step.codes for step in self.steps)], dim=1)

    @property
    def frames(self) -> list:
        """All frames as PIL images, the prompt's first; in a batched world one such list per world."""
        return to_output(self._unbatch(self.pixels), "pil")

    @property
    def actions(self) -> list:
        """The action between each two frames, those between prompt frames included; per world if batched."""
        return self._unbatch(self._all_actions).tolist()

    @property
    def num_steps(self) -> int:
        """Steps taken since the prompt."""
        return len(self.steps)

    @property
    def _all_actions(self) -> Tensor:
        return torch.cat([self.prompt_actions, *(step.action for step in self.steps)], dim=1)

    # Saving

    def save(self, path: str | Path) -> None:
        """Writes the world to a safetensors file: its prompt's pixels, codes, actions, seeds and sampling settings."""
        tensors = {
            "prompt": self.prompt,
            "codes": self.codes,
            "actions": self._all_actions,
            "seeds": torch.tensor(self.seeds),
        }
        metadata = {
            "format": FILE_FORMAT,
            "num_inference_steps": str(self.scheduler.num_inference_steps),
            "temperature": str(self.scheduler.temperature),
            "batched": str(self.batched),
        }
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata)

    @classmethod
    def load(cls, pipe: "GeniePipeline", path: str | Path) -> "GenieWorld":
        """Reads a world that [`~GenieWorld.save`] wrote, with the pipeline that it was played with.

        Raises:
            ValueError: For a file that holds no world, or one that does not fit the pipeline.
        """
        device = pipe._execution_device
        try:
            with safe_open(path, "pt", device=str(device)) as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{path} cannot be read as a saved world ({error}); give a file from save().") from error
        if metadata.get("format") != FILE_FORMAT:
            raise ValueError(f"{path} is not a saved world; give a file from save().")
        prompt, codes, actions = tensors["prompt"], tensors["codes"], tensors["actions"]
        size = pipe.video_tokenizer.config.frame_size
        if (
            tuple(prompt.shape[-2:]) != tuple(size)
            or list(codes.shape[-2:]) != list(pipe.dynamics.config.grid_size)
            or codes.max() >= pipe.dynamics.config.codebook_size
            or (actions.numel() and actions.max() >= pipe.dynamics.config.num_actions)
        ):
            raise ValueError(f"{path} comes from another world; load it with the pipeline that it was played with.")
        P = prompt.shape[1]
        world = cls(
            pipe,
            prompt,
            codes[:, :P],
            actions[:, : P - 1],
            tensors["seeds"].tolist(),
            int(metadata["num_inference_steps"]),
            float(metadata["temperature"]),
            metadata["batched"] == "True",
        )
        for frame_codes, action in zip(codes[:, P:].split(1, dim=1), actions[:, P - 1 :].split(1, dim=1), strict=True):
            frame = world._commit(frame_codes, action, world._dynamics_cache, world._decoder_cache)
            world.steps.append(Step(action, frame_codes, frame))
        return world

    # Inside

    @property
    def _kind(self) -> tuple:
        """What must be equal in worlds that are stepped together."""
        return (id(self.pipe), self.scheduler.num_inference_steps, self.scheduler.temperature, self._budget)

    def _generators(self, copies: int = 1, roll: int = 0) -> list[torch.Generator]:
        """The next step's sources of randomness, for each world of the batch as many alike as there are copies."""
        return [step_generator(seed, len(self.steps), roll) for seed in self.seeds for _ in range(copies)]

    @torch.inference_mode()
    def _drawing(self, action: Tensor, generators: list[torch.Generator], cache: TemporalCache) -> Iterator[Tensor]:
        """The next frame's codes (B, 1, h, w) after `action` (B, 1), as they are after each MaskGIT step."""
        config = self.pipe.dynamics.config
        codes = action.new_full((len(action), 1, *config.grid_size), config.mask_token_id)
        for timestep in self.scheduler.timesteps.tolist():
            positions = self.scheduler.positions(codes, generators)
            logits = self.pipe.dynamics(codes, action, cache=cache, positions=positions).logits
            codes = self.scheduler.step(logits, timestep, codes, generators, positions).prev_sample
            if self.on_draw is not None:
                codes = self.on_draw(timestep, codes)
            yield codes

    @torch.inference_mode()
    def _decode(self, codes: Tensor, cache: TemporalCache) -> Tensor:
        """Frames of codes that follow the cached ones, as uint8."""
        return self.pipe.video_tokenizer.decode(codes, cache=cache).float().mul_(255).round_().to(torch.uint8)

    @torch.inference_mode()
    def _commit(
        self, codes: Tensor, action: Tensor, dynamics_cache: TemporalCache, decoder_cache: TemporalCache
    ) -> Tensor:
        """Puts frames behind the cached ones and returns the last; both caches advance, or with an error none."""
        self.pipe.dynamics(codes, action, cache=dynamics_cache)
        frames = self._decode(codes, decoder_cache)
        for cache in (dynamics_cache, decoder_cache):
            cache.advance(codes.shape[1])
        return frames[:, -1]

    def _clock(self) -> float:
        """Seconds, when the device has done what it was given, if anybody wants to know."""
        if self._budget is not None and self.prompt.device.type != "cpu":
            torch.accelerator.synchronize(self.prompt.device)
        return time.perf_counter()

    def _rehearse(self) -> None:
        """Draws and decodes a frame for the clock, and forgets it; once before, for what the first time costs."""
        world = self.fork()
        for _ in range(2):
            world._budget = FrameBudget(self._budget.seconds, self._budget.most)
            world.step(0, "pt")
        self._budget = world._budget

    def _start_caches(self) -> None:
        """Empty caches, then the prompt; or, where steps were taken, caches that begin after them."""
        position = self.prompt.shape[1] + len(self.steps) if self.steps else 0
        self._dynamics_cache = TemporalCache(self.pipe.dynamics.config.num_frames, position)
        self._decoder_cache = TemporalCache(self.pipe.video_tokenizer.config.num_frames, position)
        if not self.steps:
            self._commit(self.prompt_codes, self.prompt_actions, self._dynamics_cache, self._decoder_cache)

    def _rebuilding(self) -> Iterator[None]:
        """Fills new caches in the very passes that filled the old ones, so that not a bit differs; yields after each.

        A frame's keys and values in the last layer depend on layers x (window - 1) frames before it. With the frames
        kept aside for `rewind` that is how far back the passes begin.
        """
        dynamics, tokenizer = self.pipe.dynamics.config, self.pipe.video_tokenizer.config
        reach = max(
            window + 1 + layers * (window - 1)
            for window, layers in (
                (dynamics.num_frames, dynamics.num_hidden_layers),
                (tokenizer.num_frames, tokenizer.decoder.num_hidden_layers),
            )
        )
        steps, first = self.steps, max(len(self.steps) - reach, 0)
        self.steps = steps[:first]
        self._start_caches()
        for step in steps[first:]:
            self.redo([step])
            yield

    def _unbatch(self, x: Tensor) -> Tensor:
        return x if self.batched else x[0]
