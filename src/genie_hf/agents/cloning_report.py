"""The comparison of `cloning_study` over several seeds: a table, a file and a figure (paper figure 15)."""

import logging
from collections.abc import Sequence
from pathlib import Path

import PIL.Image
from matplotlib.figure import Figure

from ..drawing.figures import picture_of
from ..evaluation.clips import Source, name_of
from ..evaluation.results import check_folder, write_results
from ..pipeline_genie import GeniePipeline
from .cloning_study import clone
from .demonstrations import Demonstrations
from .recorded_game import open_recording
from .summary import summarise

logger = logging.getLogger(__name__)

COLOURS = {
    "oracle": "tab:green",
    "latent": "tab:blue",
    "labels alone": "tab:orange",
    "blind": "tab:brown",
    "random": "tab:gray",
}


def report_cloning(
    pipe: GeniePipeline,
    expert: Source,
    output: str | Path,
    *,
    mode: str = "hard",
    levels: Sequence[int] = range(50_000, 50_100),
    num_labels: Sequence[int] = (10, 25, 50, 100, 200, 400),
    num_seeds: int = 5,
    num_steps: int = 3_000,
) -> dict:
    """Clones an expert of the real CoinRun from latent actions, and plays.

    Args:
        pipe: the world, with its `latent_action_model`.
        expert: a recording of the expert, with its true actions: what `VideoDataset` takes as its source.
        output: folder for `cloning-<mode>.json` and `cloning-<mode>.png`.
        mode: `"easy"` or `"hard"`, that of the recording.
        levels: to solve; none of the recording.
        num_labels: how many labelled transitions name the latent actions.
        num_seeds: how often all is learnt and played anew.
        num_steps: training steps of a policy.

    Returns:
        What the file holds: the settings; `runs`, each with its `agent`, `labels`, `seed` and the share of levels
        `solved`; and `table`, over the seeds their mean and the half-width of its 95 % interval.

    Raises:
        ValueError: the pipeline has no latent action model; or the recording has no true actions, was played in the
            other mode, or contains some of the levels.
    """
    folder = check_folder(output)
    data = open_recording(pipe, expert, mode, levels)
    shown = Demonstrations(data)
    shown.infer(pipe)
    settings = {"data": name_of(expert), "mode": mode, "levels": [min(levels), max(levels) + 1], "steps": num_steps}
    runs, name = [], f"cloning-{mode}"
    for seed in range(num_seeds):
        for run in clone(
            pipe, shown, levels, mode=mode, frame_skip=data.frame_skip or 1, num_labels=num_labels,
            num_steps=num_steps, seed=seed,
        ):  # fmt: skip
            said = f"{run['agent']}, {run['labels']:,} labels: {run['solved']:.0%} of the levels"
            logger.info("Seed %d: %s", seed, said)
            runs.append(run)
        table = summarise(runs, "labels")
        result = settings | {"table": table, "runs": runs}  # after each seed, or a stop would cost all
        write_results(folder, {f"{name}.json": result, f"{name}.png": draw(result)}, pipe.dynamics)
    return result


def draw(result: dict) -> PIL.Image.Image:
    """Levels solved over the number of labels."""
    figure = Figure(figsize=(6, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    for agent, colour in COLOURS.items():
        lines = [line for line in result["table"] if line["agent"] == agent]
        solved = [100 * line["solved"] for line in lines]
        half = [100 * line["interval"] for line in lines]
        if agent in ("oracle", "blind", "random"):
            axes.axhline(solved[0], color=colour, label=agent)
            axes.axhspan(solved[0] - half[0], solved[0] + half[0], color=colour, alpha=0.15, linewidth=0)
        else:
            axes.errorbar([line["labels"] for line in lines], solved, half, color=colour, label=agent, marker="o")
    counts = sorted({line["labels"] for line in result["table"] if line["agent"] == "latent"})
    axes.set(xscale="log", xlabel="labelled transitions", ylabel="levels solved, %", ylim=(0, 100))
    axes.set_xticks(counts, map(str, counts))
    axes.minorticks_off()
    axes.set_title(f"CoinRun, {result['mode']} mode")
    axes.legend(frameon=False)
    return picture_of(figure)
