"""Measures a pipeline on held-out video, and writes `metrics.json` and a picture.

Dimension keys: N clips, H frames generated from one prompt frame, so clips have H + 1 frames.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..data import HELD_OUT, VideoDataset, check_disjoint
from ..pipeline_genie import GeniePipeline
from .action_control import measure_action_control, read_back
from .clips import Clips, Source, name_of, reconstruct, warn_of_another_pace
from .latent_actions import Consistency, action_agreement, code_usage, switch_rate
from .metrics import describe_quality, psnr, similarity, squared_error
from .persistence import measure_persistence
from .picture import draw_evaluation
from .reference_classifier import HISTORY, ReferenceClassifier, train_reference
from .results import check_folder, write_results
from .speed import measure_speed


def evaluate(
    pipe: GeniePipeline,
    data: Source | Mapping[str, Source],
    output: str | Path | None = None,
    *,
    num_clips: int = 512,
    num_rollouts: int = 64,
    horizon: int = 10,
    num_random_draws: int = 3,
    long_horizon: int = 50,
    num_long_rollouts: int = 16,
    num_inference_steps: int = 25,
    temperature: float | None = None,
    batch_size: int = 64,
    num_speed_steps: int = 20,
    frame_rate: float | None = None,
    frame_skip: int = 1,
    reference: Source | None = None,
    num_reference_steps: int = 1_200,
    ceilings: Mapping[str, float] | None = None,
    seed: int = 0,
) -> dict:
    """Measures how good a world is. The same arguments give the same figures, except for the speed.

    For each data set, on clips of `horizon + 1` frames drawn at random:

    - `reconstruction`: PSNR and SSIM of the video tokenizer's frames.
    - `latent_actions`: use and consistency of the latent actions, and their `agreement` with the true ones where the
      data has them (else a `note`).
    - `leakage`: PSNR of the next frame as the latent action model's own decoder predicts it with the latent actions,
      with these shuffled over the batch, and PSNR of copying the last frame. If the first is not well above the
      others, the actions carry nothing, or the decoder does not use them.
    - `rollout`: PSNR and SSIM at each horizon from one prompt frame, for `aligned_actions` (those that the latent
      action model infers from the true clip, or the recorded ones), the actions of another clip
      (`shuffled_actions`), the right ones a frame late (`shifted_actions`), one for the whole clip
      (`constant_actions`), any (`random_actions`, mean over the draws), and `copy_first_frame`, the baseline. In a
      world that follows its actions only the first are good.
    - `delta_psnr`: controllability at each horizon, see `genie_hf.evaluation.metrics.delta_psnr`.
    - `action_control`: accuracy, precision, recall and F1 of actions read back from the rollouts, by what was given.
      `latent_action_model` reads latent actions, also from the `reconstruction` of the real clips, the most that can
      be hoped for; `reference_classifier`, where there is one, reads the true actions, also from the `data`.
    - `persistence`: far ahead, PSNR, colours and edges of rollouts beside those of the data, see
      `genie_hf.evaluation.persistence`; a `note` where no episode is that long.

    A world without a latent action model learnt from recorded actions: it is played with those of the data, and
    `latent_actions`, `leakage` and what the latent action model reads are left out.

    True actions are distinguished as the data set groups them (`action_groups` of `VideoDataset`), else as they are.

    Args:
        pipe: the pipeline, with its `latent_action_model` if it has one, on the device to use.
        data: one data set, or several by name: what `VideoDataset` takes as its source.
        output: folder for `metrics.json` and `evaluation.png`; by default nothing is written.
        num_clips: clips drawn (all where there are fewer), and as many without a frame in common for the actions.
        num_rollouts: how many of these are also played.
        horizon: frames generated from one prompt frame, at least 2.
        num_random_draws: rollouts with random actions for each clip.
        long_horizon: frames generated to see whether the world lasts; 0 leaves that out.
        num_long_rollouts: clips for it.
        num_inference_steps: MaskGIT steps for a frame.
        temperature: of the sampling; by default the scheduler's own.
        batch_size: clips or worlds at once.
        num_speed_steps: steps of one world whose median time is the speed.
        frame_rate: at which videos are read, as `VideoDataset` takes it.
        frame_skip: after that, every `frame_skip`-th frame is used, as in training.
        reference: video of other levels with its true actions. A classifier of them is trained on it: its accuracy
            on the data is the ceiling of `agreement`, and it reads actions from the rollouts.
        num_reference_steps: training steps of the classifier.
        ceilings: accuracy of such a classifier by data set, where known from before.
        seed: of all draws: clips, random actions, sampling.

    Returns:
        A dict that JSON can hold: `settings`, `speed`, and `data` with the figures by data set.

    Raises:
        ValueError: a number is too small, the data cannot be read, has no clip that long, or lacks the recorded
            actions that a pipeline without latent action model needs, ceilings belong to no data set, or nothing can
            be written to `output`: all of it before measuring.
        OSError: the results could not be written in the end; the message holds the figures.
    """
    check_numbers(
        num_clips=num_clips,
        num_rollouts=num_rollouts,
        num_random_draws=num_random_draws,
        num_long_rollouts=num_long_rollouts,
        batch_size=batch_size,
        num_speed_steps=num_speed_steps,
    )
    if horizon < 2:
        raise ValueError(f"horizon is {horizon}; choose at least 2 frames, 10 for the usual table.")
    folder = None if output is None else check_folder(output)
    sources = data if isinstance(data, Mapping) else {name_of(data): data}
    ceilings = ceilings or {}
    check_ceilings(ceilings, sources, reference)

    video = partial(VideoDataset, image_size=pipe.frame_size, frame_rate=frame_rate, frame_skip=frame_skip)
    datasets = {name: video(source, horizon + 1, split=HELD_OUT) for name, source in sources.items()}
    for name, dataset in datasets.items():
        warn_of_another_pace(pipe, dataset, name)
    long_datasets = {
        name: video(sources[name], long_horizon + 1, split=HELD_OUT)
        for name, dataset in datasets.items()
        if long_horizon and dataset.lengths.max() > long_horizon
    }
    reference_data = None if reference is None else video(reference, HISTORY + 2)
    if reference_data is not None:
        check_reference(reference_data, datasets)

    clips = {name: draw_clips(dataset, num_clips, name, seed) for name, dataset in datasets.items()}
    apart = {name: draw_clips_apart(dataset, num_clips, name, seed) for name, dataset in datasets.items()}
    long_clips = {name: draw_clips(dataset, num_long_rollouts, name, seed) for name, dataset in long_datasets.items()}
    if pipe.latent_action_model is None:
        check_recorded_actions(pipe, [*clips.values(), *long_clips.values()])
    sampling = {
        "num_inference_steps": num_inference_steps,
        "temperature": pipe.scheduler.config.temperature if temperature is None else temperature,
    }
    speed = measure_speed(pipe, next(iter(clips.values())).pixels[0, 0], num_speed_steps, **sampling)
    classifier = None
    if reference_data is not None:
        num_true = max(held_out.num_true_actions for held_out in clips.values() if held_out.actions is not None)
        classifier = train_reference(
            reference_data, num_true, num_steps=num_reference_steps, device=pipe.device, seed=seed
        )

    playing = {"batch_size": batch_size, "seed": seed, **sampling}
    figures, examples = {}, {}
    for name, held_out in clips.items():
        figures[name], examples[name] = measure_clips(
            pipe, held_out, apart[name], num_rollouts, num_random_draws, classifier, ceilings.get(name), playing
        )
        if name in long_clips:
            figures[name]["persistence"], examples[name]["long"] = measure_persistence(
                pipe, long_clips[name], **playing
            )
        else:
            longest = datasets[name].lengths.max()
            note = f"Not measured: {long_horizon} steps were asked for, and the longest episode has {longest} frames."
            figures[name]["persistence"] = {"note": note}
    settings = {
        "data": {name: name_of(source) for name, source in sources.items()},
        "horizon": horizon,
        "frame_rate": frame_rate,
        "frame_skip": frame_skip,
        "num_random_draws": num_random_draws,
        "reference": None if reference is None else name_of(reference),
        **sampling,
        "seed": seed,
    }
    result = {"settings": settings, "speed": speed, "data": figures}
    if folder is not None:
        picture = draw_evaluation(examples, figures)
        write_results(folder, {"metrics.json": result, "evaluation.png": picture}, pipe.dynamics)
    return result


def check_numbers(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} is {number}; choose at least 1.")


def check_ceilings(ceilings: Mapping[str, float], sources: Mapping[str, Source], reference: Source | None) -> None:
    if unknown := set(ceilings) - set(sources):
        raise ValueError(f"got a ceiling for {', '.join(sorted(unknown))}, but the data is {', '.join(sources)}.")
    if ceilings and reference is not None:
        raise ValueError("got both ceilings and a reference; give one of them: a reference measures the ceilings.")


def measure_clips(
    pipe: GeniePipeline,
    clips: Clips,
    apart: Clips,
    num_rollouts: int,
    num_random_draws: int,
    classifier: ReferenceClassifier | None,
    ceiling: float | None,
    playing: dict,
) -> tuple[dict, dict]:
    """The figures of one data set but for its persistence, and what `draw_evaluation` draws of it.

    The actions are measured on the clips that lie `apart`: no transition that something is fitted on tests it.
    """
    batch_size, seed = playing["batch_size"], playing["seed"]
    generator = torch.Generator().manual_seed(seed)
    reader = None if clips.actions is None else classifier
    read = None if reader is None else read_true_actions(pipe, apart, reader, batch_size)
    played = clips.first(num_rollouts)
    control, shown = measure_action_control(
        pipe,
        played,
        played.actions_of(pipe, batch_size),
        reader,
        num_random_draws=num_random_draws,
        generator=generator,
        **playing,
    )
    if read is not None:
        control["action_control"]["reference_classifier"]["data"] = read
        ceiling = read["accuracy"]
    figures = {
        "num_clips": len(clips),
        "num_rollouts": len(played),
        "reconstruction": measure_reconstruction(pipe, clips, batch_size),
    }
    if pipe.latent_action_model is not None:
        figures["latent_actions"] = measure_latent_actions(pipe, apart, ceiling, batch_size, seed)
        figures["leakage"] = measure_leakage(pipe, clips, batch_size, generator)
    return figures | control, shown


def check_recorded_actions(pipe: GeniePipeline, clips: Iterable[Clips]) -> None:
    """Whether a pipeline without latent action model can be played with the actions of the data."""
    known = pipe.dynamics.config.num_actions
    for held_out in clips:
        if held_out.actions is None:
            raise ValueError(
                f"the pipeline has no latent_action_model to infer actions with, and {held_out.name} has no recorded "
                "ones: name a recording that has them, or load the latent action model as well."
            )
        if held_out.num_true_actions > known:
            raise ValueError(
                f"{held_out.name} has {held_out.num_true_actions} actions, and the world has learnt {known}: name a "
                "recording with those that it learnt from."
            )


def check_reference(reference: VideoDataset, datasets: Mapping[str, VideoDataset]) -> None:
    """Whether a reference classifier trained on one data set can read the actions of others."""
    if not reference.has_actions:
        raise ValueError("the reference data has no true actions: name a recording that has them.")
    for name, dataset in datasets.items():
        if dataset.num_frames < HISTORY + 2:
            raise ValueError(f"a reference needs a horizon of {HISTORY + 1} or more, got {dataset.num_frames - 1}.")
        if dataset.has_actions and dataset.action_groups != reference.action_groups:
            raise ValueError(f"the reference data groups its actions differently from {name}.")
        try:
            check_disjoint(reference, dataset)
        except ValueError as error:
            raise ValueError(f"a classifier learns from the reference, and {error}") from None
    if not any(dataset.has_actions for dataset in datasets.values()):
        raise ValueError("none of the data has true actions that a reference could read: leave it out.")


def draw_clips(dataset: VideoDataset, number: int, name: str, seed: int) -> Clips:
    generator = torch.Generator().manual_seed(seed)
    return Clips.read(dataset, torch.randperm(len(dataset), generator=generator)[:number].tolist(), name)


def draw_clips_apart(dataset: VideoDataset, number: int, name: str, seed: int) -> Clips:
    """Clips without a frame in common; all there are where these are fewer."""
    generator = torch.Generator().manual_seed(seed)
    clips = torch.tensor(dataset.disjoint_clips(generator))
    return Clips.read(dataset, clips[torch.randperm(len(clips), generator=generator)[:number]].tolist(), name)


@torch.no_grad()
def measure_reconstruction(pipe: GeniePipeline, clips: Clips, batch_size: int) -> dict:
    """PSNR and SSIM of encoded and decoded clips, as far as the tokenizer's window goes."""
    errors, similarities = [], []
    for _, pixels in clips.batches(pipe, batch_size, "reconstruction"):
        coded = reconstruct(pipe, pixels)
        errors.append(squared_error(coded, pixels[:, : coded.shape[1]]))
        similarities.append(similarity(coded, pixels[:, : coded.shape[1]]))
    return describe_quality(torch.cat(errors), torch.cat(similarities))


