"""The output of all latent action models."""

from dataclasses import dataclass

import torch
from transformers.utils import ModelOutput


@dataclass
class GenieLatentActionOutput(ModelOutput):
    """What a latent action model returns.

    Args:
        loss: sum of the losses below.
        reconstruction_loss: motion-weighted squared error of the predicted pixels, cross-entropy of predicted codes,
            or the error of the predicted displacements.
        codebook_loss: pulls action vectors to the encoder's latents.
        commitment_loss: pulls the encoder's latents to their action vectors, weighted.
        persistence_loss: draws neighbouring actions of a model of motion together, weighted.
        perplexity: exp(entropy) of the actions of the batch, in [1, num_actions].
        usage: share of the actions that is alive.
        reconstruction: frames 2..T as predicted, of shape `(batch_size, num_frames - 1, channels, height, width)`,
            about [0, 1], not clamped; for `input="codes"` logits of shape `(batch_size, num_frames - 1, h, w,
            codebook_size)`; none of a model of motion, whose `decode` moves the frames before.
        actions: int64 of shape `(batch_size, num_frames - 1)` in [0, num_actions).
        hidden_states: of the encoder, on request; as in `GenieDynamicsOutput`.
        attentions: likewise.
    """

    loss: torch.FloatTensor | None = None
    reconstruction_loss: torch.FloatTensor | None = None
    codebook_loss: torch.FloatTensor | None = None
    commitment_loss: torch.FloatTensor | None = None
    persistence_loss: torch.FloatTensor | None = None
    perplexity: torch.FloatTensor | None = None
    usage: torch.FloatTensor | None = None
    reconstruction: torch.FloatTensor | None = None
    actions: torch.LongTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None
