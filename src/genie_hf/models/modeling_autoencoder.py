"""What the video tokenizer and the latent action models share: frames become latents, latents codes, codes frames."""

import torch
from torch import Tensor, nn
from transformers import initialization as init
from transformers.utils.output_capturing import OutputRecorder

from .configuration_autoencoder import GenieAutoencoderConfig
from .patches import PIXEL_SCALE, check_shape, unit_pixels
from .quantizers.quantizer import Quantizer, QuantizerOutput
from .st_transformer import Attention, GeniePreTrainedModel, STBlock


class GenieAutoencoder(GeniePreTrainedModel):
    """An `encoder`, a `quantizer` and a `decoder`.

    Attributes:
        encoding_modules: the modules that codes are made with. The others may be trained again: codes stay as they
            are.
    """

    config: GenieAutoencoderConfig
    main_input_name = "pixel_values_videos"
    _keep_in_fp32_modules_strict = ["quantizer"]
    _can_record_outputs = {
        "hidden_states": OutputRecorder(STBlock, layer_name="encoder"),
        "attentions": OutputRecorder(Attention, index=1, layer_name="encoder"),
    }
    encoding_modules: tuple[str, ...]
    fewest_frames = 1  # of a clip
    quantizer: Quantizer

    @torch.no_grad()
    def _init_weights(self, module: nn.Module):
        super()._init_weights(module)
        if isinstance(module, Quantizer):
            module.reset_parameters()

    def _check(self, frames: Tensor) -> Tensor:
        """Pixels in [0, 1]. Raises `ValueError` for frames of another size than the configured one, or too few."""
        shape = self.config.num_channels, *self.config.frame_size
        check_shape(frames, "pixels", shape, self.fewest_frames)
        return unit_pixels(frames)


def init_for_pixels(linear: nn.Linear) -> None:
    """Gives a layer that takes pixels an output of unit variance."""
    init.normal_(linear.weight, std=PIXEL_SCALE * linear.in_features**-0.5)


def init_for_codes(linear: nn.Linear, quantizer: Quantizer) -> None:
    """Gives a layer that takes code vectors an output of unit variance."""
    init.normal_(linear.weight, std=linear.in_features**-0.5 / quantizer.vector_scale)


def terms(
    quantized: QuantizerOutput, reconstruction_loss: Tensor, return_loss: bool, **losses: Tensor
) -> dict[str, Tensor | None]:
    """What every output holds: the losses, their sum, and how much of the codebook is used."""
    losses = {
        "reconstruction_loss": reconstruction_loss,
        "codebook_loss": quantized.codebook_loss,
        "commitment_loss": quantized.commitment_loss,
    } | losses
    use = {"perplexity": quantized.perplexity, "usage": quantized.usage}
    return {"loss": sum(losses.values()) if return_loss else None} | losses | use
