"""Models that start from those of a trained pipeline instead of from random weights."""

import logging
from pathlib import Path

import torch
from transformers import AutoModel, PreTrainedModel

from ..fingerprint import fingerprint
from ..models.configuration_dynamics import GenieDynamicsConfig

logger = logging.getLogger(__name__)


def start_from(models: dict[str, PreTrainedModel], pipeline: str | Path) -> None:
    """Copies a pipeline's weights into models, or only checks that they fit if the models are on the meta device.

    Args:
        models: by the name of the pipeline's component.
        pipeline: folder or id on the Hub.

    Raises:
        ValueError: the pipeline lacks a model, or has one of another size.
    """
    for name, model in models.items():
        source = load_part(type(model), pipeline, name)
        ours, theirs = model.state_dict(), source.state_dict()
        for key in sorted(ours.keys() | theirs.keys()):
            shapes = [list(weights[key].shape) if key in weights else None for weights in (ours, theirs)]
            if shapes[0] != shapes[1]:
                raise ValueError(
                    f"the {name} of {pipeline} has a different size: its {key} has the shape {shapes[1]}, but "
                    f"{shapes[0]} in the recipe. Give {name} the same values in the recipe, or start from another "
                    "pipeline."
                )
        if not any(weight.is_meta for weight in ours.values()):
            model.load_state_dict(theirs)


def take_over(models: dict[str, PreTrainedModel], pipeline: str | Path, output: Path) -> None:
    """Saves a pipeline's models in `output`, for later stages to build on, unless it has them already."""
    for name, model in models.items():
        if not (output / name / "config.json").exists():
            load_part(type(model), pipeline, name).save_pretrained(output / name)


def warn_of_other_codes(pipeline: str | Path, output: Path, earlier: set[str]) -> None:
    """Logs which models in `output`, trained in earlier stages, the pipeline's dynamics do not know."""
    config = GenieDynamicsConfig.from_pretrained(str(pipeline), subfolder="dynamics")
    for stage, name, known in (
        ("tokenizer", "video_tokenizer", config.video_tokenizer_fingerprint),
        ("latent_action", "latent_action_model", config.latent_action_fingerprint),
    ):
        if stage not in earlier or known is None:
            continue
        found = fingerprint(AutoModel.from_pretrained(output / name, dtype="auto"))
        if found not in (None, known):
            logger.warning(
                "The dynamics of %s learnt with another %s than that in %s, so they have much to learn anew. To start "
                "with theirs as well, choose another folder with --output.",
                pipeline,
                name,
                output,
            )


def load_part(model_class: type[PreTrainedModel], pipeline: str | Path, name: str) -> PreTrainedModel:
    """A pipeline's component in float32."""
    try:
        return model_class.from_pretrained(str(pipeline), subfolder=name, dtype=torch.float32)
    except OSError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"{pipeline} has no {name} to start from ({reason}).") from error
