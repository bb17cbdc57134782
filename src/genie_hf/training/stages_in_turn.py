"""The stages of a world, one after the other."""

import contextlib
import logging
from pathlib import Path

import torch
from accelerate import PartialState

from .checkpoints import list_checkpoints, step_of
from .data import check_data
from .hub_branch import TrainingBranch
from .loop import TrainingResult, train_stage
from .pretrained import start_from, take_over, warn_of_other_codes
from .pusher import Pusher
from .recipe import Recipe
from .run_folder import check_space, claim, forget_runs, pretrained_of, refuse_to_overwrite
from .stages import STAGES

logger = logging.getLogger(__name__)


def train(
    recipe: Recipe,
    output: str | Path,
    stage: str | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    max_minutes: float | None = None,
    cache_codes: bool = False,
    pretrained: str | Path | None = None,
    push_to: str | None = None,
    push_every: int | None = None,
    private: bool = False,
) -> list[TrainingResult]:
    """Trains a world, or one stage of it. At the end `output` holds a pipeline for `GeniePipeline.from_pretrained`.

    Args:
        recipe: what to train on what.
        output: the pipeline's folder.
        stage: one of the recipe's stages; by default all in turn, with `resume` from where they stopped.
        resume: whether to continue from the last checkpoint.
        overwrite: whether an earlier run of the stage and its models may be replaced.
        max_minutes: time limit for each stage, in place of the recipe's. A stage that reaches it saves its models and
            a checkpoint; the next one then begins. In a resumed stage the time before counts too.
        cache_codes: stage `world`: whether the video tokenizer encodes every frame once, before training, instead of
            in each clip; see `CachedCodes` for the slight difference that it makes.
        pretrained: a pipeline, by its folder or id on the Hub, whose weights each stage's models start from. Their
            sizes must be the recipe's. Models of earlier stages that `output` lacks are copied as they are. A resumed
            run knows it: stages that have not begun start from it.
        push_to: a repository on the Hub, as user/name, that gets each checkpoint in its branch `training`, and the
            finished world in its default branch. With `resume` the run is fetched from there if it is further there.
        push_every: steps from one pushed checkpoint to the next, if not each one is to be pushed.
        private: whether the repository, if it is new, is private.

    Returns:
        How each stage that ran has ended.

    Raises:
        ValueError: the stage does not exist, its data or its tokenizer is missing, `output` holds a run already or is
            being trained by another process, or a resumed run cannot continue with this recipe.
        OSError: `output` cannot be written, the disk is full, or one cannot write to the repository at the start.
            Later on the Hub's absence is no error.
        FloatingPointError: the loss or the gradient is no longer finite.
    """
    stages = recipe.training.stages
    if stage is not None and stage not in stages:
        raise ValueError(f"stage is {stage!r}; the recipe's are {', '.join(stages)}.")
    if max_minutes is not None and not max_minutes > 0:
        raise ValueError(f"max_minutes is {max_minutes:g}: give a number of minutes above 0, or none.")
    if push_to is None and (push_every is not None or private):
        raise ValueError("there is nowhere to push to: name a repository with --push-to.")
    if push_every is not None and push_every < 1:
        raise ValueError(f"--push-every is {push_every}: it is a number of steps, at least 1.")
    output = Path(output)
    names = [stage] if stage else list(stages)
    has_group = torch.distributed.is_available() and torch.distributed.is_initialized()
    processes = PartialState(cpu=not torch.accelerator.is_available())
    with contextlib.ExitStack() as contexts:
        if processes.is_main_process:
            contexts.enter_context(claim(output))
        if not resume and not overwrite:
            for name in names:
                refuse_to_overwrite(output, name)
        pusher = None
        if push_to is not None and processes.is_main_process:
            branch = TrainingBranch(push_to, list(stages), private)
            if resume or not overwrite:
                branch.refuse_to_replace(names, resume)
            if resume:
                branch.catch_up(output, names)
            pusher = contexts.enter_context(Pusher(branch, output, push_every))
        processes.wait_for_everyone()
        if resume:
            names = stages_to_resume(recipe, output, names)
            pretrained = pretrained or pretrained_of(output / "runs" / names[0])
        recipe = check_data(recipe, names)
        check_space(output, recipe, names, resume)
        if pretrained is not None:
            with torch.device("meta"):
                models = {name: STAGES[name].fresh_models(recipe) for name in stages}
            for name in stages:
                if name in names[resume:]:
                    start_from(models[name], pretrained)  # they fit, or else this raises
                elif processes.is_main_process and list(stages).index(name) < list(stages).index(names[0]):
                    take_over(models[name], pretrained, output)
            processes.wait_for_everyone()
            if "world" in names[resume:] and processes.is_main_process:
                warn_of_other_codes(pretrained, output, stages.keys() - set(names))
        if not resume:
            if processes.is_main_process:
                forget_runs(output, names)
            processes.wait_for_everyone()
        results = []
        for name in names:
            continues = resume and name == names[0]
            results.append(train_stage(recipe, output, name, continues, max_minutes, cache_codes, pretrained, pusher))
            if results[-1].ended_by == "signal":
                break
    if not has_group:
        processes.destroy_process_group()
    return results


def stages_to_resume(recipe: Recipe, output: Path, names: list[str]) -> list[str]:
    """The last of these stages that has begun, and those after it. Raises `ValueError` if none has."""
    started = [name for name in names if list_checkpoints(output / "runs" / name)]
    if not started:
        raise ValueError(
            f"{output / 'runs'} holds no checkpoint of {' or '.join(names)} to resume; train without --resume."
        )
    for name in started[:-1]:  # a stage has ended where the next one has begun
        taken, steps = step_of(list_checkpoints(output / "runs" / name)[-1]), recipe.training.stages[name].steps
        if taken < steps:
            logger.warning(
                "Stage %s is left at %d of %d steps, because stage %s builds on it. To take the rest: --stage %s "
                "--resume, and then each later stage with --overwrite.",
                name,
                taken,
                steps,
                started[-1],
                name,
            )
    return names[names.index(started[-1]) :]
