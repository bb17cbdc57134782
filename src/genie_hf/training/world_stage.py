"""Stage `world`: latent actions and dynamics on the same clips, with a frozen video tokenizer (paper, section 2.1)."""

from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..fingerprint import fingerprint
from ..models.latent_actions import latent_action_class
from ..models.modeling_dynamics import GenieDynamicsModel
from ..models.modeling_video_tokenizer import GenieVideoTokenizer
from ..pipeline_genie import GeniePipeline
from ..scheduling_maskgit import MaskGITScheduler
from .recipe import Recipe, StageRecipe
from .saving import in_dtype
from .stage import Stage, learns, load_trained, load_video_tokenizer, scalars

PICTURE_STEPS = 8  # MaskGIT steps of the rollouts in pictures


class WorldStage(Stage):
    """Trains the dynamics model, and together with it the latent action model unless that is trained already.

    The actions reach the dynamics as indices, so each model learns from its own loss only (the paper's stop-gradient).
    Without a latent action model the dynamics learn from recorded actions.

    Args:
        video_tokenizer: trained; it stays in evaluation mode.
        dynamics: the model that predicts codes.
        latent_action_model: the model that infers actions; if none of its parameters requires a gradient, it is
            not trained.
    """

    name, model_folder = "world", "dynamics"

    def __init__(
        self,
        video_tokenizer: GenieVideoTokenizer,
        dynamics: GenieDynamicsModel,
        latent_action_model: PreTrainedModel | None = None,
    ):
        super().__init__()
        self.video_tokenizer = video_tokenizer
        self.latent_action_model = latent_action_model
        self.dynamics = dynamics
        self.learns_actions = latent_action_model is not None and learns(latent_action_model)
        if dynamics.config.token_distance:
            dynamics.set_code_vectors(self._code_vectors())
        self.train()

    @classmethod
    def fresh_models(cls, recipe: Recipe) -> dict[str, PreTrainedModel]:
        models = {}
        if recipe.data.action_source == "latent" and recipe.training.latent_action is None:
            config = recipe.latent_action_model
            models["latent_action_model"] = latent_action_class(config)(config)
        return models | {"dynamics": GenieDynamicsModel(recipe.dynamics)}

    @classmethod
    def build(cls, recipe: Recipe, output: Path) -> "WorldStage":
        models = {"video_tokenizer": load_video_tokenizer(recipe, output)} | cls.fresh_models(recipe)
        if recipe.training.latent_action is not None:
            folder = output / "latent_action_model"
            models["latent_action_model"] = load_trained(
                latent_action_class(recipe.latent_action_model), folder, "latent_action"
            )
        return cls(**models)

    def train(self, mode: bool = True) -> "WorldStage":
        super().train(mode)
        self.video_tokenizer.eval()
        if self.latent_action_model is not None and not self.learns_actions:
            self.latent_action_model.eval()
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("pixels", "codes") if self.latent_action_model is not None else ("pixels", "codes", "actions")

    def forward(self, pixels: Tensor, codes: Tensor | None = None, actions: Tensor | None = None) -> dict[str, Tensor]:
        """What the dynamics, and the latent action model if it learns here, make of a batch.

        Args:
            pixels: in [0, 1], of shape `(batch_size, num_frames, channels, height, width)`.
            codes: what the video tokenizer makes of them, of shape `(batch_size, num_frames, h, w)`, if it is known.
            actions: recorded ones between the frames, of shape `(batch_size, num_frames - 1)`, for a stage without a
                latent action model.
        """
        if codes is None:
            with torch.no_grad():
                codes = self.video_tokenizer.encode(pixels)
        if not self.learns_actions:
            if actions is None:
                actions = self.latent_action_model.infer_actions(self._frames(pixels, codes))
            return scalars(self.dynamics(**self.dynamics.training_inputs(codes, actions)))
        latent_action = self.latent_action_model(self._frames(pixels, codes))
        dynamics = self.dynamics(**self.dynamics.training_inputs(codes, latent_action.actions))
        return {
            "loss": latent_action.loss + dynamics.loss,
            **{f"latent_action_{name}": value for name, value in scalars(latent_action).items()},
            **{f"dynamics_{name}": value for name, value in scalars(dynamics).items()},
        }

    def initialize_from_frames(self, pixels: Tensor) -> None:
        """Gives the dynamics the geometry of the codebook; the actions' codebook starts from data during training."""
        self.dynamics.initialize_from_codebook(self._code_vectors())

    @property
    def has_unused_parameters(self) -> bool:
        return self.learns_actions and self.latent_action_model.quantizer.has_unused_parameters

    @property
    def codebook_sizes(self) -> dict[str, int]:
        return {"latent_action_": self.latent_action_model.config.num_actions} if self.learns_actions else {}

    def parameter_groups(self, settings: StageRecipe) -> list[dict]:
        """The dynamics' parameters and the latent action model's, which may have a learning rate of its own."""
        if not self.learns_actions:
            return super().parameter_groups(settings)
        dynamics = {"prefix": "dynamics_", "params": list(self.dynamics.parameters())}
        latent_action: dict = {"prefix": "latent_action_", "params": list(self.latent_action_model.parameters())}
        if settings.latent_action_learning_rate is not None:
            latent_action["lr"] = settings.latent_action_learning_rate
        return [dynamics, latent_action]

    def pipeline(self, scheduler: MaskGITScheduler, fps: int | float = 15) -> GeniePipeline:
        """The world as it stands."""
        pipe = GeniePipeline(self.video_tokenizer, self.dynamics, scheduler, self.latent_action_model, fps=fps)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    @torch.no_grad()
    def picture_rows(self, pixels: Tensor, actions: Tensor | None = None) -> dict[str, Tensor]:
        """Rows of a picture by label, pixels in [0, 1] of the shape of `pixels`.

        The rollout starts from the first frame and takes the inferred actions, or the recorded ones.
        """
        codes = self.video_tokenizer.encode(pixels)
        model = self.latent_action_model
        if model is not None:
            actions = model.infer_actions(self._frames(pixels, codes))
        scheduler = MaskGITScheduler(mask_token_id=self.dynamics.config.mask_token_id)
        world = self.pipeline(scheduler).start(pixels[:, 0], num_inference_steps=PICTURE_STEPS)
        rollout = [world.step(action, output_type="pt") for action in actions.unbind(1)]
        rows = {
            "truth": pixels,
            "reconstruction": self.video_tokenizer.decode(codes),
            "rollout": torch.cat([pixels[:, :1], torch.stack(rollout, dim=1)], dim=1),
        }
        if model is not None and model.config.input == "pixels":
            prediction = model.decode(pixels[:, :-1], model.quantizer.lookup(actions)).float().clamp(0, 1)
            rows["action model"] = torch.cat([pixels[:, :1], prediction], dim=1)
        return rows

    def save(self, recipe: Recipe, output: Path) -> Path:
        """Saves the whole pipeline."""
        scheduler = MaskGITScheduler(mask_token_id=recipe.dynamics.mask_token_id, **recipe.scheduler)
        copies = WorldStage(**{name: in_dtype(model, recipe.dtype) for name, model in self.named_children()})
        config = copies.dynamics.config
        config.video_tokenizer_fingerprint = fingerprint(copies.video_tokenizer)
        if copies.latent_action_model is not None:
            config.latent_action_fingerprint = fingerprint(copies.latent_action_model)
        copies.pipeline(scheduler, recipe.fps).save_pretrained(output)
        return output

    def _code_vectors(self) -> Tensor:
        """The vectors of the video tokenizer's codes, of shape (V, codebook_dim)."""
        codes = torch.arange(self.dynamics.config.codebook_size, device=self.video_tokenizer.device)
        return self.video_tokenizer.quantizer.lookup(codes)

    def _frames(self, pixels: Tensor, codes: Tensor) -> Tensor:
        """What the latent action model takes."""
        return codes if self.latent_action_model.config.input == "codes" else pixels
