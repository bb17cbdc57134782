"""The one training loop: whatever the stage, its loss and its terms."""

import contextlib
import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm.auto import tqdm

from .progress import clips_per_second
from .pusher import Pusher
from .recipe import Recipe
from .run import Run
from .signals import stop_signals

logger = logging.getLogger(__name__)

READ_EVERY = 1.0  # seconds between two readings of the terms, if nothing else needs them


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


def train_stage(
    recipe: Recipe,
    output: Path,
    name: str,
    resume: bool = False,
    max_minutes: float | None = None,
    cache_codes: bool = False,
    pretrained: str | Path | None = None,
    pusher: Pusher | None = None,
) -> TrainingResult:
    """Trains one stage; an earlier run of it is continued or replaced. See `train`."""
    run = Run(recipe, output, name, resume, cache_codes, pretrained, pusher)
    settings, progress = run.settings, run.progress
    max_minutes = settings.max_minutes if max_minutes is None else max_minutes
    before, started = progress.seconds, time.monotonic()
    read = started

    def spent() -> float:
        """Seconds that the stage has taken, before a resumption too."""
        return before + time.monotonic() - started

    def elapsed() -> float:
        """The share of the stage's time that has passed; 0 where it has no limit."""
        return spent() / 60 / max_minutes if max_minutes else 0.0

    bar = tqdm(
        total=settings.steps,
        initial=progress.step,
        desc=name,
        unit="step",
        disable=None if run.is_main else True,
    )
    if run.is_main:
        logger.info("%s", run)
    ended_by = "time" if max_minutes and before >= 60 * max_minutes else "steps"
    with stop_signals() as received:
        while progress.step < settings.steps and ended_by == "steps":
            began = time.monotonic()
            learning_rate = run.set_learning_rate(elapsed())
            take_step(run)
            bar.update()
            is_last = progress.step == settings.steps
            flags = bool(received), elapsed() >= 1, time.monotonic() - read > READ_EVERY
            stopped, is_over, reads = run.any_process(*flags)
            if stopped or is_over:
                ended_by = "signal" if stopped else "time"
            done = is_last or ended_by != "steps"
            logs = is_last or progress.step % settings.log_every == 0
            saves = done or progress.step % settings.checkpoint_every == 0
            if reads or logs or saves:
                loss, read = read_terms(run)["loss"], time.monotonic()
            progress.summed_seconds += time.monotonic() - began
            progress.seconds = spent()
            if not progress.unread:
                bar.set_postfix_str(
                    f"loss {loss:.4f}, {clips_per_second(progress, settings):.1f} clips/s", refresh=False
                )
            if logs:
                run.log(learning_rate, to_console=bar.disable)
            if run.draws and (progress.step % settings.picture_every == 0 or (done and ended_by != "signal")):
                run.draw()
            if saves:
                progress.seconds = spent()  # with that for a picture
                run.save_checkpoint()
                if not done:
                    run.push()
    bar.close()
    models = [] if ended_by == "signal" else run.save_models()
    run.push(is_last=True, ended=bool(models))
    run.close()
    return TrainingResult(name, progress.step, ended_by, run.checkpoint, models)


def take_step(run: Run) -> None:
    """One optimiser step. Its terms are means over passes and processes, and the norms of the gradients."""
    accelerator, settings, optimizer = run.accelerator, run.settings, run.optimizer
    sums, wait = {}, 0.0
    for i in range(settings.gradient_accumulation):
        asked = time.monotonic()
        batch = next(run.batches)
        wait += time.monotonic() - asked
        is_last = i == settings.gradient_accumulation - 1
        with contextlib.nullcontext() if is_last else accelerator.no_sync(run.stage):
            terms = run.stage(**run.inputs_of(batch))
            accelerator.backward(terms["loss"] / settings.gradient_accumulation)
        for name, value in terms.items():
            sums[name] = sums.get(name, 0) + value.detach().float() / settings.gradient_accumulation
    limit = math.inf if settings.max_grad_norm is None else settings.max_grad_norm
    for group in optimizer.param_groups:  # one for each model: none scales down the gradients of another
        sums[f"{group['prefix']}grad_norm"] = accelerator.clip_grad_norm_(group["params"], limit).float()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if run.ema is not None:
        run.ema.step(run.trained)
    run.progress.add(list(sums), accelerator.reduce(torch.stack(list(sums.values())), "mean"), wait)


def read_terms(run: Run) -> dict[str, float]:
    """Reads the terms of the steps that have not been read yet; returns the last step's.

    Raises:
        FloatingPointError: one is not finite. The weights are spoilt by then, the last checkpoint's are not.
    """
    for step, terms in run.progress.read():
        check_finite(terms, step, run)
    return terms


def check_finite(terms: dict[str, float], step: int, run: Run) -> None:
    for name, value in terms.items():
        if not math.isfinite(value):
            last = f"the last good checkpoint is {run.checkpoint}" if run.checkpoint else "there is no checkpoint yet"
            raise FloatingPointError(
                f"{name} is {value} at step {step}, so training has stopped; {last}. Lower "
                "learning_rate or max_grad_norm in the recipe and continue with --resume."
            )
