"""The one training loop: whatever the stage, its loss and its terms.

A run lives in `<output>/runs/<stage>/`: `recipe.yaml` as it was read, `metrics.jsonl`, `pictures/`, and checkpoints. A
run that was killed and resumed gives the same weights and figures as one that never stopped, to the bit where the
hardware's arithmetic repeats (a CPU's does): all randomness lies in the checkpoint, and the clips of a step follow
from its number.
"""

import contextlib
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import DistributedDataParallelKwargs, set_seed
from diffusers.training_utils import EMAModel
from torch.utils.data import DataLoader, default_collate
from tqdm.auto import tqdm

from ..data import VideoDataset
from ..evaluation.results import write_results
from ..fingerprint import fingerprint
from ..models.st_transformer import STBlock
from ..models.vector_quantizer import VectorQuantizer
from ..precision import preferred_dtype
from .alarm import sound_alarm
from .cached_codes import CachedCodes, write_codes
from .checkpoints import check_fits, list_checkpoints, newest_intact, save_checkpoint, step_of, writing
from .clip_order import ClipOrder
from .data import batches_for, check_data, describe_data, name_recorded_actions, open_data
from .device_clips import DeviceClips
from .metrics_log import MetricsLog
from .pictures import draw_rows
from .pretrained import start_from, take_over
from .progress import Progress, clips_per_second, describe, means
from .recipe import Recipe, StageRecipe
from .run_folder import check_space, claim, prepare_run, refuse_to_overwrite
from .signals import ignore_interrupts, stop_signals
from .stage import Stage
from .stages import STAGES

logger = logging.getLogger(__name__)

CLIPS_IN_PICTURE = 4


@dataclass
class TrainingResult:
    """How a stage ended.

    Args:
        stage: its name.
        step: optimiser steps taken.
        ended_by: `"steps"`, all of them were taken; `"time"`, `max_minutes` were up; `"signal"`, it was asked to stop.
        checkpoint: the last checkpoint.
        models: the folders that the trained models were saved in; empty after a signal.
    """

    stage: str
    step: int
    ended_by: str
    checkpoint: Path
    models: list[Path]


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
) -> list[TrainingResult]:
    """Trains a world, or one stage of it. At the end `output` holds a pipeline for `GeniePipeline.from_pretrained`.

    Args:
        recipe: what to train on what.
        output: the pipeline's folder.
        stage: one of the recipe's stages; by default all in turn, with `resume` from where they stopped.
        resume: whether to continue from the last checkpoint.
        overwrite: whether an earlier run of the stage and its models may be replaced.
        max_minutes: time limit for each stage, in place of the recipe's. A stage that reaches it saves its models and
            a checkpoint; the next one then begins.
        cache_codes: stage `world`: whether the video tokenizer encodes every frame once, before training, instead of
            in each clip; see `CachedCodes` for the slight difference that it makes.
        pretrained: a pipeline, by its folder or id on the Hub, whose weights each stage's models start from. Their
            sizes must be the recipe's. Models of earlier stages that `output` lacks are copied as they are.

    Returns:
        How each stage that ran has ended.

    Raises:
        ValueError: the stage does not exist, its data or its tokenizer is missing, `output` holds a run already or is
            being trained by another process, or a resumed run cannot continue with this recipe.
        OSError: `output` cannot be written, or the disk is full.
        FloatingPointError: the loss or the gradient is no longer finite.
    """
    stages = recipe.training.stages
    if stage is not None and stage not in stages:
        raise ValueError(f"stage is {stage!r}; the recipe's are {', '.join(stages)}.")
    if resume and pretrained is not None:
        raise ValueError("a resumed run already has its weights: leave out --resume or --from.")
    if cache_codes and recipe.data.on_device:
        raise ValueError("data.on_device keeps frames, not codes: leave out data.on_device or --cache-codes.")
    output = Path(output)
    names = [stage] if stage else list(stages)
    has_group = torch.distributed.is_available() and torch.distributed.is_initialized()
    processes = PartialState(cpu=not torch.accelerator.is_available())
    with claim(output) if processes.is_main_process else contextlib.nullcontext():
        if resume:
            names = stages_to_resume(recipe, output, names)
        elif not overwrite:
            for name in names:
                refuse_to_overwrite(output, name)
        recipe = check_data(recipe, names)
        check_space(output, recipe, names, resume)
        if pretrained is not None:
            with torch.device("meta"):
                models = {name: STAGES[name].fresh_models(recipe) for name in stages}
            for name in stages:
                if name in names:
                    start_from(models[name], pretrained)  # they fit, or else this raises
                elif processes.is_main_process and list(stages).index(name) < list(stages).index(names[0]):
                    take_over(models[name], pretrained, output)
            processes.wait_for_everyone()
        results = []
        for name in names:
            continues = resume and name == names[0]
            results.append(train_stage(recipe, output, name, continues, max_minutes, cache_codes, pretrained))
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