def measure_latent_actions(
    pipe: GeniePipeline, clips: Clips, ceiling: float | None, batch_size: int, seed: int
) -> dict:
    """Use and consistency of the clips' latent actions, and their agreement with the true ones."""
    latent, num_actions = clips.infer_actions(pipe, batch_size), pipe.dynamics.config.num_actions
    consistency = Consistency(num_actions)
    for rows, pixels in clips.batches(pipe, batch_size, "consistency"):
        consistency.update(pixels, latent[rows].to(pixels.device))
    figures = code_usage(latent, num_actions) | {
        "num_transitions": latent.numel(),
        "switch_rate": switch_rate(latent),
        **consistency.compute(),
    }
    if clips.actions is None:
        return figures | {"note": "This data has no true actions, so agreement with them was not measured."}
    seen = slice(min(HISTORY, latent.shape[1] - 1), None)  # with as much history as the reference classifier has
    pairs = latent[:, seen].flatten(), clips.actions[:, seen].flatten()
    return figures | {
        "true_switch_rate": switch_rate(clips.actions),
        "true_actions": clips.action_names,
        "agreement": action_agreement(*pairs, num_actions, clips.num_true_actions, ceiling=ceiling, seed=seed),
    }


def read_true_actions(pipe: GeniePipeline, clips: Clips, classifier: ReferenceClassifier, batch_size: int) -> dict:
    """How well the classifier reads the true actions from the real frames."""
    read = [classifier.read_actions(pixels).cpu() for _, pixels in clips.batches(pipe, batch_size, "true actions")]
    return read_back(clips.actions[:, HISTORY:], torch.cat(read), classifier.num_actions)


