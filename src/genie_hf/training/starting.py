"""What a stage needs before its first step."""

import logging
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedType
from torch import nn

from ..data import VideoDataset
from ..fingerprint import fingerprint
from ..models.modeling_dynamics import MaskedCrossEntropy
from ..models.quantizers.batch_norm import BatchNorm
from ..models.quantizers.quantizer import Quantizer
from ..models.st_transformer import STBlock
from .stage import Stage, learns

logger = logging.getLogger(__name__)


def refuse_sharding(accelerator: Accelerator) -> None:
    """Raises `ValueError` if models would be split over processes: a sharded codebook would lose its updates."""
    kind = accelerator.distributed_type
    if kind in (DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM):
        raise ValueError(
            f"Accelerate is set to {kind.value}, which splits models over processes, and training keeps a whole model "
            "in each: start it with torchrun --nproc_per_node, or accelerate launch --multi_gpu."
        )


def compile_blocks(stage: Stage) -> None:
    """Compiles what takes the time: the dynamics' loss, and the transformer block, once for each shape that occurs.

    All blocks of a shape share the result.
    """
    torch._dynamo.config.recompile_limit = 64
    for module in stage.modules():
        if isinstance(module, STBlock | MaskedCrossEntropy):
            module.compile(dynamic=False)


def spread_frames(dataset: VideoDataset, num_frames: int) -> torch.Tensor:
    """First frames of clips that are spread over the data: pixels in [0, 1] of shape (num_frames, 1, C, H, W)."""
    indices = torch.linspace(0, len(dataset) - 1, num_frames, dtype=torch.float64).long().tolist()
    return torch.stack([dataset[i]["pixels"][:1] for i in indices]).float() / 255


def count_passes(stage: Stage, passes: int) -> None:
    """Tells quantisers, whose codes may follow the latents of a step, how many passes it has."""
    for module in stage.modules():
        if isinstance(module, Quantizer):
            module.passes_per_step = passes


def freeze(stage: Stage, names: list[str]) -> None:
    for name in names:
        parts = [getattr(model, name, None) for model in stage.children()]
        modules = [part for part in parts if isinstance(part, nn.Module)]
        if not modules:
            raise ValueError(f"frozen names {name!r}, which none of the stage's models has.")
        for module in modules:
            module.requires_grad_(False)
    if not learns(stage):
        raise ValueError(f"frozen is {names}, which leaves the stage nothing to train: name fewer modules.")


def warn_of_batch_statistics(stage: Stage) -> None:
    """Logs which models' codes suffer where an average of the weights is kept."""
    for name, model in stage.named_children():
        if learns(model) and any(isinstance(module, BatchNorm) for module in model.modules()):
            logger.warning(
                "training.%s.ema_decay averages the weights of %s, but not its batch statistics, so its codes fit "
                "them less well. Leave ema_decay out of the stage that learns it.",
                stage.name,
                name,
            )


def check_given(stage: Stage, given: dict[str, str | None], run: Path) -> None:
    """Raises `ValueError` if the models that the run builds on are no longer those in the folder."""
    for name, model in stage.given.items():
        if fingerprint(model) != given[name]:
            raise ValueError(
                f"the {name} in {run.parents[1] / name} is not the one that {run} began with, as it has been trained "
                f"again since: train this stage again with --stage {run.name} --overwrite."
            )
