"""How far ahead can one plan in a learnt world? Plans towards frames of the real CoinRun, followed there."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
import torch
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from ..data.coinrun.game import Level
from ..data.coinrun.policies import POLICIES
from ..data.coinrun.search import position
from ..drawing.figures import picture_of
from ..evaluation.clips import Source
from ..evaluation.results import check_folder, write_results
from ..pipeline_genie import GeniePipeline
from .cloning import ActionDictionary
from .planning import nearness, search
from .real_game import BUTTONS
from .recorded_game import open_recording

logger = logging.getLogger(__name__)

SEEN = 3  # frames before the plan begins
NEAR = 1.0  # tiles from the goal
COLOURS = {"cross-entropy": "tab:blue", "random shooting": "tab:orange", "random": "tab:gray", "nothing": "tab:brown"}


class Goal(NamedTuple):
    """Somewhere that a player has come to in the real game.

    Attributes:
        level: the game.
        state: of the game where the plan begins.
        frames: the last frames by then, uint8 of shape `(SEEN, height, width, channels)`.
        picture: what is seen at the goal.
        place: of the player at the goal, in tiles.
    """

    level: Level
    state: bytes
    frames: np.ndarray
    picture: np.ndarray
    place: tuple[float, float]

    def distance(self, buttons: Sequence[int]) -> float:
        """How far from the goal one comes that presses these buttons, in tiles; infinite where the game ends."""
        self.level.env.set_state([self.state])
        for button in buttons:
            self.level.hold(button)
            if self.level.is_first:
                return np.inf
        return float(np.linalg.norm(np.subtract(position(self.level.env.get_state()[0]), self.place)))


def report_planning(
    pipe: GeniePipeline,
    labelled: Source,
    output: str | Path,
    *,
    mode: str = "hard",
    levels: Sequence[int] = range(50_000, 50_030),
    distances: Sequence[int] = (1, 2, 4, 8),
    num_plans: int = 32,
    num_rounds: int = 2,
    num_labels: int = 200,
    num_inference_steps: int = 4,
    seed: int = 0,
) -> dict:
    """Plans from frames of the real CoinRun to others that a player came to from there, and follows the plans.

    The player (`balanced`, see `record`) plays for a while; then comes the frame to plan from, and so many of its
    decisions later the goal. A plan's latent actions become buttons by some labelled transitions.

    Args:
        pipe: the world, with its `latent_action_model`.
        labelled: a recording with true actions, for these transitions: what `VideoDataset` takes as its source.
        output: folder for `planning-<mode>.json` and `planning-<mode>.png`.
        mode: `"easy"` or `"hard"`, that of the recording.
        levels: one goal each and distance; none of the recording.
        distances: decisions from the start to the goal, and steps of a plan.
        num_plans: plans of a round.
        num_rounds: rounds of the cross-entropy method; random shooting has as many plans in one.
        num_labels: labelled transitions.
        num_inference_steps: MaskGIT steps of an imagined frame.
        seed: of all draws.

    Returns:
        What the file holds: the settings, and `table`, for each planner and distance the share of goals to whose
        `NEAR` the player came (`reached`), the half-width of its 95 % interval, the median distance left in tiles
        (`left`) and the milliseconds for each decision (`ms`).

    Raises:
        ValueError: the pipeline has no latent action model; or the recording has no true actions, was played in the
            other mode, or contains some of the levels.
    """
    folder = check_folder(output)
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    clips = open_recording(pipe, labelled, mode, levels)
    dictionary = ActionDictionary.learn(pipe, clips, num_labels, generator)
    table = []
    for distance in distances:
        left: dict[str, list[float]] = {name: [] for name in COLOURS}
        seconds = dict.fromkeys(COLOURS, 0.0)
        for level in tqdm(levels, desc=f"Goals {distance} decisions away"):
            goal = draw_goal(rng, level, mode, dictionary.frame_skip, distance)
            world = pipe.start(frames=list(goal.frames), seed=seed, num_inference_steps=num_inference_steps)
            value = nearness(pipe, goal.picture)
            for planner, sizes in {
                "cross-entropy": (num_plans, num_rounds),
                "random shooting": (num_plans * num_rounds, 1),
            }.items():
                begun = time.perf_counter()
                actions = search(world, value, distance, *sizes, generator=generator).actions
                seconds[planner] += time.perf_counter() - begun
                left[planner].append(goal.distance(BUTTONS[dictionary.draw(actions, generator)].tolist()))
            random = torch.randint(pipe.num_actions, (distance,), generator=generator)
            left["random"].append(goal.distance(BUTTONS[dictionary.draw(random, generator)].tolist()))
            left["nothing"].append(goal.distance([]))
            goal.level.close()
        for planner, tiles in left.items():
            reached = np.mean(np.array(tiles) <= NEAR)
            table.append(
                {
                    "planner": planner,
                    "distance": distance,
                    "reached": float(reached),
                    "interval": float(1.96 * (reached * (1 - reached) / len(tiles)) ** 0.5),
                    "left": float(np.median(tiles)),
                    "ms": 1000 * seconds[planner] / len(tiles) / distance,
                }
            )
            logger.info("%s, %d decisions: %.0f%% reached", planner, distance, 100 * reached)
    settings = {"mode": mode, "levels": [min(levels), max(levels) + 1], "plans": num_plans, "rounds": num_rounds}
    result = settings | {"near": NEAR, "table": table}
    name = f"planning-{mode}"
    write_results(folder, {f"{name}.json": result, f"{name}.png": draw(result)}, pipe.dynamics)
    return result


def draw_goal(rng: np.random.Generator, level_seed: int, mode: str, frame_skip: int, distance: int) -> Goal:
    """Lets a player play until it has been somewhere and come further, in one life."""
    before = int(rng.integers(SEEN, 24))
    while True:
        level = Level(level_seed, mode, frame_skip)
        player, frames, state = POLICIES["balanced"](rng, before + distance, level), [level.frame], b""
        for step, button in enumerate(player, start=1):
            level.hold(button)
            if level.is_first:
                break
            frames.append(level.frame)
            if step == before:
                state = level.env.get_state()[0]
        else:
            return Goal(
                level, state, np.stack(frames[before - SEEN + 1 : before + 1]), frames[-1],
                position(level.env.get_state()[0]),
            )  # fmt: skip
        level.close()


def draw(result: dict) -> PIL.Image.Image:
    """Goals reached over their distance."""
    figure = Figure(figsize=(6, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    for planner, colour in COLOURS.items():
        lines = [line for line in result["table"] if line["planner"] == planner]
        distances = [line["distance"] for line in lines]
        reached, half = ([100 * line[key] for line in lines] for key in ("reached", "interval"))
        axes.errorbar(distances, reached, half, color=colour, label=planner, marker="o")
    axes.set(xlabel="decisions to the goal", ylabel="goals reached, %", ylim=(0, 100), xscale="log")
    axes.set_xticks(distances, map(str, distances))
    axes.minorticks_off()
    axes.set_title(f"CoinRun, {result['mode']} mode: within {result['near']:g} tile of the goal")
    axes.legend(frameon=False)
    return picture_of(figure)
