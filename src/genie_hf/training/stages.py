"""The two stages of training as modules: pixels in, a `loss` and every term of it by name out (paper, section 2.1).

A stage returns scalars only, so that nothing large is gathered or converted on the way out of a wrapped module.
"""

import torch
from torch import Tensor, nn

from ..models.modeling_dynamics import GenieDynamicsModel
from ..models.modeling_latent_action import GenieLatentActionModel
from ..models.modeling_video_tokenizer import GenieVideoTokenizer
from ..pipeline_genie import GeniePipeline
from ..scheduling_maskgit import MaskGITScheduler

PICTURE_STEPS = 8  # MaskGIT steps of the rollouts in pictures


class TokenizerStage(nn.Module):
    """Trains the video tokenizer.

    Args:
        video_tokenizer: the model.
    """

    def __init__(self, video_tokenizer: GenieVideoTokenizer):
        super().__init__()
        self.video_tokenizer = video_tokenizer

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """
        Args:
            pixels: in [0, 1], of shape `(batch_size, num_frames, channels, height, width)`.
        """
        return scalars(self.video_tokenizer(pixels))

    def initialize_from(self, pixels: Tensor) -> None:
        """Starts the models from data, where they can; `pixels` as for `forward`."""
        self.video_tokenizer.initialize_from(pixels)

    @property
    def codebook_sizes(self) -> dict[str, int]:
        """The size of each codebook, by the prefix of its terms."""
        return {"": self.video_tokenizer.config.codebook_size}

    def parameter_groups(self, latent_action_learning_rate: float | None) -> list[dict]:
        return [{"prefix": "", "params": [p for p in self.video_tokenizer.parameters() if p.requires_grad]}]

    @torch.no_grad()
    def picture_rows(self, pixels: Tensor) -> dict[str, Tensor]:
        """Rows of a picture by label, pixels in [0, 1] of the shape of `pixels`."""
        return {"truth": pixels, "reconstruction": self.video_tokenizer.decode(self.video_tokenizer.encode(pixels))}


class WorldStage(nn.Module):
    """Trains the latent action model and the dynamics model together on the same clips, with a frozen video tokenizer.

    The actions reach the dynamics as indices, so each model learns from its own loss only (the paper's stop-gradient).

    Args:
        video_tokenizer: trained; it stays in evaluation mode.
        latent_action_model: the model that infers actions.
        dynamics: the model that predicts codes.
    """

    def __init__(
        self,
        video_tokenizer: GenieVideoTokenizer,
        latent_action_model: GenieLatentActionModel,
        dynamics: GenieDynamicsModel,
    ):
        super().__init__()
        self.video_tokenizer = video_tokenizer.requires_grad_(False)
        self.latent_action_model = latent_action_model
        self.dynamics = dynamics
        self.train()

    def train(self, mode: bool = True) -> "WorldStage":
        super().train(mode)
        self.video_tokenizer.eval()
        return self

    def forward(self, pixels: Tensor, codes: Tensor | None = None) -> dict[str, Tensor]:
        """
        Args:
            pixels: in [0, 1], of shape `(batch_size, num_frames, channels, height, width)`.
            codes: what the video tokenizer makes of them, of shape `(batch_size, num_frames, h, w)`, if it is known.
        """
        if codes is None:
            with torch.no_grad():
                codes = self.video_tokenizer.encode(pixels)
        takes_codes = self.latent_action_model.config.input == "codes"
        latent_action = self.latent_action_model(codes if takes_codes else pixels)
        dynamics = self.dynamics(actions=latent_action.actions, **self.dynamics.training_inputs(codes))
        return {
            "loss": latent_action.loss + dynamics.loss,
            **{f"latent_action_{name}": value for name, value in scalars(latent_action).items()},
            **{f"dynamics_{name}": value for name, value in scalars(dynamics).items()},
        }

    def initialize_from(self, pixels: Tensor) -> None:
        """Gives the dynamics the geometry of the codebook; the actions' codebook starts from data during training."""
        codes = torch.arange(self.dynamics.config.codebook_size, device=pixels.device)
        self.dynamics.initialize_from(self.video_tokenizer.quantizer.lookup(codes))

    @property
    def codebook_sizes(self) -> dict[str, int]:
        """The size of each codebook that is trained, by the prefix of its terms."""
        return {"latent_action_": self.latent_action_model.config.num_actions}

    def parameter_groups(self, latent_action_learning_rate: float | None) -> list[dict]:
        """The dynamics' parameters and the latent action model's, which may have a learning rate of its own."""
        dynamics = {"prefix": "dynamics_", "params": list(self.dynamics.parameters())}
        latent_action = {"prefix": "latent_action_", "params": list(self.latent_action_model.parameters())}
        if latent_action_learning_rate is not None:
            latent_action["lr"] = latent_action_learning_rate
        return [dynamics, latent_action]

    def pipeline(self, scheduler: MaskGITScheduler, fps: int = 15) -> GeniePipeline:
        """The world as it stands."""
        pipe = GeniePipeline(self.video_tokenizer, self.dynamics, scheduler, self.latent_action_model, fps=fps)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    @torch.no_grad()
    def picture_rows(self, pixels: Tensor) -> dict[str, Tensor]:
        """Rows of a picture by label, pixels in [0, 1] of the shape of `pixels`.

        The rollout starts from the first frame and takes the inferred actions.
        """
        codes = self.video_tokenizer.encode(pixels)
        takes_codes = self.latent_action_model.config.input == "codes"
        latent_action = self.latent_action_model(codes if takes_codes else pixels)
        scheduler = MaskGITScheduler(mask_token_id=self.dynamics.config.mask_token_id)
        world = self.pipeline(scheduler).start(pixels[:, 0], num_inference_steps=PICTURE_STEPS)
        rollout = [world.step(action, output_type="pt") for action in latent_action.actions.unbind(1)]
        rows = {
            "truth": pixels,
            "reconstruction": self.video_tokenizer.decode(codes),
            "rollout": torch.cat([pixels[:, :1], torch.stack(rollout, dim=1)], dim=1),
        }
        if not takes_codes:
            prediction = latent_action.reconstruction.float().clamp(0, 1)
            rows["action model"] = torch.cat([pixels[:, :1], prediction], dim=1)
        return rows


def scalars(output: dict) -> dict[str, Tensor]:
    """The terms of a model's output: its tensors without axes."""
    return {name: value for name, value in output.items() if value.dim() == 0}
