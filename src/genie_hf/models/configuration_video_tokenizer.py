"""Configuration of the video tokenizer."""

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .configuration_autoencoder import PatchAutoencoderConfig
from .quantizers.registry import quantizer_config, quantizer_values
from .quantizers.vector_quantizer import VectorQuantizerConfig


@strict
class GenieVideoTokenizerConfig(PatchAutoencoderConfig):
    """Configuration of a `GenieVideoTokenizer` (Genie, section 2.1 and appendix C.2).

    The fields of a `VectorQuantizerConfig`, such as `codebook_size`, may be given in place of a `quantizer`.

    Args:
        image_size: height and width of the frames in pixels, or one number for both.
        num_channels: colour channels.
        num_frames: frames that attention in time spans.
        patch_size: side of the square patch behind one token, in pixels.
        codes_per_token_side: a token stands for a block of this many codes squared: 1 as in the paper; with 2 and
            patches of 8 pixels a frame has as many codes as with patches of 4, at the cost of a quarter of the tokens.
        quantizer: how latents become codes, a configuration or its fields as a dict with a `type`, see
            `genie_hf.models.quantizers`.
        linear_path: whether a linear map past the transformer is added to it, in the encoder and in the decoder.
        encoder: size and attention pattern of the encoder, an `STTransformerConfig` or its fields as a dict.
        decoder: the same for the decoder. Scaling the decoder pays more than scaling the encoder (appendix C.2).
    """

    model_type = "genie_video_tokenizer"
    sub_configs = PatchAutoencoderConfig.sub_configs | {"quantizer": PreTrainedConfig}

    codes_per_token_side: int = 1
    quantizer: dict | PreTrainedConfig | None = None
    linear_path: bool = False

    def __post_init__(self, **kwargs):
        fields = {name: kwargs.pop(name) for name in VectorQuantizerConfig.__annotations__ if name in kwargs}
        if fields and self.quantizer is not None:
            raise ValueError(f"give a quantizer or {', '.join(fields)}, not both.")
        self.quantizer = quantizer_config(fields or self.quantizer)
        super().__post_init__(**kwargs)
        if self.codes_per_token_side < 1:
            raise ValueError(f"codes_per_token_side must be at least 1, got {self.codes_per_token_side}.")

    def to_dict(self) -> dict:
        values = super().to_dict() | {"quantizer": quantizer_values(self.quantizer)}
        if "auto_map" in values:
            # As our name contains "Tokenizer", transformers writes (slow, fast), as for a tokenizer of text.
            classes = values["auto_map"].items()
            values["auto_map"] = {auto: name if isinstance(name, str) else name[0] for auto, name in classes}
        return values

    @property
    def grid_size(self) -> tuple[int, int]:
        """Rows and columns (h, w) of codes in a frame."""
        rows, columns = self.patch_grid_size
        return rows * self.codes_per_token_side, columns * self.codes_per_token_side

    @property
    def codebook_size(self) -> int:
        """Number of codes (paper: 1024)."""
        return self.quantizer.codebook_size

    @property
    def codebook_dim(self) -> int:
        """Size of a code vector (paper: 32)."""
        return self.quantizer.codebook_dim

    @property
    def is_spatial(self) -> bool:
        """Whether every frame is coded on its own."""
        return self.encoder.pattern == self.decoder.pattern == "spatial"


__all__ = ["GenieVideoTokenizerConfig"]
