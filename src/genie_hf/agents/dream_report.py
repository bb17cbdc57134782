"""The comparison of `dream_study` over several seeds: a table, a file and a figure."""

import logging
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import PIL.Image
from matplotlib.figure import Figure

from ..data.video_dataset import VideoDataset
from ..drawing.figures import picture_of
from ..evaluation.clips import Source, name_of
from ..evaluation.results import check_folder, write_results
from ..pipeline_genie import GeniePipeline
from .dream_study import START_FRAMES, dream
from .recorded_game import open_recording, recorded_levels
from .summary import summarise

logger = logging.getLogger(__name__)

LOOKS = {"world": ("tab:blue", "learnt in the world"), "real": ("tab:green", "learnt in the real game")}


def report_dreaming(
    pipe: GeniePipeline,
    source: Source,
    output: str | Path,
    *,
    mode: str = "hard",
    levels: Sequence[int] = range(50_000, 50_100),
    num_steps: int = 20_000,
    num_seeds: int = 3,
    horizon: int = 16,
    num_envs: int = 16,
) -> dict:
    """Trains PPO in a world and plays the real CoinRun, beside PPO that has learnt from as many steps of the latter.

    Args:
        pipe: the world, with its `latent_action_model` and `reward_model`.
        source: a recording of the game with its true actions, what `VideoDataset` takes as its source: its frames
            begin the imagined episodes, some of its actions name the latent ones, and on its levels the other agent
            learns.
        output: folder for `dream-<mode>.json` and `dream-<mode>.png`.
        mode: `"easy"` or `"hard"`, that of the recording.
        levels: to solve; none of the recording.
        num_steps: that each agent learns from, rounded up to whole rollouts.
        num_seeds: how often all is learnt and played anew.
        horizon: steps of an imagined episode; in the real game episodes are whole.
        num_envs: worlds, or games, side by side.

    Returns:
        What the file holds: the settings; `runs`, each with its `agent`, `steps`, `seed`, the share of levels
        `solved` and the `return` of the episodes that it learnt from; and `table`, over the seeds their means and the
        half-width of the 95 % interval of `solved`.

    Raises:
        ValueError: the pipeline has no reward model or no latent action model; or the recording has no true actions,
            does not say its levels, was played in the other mode, or contains some of the levels.
    """
    folder = check_folder(output)
    if pipe.reward_model is None:
        raise ValueError("the pipeline has no reward_model, so nothing can be learnt in it: train its stage reward.")
    labelled = open_recording(pipe, source, mode, levels)
    if not recorded_levels(labelled):
        raise ValueError(f"{name_of(source)} does not say its levels: record with `genie-hf record coinrun`.")
    starts = VideoDataset(source, START_FRAMES, pipe.frame_size)
    settings = {"data": name_of(source), "mode": mode, "levels": [min(levels), max(levels) + 1], "horizon": horizon}
    runs, name = [], f"dream-{mode}"
    for seed in range(num_seeds):
        for run in dream(
            pipe, labelled, starts, levels, mode=mode, num_steps=num_steps, horizon=horizon, num_envs=num_envs,
            seed=seed,
        ):  # fmt: skip
            said = f"{run['agent']}, {run['steps']:,} steps: {run['solved']:.0%} of the levels"
            logger.info("Seed %d: %s", seed, said)
            runs.append(run)
        result = settings | {"table": tabulate(runs), "runs": runs}  # after each seed, or a stop would cost all
        write_results(folder, {f"{name}.json": result, f"{name}.png": draw(result)}, pipe.dynamics)
    return result


def tabulate(runs: Sequence[dict]) -> list[dict]:
    """For each agent and number of steps the share of levels solved, its interval, and the mean return."""
    table = summarise(runs, "steps")
    for line in table:
        same = [run["return"] for run in runs if (run["agent"], run["steps"]) == (line["agent"], line["steps"])]
        line["return"] = None if None in same else mean(same)
    return table


def draw(result: dict) -> PIL.Image.Image:
    """Levels solved, with a dot for each seed, and what was earned in training, over the steps."""
    figure = Figure(figsize=(10, 4), dpi=120, layout="constrained")
    solving, earning = figure.subplots(1, 2)
    by_chance = next(line for line in result["table"] if line["agent"] == "random")
    solving.axhline(100 * by_chance["solved"], color="tab:gray", label="random")
    for agent, (colour, label) in LOOKS.items():
        lines = [line for line in result["table"] if line["agent"] == agent]
        steps = [line["steps"] for line in lines]
        solving.plot(steps, [100 * line["solved"] for line in lines], color=colour, label=label)
        seeds = [(run["steps"], 100 * run["solved"]) for run in result["runs"] if run["agent"] == agent]
        solving.scatter(*zip(*seeds, strict=True), color=colour, s=12, alpha=0.6)
        returns = [float("nan") if line["return"] is None else line["return"] for line in lines]
        earning.plot(steps, returns, color=colour, label=label, marker="o")
    solving.set(xlabel="steps learnt from", ylabel="unseen real levels solved, %", ylim=(0, 100))
    earning.set(xlabel="steps learnt from", ylabel="return in training", ylim=(0, 10))
    solving.legend(frameon=False)
    figure.suptitle(f"PPO in CoinRun, {result['mode']} mode")
    return picture_of(figure)
