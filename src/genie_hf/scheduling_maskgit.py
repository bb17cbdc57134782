"""MaskGIT sampling: all codes of a sample start masked and are revealed over a few steps (paper §3, App. C.3)."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral

import torch
from diffusers import ConfigMixin, SchedulerMixin
from diffusers.configuration_utils import register_to_config
from diffusers.utils import BaseOutput

UNMASKING_ORDERS = ("random", "confidence", "halton")
Uniform = Callable[[tuple[int, ...]], torch.Tensor]  # random numbers in [0, 1) of a shape


@dataclass
class MaskGITSchedulerOutput(BaseOutput):
    """Output of [`MaskGITScheduler.step`].

    Args:
        prev_sample: the sample after this step: the input of the next model pass, still partly masked unless it was
            the last.
        pred_original_sample: the sample with every masked code whose logits came replaced by this step's draw.
    """

    prev_sample: torch.LongTensor
    pred_original_sample: torch.LongTensor


class MaskGITScheduler(SchedulerMixin, ConfigMixin):
    """Reveals masked codes in `num_inference_steps` steps along a cosine schedule.

    A step draws every masked code from `softmax(logits / temperature)` and masks the rest of the schedule's share
    again. The paper samples with temperature 2, for CoinRun with 1, in 25 steps.

    In random order and in Halton's it is known before the model runs which codes a step will reveal. A model that can
    give the logits of these alone is spared the others:

        positions = scheduler.positions(sample, generator)
        logits = model(sample, positions=positions)
        sample = scheduler.step(logits, timestep, sample, generator, positions).prev_sample

    Args:
        mask_token_id: the index that stands for "masked"; the codebook size, so that it is one more than the last
            code.
        temperature: what the logits are divided by before the draw. 0 takes the likeliest code.
        unmasking_order: which drawn codes stay: `"random"` ones; those with the highest probability (`"confidence"`;
            tends to copy the frame before); or those that come next in a Halton sequence over the last two axes, which
            spreads a step's codes evenly (`"halton"`; Besnier et al. 2025, arXiv 2503.17076).
    """

    order = 1

    @register_to_config
    def __init__(self, mask_token_id: int, temperature: float = 1.0, unmasking_order: str = "random"):
        if unmasking_order not in UNMASKING_ORDERS:
            raise ValueError(f"unmasking_order is {unmasking_order!r}; choose one of {', '.join(UNMASKING_ORDERS)}.")
        self.temperature = self._check_temperature(temperature)
        self.num_inference_steps: int | None = None
        self.timesteps: torch.LongTensor | None = None

    @classmethod
    def extract_init_dict(cls, config_dict, **kwargs) -> tuple[dict, dict, dict]:
        """As diffusers', but another scheduler's configuration is a `ValueError`."""
        if "mask_token_id" not in {**config_dict, **kwargs}:
            kind = config_dict.get("_class_name", "another class")
            raise ValueError(
                f"the scheduler's config has no mask_token_id, it is that of {kind}: give a MaskGITScheduler."
            )
        return super().extract_init_dict(config_dict, **kwargs)

    @classmethod
    def _get_compatibles(cls) -> list[type["MaskGITScheduler"]]:
        """What can take its place: nothing else, which diffusers would look for among its own classes."""
        return [cls]

    @staticmethod
    def _check_temperature(temperature: float) -> float:
        if not 0 <= temperature < math.inf:
            raise ValueError(f"temperature is {temperature}; give a number from 0 (the likeliest code) upwards.")
        return temperature

    def set_timesteps(
        self,
        num_inference_steps: int,
        temperature: float | None = None,
        device: str | torch.device | None = None,
    ):
        """Sets `timesteps` to `num_inference_steps - 1, ..., 0`.

        Args:
            num_inference_steps: number of model passes that reveal a sample, at least 1.
            temperature: replaces the configured temperature until the next call.
            device: where `timesteps` lies; the CPU spares `step` a wait.

        Raises:
            ValueError: for a number of steps below 1, or a negative temperature.
        """
        if not isinstance(num_inference_steps, Integral) or num_inference_steps < 1:
            raise ValueError(f"num_inference_steps is {num_inference_steps!r}; give a whole number of at least 1.")
        self.temperature = self._check_temperature(self.config.temperature if temperature is None else temperature)
        self.num_inference_steps = num_inference_steps
        self.timesteps = torch.arange(num_inference_steps, device=device).flip(0)

    def positions(
        self,
        sample: torch.LongTensor,
        generator: torch.Generator | list[torch.Generator] | Uniform | None = None,
    ) -> torch.LongTensor | None:
        """Where [`~MaskGITScheduler.step`] needs logits.

        In random order at K of the masked codes, drawn here; in Halton's order at the next K; in order of confidence
        at all. K is the most that any step of the schedule reveals, rounded up to a power of two, so that few shapes
        occur and a compiled model is not compiled for each.

        Args:
            sample: as in [`~MaskGITScheduler.step`].
            generator: as in [`~MaskGITScheduler.step`].

        Returns:
            Positions in a sample whose axes are flattened, of shape `(batch_size, K)`; revealed codes stand among them
            where fewer than K are masked. `None` for all. A sample in which somebody has masked codes again needs all.
        """
        if self.config.unmasking_order == "confidence":
            return None
        codes = sample.flatten(1)  # (B, ...) -> (B, S)
        left = [self._share(timestep, codes.shape[1]) for timestep in range(self.num_inference_steps + 1)]
        most = max(1, *(before - after for after, before in pairwise(left)))
        wanted = min(2 ** math.ceil(math.log2(most)), codes.shape[1])
        if self.config.unmasking_order == "halton":
            score = self._halton_score(sample)
        else:
            score = self._uniform(codes.shape, codes.device, generator)
        return score.masked_fill(codes != self.config.mask_token_id, -1).topk(wanted, dim=1).indices

    def step(
        self,
        model_output: torch.Tensor,
        timestep: int | torch.Tensor,
        sample: torch.LongTensor,
        generator: torch.Generator | list[torch.Generator] | Uniform | None = None,
        positions: torch.LongTensor | None = None,
        return_dict: bool = True,
    ) -> MaskGITSchedulerOutput | tuple[torch.LongTensor, torch.LongTensor]:
        """Reveals some of the masked codes; the step at timestep 0 reveals all that are left.

        Args:
            model_output: logits for every code, or for those at `positions`, of shape
                `(batch_size, ..., codebook_size)`.
            timestep: one of `timesteps`, taken in their order.
            sample: codes of shape `(batch_size, ...)`, `mask_token_id` where masked. The schedule counts over all of a
                sample's axes, e.g. `(height, width)` or `(num_frames, height, width)`.
            generator: with a list, of one for each sample, a sample's codes do not depend on its batch mates. A CPU
                generator serves any device. A function from a shape to random numbers in [0, 1) serves as well.
            positions: what [`~MaskGITScheduler.positions`] gave, of shape `(batch_size, K)`; by default all.
            return_dict: whether to return a [`MaskGITSchedulerOutput`] or a tuple.

        Returns:
            The sample after the step, and the sample with every code drawn.
        """
        mask_token_id = self.config.mask_token_id
        codes = sample.flatten(1)  # (B, ...) -> (B, S)
        B, S = codes.shape
        if positions is None:
            positions = torch.arange(S, device=codes.device).expand(B, S)
        shown = codes.gather(1, positions)  # (B, K)
        masked = shown == mask_token_id
        logits = model_output.reshape(*positions.shape, -1).float()  # (B, ..., V) -> (B, K, V)
        noise = self._uniform((B, 2, positions.shape[1]), codes.device, generator)  # which code, which position

        if self.temperature > 0:
            # inverse transform: one random number a code, where Gumbel noise would take one a logit
            probs = (logits / self.temperature).softmax(-1)
            cumulative = probs.cumsum(-1)
            threshold = noise[:, 0, :, None] * cumulative[..., -1:]
            drawn = torch.searchsorted(cumulative, threshold, right=True)  # (B, K, 1)
        else:
            probs = logits.softmax(-1)
            drawn = logits.argmax(-1, keepdim=True)
        pred = torch.where(masked, drawn[..., 0], shown)

        prev = pred
        if timestep > 0:
            score = noise[:, 1]
            if self.config.unmasking_order == "confidence":
                score = probs.gather(-1, drawn)[..., 0]
            elif self.config.unmasking_order == "halton":
                score = self._halton_score(sample).gather(1, positions)
            order = score.masked_fill(~masked, math.inf).argsort(dim=1)  # codes that are masked again come first
            num_masked = (codes == mask_token_id).sum(1, keepdim=True)
            left = (num_masked - 1).clamp(min=0, max=self._share(int(timestep), S))  # a step reveals at least one
            again = torch.arange(positions.shape[1], device=codes.device) < left - num_masked + masked.sum(1, True)
            prev = pred.scatter(1, order, pred.gather(1, order).masked_fill(again, mask_token_id))

        prev, pred = (codes.scatter(1, positions, x).view_as(sample) for x in (prev, pred))
        return MaskGITSchedulerOutput(prev, pred) if return_dict else (prev, pred)

    def add_noise(
        self,
        original_samples: torch.LongTensor,
        timesteps: int | torch.LongTensor,
        generator: torch.Generator | list[torch.Generator] | Uniform | None = None,
    ) -> torch.LongTensor:
        """Masks codes at random, with the schedule's share as the probability: what `step` meets at that timestep.

        Args:
            original_samples: codes of shape `(batch_size, ...)`.
            timesteps: one, or one for each sample; `num_inference_steps - 1` masks all.
            generator: as in [`~MaskGITScheduler.step`].

        Returns:
            The codes, some of them `mask_token_id`.
        """
        codes = original_samples.flatten(1)  # (B, ...) -> (B, S)
        timesteps = torch.as_tensor(timesteps, device=codes.device).reshape(-1, 1)
        progress = (self.num_inference_steps - 1 - timesteps) / self.num_inference_steps
        ratio = torch.cos(progress * math.pi / 2)
        masked = self._uniform(codes.shape, codes.device, generator) < ratio
        return codes.masked_fill(masked, self.config.mask_token_id).view_as(original_samples)

    def _share(self, timestep: int, num_codes: int) -> int:
        """How many of a sample's codes the schedule leaves masked after the step at `timestep`."""
        progress = (self.num_inference_steps - timestep) / self.num_inference_steps
        return math.floor(num_codes * math.cos(progress * math.pi / 2)) if timestep > 0 else 0

    @staticmethod
    def _halton_score(sample: torch.LongTensor) -> torch.Tensor:
        """The earlier a code comes, the higher: shape `(batch_size, number of codes)`, in (0, 1]."""
        rank = halton_rank_on(sample.device, *sample.shape[1:][-2:])
        return (1 - rank / len(rank)).repeat(len(sample), sample[0].numel() // len(rank))

    @staticmethod
    def _uniform(
        shape: tuple[int, ...],
        device: torch.device,
        generator: torch.Generator | list[torch.Generator] | Uniform | None,
    ) -> torch.Tensor:
        """Random numbers in [0, 1) of a shape that begins with the batch."""
        if callable(generator):
            noise = generator(shape)
        elif isinstance(generator, list):
            if len(generator) != shape[0]:
                raise ValueError(f"{len(generator)} generators came for {shape[0]} samples; give one for each.")
            noise = torch.stack([torch.rand(shape[1:], generator=g, device=g.device) for g in generator])
        else:
            noise = torch.rand(shape, generator=generator, device=device if generator is None else generator.device)
        return noise.to(device)


@functools.cache
def halton_rank(rows: int, columns: int = 1) -> list[int]:
    """When each cell of a grid is first met by the Halton sequence of bases 2 and 3, row by row."""
    rank: dict[int, int] = {}
    number = 0
    while len(rank) < rows * columns:
        number += 1
        row, column = int(radical_inverse(number, 2) * rows), int(radical_inverse(number, 3) * columns)
        rank.setdefault(row * columns + column, len(rank))
    return [rank[cell] for cell in range(rows * columns)]


@functools.cache
def halton_rank_on(device: torch.device, rows: int, columns: int = 1) -> torch.Tensor:
    """The same as a tensor, brought to its device once: each time would have a GPU wait for it."""
    return torch.tensor(halton_rank(rows, columns), device=device)


def radical_inverse(number: int, base: int) -> float:
    """The digits of a number mirrored at the point: a number in [0, 1)."""
    inverse, place = 0.0, 1.0
    while number:
        number, digit = divmod(number, base)
        place /= base
        inverse += digit * place
    return inverse
