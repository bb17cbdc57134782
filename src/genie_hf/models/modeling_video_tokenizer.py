"""The video tokenizer: a VQ-VAE between frames and codes, causal in time (Genie, section 2.1: "ST-ViViT").

Dimension keys: B batch, T frames, (h, w) rows and columns of patches, S = h * w, D width, V codes.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel  # noqa: F401  (diffusers looks for this name where it loads a component)
from transformers import initialization as init
from transformers.utils import ModelOutput
from transformers.utils.output_capturing import capture_outputs

from .configuration_video_tokenizer import GenieVideoTokenizerConfig
from .entries import entry
from .modeling_autoencoder import GenieAutoencoder, init_for_codes, init_for_pixels, terms
from .patches import PIXEL_SCALE, one_of, patchify, unit_pixels, unpatchify
from .quantizers.registry import make_quantizer
from .st_transformer import STTransformer
from .temporal_cache import TemporalCache


@dataclass
class GenieVideoTokenizerOutput(ModelOutput):
    """What a `GenieVideoTokenizer` returns.

    Args:
        loss: sum of the three losses below.
        reconstruction_loss: mean squared error of the pixels.
        codebook_loss: pulls codes to the encoder's latents.
        commitment_loss: pulls the encoder's latents to their codes, weighted.
        perplexity: exp(entropy) of the codes of the batch.
        usage: share of the codebook that is alive.
        reconstruction: pixels of shape `(batch_size, num_frames, channels, height, width)`, about [0, 1], not clamped.
        codes: int64 of shape `(batch_size, num_frames, h, w)` in [0, codebook_size).
        hidden_states: of the encoder, on request; as in `GenieDynamicsOutput`.
        attentions: likewise.
    """

    loss: torch.FloatTensor | None = None
    reconstruction_loss: torch.FloatTensor | None = None
    codebook_loss: torch.FloatTensor | None = None
    commitment_loss: torch.FloatTensor | None = None
    perplexity: torch.FloatTensor | None = None
    usage: torch.FloatTensor | None = None
    reconstruction: torch.FloatTensor | None = None
    codes: torch.LongTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


@torch.no_grad()
def fit_linear(linear: nn.Linear, inputs: Tensor, targets: Tensor) -> None:
    """Sets a linear layer to the least-squares map from inputs (N, in_features) to targets (N, out_features)."""
    inputs, targets = F.pad(inputs, (0, 1), value=1.0).double(), targets.double()
    gram = inputs.T @ inputs
    gram.diagonal().add_(1e-6 * gram.diagonal().mean())
    solution = torch.linalg.solve(gram, inputs.T @ targets)
    linear.weight.copy_(solution[:-1].T)
    linear.bias.copy_(solution[-1])


class GenieVideoTokenizer(GenieAutoencoder):
    """Turns frames into a grid of codes each, and codes into frames. A code depends on no later frame.

    Args:
        config: the configuration.
    """

    config: GenieVideoTokenizerConfig
    config_class = GenieVideoTokenizerConfig
    _input_embed_layer = "patch_embedding"
    encoding_modules = ("patch_embedding", "encoder", "to_latent", "patch_to_latent", "quantizer")

    def __init__(self, config: GenieVideoTokenizerConfig):
        super().__init__(config)
        patch_dim = config.patch_dim
        latent_dim = config.codes_per_token_side**2 * config.codebook_dim
        self.patch_embedding = nn.Linear(patch_dim, config.encoder.hidden_size)
        self.encoder = STTransformer(config.encoder, config.tokens_per_frame, config)
        self.to_latent = nn.Linear(config.encoder.hidden_size, latent_dim)
        self.quantizer = make_quantizer(config.quantizer)
        self.from_latent = nn.Linear(latent_dim, config.decoder.hidden_size)
        self.decoder = STTransformer(config.decoder, config.tokens_per_frame, config)
        self.to_pixels = nn.Linear(config.decoder.hidden_size, patch_dim)
        if config.linear_path:
            self.patch_to_latent = nn.Linear(patch_dim, latent_dim, bias=False)
            self.latent_to_pixels = nn.Linear(latent_dim, patch_dim, bias=False)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module):
        super()._init_weights(module)
        if isinstance(module, GenieVideoTokenizer):
            init_for_codes(module.from_latent, module.quantizer)
            init_for_pixels(module.patch_embedding)
            if module.config.linear_path:
                init_for_pixels(module.patch_to_latent)
                # two outputs are added: together they spread as pixels do
                for output in (module.to_pixels, module.latent_to_pixels):
                    init.normal_(output.weight, std=output.in_features**-0.5 / PIXEL_SCALE)
            init.constant_(module.to_pixels.bias, 0.5)  # the middle of [0, 1]

    @torch.no_grad()
    def initialize_from_frames(self, pixels: Tensor) -> None:
        """Starts as well as linear algebra can: as the k-means of the principal components of the patches.

        The output layers of encoder and decoder are fitted by least squares, through the random transformers before
        them, so that latents are the patches' leading principal components with a constant beside them (on the unit
        sphere the constant keeps their length), codes are the k-means of these, and decoded patches are the mean
        patch of their code. From a random start the same quality takes thousands of steps, in which most codes
        die.

        Args:
            pixels: in [0, 1] or uint8, of shape `(batch_size, num_frames, channels, height, width)`; about 30 patches
                for each code.

        Raises:
            ValueError: for a tokenizer whose codes are not learnt, with several codes a token, or with a linear path.
        """
        config = self.config
        if not self.quantizer.learns_codes or config.codes_per_token_side > 1 or config.linear_path:
            raise ValueError(
                "a tokenizer can start from data only with a quantizer that learns its codes, codes_per_token_side 1 "
                "and no linear_path; leave initialize_from_frames out."
            )
        for transformer in (self.encoder, self.decoder):  # near the identity, so that little is lost on the way
            for block in transformer.blocks:
                for linear in block.output_layers():
                    linear.weight.mul_(0.1)
        patches = patchify(unit_pixels(pixels), config.patch_size).float()
        centred = patches.flatten(0, -2) - patches.flatten(0, -2).mean(dim=0)
        components = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(-1)[:, : config.codebook_dim - 1]
        coordinates = centred @ components
        spread = coordinates.square().sum(dim=-1).mean().sqrt()
        latents = F.pad(coordinates / spread, (0, 1), value=2.0)

        hidden = self.encoder(self.patch_embedding(patches - 0.5))
        fit_linear(self.to_latent, hidden.flatten(0, -2), latents)
        self.quantizer.initialize_from_latents(self.to_latent(hidden))
        vectors = self.quantizer.lookup(self.quantizer(self.to_latent(hidden)).codes)
        mean = vectors.flatten(0, -2).mean(dim=0)
        self.from_latent.weight.div_((vectors - mean).square().sum(dim=-1).mean().sqrt())  # unit variance again
        self.from_latent.bias.copy_(-self.from_latent.weight @ mean)
        fit_linear(self.to_pixels, self.decoder(self.from_latent(vectors)).flatten(0, -2), patches.flatten(0, -2))

    def _encode(self, pixels: Tensor, cache: TemporalCache | None = None) -> Tensor:
        """(B, T, C, H, W) -> (B, T, h, w, codebook_dim)."""
        patches = patchify(pixels.to(self.encoder.dtype), self.config.patch_size) - 0.5
        latents = self.to_latent(self.encoder(self.patch_embedding(patches), cache))
        if self.config.linear_path:
            latents = latents + self.patch_to_latent(patches)
        latents = unpatchify(latents, self.config.codes_per_token_side, self.config.patch_grid_size)
        return latents.movedim(2, -1)  # (B, T, codebook_dim, h, w) -> (B, T, h, w, codebook_dim)

    def _decode(self, vectors: Tensor, cache: TemporalCache | None = None) -> Tensor:
        """(B, T, h, w, codebook_dim) -> (B, T, C, H, W)."""
        latents = patchify(vectors.to(self.decoder.dtype).movedim(-1, 2), self.config.codes_per_token_side)
        pixels = self.to_pixels(self.decoder(self.from_latent(latents), cache))
        if self.config.linear_path:
            pixels = pixels + self.latent_to_pixels(latents)
        return unpatchify(pixels, self.config.patch_size, self.config.patch_grid_size)

    @entry
    def encode(self, pixels: Tensor, cache: TemporalCache | None = None) -> Tensor:
        """Turns frames into codes.

        Args:
            pixels: in [0, 1] or uint8, of shape `(batch_size, num_frames, channels, height, width)`.
            cache: keys and values of the frames before these.

        Returns:
            int64 codes in [0, codebook_size) of shape `(batch_size, num_frames, h, w)`.

        Raises:
            ValueError: where the frames are not of the configured size.
            TypeError: for integers that are not uint8.
        """
        return self.quantizer(self._encode(self._check(pixels), cache)).codes

    @entry
    def decode(self, codes: Tensor, cache: TemporalCache | None = None) -> Tensor:
        """Turns codes into frames.

        Args:
            codes: int64 in [0, codebook_size), of shape `(batch_size, num_frames, h, w)`.
            cache: keys and values of the frames before these.

        Returns:
            Pixels in [0, 1] of shape `(batch_size, num_frames, channels, height, width)`.
        """
        return self._decode(self.quantizer.lookup(codes), cache).clamp(0, 1)

    @capture_outputs
    def forward(
        self,
        pixel_values_videos: Tensor | None = None,
        *,
        pixels: Tensor | None = None,
        return_loss: bool = True,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> GenieVideoTokenizerOutput:
        """Encodes frames and decodes them again, with the losses for training.

        Args:
            pixel_values_videos: in [0, 1] or uint8, of shape `(batch_size, num_frames, channels, height, width)`.
            pixels: another name for them, the one that a `VideoDataset` uses.
            return_loss: whether the loss is returned.
            output_hidden_states: whether the hidden states of the encoder's blocks are returned.
            output_attentions: whether its attention weights are returned; needs `attn_implementation="eager"`.

        Raises:
            ValueError: where the frames are not of the configured size.
            TypeError: for integers that are not uint8.
        """
        self.check_attentions(output_attentions)
        pixels = self._check(one_of(pixel_values_videos=pixel_values_videos, pixels=pixels))
        quantized = self.quantizer(self._encode(pixels))
        reconstruction = self._decode(quantized.quantized)
        reconstruction_loss = F.mse_loss(reconstruction.float(), pixels.float())
        return GenieVideoTokenizerOutput(
            **terms(quantized, reconstruction_loss, return_loss), reconstruction=reconstruction, codes=quantized.codes
        )


__all__ = ["GenieVideoTokenizer", "GenieVideoTokenizerOutput"]