def train_stage(
    recipe: Recipe,
    output: Path,
    name: str,
    resume: bool = False,
    max_minutes: float | None = None,
    cache_codes: bool = False,
    pretrained: str | Path | None = None,
) -> TrainingResult:
    """Trains one stage; an earlier run of it is continued or replaced. See `train`."""
    settings = recipe.training.stages[name]
    max_minutes = settings.max_minutes if max_minutes is None else max_minutes
    run = output / "runs" / name

    # 1. What, where and in which precision
    set_seed(settings.seed)
    has_accelerator = torch.accelerator.is_available()
    device = torch.accelerator.current_accelerator() if has_accelerator else "cpu"
    precision = recipe.precision
    if precision == "auto":
        precision = "bf16" if preferred_dtype(device) == torch.bfloat16 else "no"
    stage = STAGES[name].build(recipe, output)
    accelerator = Accelerator(
        cpu=not has_accelerator,
        mixed_precision=precision,
        log_with=recipe.report_to or None,
        project_dir=run,
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=stage.has_unused_parameters)],
    )

    # 2. Data, optimiser
    data = open_data(recipe, settings.num_frames)
    checkpoint = None
    if resume:
        checkpoint = newest_intact(run)
        check_fits(checkpoint, stage)
    elif pretrained is not None:
        start_from({name: model for name, model in stage.named_children() if name not in stage.given}, pretrained)
    if accelerator.is_main_process:
        with writing(run, run):
            prepare_run(run, recipe, describe_data(data), resume)
    accelerator.wait_for_everyone()
    if settings.activation_checkpointing:
        for model in stage.children():
            if any(parameter.requires_grad for parameter in model.parameters()):
                model.activation_checkpointing_enable()
    if not resume and pretrained is None and settings.initialize_from_frames:
        stage.initialize_from(spread_frames(data, settings.initialize_from_frames))
    freeze(stage, settings.frozen)
    optimizer = torch.optim.AdamW(
        stage.parameter_groups(settings),
        lr=settings.learning_rate,
        betas=tuple(settings.betas),
        weight_decay=settings.weight_decay,
        fused=accelerator.device.type in ("cpu", "cuda"),
    )
    peaks = [group["lr"] for group in optimizer.param_groups]
    if recipe.compile:
        compile_blocks(stage)
    for module in stage.modules():
        if isinstance(module, VectorQuantizer):
            module.passes_per_step = settings.gradient_accumulation
    given = {name: fingerprint(model) for name, model in stage.given.items()}
    inputs = stage.inputs
    stage, optimizer = accelerator.prepare(stage, optimizer)
    trained = [parameter for parameter in stage.parameters() if parameter.requires_grad]
    progress = Progress()
    accelerator.register_for_checkpointing(progress)
    ema = None
    if settings.ema_decay is not None:
        ema = EMAModel(trained, decay=settings.ema_decay, foreach=True)
        accelerator.register_for_checkpointing(ema)

    # 3. From the last checkpoint, or from the beginning. From here on each process draws its own random numbers.
    set_seed(settings.seed, device_specific=True)
    if resume:
        accelerator.load_state(checkpoint)
        check_given(accelerator.unwrap_model(stage), given, run)
        for group in optimizer.param_groups:  # the recipe goes before what was saved; learning rates are set below
            group |= {"betas": tuple(settings.betas), "weight_decay": settings.weight_decay}
        if ema is not None:
            ema.decay = settings.ema_decay
        logger.info("Continuing stage %s from %s.", name, checkpoint)
    dataset = data
    if cache_codes and name == "world":
        dataset = encode_once(accelerator, stage, data, output / "runs", settings)
    order = ClipOrder(
        len(dataset),
        settings.batch_size,
        (progress.step, settings.steps),
        settings.gradient_accumulation,
        (accelerator.process_index, accelerator.num_processes),
        settings.seed,
    )
    if recipe.data.on_device:
        batches = DeviceClips(data, accelerator.device).batches(order)
    else:
        batches = iter(
            DataLoader(
                dataset,
                batch_sampler=order,
                num_workers=settings.num_workers,
                worker_init_fn=ignore_interrupts,
                pin_memory=accelerator.device.type == "cuda",
                generator=torch.Generator(),  # so that making the iterator does not draw from the global one
            )
        )
    batches = batches_for(batches, inputs, data)
    metrics = MetricsLog(run / "metrics.jsonl", progress.step) if accelerator.is_main_process else None
    accelerator.init_trackers("genie_hf", {"stage": name, "steps": settings.steps, "batch_size": settings.batch_size})
    shown = None
    if accelerator.is_main_process and settings.picture_every:
        shown = pick_clips(recipe, data, settings, inputs)
    codebook_sizes = accelerator.unwrap_model(stage).codebook_sizes
    bar = tqdm(
        total=settings.steps,
        initial=progress.step,
        desc=name,
        unit="step",
        disable=None if accelerator.is_main_process else True,
    )
    if accelerator.is_main_process:
        logger.info(
            "Stage %s: %s clips of %d frames, %.2fM trained parameters, %s on %s.",
            name,
            f"{len(dataset):,}",
            settings.num_frames,
            sum(parameter.numel() for parameter in trained) / 1e6,
            "bfloat16" if precision == "bf16" else "float32",
            accelerator.device if accelerator.num_processes == 1 else f"{accelerator.num_processes} processes",
        )

    # 4. The loop
    began, alarmed = time.monotonic(), set()
    with stop_signals() as received:
        ended_by = "steps"
        while progress.step < settings.steps:
            step_began = time.monotonic()
            elapsed = (step_began - began) / 60 / max_minutes if max_minutes else 0.0
            factor = settings.learning_rate_factor(progress.step, elapsed)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * factor
            learning_rate = optimizer.param_groups[0]["lr"]
            terms, wait = take_step(accelerator, stage, batches, optimizer, settings, progress.step, checkpoint)
            if ema is not None:
                ema.step(trained)
            progress.add(terms, time.monotonic() - step_began, wait)
            step = progress.step

            bar.update()
            bar.set_postfix_str(
                f"loss {terms['loss']:.4f}, {clips_per_second(progress, settings):.1f} clips/s", refresh=False
            )
            if step % settings.log_every == 0 or step == settings.steps:
                line = {"step": step, "stage": name, "learning_rate": learning_rate, **means(progress)}
                line["clips_per_second"] = round(clips_per_second(progress, settings), 2)
                line["data_wait"] = round(progress.summed_wait / progress.summed_seconds, 4)
                line["seconds"] = round(progress.seconds, 2)
                progress.reset_sums()
                if accelerator.is_main_process:
                    with writing(metrics.path, run):
                        metrics.write(line)
                    sound_alarm(line, codebook_sizes, alarmed)
                    if bar.disable:
                        logger.info("%s", describe(line, settings))
                accelerator.log({key: value for key, value in line.items() if isinstance(value, float)}, step=step)

            minutes = (time.monotonic() - began) / 60
            ended_by = "steps"
            if any_process(accelerator, bool(received)):
                ended_by = "signal"
            elif any_process(accelerator, max_minutes is not None and minutes >= max_minutes):
                ended_by = "time"
            done = step == settings.steps or ended_by != "steps"
            if shown is not None and (step % settings.picture_every == 0 or (done and ended_by != "signal")):
                with averaged(ema, trained):
                    draw_picture(accelerator, stage, shown, run / "pictures" / f"step-{step:07d}.png")
            if done or step % settings.checkpoint_every == 0:
                checkpoint = save_checkpoint(accelerator, run, step)
            if done:
                break
    bar.close()
    for tracker in accelerator.trackers:
        tracker.finish()

    # 5. The models
    models = []
    if ended_by != "signal":
        if ema is not None:
            ema.copy_to(trained)
        models = [output if name == "world" else output / STAGES[name].model_folder]
        if accelerator.is_main_process:
            with writing(output, run):
                accelerator.unwrap_model(stage).save(recipe, output)
            if "actions" in inputs:
                named = name_recorded_actions(data, recipe.dynamics.num_actions)
                write_results(output, {"action_names.json": named}, accelerator.unwrap_model(stage).dynamics)
        accelerator.wait_for_everyone()
    accelerator.free_memory()
    return TrainingResult(name, progress.step, ended_by, checkpoint, models)


