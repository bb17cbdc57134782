"""The recipe of a world: what it is made of and how it is trained, in strict dataclasses."""

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

import torch
from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from ..models.latent_actions import LATENT_ACTION_MODELS
from ..models.quantizers.registry import quantizer_values

# The sections that are a model's configuration.
MODELS = ("video_tokenizer", "latent_action_model", "dynamics", "reward_model")
LATENT_ACTION_CONFIGS = {kind: model.config_class for kind, model in LATENT_ACTION_MODELS.items()}
FINGERPRINTS = {"video_tokenizer_fingerprint", "latent_action_fingerprint"}  # what training writes, and not a recipe


@strict
@dataclass(kw_only=True)
class DataRecipe:
    """Where the video is.

    A source is what `genie_hf.data.VideoDataset` takes: a recording, a folder of videos or frames, or a dataset on the
    Hub. One with several splits or configurations may be a mapping, as in
    `{source: user/videos, split: test, config: small}`; so may one camera of a LeRobot dataset, `{source: user/arm,
    camera: front}`.

    Args:
        train: sources to learn from, by default their split train; clips are mixed in proportion to their number, or
            to the weights of the sources: of `[{source: a, weight: 3}, {source: b, weight: 1}]`, 3 of 4 come from a.
        test: held-out sources, for pictures during training and for `genie-hf evaluate`; by default their split test,
            else validation, else train.
        image_size: height and width of the frames in pixels, or one number for both.
        frame_rate: frames per second to resample videos to, and recordings whose known rate is a multiple of it.
        frame_skip: after `frame_rate`, every `frame_skip`-th frame of each episode or video is used.
        on_device: whether all frames are read once into the memory of the device that trains (12 KB a frame of 64x64),
            so that no step waits for data. For recordings.
        action_source: `"latent"`, actions are learnt from the video (paper); `"recorded"`, the world learns those that
            were recorded with it, and there is no latent action model.
        num_actions: number of recorded actions; by default as many as the data name or contain.
    """

    train: list[str | dict]
    test: list[str | dict] = field(default_factory=list)
    image_size: int | list[int] = 64
    frame_rate: int | float | None = None
    frame_skip: int = 1
    on_device: bool = False
    action_source: Literal["latent", "recorded"] = "latent"
    num_actions: int | None = None


@strict
@dataclass(kw_only=True)
class StageRecipe:
    """How one stage is trained. The defaults are the paper's where it names a number (appendix C).

    Args:
        steps: optimiser steps.
        batch_size: clips of one optimiser step, over all processes and accumulated passes.
        num_frames: frames of a clip; by default what the stage's model spans.
        learning_rate: peak of the schedule, a linear warmup over steps and then a cosine.
        min_learning_rate: end of the schedule; by default the peak (no decay).
        latent_action_learning_rate: stage `world`: a peak of its own for the latent action model, which follows the
            same schedule; by default `learning_rate`.
        warmup_steps: steps of the warmup.
        betas: of AdamW.
        weight_decay: of AdamW.
        max_grad_norm: gradients are scaled down to this norm; null leaves them as they are.
        gradient_accumulation: passes that one step's batch is split into, to fit memory.
        ema_decay: where given, an exponential moving average of the weights is kept, shown in pictures, and saved.
        frozen: modules of the stage's models that keep what they hold at the start, e.g. the video tokenizer's
            `[patch_embedding, encoder, to_latent, quantizer]` to train a decoder on fixed codes.
        initialize_from_frames: frames that a stage's models are initialised from: the tokenizer from principal
            components and k-means of their patches, the dynamics from the tokenizer's codebook; null starts at random.
        activation_checkpointing: whether activations are computed again in the backward pass, to save memory.
        seed: of the weights, the order of the clips, and every other draw.
        log_every: steps between lines of `metrics.jsonl`; a line holds means since the one before.
        checkpoint_every: steps between checkpoints.
        picture_every: steps between pictures; null draws none.
        num_workers: processes that load clips.
        max_minutes: where given, the stage ends after this time at the latest; the learning rate follows whichever of
            steps and time is further on, so that it has come down by then. The time before a resumption counts.
    """

    steps: int
    batch_size: int
    num_frames: int | None = None
    learning_rate: int | float = 3e-4
    min_learning_rate: int | float | None = None
    latent_action_learning_rate: int | float | None = None
    warmup_steps: int = 0
    betas: list[float | int] = field(default_factory=lambda: [0.9, 0.9])
    weight_decay: int | float = 1e-4
    max_grad_norm: int | float | None = 1.0
    gradient_accumulation: int = 1
    ema_decay: float | None = None
    frozen: list[str] = field(default_factory=list)
    initialize_from_frames: int | None = None
    activation_checkpointing: bool = False
    seed: int = 0
    log_every: int = 50
    checkpoint_every: int = 1_000
    picture_every: int | None = 1_000
    num_workers: int = 2
    max_minutes: int | float | None = None

    def validate_stage(self):
        for name in ("steps", "batch_size", "gradient_accumulation", "log_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        rates = ("learning_rate", "latent_action_learning_rate")
        for name in (*rates, "max_grad_norm", "initialize_from_frames", "picture_every", "max_minutes"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}.")
        for name in ("warmup_steps", "weight_decay", "num_workers"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}.")
        for name in (*rates, "weight_decay"):
            if getattr(self, name) == math.inf:
                raise ValueError(f"{name} must be finite, got {getattr(self, name)}.")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must lie between 0 and {2**32 - 1}, got {self.seed}.")
        if not 0 <= self.lowest_learning_rate <= self.learning_rate:
            raise ValueError(
                f"min_learning_rate must lie between 0 and learning_rate={self.learning_rate}, "
                f"got {self.min_learning_rate}."
            )
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be two numbers in [0, 1), got {self.betas}.")
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise ValueError(f"ema_decay must lie between 0 and 1, got {self.ema_decay}.")
        if self.batch_size % self.gradient_accumulation:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be split into gradient_accumulation="
                f"{self.gradient_accumulation} equal passes; choose a divisor."
            )

    @property
    def lowest_learning_rate(self) -> float:
        return self.learning_rate if self.min_learning_rate is None else self.min_learning_rate

    def learning_rate_factor(self, step: int, elapsed: float = 0.0) -> float:
        """What the peak learning rates are multiplied by.

        Args:
            step: steps taken.
            elapsed: share of the stage's time that has passed, in [0, 1]; 0 where it has no limit.
        """
        if step < self.warmup_steps:
            return step / self.warmup_steps
        done = max((step - self.warmup_steps) / max(1, self.steps - self.warmup_steps), min(elapsed, 1.0))
        lowest = self.lowest_learning_rate / self.learning_rate
        return lowest + (1 - lowest) * (1 + math.cos(math.pi * done)) / 2


