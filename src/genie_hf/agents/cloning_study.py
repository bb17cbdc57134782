"""How many labels does it take? Cloning from latent actions in the real CoinRun (paper §3.3, figure 15)."""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from ..data.coinrun.buttons import ACTION_GROUPS
from ..evaluation.latent_actions import merge_actions
from ..frames import resize
from ..pipeline_genie import GeniePipeline
from .cloning import ActionDictionary, train_policy
from .demonstrations import UNKNOWN, Demonstrations
from .policy import GeniePolicy
from .real_game import BUTTONS, Agent, play_levels, random_agent

FEW_STEPS = 300  # of training from a few labels alone
HELD_OUT = 0.1  # of the expert's episodes
MOST_TESTED = 2_000  # frames of them


def agent_of(policy: GeniePolicy, generator: torch.Generator, dictionary: ActionDictionary | None = None) -> Agent:
    """What a policy presses; one of latent actions needs a dictionary."""
    height, width = policy.config.image_size

    def agent(frames: Tensor) -> list[int]:
        pixels = resize(frames.flatten(0, 1), (height, width)).unflatten(0, frames.shape[:2])
        actions = policy.act(pixels, generator)
        return BUTTONS[actions if dictionary is None else dictionary.draw(actions, generator)].tolist()

    return agent


def blind_agent(buttons: Tensor, generator: torch.Generator) -> Agent:
    """Any of these buttons, numbers of `BUTTONS` of shape `(N,)`, whatever is seen."""
    return lambda frames: BUTTONS[buttons[torch.randint(len(buttons), (len(frames),), generator=generator)]].tolist()


def clone(
    pipe: GeniePipeline,
    shown: Demonstrations,
    levels: Sequence[int],
    *,
    mode: str,
    frame_skip: int,
    num_labels: Sequence[int],
    num_steps: int,
    seed: int,
) -> Iterator[dict]:
    """One seed of the comparison; yields for each agent the share of `levels` that it solves.

    Yields:
        `agent`: `"random"`; `"blind"`, which presses what the expert pressed at any moment; `"oracle"`, cloned with
        all labels; `"latent"`, cloned from latent actions that so many labels translate; `"labels alone"`, cloned from
        these labels and nothing else. `labels`, `seed`, `solved`; and `agreement`, how often the agent presses what
        the expert pressed in its last episodes, from which nothing is learnt.
    """
    generator = torch.Generator().manual_seed(seed)
    episodes = shown.starts.unique()
    held_out = shown.starts >= episodes[int((1 - HELD_OUT) * len(episodes))]
    buttons, latent = (actions.masked_fill(held_out, UNKNOWN) for actions in (shown.buttons, shown.latent))
    tested = held_out.nonzero().squeeze(1)[-MOST_TESTED:]
    transitions = (latent != UNKNOWN).nonzero().squeeze(1)
    labelled = transitions[torch.randperm(len(transitions), generator=generator)]
    num_latent, num_real = pipe.num_actions, len(BUTTONS)
    learn = partial(train_policy, shown, seed=seed)

    def result(name: str, labels: int, agent: Agent, num_frames: int = 1) -> dict:
        solved = float(play_levels(agent, levels, mode, frame_skip, num_frames)[0].mean())
        pressed = [button for few in tested.split(256) for button in agent(shown.stacks(few, num_frames))]
        agrees = merge_actions(torch.tensor(pressed), ACTION_GROUPS) == shown.buttons[tested]
        agreement = float(agrees.float().mean())
        return {"agent": name, "labels": labels, "seed": seed, "solved": solved, "agreement": agreement}

    known = buttons[~held_out]
    yield result("random", 0, random_agent(generator))
    yield result("blind", len(known), blind_agent(known, generator))
    oracle = learn(buttons, num_real, num_steps=num_steps)
    seen = oracle.config.num_frames
    yield result("oracle", len(known), agent_of(oracle, generator), seen)
    policy = learn(latent, num_latent, num_steps=num_steps)
    for count in num_labels:
        few = labelled[:count]
        dictionary = ActionDictionary(latent[few], buttons[few], num_latent)
        yield result("latent", count, agent_of(policy, generator, dictionary), seen)
        only = torch.full_like(buttons, UNKNOWN).scatter(0, few, buttons[few])
        alone = learn(only, num_real, num_steps=min(num_steps, FEW_STEPS))
        yield result("labels alone", count, agent_of(alone, generator), seen)
