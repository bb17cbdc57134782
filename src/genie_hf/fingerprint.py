"""Which video tokenizer and which latent action model a world was trained with.

Codes and actions mean nothing to the dynamics of another.
"""

import hashlib

import torch
from transformers import PreTrainedModel

TELLING = (torch.float32, torch.bfloat16)


@torch.no_grad()
def fingerprint(model: PreTrainedModel) -> str | None:
    """A hash of the weights that a video tokenizer or latent action model encodes with, or of all weights of dynamics.

    It is computed from the weights rounded to bfloat16, so that it is the same in float32 and in bfloat16.

    Returns:
        16 hexadecimal digits; None for weights in other types, such as float16 or quantised ones, and for weights that
        are not loaded yet.
    """
    content = hashlib.sha256()
    only = getattr(model, "encoding_modules", None) or [name for name, _ in model.named_children()]
    for name, weight in sorted(model.state_dict().items()):
        if name.split(".")[0] not in only or name.endswith((".usage", ".training_passes", "num_batches_tracked")):
            continue
        if weight.dtype not in TELLING or weight.is_meta:
            return None
        content.update(name.encode())
        content.update(weight.bfloat16().contiguous().cpu().view(torch.uint8).numpy().data)
    return content.hexdigest()[:16]


def check_fingerprints(
    dynamics: PreTrainedModel,
    video_tokenizer: PreTrainedModel,
    latent_action_model: PreTrainedModel | None,
    reward_model: PreTrainedModel | None = None,
) -> None:
    """Raises `ValueError` if a model was trained with another tokenizer or latent action model."""
    codes = ("video_tokenizer", video_tokenizer, "video_tokenizer_fingerprint", "codes")
    actions = ("latent_action_model", latent_action_model, "latent_action_fingerprint", "actions")
    for learner, stage, model, (name, teacher, key, what) in (
        ("dynamics", "world", dynamics, codes),
        ("dynamics", "world", dynamics, actions),
        ("reward model", "reward", reward_model, codes),
    ):
        known = None if model is None else getattr(model.config, key)
        found = fingerprint(teacher) if known and teacher is not None else None
        if found is not None and found != known:
            raise ValueError(
                f"the {learner} learnt the {what} of a different {name} ({known}, not {found}): train the {stage} "
                f"again with `genie-hf train RECIPE --stage {stage} --overwrite`, or use parts of the same world."
            )