@strict
@dataclass(kw_only=True)
class TrainingRecipe:
    """The stages, in the order of the paper: first the tokenizer, then latent actions and dynamics together.

    Each names the models that its clips must fit.

    Args:
        tokenizer: of the video tokenizer.
        latent_action: where given, the latent action model is trained on its own before the world, and then kept.
        world: of the dynamics model, and of the latent action model where that has no stage of its own.
        reward: where given, a model of what the recorded games paid and where they ended is trained after the world.
    """

    tokenizer: StageRecipe = field(metadata={"models": ["video_tokenizer"]})
    latent_action: StageRecipe | None = field(default=None, metadata={"models": ["latent_action_model"]})
    world: StageRecipe = field(metadata={"models": ["latent_action_model", "dynamics"]})
    reward: StageRecipe | None = field(default=None, metadata={"models": ["reward_model"]})

    @property
    def stages(self) -> dict[str, StageRecipe]:
        """The stages of this recipe, in the order in which they are trained."""
        stages = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {name: stage for name, stage in stages.items() if stage is not None}


@strict
@dataclass(kw_only=True)
class Recipe:
    """Everything that makes a world: data, models, training. Read one from YAML with `read_recipe`.

    Args:
        data: where the video is.
        video_tokenizer: fields of `GenieVideoTokenizerConfig`.
        latent_action_model: fields of `GenieLatentActionConfig`, or with `type: motion` those of
            `GenieMotionActionConfig`; left out where actions are recorded.
        dynamics: fields of `GenieDynamicsConfig`.
        reward_model: fields of `GenieRewardConfig`, for the stage `reward`.
        scheduler: fields of `MaskGITScheduler`: how the finished pipeline samples.
        fps: frames per second at which the world's videos are shown; by default those of the data, or 15 if unknown.
        precision: `"bf16"` autocast, `"no"` for float32, or `"auto"`: bf16 if the hardware supports it.
        compile: whether the transformers' blocks are compiled: pays on a GPU, after a minute of compiling.
        save_dtype: type of the saved weights; codebooks stay float32.
        report_to: trackers besides `metrics.jsonl`, e.g. `tensorboard` or `trackio`.
        training: how the stages are trained.
    """

    data: DataRecipe
    video_tokenizer: Any
    latent_action_model: Any = None
    dynamics: Any
    reward_model: Any = None
    scheduler: dict = field(default_factory=dict)
    fps: int | float | None = None
    precision: Literal["auto", "no", "bf16"] = "auto"
    compile: bool = False
    save_dtype: Literal["float32", "bfloat16"] = "float32"
    report_to: list[str] = field(default_factory=list)
    training: TrainingRecipe

    @property
    def dtype(self) -> torch.dtype:
        """Of the saved weights."""
        return getattr(torch, self.save_dtype)

    def to_dict(self) -> dict:
        """The recipe as plain values, in the form of the YAML file."""
        plain = {name: asdict(getattr(self, name)) for name in ("data", "training")}
        for name in MODELS:
            config = getattr(self, name)
            if config is None:
                continue
            plain[name] = {key: getattr(config, key) for key in sorted(config_fields(type(config)) - FINGERPRINTS)}
            if name == "latent_action_model":
                types = {config_class: name for name, config_class in LATENT_ACTION_CONFIGS.items()}
                plain[name]["type"] = types[type(config)]
            for part in ("encoder", "decoder"):
                if part in plain[name]:
                    plain[name][part] = plain[name][part].size()
            if "quantizer" in plain[name]:
                plain[name]["quantizer"] = quantizer_values(plain[name]["quantizer"])
        return {key: plain.get(key, getattr(self, key)) for key in (entry.name for entry in fields(self))}


def config_fields(config_class: type[PreTrainedConfig]) -> set[str]:
    """The fields that the project's own classes declare, those of transformers left out."""
    own = (cls for cls in config_class.__mro__ if issubclass(cls, PreTrainedConfig) and cls is not PreTrainedConfig)
    return {name for cls in own for name in cls.__annotations__}
