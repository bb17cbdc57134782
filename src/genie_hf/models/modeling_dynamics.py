"""The dynamics model: the next frame's codes from the frames so far and a latent action (Genie, section 2.1).

A decoder-only MaskGIT: it sees a frame whose codes are partly masked, the frames before it and the action that leads
to it, and predicts the masked codes.

A token stands for a block of codes: one code in the paper, n = `codes_per_token_side` ** 2 in general. The transformer
sees tokens; what is masked, drawn and returned are codes.

Dimension keys: B batch, T frames, (h, w) rows and columns of codes, S = h * w / n tokens in a frame, D width, V codes,
A actions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel  # noqa: F401  (diffusers looks for this name where it loads a component)
from transformers import initialization as init
from transformers.utils import ModelOutput
from transformers.utils.output_capturing import capture_outputs

from .configuration_dynamics import GenieDynamicsConfig
from .st_transformer import GeniePreTrainedModel, STTransformer
from .temporal_cache import TemporalCache

NOT_COUNTED = -100  # the target that PyTorch's cross-entropy leaves out


@dataclass
class GenieDynamicsOutput(ModelOutput):
    """What a `GenieDynamicsModel` returns.

    Args:
        loss: cross-entropy of the masked codes, where a mask was given; plus, if the configuration's
            `token_distance` is not 0, that weight times the expected squared distance of predicted from true codes.
        accuracy: share of the masked codes whose most likely prediction is right.
        logits: scores of every code, of shape `(batch_size, num_frames, h, w, codebook_size)`; without the first
            frame where the model was trained with `context="clean"` and a mask was given.
        hidden_states: on request, what goes into the first block and what comes out of each, of shape
            `(batch_size, num_frames, tokens_per_frame, hidden_size)`.
        attentions: on request, the weights of each attention layer, alternating between space and time, of
            shape `(batch_size, groups, num_heads, queries, keys)`: a group is a frame, or a position over time.
    """

    loss: torch.FloatTensor | None = None
    accuracy: torch.FloatTensor | None = None
    logits: torch.FloatTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


class MaskedCrossEntropy(nn.Module):
    """How well masked codes are predicted: a module of its own, so that `compile()` makes one pass of it.

    After Savov et al. 2025 (arXiv 2504.02515), who add the expected distance of the predicted code to the
    cross-entropy; squared distances need no matrix of all pairs of codes.

    Args:
        config: of the dynamics; its `token_distance` is the weight of the distance.
    """

    def __init__(self, config: GenieDynamicsConfig):
        super().__init__()
        self.config = config
        self.register_buffer("vectors", None, persistent=False)  # (V, codebook_dim), once they are set

    def forward(self, logits: Tensor, codes: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Of the codes that the mask hides, the mean loss and the share whose best guess is right.

        All codes are scored and some not counted: to pick out those that count takes a GPU longer. Without `vectors`
        the loss is the cross-entropy alone.

        Args:
            logits: of shape `(..., codebook_size)`.
            codes: int64 in [0, codebook_size), of shape `(...)`.
            mask: bool, of the shape of `codes`.
        """
        hidden, count = codes.masked_fill(~mask, NOT_COUNTED), mask.sum().clamp(min=1)  # none may be, by chance
        loss = F.cross_entropy(logits.flatten(0, -2).float(), hidden.flatten(), reduction="sum") / count
        if self.config.token_distance and self.vectors is not None:
            distance = self._expected_distance(logits, codes.masked_fill(~mask, 0))
            loss = loss + self.config.token_distance * (distance * mask).sum() / count
        return loss, ((logits.argmax(dim=-1) == codes) & mask).sum() / count

    def _expected_distance(self, logits: Tensor, codes: Tensor) -> Tensor:
        """The expectation of |v_k - v_y|^2 over the predicted code k for the true code y: (..., V), (...) -> (...)."""
        with torch.autocast(logits.device.type, enabled=False):  # bfloat16 would round small distances away
            vectors, predicted = self.vectors.float(), logits.float().softmax(dim=-1)
            square = vectors.square().sum(dim=-1)
            return predicted @ square - 2 * (vectors[codes] * (predicted @ vectors)).sum(dim=-1) + square[codes]


def standardized(vectors: Tensor) -> Tensor:
    """Vectors moved and scaled to the mean 0 and the mean squared length 1."""
    vectors = vectors - vectors.mean(dim=0)
    return vectors / vectors.square().sum(dim=-1).mean().sqrt()


