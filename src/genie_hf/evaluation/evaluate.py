"""Measures a pipeline on held-out video, and writes `metrics.json` and a picture.

Dimension keys: B batch, T frames of a clip (horizon + 1).
"""

import json
import platform
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..data.video_dataset import VideoDataset
from ..pipeline_genie import GeniePipeline
from .latent_actions import (
    COINRUN_ACTION_GROUPS,
    Consistency,
    action_agreement,
    code_usage,
    merge_actions,
    switch_rate,
)
from .metrics import FrameQuality, RolloutQuality, delta_psnr
from .picture import draw_evaluation

CLIPS_IN_PICTURE = 3


def evaluate(
    pipe: GeniePipeline,
    data: str | Path | VideoDataset | Mapping[str, str | Path | VideoDataset],
    output: str | Path | None = None,
    *,
    num_clips: int = 512,
    num_rollouts: int = 64,
    horizon: int = 10,
    num_random_draws: int = 3,
    num_inference_steps: int = 25,
    temperature: float | None = None,
    batch_size: int = 32,
    num_speed_steps: int = 20,
    action_groups: Sequence[int] = COINRUN_ACTION_GROUPS,
    ceilings: Mapping[str, float] | None = None,
    seed: int = 0,
) -> dict:
    """Measures how good a world is. The same arguments give the same figures, but for the speed.

    For each data set, on clips of `horizon + 1` frames drawn at random:

    - `reconstruction`: PSNR and SSIM of the video tokenizer's frames.
    - `latent_actions`: use and consistency of the latent actions, and their `agreement` with the true ones where the
      data has them (else a `note`).
    - `leakage`: PSNR of the next frame as the latent action model's own decoder predicts it with the latent actions,
      with these shuffled over the batch, and PSNR of copying the last frame. Where the first is not well above the
      others, the actions hold nothing, or the decoder does not use them.
    - `rollout`: PSNR and SSIM at each horizon from one prompt frame, for `inferred_actions` (the latent action model
      has seen the true clip), `random_actions` (mean over the draws), and `copy_first_frame`, the baseline.
    - `delta_psnr`: controllability at each horizon, see `genie_hf.evaluation.metrics.delta_psnr`.

    Args:
        pipe: the pipeline, with its `latent_action_model`, on the device to use.
        data: one data set, or several by name: what `VideoDataset` takes as its source, or a `VideoDataset` whose
            clips have `horizon + 1` frames.
        output: folder for `metrics.json` and `evaluation.png`; by default nothing is written.
        num_clips: clips drawn (all where there are fewer).
        num_rollouts: how many of these are also played.
        horizon: frames generated from one prompt frame, at least 2.
        num_random_draws: rollouts with random actions for each clip.
        num_inference_steps: MaskGIT steps for a frame.
        temperature: of the sampling; by default the scheduler's own.
        batch_size: clips at once.
        num_speed_steps: steps of one world whose median time is the speed.
        action_groups: the effective action of each true action; by default CoinRun's six.
        ceilings: accuracy of a supervised classifier (`train_reference`) on the data sets by name, where known.
        seed: of all draws: clips, random actions, sampling.

    Returns:
        A dict that JSON can hold: `settings`, `speed`, and `data` with the figures by data set.

    Raises:
        ValueError: the pipeline has no latent action model, the horizon is below 2, or the data has no clip that long.
    """
    if pipe.latent_action_model is None:
        raise ValueError("the pipeline has no latent_action_model to infer actions with; load it as well.")
    if horizon < 2:
        raise ValueError(f"horizon is {horizon}; choose at least 2 frames, 10 for the usual table.")
    sources = data if isinstance(data, Mapping) else {_name(data): data}
    sampling = {
        "num_inference_steps": num_inference_steps,
        "temperature": pipe.scheduler.config.temperature if temperature is None else temperature,
    }
    figures, examples = {}, {}
    for name, source in sources.items():
        dataset = _open(pipe, source, horizon)
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(dataset), generator=generator)[:num_clips].tolist()
        clips = ClipBatches(pipe, dataset, chosen, batch_size, name)
        played = ClipBatches(pipe, dataset, chosen[:num_rollouts], batch_size, name)
        shown = ClipBatches(pipe, dataset, chosen[:CLIPS_IN_PICTURE], batch_size, name)
        figures[name] = {
            "num_clips": len(chosen),
            "num_rollouts": len(played.indices),
            "reconstruction": measure_reconstruction(pipe, clips),
            "latent_actions": measure_latent_actions(pipe, clips, action_groups, (ceilings or {}).get(name), seed),
            "leakage": measure_leakage(pipe, clips, generator),
            **measure_rollouts(pipe, played, num_random_draws, generator, seed, **sampling),
        }
        examples[name] = make_examples(pipe, shown, generator, seed, **sampling)
    result = {
        "settings": {
            "data": {name: _name(source) for name, source in sources.items()},
            "horizon": horizon,
            "num_random_draws": num_random_draws,
            **sampling,
            "seed": seed,
        },
        "speed": measure_speed(pipe, next(iter(examples.values()))["truth"][0, 0], num_speed_steps, **sampling),
        "data": figures,
    }
    if output is not None:
        output = Path(output)
        output.mkdir(parents=True, exist_ok=True)
        (output / "metrics.json").write_text(json.dumps(result, indent=2) + "\n")
        draw_evaluation(examples, figures).save(output / "evaluation.png")
    return result


