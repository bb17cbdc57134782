"""The data of a recipe: opened, checked, and asked for what follows from them."""

import copy
import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from ..data import HELD_OUT, VideoDataset, check_disjoint
from ..data.reader import VideoReader
from .recipe import Recipe

logger = logging.getLogger(__name__)

USUAL_FPS = 15
MOST_OUTCOMES = 64


def open_data(recipe: Recipe, num_frames: int, held_out: bool = False) -> VideoDataset:
    """The clips of the recipe's training data, or of its held-out data; raises what `VideoDataset` raises."""
    data = recipe.data
    height, width = [data.image_size] * 2 if isinstance(data.image_size, int) else data.image_size
    sources, split = (data.test, HELD_OUT) if held_out else (data.train, "train")
    return VideoDataset(sources, num_frames, (height, width), data.frame_rate, split, data.frame_skip)


def check_data(recipe: Recipe, names: list[str]) -> Recipe:
    """Opens all data that these stages will open, before the first of them trains for hours.

    Returns:
        The recipe with what follows from the data: `fps`, the outcomes of a reward model, and the number of recorded
        actions.

    Raises:
        ValueError: data cannot be read, have no clip that is long enough, are both learnt from and held out, or lack
            the actions or rewards that the recipe asks for.
    """
    num_frames = max(recipe.training.stages[name].num_frames for name in names)
    opened = [open_data(recipe, num_frames)]
    if recipe.data.test:
        opened.append(open_data(recipe, num_frames, held_out=True))
        check_disjoint(*opened)
        if opened[1].shares is not None:
            raise ValueError("data.test has weights, and only training draws by them: leave them out.")
    rates = {rate for reader in opened[0].readers for rate in reader.frame_rates if rate}
    if opened[0].frame_rate is None and len(rates) > 1:
        logger.warning(
            "The videos have from %.3g to %.3g frames a second, so that a step takes longer in some than in others: "
            "give data.frame_rate.",
            min(rates),
            max(rates),
        )
    rate = opened[0].frame_rate or USUAL_FPS
    recipe = replace(recipe, fps=recipe.fps or (int(rate) if rate == int(rate) else rate))
    if "reward" in names:
        reward_model = copy.deepcopy(recipe.reward_model)
        reward_model.outcomes = find_outcomes(opened[0])
        recipe = replace(recipe, reward_model=reward_model)
    if recipe.data.action_source == "latent":
        return recipe
    counted = max(map(count_actions, opened))
    meanings = [{meaning_of(reader) for reader in data.readers} for data in opened]
    if len(meanings[0]) > 1:
        raise ValueError(
            "the sources of data.train name or group their actions differently, so that a number would mean several: "
            "train on recordings of one recorder."
        )
    if len(set.union(*meanings)) > 1:
        raise ValueError("data.test has different actions from data.train: hold out data from the same recorder.")
    dynamics = copy.deepcopy(recipe.dynamics)
    dynamics.num_actions = recipe.data.num_actions or counted
    if dynamics.num_actions < max(counted, 2):
        raise ValueError(
            f"the world has {dynamics.num_actions} actions, but the data have {counted}: give data.num_actions of at "
            f"least {max(counted, 2)}."
        )
    return replace(recipe, dynamics=dynamics)


def meaning_of(reader: VideoReader) -> str:
    """What the numbers of recorded actions stand for."""
    return str((reader.action_names, reader.action_groups, reader.action_group_names))


def find_outcomes(dataset: VideoDataset) -> list[list]:
    """What can come of a step: the pairs of a reward and whether it ends the episode that the data have."""
    if dataset.rewards is None or dataset.ended is None:
        raise ValueError(
            "the stage reward needs data with rewards: record them again with this version of genie_hf, or leave out "
            "training.reward."
        )
    found = sorted(set(zip(dataset.rewards.tolist(), dataset.ended.tolist(), strict=True)))
    if not 2 <= len(found) <= MOST_OUTCOMES:
        raise ValueError(
            f"the data have {len(found)} different rewards: the reward model tells 2 to {MOST_OUTCOMES} apart. "
            "Give other data, or leave out training.reward."
        )
    return [list(outcome) for outcome in found]


def count_actions(dataset: VideoDataset) -> int:
    """How many recorded actions with different effects there are."""
    if not dataset.has_actions:
        raise ValueError(
            "data.action_source is 'recorded', but the data have no actions: record them, or leave action_source out "
            "to learn latent actions."
        )
    names = effect_names(dataset)
    if names:
        return len(names)
    return max(reader.num_actions for reader in dataset.readers)


def effect_names(dataset: VideoDataset) -> list[str] | None:
    """What the recorder calls its actions, those with the same effect under one name."""
    return dataset.action_names if dataset.action_groups is None else dataset.action_group_names


def batches_for(
    batches: Iterable[dict[str, Tensor]], inputs: tuple[str, ...], dataset: VideoDataset
) -> Iterator[dict[str, Tensor]]:
    """The parts of each batch that a stage takes. Recorded actions with the same effect become one."""
    groups = None if dataset.action_groups is None else torch.tensor(dataset.action_groups)
    for batch in batches:
        batch = {name: batch[name] for name in inputs if name in batch}
        if "actions" in batch and groups is not None:
            groups = groups.to(batch["actions"].device)
            batch["actions"] = groups[batch["actions"]]
        yield batch


def describe_data(dataset: VideoDataset) -> dict:
    """The number of videos and of frames, and a hash of all lengths and of each video's identity."""
    lengths = dataset.lengths.tolist()
    content = hashlib.sha256(repr(lengths).encode())
    for reader in dataset.readers:
        content.update(b"".join(reader.identities()))
    return {"videos": len(lengths), "frames": sum(lengths), "hash": content.hexdigest()[:16]}


def name_recorded_actions(dataset: VideoDataset, num_actions: int) -> dict:
    """The results of `genie_hf.evaluation.calibrate` for actions that are the recorded ones."""
    known = count_actions(dataset)
    names = effect_names(dataset) or [f"button {button}" for button in range(known)]
    actions = [
        {
            "button": action if action < known else None,
            "name": names[action] if action < known else None,
            "share": 1.0 if action < known else None,
            "labels": 0,
            "tested_share": 1.0 if action < known else None,
        }
        for action in range(num_actions)
    ]
    buttons = [
        {"name": name, "action": button, "probability": 1.0, "coverage": 1.0, "labels": 0}
        for button, name in enumerate(names)
    ]
    untested = {"num_labels": 0, "num_tested": 0, "seed": None, "majority": None}
    return {"data": "recorded actions", **untested, "agreement": 1.0, "actions": actions, "buttons": buttons}
