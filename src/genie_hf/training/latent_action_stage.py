"""Stage `latent_action`: the latent action model on its own, before the world (paper, section 2.1).

The paper trains it together with the dynamics, which is what happens if a recipe does not have this stage. On its own
it can be chosen and measured before the dynamics learn from its actions, and the actions mean the same from the first
step on.
"""

from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..models.latent_actions import latent_action_class
from ..models.modeling_video_tokenizer import GenieVideoTokenizer
from .recipe import Recipe
from .saving import in_dtype
from .stage import Stage, load_video_tokenizer, scalars


class LatentActionStage(Stage):
    """Trains the latent action model.

    Args:
        latent_action_model: the model.
        video_tokenizer: trained, for a model whose input is codes.
    """

    name, model_folder = "latent_action", "latent_action_model"

    def __init__(self, latent_action_model: PreTrainedModel, video_tokenizer: GenieVideoTokenizer | None = None):
        super().__init__()
        self.latent_action_model = latent_action_model
        self.video_tokenizer = video_tokenizer

    @classmethod
    def fresh_models(cls, recipe: Recipe) -> dict[str, PreTrainedModel]:
        config = recipe.latent_action_model
        return {"latent_action_model": latent_action_class(config)(config)}

    @classmethod
    def build(cls, recipe: Recipe, output: Path) -> "LatentActionStage":
        takes_codes = recipe.latent_action_model.input == "codes"
        video_tokenizer = load_video_tokenizer(recipe, output) if takes_codes else None
        return cls(**cls.fresh_models(recipe), video_tokenizer=video_tokenizer)

    def train(self, mode: bool = True) -> "LatentActionStage":
        super().train(mode)
        if self.video_tokenizer is not None:
            self.video_tokenizer.eval()
        return self

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        return scalars(self.latent_action_model(self._frames(pixels)))

    @property
    def has_unused_parameters(self) -> bool:
        return self.latent_action_model.quantizer.has_unused_parameters

    @property
    def codebook_sizes(self) -> dict[str, int]:
        return {"": self.latent_action_model.config.num_actions}

    @torch.no_grad()
    def picture_rows(self, pixels: Tensor) -> dict[str, Tensor]:
        frames, model = self._frames(pixels), self.latent_action_model
        prediction = model.decode(frames[:, :-1], model.quantizer.lookup(model.infer_actions(frames)))
        if self.video_tokenizer is None:
            prediction = prediction.float().clamp(0, 1)
        else:
            prediction = self.video_tokenizer.decode(prediction.argmax(dim=-1))
        return {"truth": pixels, "prediction": torch.cat([pixels[:, :1], prediction], dim=1)}

    def save(self, recipe: Recipe, output: Path) -> Path:
        folder = output / self.model_folder
        in_dtype(self.latent_action_model, recipe.dtype).save_pretrained(folder)
        return folder

    @torch.no_grad()
    def _frames(self, pixels: Tensor) -> Tensor:
        return pixels if self.video_tokenizer is None else self.video_tokenizer.encode(pixels)
