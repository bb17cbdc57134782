"""The model sizes of the Genie paper (arXiv 2402.15391) as configurations: appendices C.1 to C.3 and F.

    GenieDynamicsModel(preset("dynamics-404m"))
    pipeline_preset("genie-10.7b")["video_tokenizer"]

The paper does not state the feed-forward width, and its parameter counts leave little room for one: the two attention
layers of a block alone exceed several of them. Here `intermediate_size` is the multiple of 128 that brings a model
nearest to the paper's count, but never below half of `hidden_size`: the feed-forward layer is the only place where a
token is transformed on its own. docs/parameters.md sets our counts beside the paper's. What does not concern size
(context in training, motion weight, ...) has the configurations' defaults.
"""

from transformers import PreTrainedConfig

from .models.configuration_dynamics import GenieDynamicsConfig
from .models.configuration_latent_action import GenieLatentActionConfig
from .models.configuration_video_tokenizer import GenieVideoTokenizerConfig

# Height and width. The paper's Platformers frames are 90 high, which neither patch size divides, 4 nor 16. 96 is the
# next height that both do, so that all models of a world see the same frames. (The paper's tokenizer seems to have
# 23 x 40 codes, a height of 92: its 942B tokens are 125,000 steps of 512 clips of 16 frames of 920 codes. Patches of
# 16 do not tile that.)
PLATFORMERS_IMAGE_SIZE = [96, 160]


def _transformer(layers: int, heads: int, width: int, head_dim: int, intermediate_size: int) -> dict:
    return {
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "hidden_size": width,
        "head_dim": head_dim,
        "intermediate_size": intermediate_size,
    }


_DYNAMICS = {  # layers, heads, d_model and k/q size as in appendix C.3's tables; intermediate_size
    "dynamics-41m": (18, 8, 512, 64, 256),
    "dynamics-96m": (16, 16, 768, 64, 384),
    "dynamics-192m": (20, 18, 1024, 64, 512),
    "dynamics-404m": (21, 12, 1536, 128, 768),
    "dynamics-811m": (20, 20, 2048, 128, 1024),
    "dynamics-1.6b": (28, 22, 2560, 128, 1280),
    "dynamics-2.3b": (34, 20, 2560, 128, 2944),  # the study of the batch size
    "dynamics-2.7b": (36, 22, 3072, 128, 1536),
    "dynamics-10.1b": (48, 36, 5120, 128, 2560),  # Genie's own
}

MODELS = ("video-tokenizer-200m", "latent-action-300m", *_DYNAMICS)
PIPELINES = ("genie-10.7b", "coinrun")


def preset(name: str) -> PreTrainedConfig:
    """A fresh configuration of one Platformers model of the paper, for clips of 16 frames of 96x160 pixels.

    Args:
        name: one of `MODELS`.

    Raises:
        ValueError: for another name.
    """
    if name == "video-tokenizer-200m":  # appendix C.2
        return GenieVideoTokenizerConfig(
            image_size=PLATFORMERS_IMAGE_SIZE,
            patch_size=4,
            codebook_size=1024,
            codebook_dim=32,
            encoder=_transformer(12, 8, 512, 64, 256),
            decoder=_transformer(20, 16, 1024, 64, 512),
        )
    if name == "latent-action-300m":  # appendix C.1; k/q size taken as 1024 / 16
        return GenieLatentActionConfig(
            image_size=PLATFORMERS_IMAGE_SIZE,
            patch_size=16,
            num_actions=8,
            action_dim=32,
            encoder=_transformer(20, 16, 1024, 64, 512),
            decoder=_transformer(20, 16, 1024, 64, 512),
        )
    if name in _DYNAMICS:
        grid_size = [side // 4 for side in PLATFORMERS_IMAGE_SIZE]
        return GenieDynamicsConfig(
            codebook_size=1024, num_actions=8, grid_size=grid_size, **_transformer(*_DYNAMICS[name])
        )
    raise ValueError(f"there is no model preset {name!r}; choose one of {', '.join(MODELS)}.")


def pipeline_preset(name: str) -> dict[str, PreTrainedConfig]:
    """Fresh configurations of the three models of a pipeline of the paper, by their names in `GeniePipeline`.

    Args:
        name: one of `PIPELINES`: `"genie-10.7b"`, the paper's final model, or `"coinrun"`, its case study on 64x64
            frames (appendix F), which `pipelines/coinrun` trains.

    Returns:
        A dict of `video_tokenizer`, `latent_action_model` and `dynamics`.

    Raises:
        ValueError: for another name.
    """
    if name == "genie-10.7b":
        return {
            "video_tokenizer": preset("video-tokenizer-200m"),
            "latent_action_model": preset("latent-action-300m"),
            "dynamics": preset("dynamics-10.1b"),
        }
    if name == "coinrun":  # not stated: feed-forward width (the usual 4 x 512), k/q size (512 / 8), LAM's patch, count
        part = _transformer(8, 8, 512, 64, 4 * 512)
        return {
            "video_tokenizer": GenieVideoTokenizerConfig(
                image_size=64, patch_size=4, codebook_size=1024, codebook_dim=32, encoder=part, decoder=part
            ),
            "latent_action_model": GenieLatentActionConfig(
                image_size=64, patch_size=16, num_actions=6, action_dim=32, encoder=part, decoder=part
            ),
            "dynamics": GenieDynamicsConfig(
                codebook_size=1024, num_actions=6, grid_size=[16, 16], **_transformer(12, 8, 512, 64, 4 * 512)
            ),
        }
    raise ValueError(f"there is no pipeline preset {name!r}; choose one of {', '.join(PIPELINES)}.")


__all__ = ["MODELS", "PIPELINES", "preset", "pipeline_preset"]