def take_step(
    accelerator: Accelerator,
    stage: torch.nn.Module,
    batches: Iterator[dict],
    optimizer: torch.optim.Optimizer,
    settings: StageRecipe,
    step: int,
    checkpoint: Path | None,
) -> tuple[dict[str, float], float]:
    """One optimiser step; returns the means of its terms over passes and processes, with the norms of the gradients,
    and the seconds that it waited for data."""
    sums, wait = {}, 0.0
    for i in range(settings.gradient_accumulation):
        began = time.monotonic()
        batch = next(batches)
        wait += time.monotonic() - began
        inputs = {name: tensor.to(accelerator.device, non_blocking=True) for name, tensor in batch.items()}
        inputs["pixels"] = inputs["pixels"].float() / 255
        is_last = i == settings.gradient_accumulation - 1
        with contextlib.nullcontext() if is_last else accelerator.no_sync(stage):
            terms = stage(**inputs)
            accelerator.backward(terms["loss"] / settings.gradient_accumulation)
        for name, value in terms.items():
            sums[name] = sums.get(name, 0) + value.detach().float() / settings.gradient_accumulation
    limit = math.inf if settings.max_grad_norm is None else settings.max_grad_norm
    for group in optimizer.param_groups:  # one for each model: none scales down the gradients of another
        sums[f"{group['prefix']}grad_norm"] = accelerator.clip_grad_norm_(group["params"], limit).float()
    values = accelerator.reduce(torch.stack(list(sums.values())), "mean").tolist()
    terms = dict(zip(sums, values, strict=True))
    for name, value in terms.items():
        if not math.isfinite(value):
            last = f"the last good checkpoint is {checkpoint}" if checkpoint else "there is no checkpoint yet"
            raise FloatingPointError(
                f"{name} is {value} at step {step + 1}, so training has stopped; {last}. Lower learning_rate or "
                "max_grad_norm in the recipe and continue with --resume."
            )
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return terms, wait


