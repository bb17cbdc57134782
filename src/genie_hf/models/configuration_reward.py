"""Configuration of the reward model."""

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig


@strict
class GenieRewardConfig(PreTrainedConfig):
    """Configuration of a `GenieRewardModel`.

    Args:
        outcomes: what can come of a step, each as `[reward, whether the episode ends]`; training finds them in the
            data.
        codebook_size: number of video codes.
        grid_size: rows and columns of codes in a frame.
        code_dim: size of a code's vector.
        hidden_size: channels of the first convolution, and twice as many at each further one.
        video_tokenizer_fingerprint: of the video tokenizer whose codes the weights know, as in `GenieDynamicsConfig`.
    """

    model_type = "genie_reward"

    outcomes: list[list[float | int | bool]] | None = None
    codebook_size: int = 1024
    grid_size: list[int] | tuple[int, int] | None = None
    code_dim: int = 16
    hidden_size: int = 32
    video_tokenizer_fingerprint: str | None = None

    num_frames = 2  # the last ones, which are seen: where everything is, and how it moves

    def __post_init__(self, **kwargs):
        self.grid_size = [16, 16] if self.grid_size is None else list(self.grid_size)
        given = [[0.0, False], [1.0, True]] if self.outcomes is None else self.outcomes
        self.outcomes = [[float(reward), bool(ended)] for reward, ended in given]
        super().__post_init__(**kwargs)
        for name in ("codebook_size", "code_dim", "hidden_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if len(self.grid_size) != 2 or min(self.grid_size) < 1:
            raise ValueError(f"grid_size must be [rows, columns] of at least 1, got {self.grid_size}.")
        if len(self.outcomes) < 2:
            raise ValueError(f"outcomes are {self.outcomes}: where nothing else can happen, nothing can be learnt.")


__all__ = ["GenieRewardConfig"]
