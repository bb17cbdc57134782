"""What the configurations of the video tokenizer and the latent action model share.

Both cut frames into patches, encode them with one ST-transformer and decode with another.
"""

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .configuration_st_transformer import STTransformerConfig


def patch_grid(image_size: int | list[int], patch_size: int) -> tuple[int, int]:
    """Rows and columns of patches in a frame. Raises `ValueError` if the patches do not tile it."""
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if patch_size < 1 or height % patch_size or width % patch_size or height < 1 or width < 1:
        raise ValueError(
            f"image_size {height}x{width} is not a multiple of patch_size {patch_size}; choose a patch size that "
            "divides both sides."
        )
    return height // patch_size, width // patch_size


@strict
class GenieAutoencoderConfig(PreTrainedConfig):
    """Frames of patches, encoded by one ST-transformer and decoded by another.

    Args:
        image_size: height and width of the frames in pixels, or one number for both.
        num_channels: colour channels.
        num_frames: frames that attention in time spans.
        patch_size: side of a square patch in pixels.
        encoder: size and attention pattern of the encoder, an `STTransformerConfig` or its fields as a dict.
        decoder: the same for the decoder.
    """

    sub_configs = {"encoder": STTransformerConfig, "decoder": STTransformerConfig}

    image_size: int | list[int] = 64
    num_channels: int = 3
    num_frames: int = 16
    patch_size: int = 4
    encoder: dict | PreTrainedConfig | None = None
    decoder: dict | PreTrainedConfig | None = None

    def __post_init__(self, **kwargs):
        for name in ("encoder", "decoder"):
            part = getattr(self, name)
            if not isinstance(part, PreTrainedConfig):
                setattr(self, name, STTransformerConfig(**(part or {})))
        super().__post_init__(**kwargs)
        patch_grid(self.image_size, self.patch_size)

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
        return patch_grid(self.image_size, self.patch_size)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Rows and columns (h, w) of codes in a frame."""
        return self.patch_grid_size

    @property
    def tokens_per_frame(self) -> int:
        rows, columns = self.patch_grid_size
        return rows * columns

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of a frame in pixels."""
        rows, columns = self.patch_grid_size
        return rows * self.patch_size, columns * self.patch_size
