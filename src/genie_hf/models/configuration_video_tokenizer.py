"""Configuration of the video tokenizer."""

from huggingface_hub.dataclasses import strict

from .configuration_autoencoder import GenieAutoencoderConfig


@strict
class GenieVideoTokenizerConfig(GenieAutoencoderConfig):
    """Configuration of a `GenieVideoTokenizer` (Genie, section 2.1 and appendix C.2).

    Args:
        image_size: height and width of the frames in pixels, or one number for both.
        num_channels: colour channels.
        num_frames: frames that attention in time spans.
        patch_size: side of the square patch behind one code, in pixels.
        codebook_size: number of codes (paper: 1024).
        codebook_dim: size of a code vector (paper: 32).
        commitment_weight: weight of the commitment loss.
        revival_threshold: a code with less than this part of an even share of the patches is revived.
        continuous_steps: training passes with unquantised latents, before k-means makes the codebook.
        batch_norm: whether latents are batch-normalised before they are projected onto the sphere.
        encoder: size and attention pattern of the encoder, an `STTransformerConfig` or its fields as a dict.
        decoder: the same for the decoder. Scaling the decoder pays more than scaling the encoder (appendix C.2).
    """

    model_type = "genie_video_tokenizer"

    codebook_size: int = 1024
    codebook_dim: int = 32
    commitment_weight: float | int = 0.25
    revival_threshold: float | int = 0.05
    continuous_steps: int = 0
    batch_norm: bool = False


__all__ = ["GenieVideoTokenizerConfig"]
