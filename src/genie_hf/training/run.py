"""A run: one stage's training in its folder, with all that trains it and all that it writes.

A run lives in `<output>/runs/<stage>/`: `recipe.yaml` as it was read, `metrics.jsonl`, `pictures/`, and checkpoints. A
run that was killed and resumed gives the same weights and figures as one that never stopped, to the bit where the
hardware's arithmetic repeats (a CPU's does): all randomness lies in the checkpoint, and the clips of a step follow
from its number.
"""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, broadcast_object_list, set_seed
from diffusers.training_utils import EMAModel
from torch import Tensor
from torch.utils.data import DataLoader

from ..evaluation.results import write_results
from ..fingerprint import fingerprint
from ..precision import preferred_dtype
from .alarm import sound_alarm
from .cached_codes import CachedCodes, write_codes
from .checkpoints import check_fits, newest_intact, save_checkpoint, writing
from .clip_order import ClipOrder
from .data import batches_for, describe_data, name_recorded_actions, open_data
from .device_clips import DeviceClips
from .metrics_log import MetricsLog
from .pictures import draw_clips, pick_clips
from .pretrained import start_from
from .progress import Progress, describe
from .pusher import Pusher
from .recipe import Recipe
from .run_folder import prepare_run
from .signals import ignore_interrupts
from .stage import Stage
from .stages import STAGES
from .starting import (
    check_given,
    compile_blocks,
    count_passes,
    freeze,
    refuse_sharding,
    spread_frames,
    warn_of_batch_statistics,
)

logger = logging.getLogger(__name__)


