"""Stage `tokenizer`: the video tokenizer alone (paper, section 2.1)."""

from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..models.modeling_video_tokenizer import GenieVideoTokenizer
from .recipe import Recipe
from .saving import in_dtype
from .stage import Stage, scalars


class TokenizerStage(Stage):
    """Trains the video tokenizer.

    Args:
        video_tokenizer: the model.
    """

    name, model_folder = "tokenizer", "video_tokenizer"

    def __init__(self, video_tokenizer: GenieVideoTokenizer):
        super().__init__()
        self.video_tokenizer = video_tokenizer

    @classmethod
    def fresh_models(cls, recipe: Recipe) -> dict[str, PreTrainedModel]:
        return {"video_tokenizer": GenieVideoTokenizer(recipe.video_tokenizer)}

    @classmethod
    def build(cls, recipe: Recipe, output: Path) -> "TokenizerStage":
        return cls(**cls.fresh_models(recipe))

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        return scalars(self.video_tokenizer(pixels))

    def initialize_from_frames(self, pixels: Tensor) -> None:
        self.video_tokenizer.initialize_from_frames(pixels)

    @property
    def has_unused_parameters(self) -> bool:
        return self.video_tokenizer.quantizer.has_unused_parameters

    @property
    def codebook_sizes(self) -> dict[str, int]:
        return {"": self.video_tokenizer.config.codebook_size} if self.video_tokenizer.quantizer.learns_codes else {}

    @torch.no_grad()
    def picture_rows(self, pixels: Tensor) -> dict[str, Tensor]:
        return {"truth": pixels, "reconstruction": self.video_tokenizer.decode(self.video_tokenizer.encode(pixels))}

    def save(self, recipe: Recipe, output: Path) -> Path:
        folder = output / self.model_folder
        in_dtype(self.video_tokenizer, recipe.dtype).save_pretrained(folder)
        return folder
