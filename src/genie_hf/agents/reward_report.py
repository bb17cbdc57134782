"""Is a reward model right? Its odds beside what came of held-out frames, real ones and imagined ones."""

from pathlib import Path

import numpy as np
import PIL.Image
import torch
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from ..data import HELD_OUT
from ..data.video_dataset import VideoDataset
from ..drawing.figures import picture_of
from ..evaluation.clips import Source, name_of, warn_of_another_pace
from ..evaluation.results import check_folder, write_results
from ..pipeline_genie import GeniePipeline

NUM_BINS = 10
COLOURS = {"pays": "tab:green", "ends": "tab:red"}
MEANINGS = {"pays": "a reward", "ends": "an end"}


def report_rewards(
    pipe: GeniePipeline,
    data: Source,
    output: str | Path | None = None,
    *,
    num_clips: int = 128,
    horizon: int = 8,
    num_inference_steps: int = 4,
    batch_size: int = 64,
    seed: int = 0,
) -> dict:
    """Compares the odds of a reward model with what came of held-out frames.

    Args:
        pipe: the world, with its `reward_model`, and its `latent_action_model` for the imagined frames.
        data: recordings with rewards, other levels than it was trained on: what `VideoDataset` takes as its source.
        output: folder for `rewards.json` and `rewards.png`; by default nothing is written.
        num_clips: clips that are imagined again, as many that the game ended after as others.
        horizon: steps of each.
        num_inference_steps: MaskGIT steps of an imagined frame.
        batch_size: clips at once.
        seed: of all draws.

    Returns:
        A dict that JSON can hold: `data`, `num_frames`; for the events `pays` (a reward that is not 0) and `ends` the
        `share` of frames after which it came, the mean odds `predicted`, their Brier score `brier`, the expected
        `calibration_error` in ten `bins`, and the `average_precision`; and `imagined`, the mean odds of an end at
        frames `before_an_end` and `elsewhere`, as they were recorded (`real`) and as the world draws them `horizon`
        steps after a recorded frame by the actions inferred (`imagined`).

    Raises:
        ValueError: the pipeline has no reward model, or the data no rewards.
    """
    folder = None if output is None else check_folder(output)
    model = pipe.reward_model
    if model is None:
        raise ValueError("the pipeline has no reward_model: train one with the stage reward, or load it as well.")
    clips = VideoDataset(data, model.config.num_frames, pipe.frame_size, split=HELD_OUT)
    warn_of_another_pace(pipe, clips, name_of(data))
    if clips.rewards is None or clips.ended is None:
        raise ValueError(f"{name_of(data)} has no rewards: record it again with this version of genie_hf.")
    last = torch.from_numpy(clips.clip_starts()) + model.config.num_frames - 1
    odds = torch.cat(
        [
            model.odds(encode(pipe, clips, range(start, min(start + batch_size, len(clips)))))[:, 0].cpu()
            for start in tqdm(range(0, len(clips), batch_size), desc="Odds")
        ]
    )
    outcomes = {"pays": (model.rewards != 0, clips.rewards[last] != 0), "ends": (model.ends, clips.ended[last])}
    found: dict = {"data": name_of(data), "num_frames": len(clips)}
    for event, (counted, came) in outcomes.items():
        found[event] = figures_of(odds[:, counted].sum(-1).numpy(), came.numpy())
    found["imagined"] = imagine_ends(
        pipe, data, num_clips=num_clips, horizon=horizon, num_inference_steps=num_inference_steps, seed=seed
    )
    if folder is not None:
        write_results(folder, {"rewards.json": found, "rewards.png": draw(found)}, pipe.dynamics)
    return found


@torch.no_grad()
def encode(pipe: GeniePipeline, clips: VideoDataset, indices: range) -> torch.Tensor:
    """Codes of some clips, of shape `(batch_size, num_frames, h, w)`."""
    pixels = torch.stack([clips[index]["pixels"] for index in indices])
    return pipe.video_tokenizer.encode(pixels.to(pipe.device))


def figures_of(predicted: np.ndarray, came: np.ndarray) -> dict:
    """How good odds are.

    Args:
        predicted: the odds of an event, floats of shape `(N,)`.
        came: whether it came, bools of the same shape.
    """
    order = predicted.argsort()
    parts = np.split(order, predicted[order].searchsorted(np.linspace(0, 1, NUM_BINS + 1)[1:-1]))
    bins = [
        {"predicted": float(predicted[part].mean()), "came": float(came[part].mean()), "frames": len(part)}
        for part in parts
        if len(part)
    ]
    hits = came[order[::-1]]
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    return {
        "share": float(came.mean()),
        "predicted": float(predicted.mean()),
        "brier": float(((predicted - came) ** 2).mean()),
        "calibration_error": sum(each["frames"] * abs(each["predicted"] - each["came"]) for each in bins) / len(came),
        "average_precision": float(precision[hits].mean()) if hits.any() else None,
        "bins": bins,
    }


def imagine_ends(
    pipe: GeniePipeline, data: Source, *, num_clips: int, horizon: int, num_inference_steps: int, seed: int
) -> dict:
    """Mean odds of an end at recorded frames, and at the same frames as the world draws them."""
    model, rng = pipe.reward_model, np.random.default_rng(seed)
    clips = VideoDataset(data, horizon + 1, pipe.frame_size, split=HELD_OUT)
    is_end = clips.ended[torch.from_numpy(clips.clip_starts()) + horizon].numpy()
    found: dict = {"horizon": horizon}
    for name, indices in {"before_an_end": np.flatnonzero(is_end), "elsewhere": np.flatnonzero(~is_end)}.items():
        chosen = rng.permutation(indices)[: num_clips // 2].tolist()
        if not chosen:
            found[name] = None
            continue
        pixels = torch.stack([clips[index]["pixels"] for index in chosen])
        generator = torch.Generator().manual_seed(seed)
        settings = {"num_inference_steps": num_inference_steps, "output_type": "latent", "return_dict": False}
        drawn, _ = pipe.resimulate(pixels, 1, generator=generator, **settings)
        seen = pipe.video_tokenizer.encode(pixels.to(pipe.device))
        ends = [float(model.odds(codes)[:, -1, model.ends].sum(-1).mean()) for codes in (seen, drawn)]
        found[name] = {"clips": len(chosen), "real": ends[0], "imagined": ends[1]}
    return found


def draw(found: dict) -> PIL.Image.Image:
    """How often an event came over how likely it was said to be."""
    figure = Figure(figsize=(4.5, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="tab:gray", linewidth=1)
    for event, colour in COLOURS.items():
        bins = found[event]["bins"]
        predicted, came = ([each[key] for each in bins] for key in ("predicted", "came"))
        axes.plot(predicted, came, color=colour, marker="o", label=f"{MEANINGS[event]}, {found[event]['share']:.1%}")
    axes.set(xlabel="odds that the model gives", ylabel="share of frames", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_title(f"What comes of a frame, {found['num_frames']:,} held-out frames", fontsize=10)
    axes.legend(frameon=False)
    return picture_of(figure)
