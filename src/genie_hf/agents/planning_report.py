"""How far ahead can one plan in a learnt world? Plans towards frames or coins of the real CoinRun, followed there."""

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import PIL.Image
import torch
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from ..drawing.figures import picture_of
from ..evaluation.clips import Source
from ..evaluation.results import check_folder, write_results
from ..pipeline_genie import GeniePipeline
from .cloning import ActionDictionary
from .goals import GOALS, NEAR
from .planning import search
from .real_game import BUTTONS
from .recorded_game import open_recording
from .summary import interval_of_share

logger = logging.getLogger(__name__)

COLOURS = {
    "cross-entropy": "tab:blue",
    "random shooting": "tab:orange",
    "random": "tab:gray",
    "nothing": "tab:brown",
    "right": "tab:brown",
}


def report_planning(
    pipe: GeniePipeline,
    labelled: Source,
    output: str | Path,
    *,
    towards: Literal["frame", "coin"] = "frame",
    mode: str = "hard",
    levels: Sequence[int] = range(50_000, 50_030),
    distances: Sequence[int] = (1, 2, 4, 8),
    num_plans: int = 32,
    num_rounds: int = 2,
    num_labels: int = 200,
    num_inference_steps: int = 4,
    seed: int = 0,
) -> dict:
    """Plans from frames of the real CoinRun to what a player came to from there, and follows the plans.

    The player (`balanced` towards frames, `expert` towards coins, see `record`) plays for a while; then comes the
    frame to plan from, and so many of its decisions later the goal. Towards a frame that plan is best which comes
    nearest in the world, towards a coin that which earns most there. A plan's latent actions become buttons by some
    labelled transitions.

    Args:
        pipe: the world, with its `latent_action_model`.
        labelled: a recording with true actions, for these transitions: what `VideoDataset` takes as its source.
        output: folder for `planning-<towards>-<mode>.json` and `.png`.
        towards: what the goals are.
        mode: `"easy"` or `"hard"`, that of the recording.
        levels: one goal each and distance; none of the recording.
        distances: decisions from the start to the goal, and steps of a plan.
        num_plans: plans of a round.
        num_rounds: rounds of the cross-entropy method; random shooting has as many plans in one.
        num_labels: labelled transitions.
        num_inference_steps: MaskGIT steps of an imagined frame.
        seed: of all draws.

    Returns:
        What the file holds: the settings, and `table`, for each planner and distance the share of goals that were
        `reached` (frames within `NEAR`), the two ends of its 95 % interval and the milliseconds for each decision
        (`ms`).

    Raises:
        ValueError: the pipeline has no latent action model, or no reward model where the goals are coins; the
            recording has no true actions, was played in the other mode, or contains some of the levels; or a coin is
            nearer than asked for.
    """
    folder = check_folder(output)
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    clips = open_recording(pipe, labelled, mode, levels)
    dictionary = ActionDictionary.learn(pipe, clips, num_labels, generator)
    settings = {
        "towards": towards, "mode": mode, "levels": [min(levels), max(levels) + 1], "plans": num_plans,
        "rounds": num_rounds,
    }  # fmt: skip
    table, name = [], f"planning-{towards}-{mode}"
    for distance in distances:
        reached, seconds = defaultdict(list), defaultdict(float)
        for level in tqdm(levels, desc=f"Goals {distance} decisions away"):
            goal = GOALS[towards].draw(rng, level, mode, dictionary.frame_skip, distance)
            world = pipe.start(frames=list(goal.frames), seed=seed, num_inference_steps=num_inference_steps)
            value = goal.value(pipe)
            for planner, sizes in {
                "cross-entropy": (num_plans, num_rounds),
                "random shooting": (num_plans * num_rounds, 1),
            }.items():
                begun = time.perf_counter()
                actions = search(world, value, distance, *sizes, generator=generator).actions
                seconds[planner] += time.perf_counter() - begun
                reached[planner].append(goal.reached(BUTTONS[dictionary.draw(actions, generator)].tolist()))
            random = torch.randint(pipe.num_actions, (distance,), generator=generator)
            reached["random"].append(goal.reached(BUTTONS[dictionary.draw(random, generator)].tolist()))
            unplanned, buttons = goal.unplanned
            reached[unplanned].append(goal.reached(buttons * distance))
            goal.level.close()
        for planner, found in reached.items():
            table.append(
                {
                    "planner": planner,
                    "distance": distance,
                    "reached": float(np.mean(found)),
                    "interval": interval_of_share(sum(found), len(found)),
                    "ms": 1000 * seconds[planner] / len(found) / distance,
                }
            )
            logger.info("%s, %d decisions: %.0f%% reached", planner, distance, 100 * np.mean(found))
        result = settings | {"table": table}  # after each distance, or a stop would cost all
        write_results(folder, {f"{name}.json": result, f"{name}.png": draw(result)}, pipe.dynamics)
    return result


def draw(result: dict) -> PIL.Image.Image:
    """Goals reached over their distance."""
    figure = Figure(figsize=(6, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    for planner in dict.fromkeys(line["planner"] for line in result["table"]):
        lines = [line for line in result["table"] if line["planner"] == planner]
        distances = [line["distance"] for line in lines]
        reached = np.array([100 * line["reached"] for line in lines])
        ends = 100 * np.array([line["interval"] for line in lines]).T
        axes.errorbar(distances, reached, abs(ends - reached), color=COLOURS[planner], label=planner, marker="o")
    axes.set(xlabel="decisions to the goal", ylabel="goals reached, %", ylim=(0, 100), xscale="log")
    axes.set_xticks(distances, map(str, distances))
    axes.minorticks_off()
    goal = "the coin" if result["towards"] == "coin" else f"within {NEAR:g} tile of the goal"
    axes.set_title(f"CoinRun, {result['mode']} mode: {goal}")
    axes.legend(frameon=False)
    return picture_of(figure)
