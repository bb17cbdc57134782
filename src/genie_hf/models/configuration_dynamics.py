"""Configuration of the dynamics model."""

from typing import Literal

from huggingface_hub.dataclasses import strict

from .configuration_st_transformer import STTransformerConfig


@strict
class GenieDynamicsConfig(STTransformerConfig):
    """Configuration of a `GenieDynamicsModel` (Genie, section 2.1 and appendix C.3).

    It has the fields of `STTransformerConfig` as well.

    Args:
        codebook_size: number of video codes V; V itself is the mask.
        num_actions: number of latent actions A.
        grid_size: rows and columns of codes in a frame.
        codes_per_token_side: a token stands for a block of this many codes squared, as in the video tokenizer: 1 as in
            the paper; with 2 a frame of 16x16 codes costs what 64 tokens cost.
        num_frames: frames that attention in time spans: the world's memory.
        action_conditioning: how an action enters the frame that it leads to: `"add"`, an embedding added to every
            token (paper: more controllable than concatenation); `"concat"`, concatenated and projected; `"prepend"`, a
            token of its own in front of the frame's.
        mask_rate: bounds of the share of masked codes in training, drawn uniformly for each sample (paper: [0.5, 1]).
        fully_masked: share of the training samples in which every code is masked, as at the first MaskGIT step.
        context: what a masked frame sees of the frames before it in training: `"masked"`, as they are masked
            themselves (paper); `"prefix"`, in half of the samples a random number of first frames is clean;
            `"clean"`, always the clean frames, as in play (the clip passes twice, clean and masked, and a masked
            frame attends to the clean ones).
        context_corruption: largest share of context codes that are replaced by random ones, drawn uniformly for each
            sample, so that play from imperfect frames is practised.
        context_own_samples: share of the training samples whose context, from a random frame on, is what the model
            itself draws for these frames in one step. For `context="clean"`.
        token_distance: weight in the loss of the expected squared distance between the vectors of the predicted code
            and the true one, so that a wrong code costs less the nearer it lies (after Savov et al. 2025, arXiv
            2504.02515); two codes drawn uniformly lie 1 apart on average. 0: plain cross-entropy, as in the paper.
        video_tokenizer_fingerprint: of the video tokenizer whose codes the weights know, see `genie_hf.fingerprint`.
            Training writes it, and `GeniePipeline` takes no other tokenizer; None takes any.
        latent_action_fingerprint: likewise, of the latent action model.
    """

    model_type = "genie_dynamics"

    codebook_size: int = 1024
    num_actions: int = 8
    grid_size: list[int] | tuple[int, int] | None = None
    codes_per_token_side: int = 1
    num_frames: int = 16
    action_conditioning: Literal["add", "concat", "prepend"] = "add"
    mask_rate: list[float | int] | tuple[float | int, float | int] | None = None
    fully_masked: float | int = 0.0
    context: Literal["masked", "prefix", "clean"] = "masked"
    context_corruption: float | int = 0.0
    context_own_samples: float | int = 0.0
    token_distance: float | int = 0.0
    video_tokenizer_fingerprint: str | None = None
    latent_action_fingerprint: str | None = None

    def __post_init__(self, **kwargs):
        self.grid_size = [16, 16] if self.grid_size is None else list(self.grid_size)
        self.mask_rate = [0.5, 1.0] if self.mask_rate is None else list(self.mask_rate)
        super().__post_init__(**kwargs)
        self.check_dynamics()

    def check_dynamics(self):
        """Raises `ValueError` for impossible values."""
        if len(self.grid_size) != 2 or min(self.grid_size) < 1:
            raise ValueError(f"grid_size must be [rows, columns] of at least 1, got {self.grid_size}.")
        side = self.codes_per_token_side
        if side < 1 or self.grid_size[0] % side or self.grid_size[1] % side:
            raise ValueError(f"blocks of codes_per_token_side {side} do not tile the grid_size {self.grid_size}.")
        rates = self.mask_rate
        if len(rates) != 2 or not 0 <= rates[0] <= rates[1] <= 1 or not rates[1]:
            raise ValueError(
                f"mask_rate must be [low, high] with 0 <= low <= high <= 1 and high above 0, got {rates}."
            )
        for name in ("context_corruption", "context_own_samples", "fully_masked"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}.")
        if self.context_own_samples and self.context != "clean":
            raise ValueError(f"context_own_samples needs context 'clean', got {self.context!r}.")
        if self.token_distance < 0:
            raise ValueError(f"token_distance must be at least 0, got {self.token_distance}.")
        if self.num_actions < 2:
            raise ValueError(f"num_actions must be at least 2, got {self.num_actions}: one action controls nothing.")
        if self.num_frames < 2:
            raise ValueError(f"num_frames must be at least 2, got {self.num_frames}: a frame needs one before it.")

    @property
    def mask_token_id(self) -> int:
        """The index that stands for a masked code, one past the last code."""
        return self.codebook_size

    @property
    def token_grid_size(self) -> tuple[int, int]:
        """Rows and columns of tokens in a frame."""
        return self.grid_size[0] // self.codes_per_token_side, self.grid_size[1] // self.codes_per_token_side

    @property
    def tokens_per_frame(self) -> int:
        rows, columns = self.token_grid_size
        return rows * columns


__all__ = ["GenieDynamicsConfig"]
