"""One world being played: an action in, a frame out, everything past kept in a cache (paper §2.2)."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..frames import check_output_type, to_output
from .frame_budget import BudgetedSampler
from .frame_graph import GraphSampler
from .history import History, Step
from .sampler import Sampler, step_generator
from .world_cache import WorldCache
from .world_file import WorldFile

if TYPE_CHECKING:
    from ..pipeline_genie import GeniePipeline
    from ..scheduling_maskgit import MaskGITScheduler


class GenieWorld(History):
    """A world that is played one action at a time; made by [`GeniePipeline.start`].

    A step costs `num_inference_steps` dynamics passes over the one new frame, a pass that keeps it, and its decoding.
    The past is never computed again: its keys and values lie in caches that span the trained window and then roll.
    A step's randomness depends on the seed and the step's number only: the same seed and actions give the same frames,
    also after [`~GenieWorld.undo`]. (With `max_frame_ms` the number of MaskGIT steps follows the clock, and frames are
    as reproducible as that.)

    A world started from a list of images (or a batch of tensors) plays all of them at once: then actions and frames
    are lists with one entry per image.

    Args:
        pipe: the models.
        prompt: the first frames, uint8 of shape `(batch_size, num_frames, channels, height, width)`.
        codes: their codes, of shape `(batch_size, num_frames, h, w)`.
        actions: the actions between them, of shape `(batch_size, num_frames - 1)`.
        seeds: one for each world of the batch.
        num_inference_steps: MaskGIT steps for a frame.
        temperature: by default the scheduler's own.
        batched: whether actions and frames are lists over the batch.
        max_frame_ms: a time budget for a frame in milliseconds: `num_inference_steps` is then the most that a frame
            gets, and each gets as many as past ones say will fit, at least 1.
        max_history: how many of the last steps are kept to be taken back and looked at. Those long before them are
            forgotten, so that the world's memory is bounded however long it is played. By default all are kept.
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
        max_history: int | None = None,
    ):
        if max_frame_ms is not None and not max_frame_ms > 0:
            raise ValueError(f"max_frame_ms is {max_frame_ms}; give a number of milliseconds above 0.")
        if max_history is not None and max_history < 0:
            raise ValueError(f"max_history is {max_history}; give a number of steps from 0 upwards.")
        scheduler = copy.copy(pipe.scheduler)  # its own: worlds share the pipeline
        scheduler.set_timesteps(num_inference_steps, temperature)
        parts = pipe.dynamics, pipe.video_tokenizer, scheduler
        if max_frame_ms is not None:
            self.sampler: Sampler = BudgetedSampler(max_frame_ms / 1000, *parts)
        elif pipe.frame_graphs is not None:
            self.sampler = GraphSampler(pipe.frame_graphs, *parts)
        else:
            self.sampler = Sampler(*parts)
        max_steps = None if max_history is None else max_history + self.sampler.reach
        super().__init__(prompt, codes, actions, batched, max_steps)
        self.pipe, self.seeds = pipe, seeds
        self.cache = self.sampler.new_cache()
        self.sampler.commit(codes, actions, self.cache)
        if isinstance(self.sampler, BudgetedSampler):
            self.sampler.rehearse(torch.zeros_like(codes[:, :1, 0, 0]), self._generators(), self.cache)

    @property
    def scheduler(self) -> "MaskGITScheduler":
        """The world's own, with its MaskGIT steps and temperature."""
        return self.sampler.scheduler

    @property
    def nbytes(self) -> int:
        """Memory of what the models remember of its frames, in bytes: the same however long it is played."""
        return self.cache.nbytes()

    # Playing

    def step(self, action: int | list[int] | Tensor, output_type: str = "pil", roll: int = 0):
        """Takes an action and returns the frame that it leads to. A step that fails leaves the world as it was.

        Args:
            action: in `[0, num_actions)`; in a batched world one for each, or one number that counts for all.
            output_type: `"pil"`, `"np"` or `"pt"`, as in [`GeniePipeline.__call__`].
            roll: from 0 upwards; each gives another sample of the same step.

        Returns:
            The frame: a `PIL.Image.Image`, a float array `(height, width, channels)` or tensor
            `(channels, height, width)` in [0, 1]. From a batched world a list, or with a batch axis in front.

        Raises:
            ValueError: for an action that the world does not have, or an unknown output type.
            TypeError: for an action that is no whole number.
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
            worlds: of one pipeline, with equal MaskGIT steps and temperature; without a time budget, unless there is
                one world only.
            actions: as in [`~GenieWorld.step`], one entry for each world.
            output_type: as in [`~GenieWorld.step`].
            rolls: as in [`~GenieWorld.step`], one for each world.

        Returns:
            A list with each world's frame.

        Raises:
            ValueError: as [`~GenieWorld.step`], and for worlds that cannot be stepped together.
            TypeError: as [`~GenieWorld.step`].
        """
        check_output_type(output_type)
        rolls = rolls or [0] * len(worlds)
        if not len(worlds) == len(actions) == len(rolls) > 0:
            counts = f"{len(worlds)} worlds, {len(actions)} actions and {len(rolls)} rolls"
            raise ValueError(f"{counts} came; give one world or more, and an action and a roll for each.")
        if len(set(map(id, worlds))) < len(worlds):
            raise ValueError("a world came twice; fork it, to see two futures.")
        if len({world.sampler.kind for world in worlds}) > 1:
            raise ValueError("worlds of different pipelines or settings came, or with a time budget; step them alone.")
        action = torch.cat(
            [
                world.pipe.check_actions(action, len(world.seeds), dim=1).unsqueeze(1)
                for world, action in zip(worlds, actions, strict=True)
            ]
        )
        action = action.to(worlds[0].prompt_actions.device)
        generators = [g for world, roll in zip(worlds, rolls, strict=True) for g in world._generators(roll=roll)]
        cache = WorldCache.join([world.cache for world in worlds])
        codes, frames = worlds[0].sampler.step(action, generators, cache)

        sizes = [len(world.seeds) for world in worlds]
        parts = zip(*(x.split(sizes) for x in (action, codes, frames)), strict=True)
        for world, part in zip(worlds, parts, strict=True):
            world._append(Step(*map(Tensor.clone, part)))  # views would keep all worlds' memory as one
        return [to_output(world._unbatch(world.steps[-1].frame), output_type) for world in worlds]

    def preview(self, output_type: str = "pil"):
        """The frame that [`~GenieWorld.step`] would give for each action, in one batch. The world does not change.

        Args:
            output_type: as in [`~GenieWorld.step`].

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
        cache = self.cache.repeat_interleave(A)
        for drawn in self.sampler.drawing(action, self._generators(copies=A), cache):
            codes = drawn
            yield None
        frames = self.sampler.decode(codes, cache)[:, 0].unflatten(0, (B, A))
        yield to_output(self._unbatch(frames), output_type)

    def imagine(self, actions: Tensor | list[list[int]], roll: int = 0) -> tuple[Tensor, Tensor]:
        """What several plans would lead to, in one batch. The world does not change.

        The first plan's frames are those that [`~GenieWorld.step`] would give for it; all plans have the same
        randomness, so that they differ by their actions alone.

        Args:
            actions: the plans, in `[0, num_actions)`, of shape `(num_plans, num_steps)`.
            roll: as in [`~GenieWorld.step`].

        Returns:
            Codes, int64 of shape `(num_plans, num_steps, h, w)`, and frames, uint8 of shape
            `(num_plans, num_steps, channels, height, width)`.

        Raises:
            ValueError: for a batched world, and for actions that it does not have.
        """
        if len(self.seeds) > 1:
            raise ValueError(f"this is a batch of {len(self.seeds)} worlds; split it, and imagine with one of them.")
        actions = self.pipe.check_actions(actions, None, dim=2).to(self.prompt_actions.device)
        cache, codes, frames = self.cache.repeat_interleave(len(actions)), [], []
        for number, action in enumerate(actions.split(1, dim=1), self.num_steps):
            generators = [step_generator(self.seeds[0], number, roll) for _ in range(len(actions))]
            drawn, frame = self.sampler.step(action, generators, cache)
            codes.append(drawn)
            frames.append(frame)
        return torch.cat(codes, dim=1), torch.stack(frames, dim=1)

    def undo(self, n: int = 1) -> list[Step]:
        """Takes back the last `n` steps.

        As many as the window is long are taken back at once; where that needs frames that were forgotten, the frames
        before are passed through the models again.

        Returns:
            What [`~GenieWorld.redo`] takes.

        Raises:
            ValueError: for more steps than can be taken back.
        """
        kept = max(len(self.steps) - n, 0)
        undone = self.steps[kept:]
        for _ in self.undoing(n):
            pass
        return undone

    def undoing(self, n: int = 1) -> Iterator[None]:
        """[`~GenieWorld.undo`] in pieces, so that something more urgent can be done between them.

        Yields:
            `None` after each pass of the models. Until the last of them the world is between two states.

        Raises:
            ValueError: for more steps than can be taken back.
        """
        most = len(self.steps) - (self.sampler.reach if self.num_forgotten else 0)
        if not 0 <= n <= most:
            raise ValueError(f"{n} steps cannot be taken back from {most}; choose at most that many.")
        self.steps = self.steps[: len(self.steps) - n]
        if not self.cache.rewind(n):
            yield from self._rebuilding()

    def redo(self, steps: list[Step]) -> None:
        """Takes steps again that were taken from here before, by their codes: nothing is sampled."""
        for step in steps:
            self.sampler.commit(step.codes, step.action, self.cache)
            self._append(step)

    def replay(self, actions: Tensor, codes: Tensor) -> None:
        """Takes steps that another world took from here, by their codes: nothing is sampled, frames are decoded.

        Args:
            actions: of shape `(batch_size, num_steps)`.
            codes: of the frames that they led to, of shape `(batch_size, num_steps, h, w)`.
        """
        for number in range(actions.shape[1]):
            action, frame_codes = actions[:, number : number + 1], codes[:, number : number + 1]
            frame = self.sampler.commit(frame_codes, action, self.cache)
            self._append(Step(action, frame_codes, frame))

    def fork(self) -> "GenieWorld":
        """An independent copy: the same past, and with the same actions the same future."""
        other = copy.copy(self)
        other.steps, other.cache = self.steps.copy(), self.cache.clone()
        return other

    def split(self) -> list["GenieWorld"]:
        """Independent copies of the worlds of a batch, to be played alone or by [`~GenieWorld.step_together`]."""
        worlds = []
        for row, (seed, cache) in enumerate(zip(self.seeds, self.cache.clone().split(), strict=True)):
            world = copy.copy(self)
            world.prompt, world.prompt_codes, world.prompt_actions = (
                x[row : row + 1].clone() for x in (self.prompt, self.prompt_codes, self.prompt_actions)
            )
            world.steps = [Step(*(x[row : row + 1].clone() for x in step)) for step in self.steps]
            world.seeds, world.cache, world.batched = [seed], cache, False
            worlds.append(world)
        return worlds

    # Saving

    def save(self, path: str | Path) -> None:
        """Writes the world to a safetensors file: its prompt's pixels, codes, actions, seeds and sampling settings.

        A time budget is left out, as another machine has other times: frames then get the most steps of it.

        Raises:
            ValueError: for a world that has forgotten steps.
        """
        if self.num_forgotten:
            raise ValueError(
                f"this world has forgotten its first {self.num_forgotten} steps; "
                "start one without max_history to save it."
            )
        WorldFile(
            self.prompt,
            self.codes,
            self._all_actions,
            torch.tensor(self.seeds),
            self.sampler.num_inference_steps,
            self.scheduler.temperature,
            self.batched,
        ).write(path)

    @classmethod
    def load(cls, pipe: "GeniePipeline", path: str | Path) -> "GenieWorld":
        """Reads a world that [`~GenieWorld.save`] wrote, with the pipeline that it was played with.

        Raises:
            ValueError: for a file that holds no world, or one that does not fit the pipeline.
        """
        file = WorldFile.read(path, pipe)
        P = file.prompt.shape[1]
        codes, next_codes = file.codes[:, :P], file.codes[:, P:]
        actions, next_actions = file.actions[:, : P - 1], file.actions[:, P - 1 :]
        settings = file.num_inference_steps, file.temperature, file.batched
        world = cls(pipe, file.prompt, codes, actions, file.seeds.tolist(), *settings)
        world.replay(next_actions, next_codes)
        return world

    # Inside

    def _generators(self, copies: int = 1, roll: int = 0) -> list[torch.Generator]:
        """The next step's sources of randomness, for each world of the batch as many alike as there are copies."""
        return [step_generator(seed, self.num_steps, roll) for seed in self.seeds for _ in range(copies)]

    def _rebuilding(self) -> Iterator[None]:
        """Fills the cache again in the very passes that filled it before, so that not a bit differs.

        Yields after each of them.
        """
        steps, first = self.steps, max(len(self.steps) - self.sampler.reach, 0)
        self.steps = steps[:first]
        if self.num_forgotten or first:
            self.cache.reset(self._num_prompt_frames + self.num_forgotten + first)
        else:
            self.cache.reset()
            self.sampler.commit(self.prompt_codes, self.prompt_actions, self.cache)
        for step in steps[first:]:
            self.redo([step])
            yield
