"""Stage `reward`: the reward model, from what the recorded games paid and where they ended."""

from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..fingerprint import fingerprint
from ..models.modeling_reward import GenieRewardModel
from ..models.modeling_video_tokenizer import GenieVideoTokenizer
from ..pipeline_genie import GeniePipeline
from .recipe import Recipe
from .saving import in_dtype
from .stage import Stage, load_video_tokenizer


class RewardStage(Stage):
    """Trains the reward model of a world that is trained already.

    Args:
        reward_model: the model.
        video_tokenizer: trained.
    """

    name, model_folder = "reward", "reward_model"

    def __init__(self, reward_model: GenieRewardModel, video_tokenizer: GenieVideoTokenizer):
        super().__init__()
        self.reward_model = reward_model
        self.video_tokenizer = video_tokenizer

    @classmethod
    def fresh_models(cls, recipe: Recipe) -> dict[str, PreTrainedModel]:
        return {"reward_model": GenieRewardModel(recipe.reward_model)}

    @classmethod
    def build(cls, recipe: Recipe, output: Path) -> "RewardStage":
        if not (output / GeniePipeline.config_name).exists():
            raise ValueError(f"{output} holds no world to give rewards to: train one first with --stage world.")
        return cls(**cls.fresh_models(recipe), video_tokenizer=load_video_tokenizer(recipe, output))

    def train(self, mode: bool = True) -> "RewardStage":
        super().train(mode)
        self.video_tokenizer.eval()
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("pixels", "codes", "rewards", "ended")

    def forward(self, pixels: Tensor, codes: Tensor | None = None, **outcome: Tensor) -> dict[str, Tensor]:
        """How likely the model found what came after each clip.

        Args:
            pixels: in [0, 1], of shape `(batch_size, num_frames, channels, height, width)`.
            codes: what the video tokenizer makes of them, of shape `(batch_size, num_frames, h, w)`, if it is known.
            **outcome: `rewards` and `ended` after each frame, of shape `(batch_size, num_frames)`.
        """
        if codes is None:
            with torch.no_grad():
                codes = self.video_tokenizer.encode(pixels)
        labels = self.reward_model.outcomes_of(outcome["rewards"][:, -1], outcome["ended"][:, -1])
        output = self.reward_model(codes, labels)
        return {"loss": output.loss, "accuracy": (output.logits.argmax(-1) == labels).float().mean()}

    def picture_rows(self, pixels: Tensor, **inputs: Tensor) -> dict[str, Tensor]:
        return {"truth": pixels}

    def save(self, recipe: Recipe, output: Path) -> Path:
        """Saves the model and makes it a part of the pipeline."""
        model, folder = in_dtype(self.reward_model, recipe.dtype), output / self.model_folder
        model.config.video_tokenizer_fingerprint = fingerprint(self.video_tokenizer)
        model.save_pretrained(folder)
        pipe = GeniePipeline.from_pretrained(output)
        pipe.register_modules(reward_model=model)
        pipe.save_config(output)
        return folder
