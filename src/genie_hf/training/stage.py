"""What a stage of training is: models that learn together from the same clips.

A stage is a module: clips in, a `loss` and every term of it by name out. It returns scalars only, so that nothing
large is gathered or converted on the way out of a wrapped module. To add a stage, write a file with a subclass and
name it in `stages.py` and in `TrainingRecipe`; CONTRIBUTING.md lists the steps.
"""

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ..models.modeling_video_tokenizer import GenieVideoTokenizer
from .recipe import Recipe, StageRecipe


class Stage(nn.Module, ABC):
    """The interface of a stage, with defaults for what most stages have in common."""

    name: str
    model_folder: str  # under the pipeline's folder: what the stage is there to make

    @classmethod
    @abstractmethod
    def fresh_models(cls, recipe: Recipe) -> dict[str, PreTrainedModel]:
        """The models that the stage trains, untrained, by the name of the pipeline's component."""

    @classmethod
    @abstractmethod
    def build(cls, recipe: Recipe, output: Path) -> "Stage":
        """The stage with fresh models, and those of earlier stages from the pipeline's folder `output`.

        Raises:
            ValueError: an earlier stage's models are missing or are of another recipe.
        """

    @abstractmethod
    def forward(self, pixels: Tensor, **inputs: Tensor) -> dict[str, Tensor]:
        """What the stage learns from a batch: `loss`, and every term of it by name.

        Args:
            pixels: in [0, 1], of shape `(batch_size, num_frames, channels, height, width)`.
            **inputs: the others that `inputs` names.
        """

    @property
    def given(self) -> dict[str, PreTrainedModel]:
        """The models of earlier stages that this one builds on, by the name of the pipeline's component."""
        return {name: model for name, model in self.named_children() if not learns(model)}

    @property
    def inputs(self) -> tuple[str, ...]:
        """The parts of a batch that the stage takes: the names of `forward`'s arguments."""
        return ("pixels",)

    def initialize_from_frames(self, pixels: Tensor) -> None:
        """Initialises the models from data, if they can be; `pixels` as for `forward`."""

    @property
    def has_unused_parameters(self) -> bool:
        """Whether there are passes in which a trained parameter gets no gradient."""
        return False

    @property
    def codebook_sizes(self) -> dict[str, int]:
        """The size of each codebook that could die in training, by the prefix of its terms."""
        return {}

    def parameter_groups(self, settings: StageRecipe) -> list[dict]:
        """For the optimiser: `params`, the `prefix` of their terms, and maybe a peak `lr` of their own."""
        return [{"prefix": "", "params": [p for p in self.parameters() if p.requires_grad]}]

    @abstractmethod
    def picture_rows(self, pixels: Tensor, **inputs: Tensor) -> dict[str, Tensor]:
        """Rows of a picture by label, pixels in [0, 1] of the shape of `pixels`."""

    @abstractmethod
    def save(self, recipe: Recipe, output: Path) -> Path:
        """Saves what the stage has made in the recipe's dtype; returns the folder to load it from."""


def learns(model: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in model.parameters())


def scalars(output: dict) -> dict[str, Tensor]:
    """The terms of a model's output: its tensors without axes."""
    return {name: value for name, value in output.items() if value.dim() == 0}


def load_trained(model_class: type[PreTrainedModel], folder: Path, stage: str) -> PreTrainedModel:
    """A model that an earlier stage has saved, frozen and in float32."""
    if not (folder / "config.json").exists():
        raise ValueError(
            f"{folder} holds no trained {folder.name.replace('_', ' ')}: train one first with --stage {stage}."
        )
    return model_class.from_pretrained(folder, dtype=torch.float32).requires_grad_(False).eval()


def load_video_tokenizer(recipe: Recipe, output: Path) -> GenieVideoTokenizer:
    """The trained video tokenizer. Raises `ValueError` if it is not the recipe's."""
    folder = output / "video_tokenizer"
    video_tokenizer = load_trained(GenieVideoTokenizer, folder, "tokenizer")
    for key in ("frame_size", "grid_size", "codebook_size"):
        ours, theirs = getattr(recipe.video_tokenizer, key), getattr(video_tokenizer.config, key)
        if ours != theirs:
            raise ValueError(
                f"the video tokenizer in {folder} has {key} {theirs}, but the recipe's has {ours}: train it again "
                "with --stage tokenizer --overwrite."
            )
    return video_tokenizer
