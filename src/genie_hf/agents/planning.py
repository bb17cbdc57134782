"""Planning in a learnt world: which actions lead to a goal? The cross-entropy method over latent actions."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..frames import ImageInput, fit_frames
from ..pipeline_genie import GeniePipeline
from ..play.world import GenieWorld

Value = Callable[[Tensor], Tensor]
"""How good the frames of plans are, `(num_plans, num_steps)`, by the codes of the frame now and of those after it,
`(num_plans, 1 + num_steps, h, w)`."""


class Plan(NamedTuple):
    """What a search found.

    Attributes:
        actions: the best plan, int64 of shape `(num_steps,)`, up to its best frame.
        frames: what it leads to in the world, uint8 of shape `(num_steps, channels, height, width)`.
        value: of its last frame.
    """

    actions: Tensor
    frames: Tensor
    value: float


def nearness(pipe: GeniePipeline, goal: ImageInput) -> Value:
    """How near frames are to a goal: minus the mean squared distance of their codes' vectors.

    Args:
        pipe: the world.
        goal: a picture.
    """
    quantizer = pipe.video_tokenizer.quantizer

    @torch.inference_mode()
    def value(codes: Tensor) -> Tensor:
        return -(quantizer.lookup(codes[:, 1:]) - wanted).float().square().flatten(2).mean(-1)

    with torch.inference_mode():
        pixels = fit_frames(goal, pipe.frame_size).to(pipe.device)[None, None]  # (C, H, W) -> (1, 1, C, H, W)
        wanted = quantizer.lookup(pipe.video_tokenizer.encode(pixels))
    return value


def payoff(pipe: GeniePipeline) -> Value:
    """What is earned up to each frame, as the world's reward model expects it; nothing after an end.

    Args:
        pipe: the world.

    Raises:
        ValueError: it has no reward model.
    """
    model = pipe.reward_model
    if model is None:
        raise ValueError("the pipeline has no reward_model: train one with the stage reward, or plan towards a goal.")

    def value(codes: Tensor) -> Tensor:
        odds = model.odds(codes)
        lasting = (1 - odds[..., model.ends].sum(-1)).cumprod(dim=1)
        begun = torch.cat([torch.ones_like(lasting[:, :1]), lasting[:, :-1]], dim=1)
        return (begun * (odds @ model.rewards.to(odds.device))).cumsum(dim=1)

    return value


def search(
    world: GenieWorld,
    value: Value,
    horizon: int = 8,
    num_plans: int = 64,
    num_rounds: int = 3,
    elite: float = 0.125,
    generator: torch.Generator | None = None,
) -> Plan:
    """Looks for the actions that lead to the best frame, by the cross-entropy method; one round is random shooting.

    Each round draws plans, imagines them in one batch, and makes the actions of the best ones likelier in the next.

    Args:
        world: where it begins; it does not change.
        value: how good a frame is.
        horizon: the longest plan, in steps.
        num_plans: plans of a round.
        num_rounds: rounds.
        elite: share of the plans from which the next round learns.
        generator: of the plans.

    Raises:
        ValueError: for a batched world, and for numbers that leave nothing to choose from.
    """
    if min(horizon, num_plans, num_rounds) < 1 or not 0 < elite <= 1:
        raise ValueError(
            f"horizon is {horizon}, num_plans {num_plans}, num_rounds {num_rounds} and elite {elite}; "
            "give at least 1 of each, and a share of the plans."
        )
    num_actions, best = world.pipe.num_actions, None
    probabilities = torch.full((horizon, num_actions), 1 / num_actions)
    for _ in range(num_rounds):
        plans = torch.multinomial(probabilities, num_plans, replacement=True, generator=generator).T
        codes, frames = world.imagine(plans)
        values = value(torch.cat([world.codes[:, -1:].expand(num_plans, -1, -1, -1), codes], dim=1)).cpu()
        of_plan, when = values.max(dim=1)
        first = int(of_plan.argmax())
        if best is None or of_plan[first] > best.value:
            end = int(when[first]) + 1
            best = Plan(plans[first, :end], frames[first, :end], float(of_plan[first]))
        chosen = plans[of_plan.topk(max(1, round(elite * num_plans))).indices]
        counts = torch.nn.functional.one_hot(chosen, num_actions).float().mean(dim=0)
        probabilities = 0.9 * counts + 0.1 / num_actions  # no action is given up
    return best