class GenieDynamicsModel(GeniePreTrainedModel):
    """Predicts masked codes of a frame from the frames before it and the latent action that leads to it.

    The latent actions enter as indices with an embedding of their own: no gradient reaches the latent action model,
    as in the paper, and playing does not need it.

    Args:
        config: the configuration.
    """

    config: GenieDynamicsConfig
    config_class = GenieDynamicsConfig
    main_input_name = "codes"
    _input_embed_layer = "code_embedding"

    def __init__(self, config: GenieDynamicsConfig):
        super().__init__(config)
        D = config.hidden_size
        self.code_embedding = nn.Embedding(config.codebook_size + 1, D)  # the last row is the mask
        block = config.codes_per_token_side**2
        if block > 1:
            self.to_token = nn.Linear(block * D, D)
            self.from_token = nn.Linear(D, block * D)
        self.action_embedding = nn.Embedding(config.num_actions + 1, D)  # the last row stands before the first frame
        if config.action_conditioning == "concat":
            self.action_projection = nn.Linear(2 * D, D)
        num_positions = config.tokens_per_frame + (config.action_conditioning == "prepend")
        self.transformer = STTransformer(config, num_positions, config)
        self.head = nn.Linear(D, config.codebook_size)
        self.cross_entropy = MaskedCrossEntropy(config)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module):
        super()._init_weights(module)
        if isinstance(module, GenieDynamicsModel):
            init.zeros_(module.head.weight)  # starts at the uniform distribution

    @torch.no_grad()
    def initialize_from_codebook(self, vectors: Tensor) -> None:
        """Gives codes that look alike similar embeddings and output weights: random projections of their vectors.

        Otherwise what is learnt about one code says nothing about its neighbours, and rare codes learn slowly.

        Args:
            vectors: the video tokenizer's code vectors, of shape `(codebook_size, codebook_dim)`.
        """
        vectors = standardized(vectors)
        D = self.config.hidden_size
        embed, read = torch.randn(2, vectors.shape[1], D, device=vectors.device)
        self.code_embedding.weight[:-1] = vectors @ embed
        self.head.weight.copy_(vectors @ read * D**-0.5)

    @torch.no_grad()
    def set_code_vectors(self, vectors: Tensor) -> None:
        """Says where the codes lie, for a loss with `token_distance`. The vectors stay fixed and are not saved.

        Args:
            vectors: the video tokenizer's code vectors, of shape `(codebook_size, codebook_dim)`.
        """
        # Two vectors drawn independently lie twice the mean squared length apart, in squared distance.
        self.cross_entropy.vectors = standardized(vectors.to(self.device, torch.float32)) * 0.5**0.5

    @capture_outputs
    def forward(
        self,
        codes: Tensor,
        actions: Tensor,
        mask: Tensor | None = None,
        context: Tensor | None = None,
        cache: TemporalCache | None = None,
        positions: Tensor | None = None,
        *,
        return_loss: bool = True,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> GenieDynamicsOutput:
        """Predicts the codes of each frame; with a `mask` also the loss of those that it hides.

        Args:
            codes: int64 in [0, codebook_size], where `codebook_size` is the mask, of shape `(batch_size, num_frames,
                h, w)`.
            actions: int64 latent actions in [0, num_actions). Where `codes` start the clip, of shape
                `(batch_size, num_frames - 1)`: action t leads from frame t to t + 1. Where they continue the frames
                of a `cache`, of shape `(batch_size, num_frames)`: the action that leads to each given frame.
            mask: for training: True where `codes` are hidden and to be predicted, of the shape of `codes`.
            context: for training: the codes that are seen, of the shape of `codes`; by default `codes`.
            cache: keys and values of the frames before.
            positions: int64 of shape `(batch_size, K)` in [0, h * w): the codes of each frame whose logits are wanted,
                row by row; the logits then have the shape `(batch_size, num_frames, K, codebook_size)`, and the cache
                misses the rest: pass a frame without `positions` before it is kept.
            return_loss: whether the loss is returned where there is a `mask`.
            output_hidden_states: whether the blocks' hidden states are returned.
            output_attentions: whether attention weights are returned; needs `attn_implementation="eager"`.

        Raises:
            ValueError: for actions of another shape, and for a loss with `token_distance` before `set_code_vectors`.
        """
        self.check_attentions(output_attentions)
        continuing = cache is not None and cache.position > 0
        expected = (codes.shape[0], codes.shape[1] - (0 if continuing else 1))
        if actions.shape != expected:
            raise ValueError(
                f"actions must have the shape {expected} for {codes.shape[1]} frames that "
                f"{'continue' if continuing else 'start'} a clip, got {tuple(actions.shape)}."
            )
        if not continuing:  # nothing leads to the first frame
            actions = F.pad(actions, (1, 0), value=self.config.num_actions)
        if mask is None:
            return GenieDynamicsOutput(logits=self._logits(self._hidden(codes, actions, cache, positions), positions))

        if self.config.token_distance and return_loss and self.cross_entropy.vectors is None:
            raise ValueError(
                "token_distance needs the vectors of the codes, which are not saved with the model: call "
                "set_code_vectors with what the video tokenizer's quantizer.lookup gives, or set token_distance to 0."
            )
        seen = codes if context is None else context
        if self.config.context == "clean":
            logits = self._clean_context_logits(seen, codes, actions, mask)
            codes, mask = codes[:, 1:], mask[:, 1:]
        else:
            logits = self._logits(self._hidden(seen.masked_fill(mask, self.config.mask_token_id), actions))
        loss, accuracy = self.cross_entropy(logits, codes, mask)
        return GenieDynamicsOutput(loss=loss if return_loss else None, accuracy=accuracy, logits=logits)

    @torch.no_grad()
    def training_inputs(
        self, codes: Tensor, actions: Tensor, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Draws what is hidden and what is corrupted: `model(**model.training_inputs(codes, actions))`.

        The first frame is never masked; the share of masked codes is drawn for each sample (section 2.1).

        Args:
            codes: int64 in [0, codebook_size), of shape `(batch_size, num_frames, h, w)`.
            actions: int64 in [0, num_actions), of shape `(batch_size, num_frames - 1)`.
            generator: source of the random draws, on the codes' device.
        """
        config = self.config

        def rand(*shape):
            return torch.rand(*shape, generator=generator, device=codes.device)

        B, T = codes.shape[:2]
        low, high = config.mask_rate
        mask = rand(*codes.shape) < low + (high - low) * rand(B, 1, 1, 1)
        if config.fully_masked:
            mask |= rand(B, 1, 1, 1) < config.fully_masked
        frame = torch.arange(T, device=codes.device)
        first_masked = torch.ones(B, dtype=torch.long, device=codes.device)
        if config.context == "prefix":
            length = 1 + (rand(B) * (T - 1)).long()
            first_masked = torch.where(rand(B) < 0.5, length, first_masked)
        mask &= (frame >= first_masked[:, None])[:, :, None, None]
        context = codes
        count = int(config.context_own_samples * B + torch.rand(()).item())  # on average, however small the batch
        if count:  # the samples of a batch are in random order: the first ones are as good as any
            first_own = 1 + (rand(count) * (T - 1)).long()
            is_own = (frame >= first_own[:, None])[:, :, None, None]
            own = torch.where(is_own, self._draw_once(codes[:count], actions[:count], rand), codes[:count])
            context = torch.cat([own, codes[count:]])
        wrong = (rand(*codes.shape) * config.codebook_size).long()
        context = torch.where(rand(*codes.shape) < config.context_corruption * rand(B, 1, 1, 1), wrong, context)
        return {"codes": codes, "actions": actions, "mask": mask, "context": context}

    def _draw_once(self, codes: Tensor, actions: Tensor, rand: Callable[..., Tensor]) -> Tensor:
        """What the model makes of each frame after the first in one step, at temperatures between 0 and 1."""
        led_to = F.pad(actions, (1, 0), value=self.config.num_actions)
        logits = self._clean_context_logits(codes, codes, led_to, torch.ones_like(codes, dtype=torch.bool))
        gumbel = -torch.log(-torch.log(rand(*logits.shape).clamp(1e-6, 1 - 1e-6)))
        drawn = (logits.float() + rand(len(codes), 1, 1, 1, 1) * gumbel).argmax(dim=-1)
        torch.clear_autocast_cache()  # or the pass with gradients would use weights that were cast without them
        return torch.cat([codes[:, :1], drawn], dim=1)

    def _clean_context_logits(self, seen: Tensor, codes: Tensor, actions: Tensor, mask: Tensor) -> Tensor:
        """Passes the clip clean, then frames 2..T masked; a masked frame sees itself and the clean ones before it."""
        T = codes.shape[1]
        masked = codes.masked_fill(mask, self.config.mask_token_id)[:, 1:]
        frame = torch.arange(T, device=codes.device)
        times = torch.cat([frame, frame[1:]])
        is_clean = torch.arange(2 * T - 1, device=codes.device) < T
        earlier = times[:, None] > times[None, :]
        itself = torch.eye(2 * T - 1, dtype=torch.bool, device=codes.device)
        hidden = self._hidden(
            torch.cat([seen, masked], dim=1),
            torch.cat([actions, actions[:, 1:]], dim=1),
            times=times,
            visible=itself | (earlier & is_clean),
        )
        return self._logits(hidden[:, T:])

    def _hidden(
        self,
        codes: Tensor,
        actions: Tensor,
        cache: TemporalCache | None = None,
        positions: Tensor | None = None,
        times: Tensor | None = None,
        visible: Tensor | None = None,
    ) -> Tensor:
        """(B, T, h, w) codes and the (B, T) actions into them -> (B, T, S, D).

        Where `positions` (B, K) name fewer codes than there are tokens (B, T, K, D), the token of each.
        """
        config = self.config
        if config.codes_per_token_side > 1:
            hidden = self.to_token(self.code_embedding(self._blocks(codes)).flatten(-2))
        else:
            hidden = self.code_embedding(codes.flatten(-2))
        tokens = None
        if positions is not None and positions.shape[1] < config.tokens_per_frame:
            tokens, _ = self._token_and_slot(positions)
        action = self.action_embedding(actions).unsqueeze(2)
        if config.action_conditioning == "add":
            hidden = hidden + action
        elif config.action_conditioning == "concat":
            hidden = self.action_projection(torch.cat([hidden, action.expand_as(hidden)], dim=-1))
        else:
            hidden = torch.cat([action, hidden], dim=2)
            tokens = None if tokens is None else tokens + 1
        hidden = self.transformer(hidden, cache, times, visible, tokens)
        return hidden[:, :, 1:] if config.action_conditioning == "prepend" and tokens is None else hidden

    def _logits(self, hidden: Tensor, positions: Tensor | None = None) -> Tensor:
        """What `_hidden` gave -> (B, T, h, w, V), or (B, T, K, V) at `positions` (B, K)."""
        config = self.config
        side, (rows, columns) = config.codes_per_token_side, config.token_grid_size
        if side > 1:
            hidden = self.from_token(hidden).unflatten(-1, (side**2, config.hidden_size))  # (B, T, tokens, n, D)
        else:
            hidden = hidden.unsqueeze(-2)
        if positions is None:
            hidden = hidden.unflatten(3, (side, side)).unflatten(2, (rows, columns))
            hidden = hidden.transpose(3, 4).flatten(4, 5).flatten(2, 3)  # (B, T, rows, side, columns, side, D)
            return self.head(hidden)
        token, slot = self._token_and_slot(positions)
        if positions.shape[1] < config.tokens_per_frame:
            token = torch.arange(positions.shape[1], device=positions.device).expand_as(positions)
        sample = torch.arange(len(positions), device=positions.device)[:, None]
        hidden = hidden.transpose(1, 2).transpose(2, 3)[sample, token, slot]  # (B, tokens, n, T, D) -> (B, K, T, D)
        return self.head(hidden.transpose(1, 2))

    def _blocks(self, codes: Tensor) -> Tensor:
        """(B, T, h, w) -> (B, T, S, n): the codes of each token."""
        side = self.config.codes_per_token_side
        blocks = codes.unflatten(3, (-1, side)).unflatten(2, (-1, side))  # (B, T, rows, side, columns, side)
        return blocks.transpose(3, 4).flatten(4, 5).flatten(2, 3)

    def _token_and_slot(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """For positions of codes in [0, h * w): the token that each belongs to, and its place in the token."""
        side, columns = self.config.codes_per_token_side, self.config.grid_size[1]
        row, column = positions // columns, positions % columns
        token = row // side * (columns // side) + column // side
        return token, row % side * side + column % side


__all__ = ["GenieDynamicsModel", "GenieDynamicsOutput"]
