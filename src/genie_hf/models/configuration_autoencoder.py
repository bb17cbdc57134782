"""What the configurations of the video tokenizer and the latent action models share."""

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .configuration_st_transformer import STTransformerConfig


@strict
class GenieAutoencoderConfig(PreTrainedConfig):
    """The frames that a model encodes and decodes.

    Args:
        image_size: height and width of the frames in pixels, or one number for both.
        num_channels: colour channels.
        num_frames: frames of a clip in training.
    """

    image_size: int | list[int] = 64
    num_channels: int = 3
    num_frames: int = 16

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        sides = [self.image_size] * 2 if isinstance(self.image_size, int) else self.image_size
        if len(sides) != 2 or min(sides) < 1:
            raise ValueError(
                f"image_size must be a number of pixels or [height, width], at least 1, got {self.image_size}."
            )

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of a frame in pixels."""
        height, width = [self.image_size] * 2 if isinstance(self.image_size, int) else self.image_size
        return height, width


@strict
class PatchAutoencoderConfig(GenieAutoencoderConfig):
    """Frames of patches, encoded by one ST-transformer and decoded by another.

    Args:
        patch_size: side of a square patch in pixels.
        encoder: size and attention pattern of the encoder, an `STTransformerConfig` or its fields as a dict.
        decoder: the same for the decoder.
    """

    sub_configs = {"encoder": STTransformerConfig, "decoder": STTransformerConfig}

    patch_size: int = 4
    encoder: dict | PreTrainedConfig | None = None
    decoder: dict | PreTrainedConfig | None = None

    def __post_init__(self, **kwargs):
        for name in ("encoder", "decoder"):
            part = getattr(self, name)
            if not isinstance(part, PreTrainedConfig):
                setattr(self, name, STTransformerConfig(**(part or {})))
        super().__post_init__(**kwargs)
        (height, width), patch_size = self.frame_size, self.patch_size
        if patch_size < 1 or height % patch_size or width % patch_size:
            raise ValueError(
                f"image_size {height}x{width} is not a multiple of patch_size {patch_size}; choose a patch size that "
                "divides both sides."
            )

    def to_dict(self) -> dict:
        return super().to_dict() | {name: getattr(self, name).size() for name in ("encoder", "decoder")}

    @property
    def hidden_size(self) -> int:
        """Width of the encoder's token vectors."""
        return self.encoder.hidden_size

    @property
    def num_hidden_layers(self) -> int:
        """Blocks of the encoder."""
        return self.encoder.num_hidden_layers

    @property
    def num_attention_heads(self) -> int:
        """Heads of each attention layer of the encoder."""
        return self.encoder.num_attention_heads

    @property
    def patch_grid_size(self) -> tuple[int, int]:
        """Rows and columns of patches in a frame; each is a token."""
        height, width = self.frame_size
        return height // self.patch_size, width // self.patch_size

    @property
    def grid_size(self) -> tuple[int, int]:
        """Rows and columns (h, w) of codes in a frame."""
        return self.patch_grid_size

    @property
    def tokens_per_frame(self) -> int:
        rows, columns = self.patch_grid_size
        return rows * columns

    @property
    def patch_dim(self) -> int:
        """Numbers in a patch."""
        return self.num_channels * self.patch_size**2