# Before the loop


def compile_blocks(stage: Stage) -> None:
    """Compiles the transformer block, once for each shape that occurs; all blocks of a shape share the result."""
    torch._dynamo.config.recompile_limit = 64
    for module in stage.modules():
        if isinstance(module, STBlock):
            module.compile(dynamic=False)


def spread_frames(dataset: VideoDataset, num_frames: int) -> torch.Tensor:
    """First frames of clips that are spread over the data: pixels in [0, 1] of shape (num_frames, 1, C, H, W)."""
    indices = torch.linspace(0, len(dataset) - 1, num_frames).long().tolist()
    return torch.stack([dataset[i]["pixels"][:1] for i in indices]).float() / 255


def encode_once(
    accelerator: Accelerator, stage: torch.nn.Module, dataset: VideoDataset, folder: Path, settings: StageRecipe
) -> CachedCodes:
    """The clips with their codes, of which each process writes its share and all read all."""
    video_tokenizer = accelerator.unwrap_model(stage).video_tokenizer
    with accelerator.autocast():
        return CachedCodes(
            dataset, write_codes(dataset, video_tokenizer, folder, settings.batch_size, settings.num_workers)
        )


def check_given(stage: Stage, given: dict[str, str | None], run: Path) -> None:
    """Raises `ValueError` if the models that the run builds on are no longer those in the folder."""
    for name, model in stage.given.items():
        if fingerprint(model) != given[name]:
            raise ValueError(
                f"the {name} in {run.parents[1] / name} is not the one that {run} began with, as it has been trained "
                f"again since: train this stage again with --stage {run.name} --overwrite."
            )


def freeze(stage: Stage, names: list[str]) -> None:
    for name in names:
        modules = [getattr(model, name) for model in stage.children() if hasattr(model, name)]
        if not modules:
            raise ValueError(f"frozen names {name!r}, which none of the stage's models has.")
        for module in modules:
            module.requires_grad_(False)


def pick_clips(
    recipe: Recipe, dataset: VideoDataset, settings: StageRecipe, inputs: tuple[str, ...]
) -> dict[str, torch.Tensor]:
    """A batch for the pictures, spread over the held-out data if there is any."""
    if recipe.data.test:
        dataset = open_data(recipe, settings.num_frames, held_out=True)
    indices = torch.linspace(0, len(dataset) - 1, CLIPS_IN_PICTURE + 2)[1:-1].long().tolist()
    return next(batches_for([default_collate([dataset[i] for i in indices])], inputs, dataset))


# Within the loop and after it


def any_process(accelerator: Accelerator, flag: bool) -> bool:
    if accelerator.num_processes == 1:
        return flag
    return bool(accelerator.reduce(torch.tensor(float(flag), device=accelerator.device), "sum").item())


@contextlib.contextmanager
def averaged(ema: EMAModel | None, trained: list[torch.nn.Parameter]) -> Iterator[None]:
    """Inside this context the weights are their moving averages, if these are kept."""
    if ema is None:
        yield
        return
    ema.store(trained)
    ema.copy_to(trained)
    try:
        yield
    finally:
        ema.restore(trained)


def draw_picture(accelerator: Accelerator, stage: torch.nn.Module, clips: dict, path: Path) -> None:
    """Draws what the stage makes of the clips. Uses none of the training's random numbers."""
    stage = accelerator.unwrap_model(stage)
    stage.eval()
    with torch.random.fork_rng(), accelerator.autocast():
        inputs = {name: tensor.to(accelerator.device) for name, tensor in clips.items()}
        inputs["pixels"] = inputs["pixels"].float() / 255
        picture = draw_rows(stage.picture_rows(**inputs))
    stage.train()
    with writing(path, path.parents[1]):
        path.parent.mkdir(exist_ok=True)
        picture.save(path)