class ClipBatches:
    """The chosen clips of a data set, in batches on the pipeline's device.

    Iterating gives dicts of `pixels`, floats in [0, 1] of shape `(batch_size, num_frames, channels, height, width)`,
    and the true `actions` `(batch_size, num_frames - 1)` where the data has them.
    """

    def __init__(self, pipe: GeniePipeline, dataset: VideoDataset, indices: Sequence[int], batch_size: int, name: str):
        self.pipe, self.dataset, self.indices, self.batch_size, self.name = pipe, dataset, indices, batch_size, name

    def __len__(self) -> int:
        return -(-len(self.indices) // self.batch_size)

    def __iter__(self) -> Iterator[dict]:
        for start in range(0, len(self.indices), self.batch_size):
            clips = [self.dataset[i] for i in self.indices[start : start + self.batch_size]]
            batch = {key: torch.stack([clip[key] for clip in clips]).to(self.pipe.device) for key in clips[0]}
            yield batch | {"pixels": batch["pixels"].float() / 255}

    def watched(self, task: str) -> Iterator[dict]:
        """The same with the pipeline's progress bar."""
        with self.pipe.progress_bar(total=len(self)) as progress_bar:
            progress_bar.set_description(f"{self.name}: {task}")
            for batch in self:
                yield batch
                progress_bar.update()


@torch.no_grad()
def measure_reconstruction(pipe: GeniePipeline, clips: ClipBatches) -> dict:
    """PSNR and SSIM of encoded and decoded clips, as far as the tokenizer's window goes."""
    quality = FrameQuality()
    for batch in clips.watched("reconstruction"):
        frames = batch["pixels"][:, : pipe.video_tokenizer.config.num_frames]
        quality.update(pipe.video_tokenizer.decode(pipe.video_tokenizer.encode(frames)), frames)
    return quality.compute()


@torch.no_grad()
def measure_latent_actions(
    pipe: GeniePipeline, clips: ClipBatches, action_groups: Sequence[int], ceiling: float | None, seed: int
) -> dict:
    """Use and consistency of the latent actions, and their agreement with the true ones."""
    num_actions = pipe.dynamics.config.num_actions
    consistency, latent, true = Consistency(num_actions), [], []
    for batch in clips.watched("latent actions"):
        latent.append(pipe.infer_actions(batch["pixels"]).cpu())
        consistency.update(batch["pixels"].cpu(), latent[-1])
        if clips.dataset.has_actions:
            true.append(merge_actions(batch["actions"].cpu(), action_groups))
    latent = torch.cat(latent)
    figures = code_usage(latent, num_actions) | {
        "num_transitions": latent.numel(),
        "switch_rate": switch_rate(latent),
        **consistency.compute(),
    }
    if not true:
        return figures | {"note": "This data has no true actions, so agreement with them was not measured."}
    true = torch.cat(true)
    seen = slice(min(2, true.shape[1] - 1), None)  # with two frames of history, as the reference classifier has
    pairs = latent[:, seen].flatten(), true[:, seen].flatten()
    return figures | {
        "true_switch_rate": switch_rate(true),
        "agreement": action_agreement(*pairs, num_actions, max(action_groups) + 1, ceiling=ceiling, seed=seed),
    }


@torch.no_grad()
def measure_leakage(pipe: GeniePipeline, clips: ClipBatches, generator: torch.Generator) -> dict:
    """PSNR of what the latent action model predicts, with shuffled actions too, and of copying the last frame."""
    qualities = [FrameQuality(with_ssim=False) for _ in range(3)]
    for batch in clips.watched("leakage"):
        frames = batch["pixels"][:, : pipe.latent_action_model.config.num_frames]
        with_actions, with_shuffled = predict_next(pipe, frames, generator)
        for quality, prediction in zip(qualities, (with_actions, with_shuffled, frames[:, :-1]), strict=True):
            quality.update(prediction, frames[:, 1:])
    names = ("inferred_actions", "shuffled_actions", "copy_last_frame")
    return {name: quality.compute()["psnr"] for name, quality in zip(names, qualities, strict=True)}


def predict_next(pipe: GeniePipeline, pixels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The frames 2..T as the latent action model's decoder predicts them from those before, and the actions.

    Args:
        pipe: the pipeline.
        pixels: in [0, 1], of shape `(batch_size, num_frames, channels, height, width)`.
        generator: for the shuffle.

    Returns:
        Two predictions of shape `(batch_size, num_frames - 1, channels, height, width)`: with the inferred actions,
        and with these shuffled over all transitions of the batch.
    """
    model = pipe.latent_action_model
    in_codes = model.config.input == "codes"
    frames = pipe.video_tokenizer.encode(pixels) if in_codes else pixels
    inferred = model.infer_actions(frames)
    order = torch.randperm(inferred.numel(), generator=generator).to(inferred.device)
    predictions = []
    for actions in (inferred, inferred.flatten()[order].view_as(inferred)):
        prediction = model.decode(frames[:, :-1], model.quantizer.lookup(actions))
        if in_codes:
            codes = torch.cat([frames[:, :1], prediction.argmax(-1)], dim=1)
            prediction = pipe.video_tokenizer.decode(codes)[:, 1:]
        predictions.append(prediction)
    return tuple(predictions)


def measure_rollouts(
    pipe: GeniePipeline, clips: ClipBatches, num_random_draws: int, generator: torch.Generator, seed: int, **sampling
) -> dict:
    """`rollout` and `delta_psnr` as `evaluate` describes them."""
    num_actions = pipe.dynamics.config.num_actions
    horizon = clips.dataset.num_frames - 1
    inferred, copied = RolloutQuality(horizon), RolloutQuality(horizon)
    random = [RolloutQuality(horizon) for _ in range(num_random_draws)]
    for number, batch in enumerate(clips.watched("rollouts")):
        pixels = batch["pixels"]
        prompt, future = pixels[:, :1], pixels[:, 1:]
        seeds = [seed + number * clips.batch_size + b for b in range(len(pixels))]
        actions = pipe.infer_actions(pixels)
        copied.update(prompt.expand_as(future), future)
        inferred.update(roll_out(pipe, prompt, actions, seeds, **sampling), future)
        for quality in random:
            drawn = torch.randint(num_actions, actions.shape, generator=generator)
            quality.update(roll_out(pipe, prompt, drawn, seeds, **sampling), future)
    by_inferred, by_draw = inferred.compute(), [quality.compute() for quality in random]
    by_random = {key: torch.tensor([draw[key] for draw in by_draw]).mean(0).tolist() for key in by_inferred}
    return {
        "rollout": {
            "inferred_actions": by_inferred,
            "random_actions": by_random,
            "copy_first_frame": copied.compute(),
        },
        "delta_psnr": delta_psnr(by_inferred, by_draw),
    }


@torch.no_grad()
def roll_out(pipe: GeniePipeline, prompt: Tensor, actions: Tensor, seeds: Sequence[int], **sampling) -> Tensor:
    """Plays a batch of worlds.

    Args:
        pipe: the pipeline.
        prompt: pixels in [0, 1] of shape `(batch_size, num_prompt_frames, channels, height, width)`.
        actions: int64 of shape `(batch_size, horizon)`.
        seeds: one for each world.
        sampling: `num_inference_steps` and `temperature`.

    Returns:
        The generated frames, in [0, 1], of shape `(batch_size, horizon, channels, height, width)`.
    """
    world = pipe.start(frames=prompt, seed=list(seeds), **sampling)
    return torch.stack([world.step(action, output_type="pt") for action in actions.unbind(1)], dim=1)


@torch.no_grad()
def make_examples(
    pipe: GeniePipeline, clips: ClipBatches, generator: torch.Generator, seed: int, **sampling
) -> dict[str, Tensor]:
    """What `draw_evaluation` shows: a few clips with their reconstructions and rollouts, and the actions played."""
    pixels = next(iter(clips))["pixels"]
    seeds = range(seed, seed + len(pixels))
    inferred = pipe.infer_actions(pixels)
    random = torch.randint(pipe.dynamics.config.num_actions, inferred.shape, generator=generator)

    def played(actions):
        return torch.cat([pixels[:, :1], roll_out(pipe, pixels[:, :1], actions, seeds, **sampling)], dim=1)

    window = pipe.video_tokenizer.config.num_frames
    examples = {
        "truth": pixels,
        "reconstruction": pipe.video_tokenizer.decode(pipe.video_tokenizer.encode(pixels[:, :window])),
        "inferred": played(inferred),
        "random": played(random),
        "inferred_actions": inferred,
        "random_actions": random,
    }
    return {name: x.cpu() for name, x in examples.items()}


def measure_speed(pipe: GeniePipeline, frame: Tensor, num_steps: int = 20, **sampling) -> dict:
    """Frames per second of one world as a person plays it, from action to PIL image.

    Args:
        pipe: the pipeline.
        frame: the first frame, in [0, 1], of shape `(channels, height, width)`.
        num_steps: timed steps, after two that warm up; their median counts.
        sampling: `num_inference_steps` and `temperature`.

    Returns:
        `frames_per_second`, `seconds_per_frame` (median), and what they were measured with.
    """
    world = pipe.start(frame, **sampling)
    seconds = []
    for step in range(2 + num_steps):
        begin = time.perf_counter()
        world.step(step % pipe.dynamics.config.num_actions)
        seconds.append(time.perf_counter() - begin)
    median = statistics.median(seconds[2:])
    return {
        "frames_per_second": 1 / median,
        "seconds_per_frame": median,
        "num_steps": num_steps,
        "num_inference_steps": world.scheduler.num_inference_steps,
        "device": _processor() if pipe.device.type == "cpu" else torch.cuda.get_device_name(pipe.device),
        "num_threads": torch.get_num_threads(),
        "dtype": str(pipe.dynamics.dtype).removeprefix("torch."),
    }


def _open(pipe: GeniePipeline, source, horizon: int) -> VideoDataset:
    if not isinstance(source, VideoDataset):
        return VideoDataset(source, horizon + 1, pipe.video_tokenizer.config.frame_size)
    if source.num_frames != horizon + 1:
        raise ValueError(f"a horizon of {horizon} needs clips of {horizon + 1} frames, got {source.num_frames}.")
    return source


def _name(source) -> str:
    return Path(source).name if isinstance(source, str | Path) else "data"


def _processor() -> str:
    """The processor's name where Linux tells it, else its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
