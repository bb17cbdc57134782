"""The comparison of `cloning_study` over several seeds: a table, a file and a figure (paper figure 15)."""

import logging
from collections.abc import Sequence
from pathlib import Path

import PIL.Image
from matplotlib.axes import Axes
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
    num_labels: Sequence[int] = (10, 50, 200, 400),
    num_seeds: int = 5,
    num_steps: int = 2_000,
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
        What the file holds: the settings; `runs`, each with its `agent`, `labels`, `seed`, the share of levels
        `solved` and the `agreement` with the expert on held-out frames; and `table`, over the seeds their means and
        the half-widths of their 95 % intervals, `interval` and `agreement_interval`.

    Raises:
        ValueError: the pipeline has no latent action model; or the recording has no true actions or a single episode,
            was played in the other mode, or contains some of the levels.
    """
    folder = check_folder(output)
    data = open_recording(pipe, expert, mode, levels)
    if len(data.lengths) < 2:
        raise ValueError(f"{name_of(expert)} has one episode, and some are held out: record more levels.")
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
            logger.info("Seed %d: %s, agrees in %.0f%%", seed, said, 100 * run["agreement"])
            runs.append(run)
        agreement = [
            {"agreement": line["agreement"], "agreement_interval": line["interval"]}
            for line in summarise(runs, "labels", "agreement")
        ]
        table = [solved | agrees for solved, agrees in zip(summarise(runs, "labels"), agreement, strict=True)]
        result = settings | {"table": table, "runs": runs}  # after each seed, or a stop would cost all
        write_results(folder, {f"{name}.json": result, f"{name}.png": draw(result)}, pipe.dynamics)
    return result


def draw(result: dict) -> PIL.Image.Image:
    """Levels solved, and agreement with the expert, over the number of labels."""
    figure = Figure(figsize=(10, 4), dpi=120, layout="constrained")
    solving, agreeing = figure.subplots(1, 2)
    draw_lines(solving, result["table"], "solved", "interval")
    draw_lines(agreeing, result["table"], "agreement", "agreement_interval")
    solving.set(ylabel="unseen levels solved, %", ylim=(0, 100))
    agreeing.set(ylabel="agreement with the expert, %", ylim=(0, 100))
    solving.legend(frameon=False)
    figure.suptitle(f"CoinRun, {result['mode']} mode")
    return picture_of(figure)


def draw_lines(axes: Axes, table: Sequence[dict], measure: str, interval: str) -> None:
    """A measure over the number of labels; agents that have no few of them as bands."""
    for agent, colour in COLOURS.items():
        lines = [line for line in table if line["agent"] == agent]
        means, half = ([100 * line[name] for line in lines] for name in (measure, interval))
        if agent in ("oracle", "blind", "random"):
            axes.axhline(means[0], color=colour, label=agent)
            axes.axhspan(means[0] - half[0], means[0] + half[0], color=colour, alpha=0.15, linewidth=0)
        else:
            axes.errorbar([line["labels"] for line in lines], means, half, color=colour, label=agent, marker="o")
    counts = sorted({line["labels"] for line in table if line["agent"] == "latent"})
    axes.set(xscale="log", xlabel="labelled transitions")
    axes.set_xticks(counts, map(str, counts))
    axes.minorticks_off()