@torch.no_grad()
def measure_leakage(pipe: GeniePipeline, clips: Clips, batch_size: int, generator: torch.Generator) -> dict:
    """PSNR of what the latent action model predicts, with shuffled actions too, and of copying the last frame."""
    errors = {"inferred_actions": [], "shuffled_actions": [], "copy_last_frame": []}
    for _, pixels in clips.batches(pipe, batch_size, "leakage"):
        frames = pixels[:, : pipe.latent_action_model.config.num_frames]
        predictions = *predict_next(pipe, frames, generator), frames[:, :-1]
        for name, prediction in zip(errors, predictions, strict=True):
            errors[name].append(squared_error(prediction, frames[:, 1:]))
    return {name: psnr(torch.cat(parts).mean()).item() for name, parts in errors.items()}


def predict_next(pipe: GeniePipeline, pixels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The frames 2..T as the latent action model's decoder predicts them from those before, and the actions.

    Args:
        pipe: the pipeline.
        pixels: in [0, 1], of shape `(batch_size, num_frames, channels, height, width)`.
        generator: for the shuffle.

    Returns:
        Two predictions of shape `(batch_size, num_frames - 1, channels, height, width)`: with the inferred actions,
        and with these shuffled over all transitions of the batch.
    """
    model = pipe.latent_action_model
    in_codes = model.config.input == "codes"
    frames = pipe.video_tokenizer.encode(pixels) if in_codes else pixels
    inferred = model.infer_actions(frames)
    order = torch.randperm(inferred.numel(), generator=generator).to(inferred.device)
    predictions = []
    for actions in (inferred, inferred.flatten()[order].view_as(inferred)):
        prediction = model.decode(frames[:, :-1], model.quantizer.lookup(actions))
        if in_codes:
            codes = torch.cat([frames[:, :1], prediction.argmax(-1)], dim=1)
            prediction = pipe.video_tokenizer.decode(codes)[:, 1:]
        predictions.append(prediction)
    return tuple(predictions)