class Run:
    """A stage that is about to be trained.

    Args:
        recipe: of the world.
        output: the pipeline's folder.
        name: of the stage.
        resume: whether the run goes on from its last checkpoint; else it begins anew, in place of an earlier one.
        cache_codes: whether the video tokenizer encodes every frame before training.
        pretrained: a pipeline whose weights the stage's models start from.
        pusher: what pushes checkpoints to the Hub, in the process that does.

    Attributes:
        stage: the stage, as Accelerate wraps it.
        optimizer: of the trained weights; each group has a `prefix` for its terms.
        progress: how far the run has come.
        batches: an endless iterator over the inputs of `stage`.
        checkpoint: the folder of the last checkpoint, or None.
    """

    def __init__(
        self,
        recipe: Recipe,
        output: Path,
        name: str,
        resume: bool = False,
        cache_codes: bool = False,
        pretrained: str | Path | None = None,
        pusher: Pusher | None = None,
    ):
        self.recipe, self.output, self.name, self.pusher = recipe, output, name, pusher
        self.settings, self.folder = recipe.training.stages[name], output / "runs" / name
        set_seed(self.settings.seed)
        stage = STAGES[name].build(recipe, output)
        self.inputs, self.codebook_sizes = stage.inputs, stage.codebook_sizes
        self.accelerator = self.make_accelerator(stage)
        refuse_sharding(self.accelerator)
        self.is_main = self.accelerator.is_main_process
        self.data = open_data(recipe, self.settings.num_frames)

        self.checkpoint = newest_intact(self.folder) if resume else None
        if resume:
            check_fits(self.checkpoint, stage)
        elif pretrained is not None:
            start_from({part: model for part, model in stage.named_children() if part not in stage.given}, pretrained)
        if self.is_main:
            with writing(self.folder, self.folder):
                prepare_run(self.folder, recipe, describe_data(self.data), resume, pretrained)
        self.accelerator.wait_for_everyone()
        if not resume and pretrained is None and self.settings.initialize_from_frames:
            stage.initialize_from_frames(spread_frames(self.data, self.settings.initialize_from_frames))
        self.prepare(stage)

        # From here on each process draws its own random numbers.
        set_seed(self.settings.seed, device_specific=True)
        if resume:
            self.restore()
        self.batches = self.open_batches(cache_codes and "codes" in self.inputs)
        self.metrics = MetricsLog(self.folder / "metrics.jsonl", self.progress.step) if self.is_main else None
        self.accelerator.init_trackers(
            "genie_hf", {"stage": name, "steps": self.settings.steps, "batch_size": self.settings.batch_size}
        )
        self.alarmed: set[str] = set()
        self.shown = pick_clips(recipe, self.data, self.settings, self.inputs) if self.draws else None

    # Before the first step

    def make_accelerator(self, stage: Stage) -> Accelerator:
        has_accelerator = torch.accelerator.is_available()
        precision = self.recipe.precision
        if precision == "auto":
            device = torch.accelerator.current_accelerator() if has_accelerator else "cpu"
            precision = "bf16" if preferred_dtype(device) == torch.bfloat16 else "no"
        return Accelerator(
            cpu=not has_accelerator,
            mixed_precision=precision,
            log_with=self.recipe.report_to or None,
            project_dir=self.folder,
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=stage.has_unused_parameters)],
        )

    def prepare(self, stage: Stage) -> None:
        """Makes the optimiser, wraps the stage, and names what a checkpoint holds."""
        settings = self.settings
        if settings.activation_checkpointing:
            for model in stage.children():
                if any(parameter.requires_grad for parameter in model.parameters()):
                    model.activation_checkpointing_enable()
        freeze(stage, settings.frozen)
        optimizer = torch.optim.AdamW(
            stage.parameter_groups(settings),
            lr=settings.learning_rate,
            betas=tuple(settings.betas),
            weight_decay=settings.weight_decay,
            fused=self.accelerator.device.type in ("cpu", "cuda"),
        )
        self.peaks = [group["lr"] for group in optimizer.param_groups]
        if self.recipe.compile:
            compile_blocks(stage)
        count_passes(stage, settings.gradient_accumulation)
        self.given = {name: fingerprint(model) for name, model in stage.given.items()}
        self.stage, self.optimizer = self.accelerator.prepare(stage, optimizer)
        self.trained = [parameter for parameter in self.stage.parameters() if parameter.requires_grad]
        self.progress, self.ema = Progress(), None
        self.accelerator.register_for_checkpointing(self.progress)
        if settings.ema_decay is not None:
            self.ema = EMAModel(self.trained, decay=settings.ema_decay, foreach=True)
            if self.is_main:
                warn_of_batch_statistics(stage)
            self.accelerator.register_for_checkpointing(self.ema)

    def restore(self) -> None:
        self.accelerator.load_state(self.checkpoint)
        check_given(self.bare_stage, self.given, self.folder)
        for group in self.optimizer.param_groups:  # the recipe goes before what was saved
            group |= {"betas": tuple(self.settings.betas), "weight_decay": self.settings.weight_decay}
        if self.ema is not None:
            self.ema.to(self.accelerator.device)  # Accelerate reads it on the CPU
            self.ema.decay = self.settings.ema_decay
        logger.info("Continuing stage %s from %s.", self.name, self.checkpoint)

    def encode_once(self) -> CachedCodes:
        """The clips with their codes, of which each process writes its share and all read all."""
        settings, video_tokenizer = self.settings, self.bare_stage.video_tokenizer
        with self.accelerator.autocast():
            codes = write_codes(
                self.data, video_tokenizer, self.folder.parent, settings.batch_size, settings.num_workers
            )
        return CachedCodes(self.data, codes)

    def open_batches(self, with_codes: bool) -> Iterator[dict[str, Tensor]]:
        settings, device = self.settings, self.accelerator.device
        order = ClipOrder(
            len(self.data),
            settings.batch_size,
            (self.progress.step, settings.steps),
            settings.gradient_accumulation,
            (self.accelerator.process_index, self.accelerator.num_processes),
            settings.seed,
            self.data.shares,
        )
        if self.recipe.data.on_device:
            clips = DeviceClips(self.data, device)
            if with_codes:
                with self.accelerator.autocast():
                    clips.encode(self.bare_stage.video_tokenizer, settings.batch_size, self.is_main)
            batches = clips.batches(order)
        else:
            batches = iter(
                DataLoader(
                    self.encode_once() if with_codes else self.data,
                    batch_sampler=order,
                    num_workers=settings.num_workers,
                    worker_init_fn=ignore_interrupts,
                    pin_memory=device.type == "cuda",
                    generator=torch.Generator(),  # so that making the iterator does not draw from the global one
                )
            )
        return batches_for(batches, self.inputs, self.data)

    def __str__(self) -> str:
        accelerator, trained = self.accelerator, sum(parameter.numel() for parameter in self.trained)
        dtype = "bfloat16" if accelerator.mixed_precision == "bf16" else "float32"
        where = accelerator.device if accelerator.num_processes == 1 else f"{accelerator.num_processes} processes"
        return (
            f"Stage {self.name}: {len(self.data):,} clips of {self.settings.num_frames} frames, "
            f"{trained / 1e6:.2f}M trained parameters, {dtype} on {where}."
        )

    # Along the way

    @property
    def bare_stage(self) -> Stage:
        return self.accelerator.unwrap_model(self.stage)

    @property
    def draws(self) -> bool:
        return self.is_main and bool(self.settings.picture_every)

    def inputs_of(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch on the device, pixels in [0, 1]."""
        inputs = {name: tensor.to(self.accelerator.device, non_blocking=True) for name, tensor in batch.items()}
        return inputs | {"pixels": inputs["pixels"].float() / 255}

    def any_process(self, *flags: bool) -> list[bool]:
        """Whether each is so in any process."""
        if self.accelerator.num_processes == 1:
            return list(flags)
        counts = self.accelerator.reduce(torch.tensor(flags, device=self.accelerator.device).float(), "sum")
        return [count > 0 for count in counts.tolist()]

    def set_learning_rate(self, elapsed: float) -> float:
        """For the next step, where a share of the stage's time has `elapsed`; returns that of the first model."""
        factor = self.settings.learning_rate_factor(self.progress.step, elapsed)
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * factor
        return self.optimizer.param_groups[0]["lr"]

    def log(self, learning_rate: float, to_console: bool) -> None:
        """Writes a line of metrics: means since the line before."""
        line = self.progress.line(self.name, learning_rate, self.settings)
        if self.is_main:
            with writing(self.metrics.path, self.folder):
                self.metrics.write(line)
            sound_alarm(line, self.codebook_sizes, self.alarmed)
            if to_console:
                logger.info("%s", describe(line, self.settings))
        floats = {key: value for key, value in line.items() if isinstance(value, float)}
        self.accelerator.log(floats, step=self.progress.step)

    def draw(self) -> None:
        """Draws what the stage makes of the clips shown. Uses none of the training's random numbers."""
        stage, path = self.bare_stage, self.folder / "pictures" / f"step-{self.progress.step:07d}.png"
        stage.eval()
        gpus = [self.accelerator.device] if self.accelerator.device.type == "cuda" else []
        with self.averaged(), torch.random.fork_rng(gpus), self.accelerator.autocast():
            picture = draw_clips(stage.picture_rows(**self.inputs_of(self.shown)))
        stage.train()
        with writing(path, self.folder):
            path.parent.mkdir(exist_ok=True)
            picture.save(path)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside this context the weights are their moving averages, if these are kept."""
        if self.ema is None:
            yield
            return
        self.ema.store(self.trained)
        self.ema.copy_to(self.trained)
        try:
            yield
        finally:
            self.ema.restore(self.trained)

    def save_checkpoint(self) -> None:
        held = self.pusher.held if self.pusher else ()
        self.checkpoint = save_checkpoint(self.accelerator, self.folder, self.progress.step, held)

    def push(self, is_last: bool = False, ended: bool = False) -> None:
        """Has the last checkpoint pushed to the Hub, if that is asked for; see `Pusher.push`."""
        if self.pusher is not None:
            self.pusher.push(self.name, self.checkpoint, is_last, ended)

    def save_models(self) -> list[Path]:
        """Saves what the stage has made in the pipeline's folder; returns the folders."""
        if self.ema is not None:
            self.ema.copy_to(self.trained)
        folders: list = [None]
        if self.is_main:
            with writing(self.output, self.folder):
                folders = [self.bare_stage.save(self.recipe, self.output)]
            if "actions" in self.inputs:
                named = name_recorded_actions(self.data, self.recipe.dynamics.num_actions)
                write_results(self.output, {"action_names.json": named}, self.bare_stage.dynamics)
        return broadcast_object_list(folders)

    def close(self) -> None:
        for tracker in self.accelerator.trackers:
            tracker.finish()
        self.accelerator.free_memory()
