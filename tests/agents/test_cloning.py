"""A policy learnt from what was shown, and the real actions that latent ones stand for."""

import numpy as np
import torch
from datasets import Dataset

from genie_hf.agents.cloning import ActionDictionary, train_policy
from genie_hf.agents.demonstrations import UNKNOWN, Demonstrations
from genie_hf.data import VideoDataset


def episodes(lengths):
    """Episodes of frames that are bright on the left or on the right, and the actions 0 or 1 after them."""
    rng, rows = np.random.default_rng(0), []
    for episode, length in enumerate(lengths):
        actions = rng.integers(2, size=length)
        frames = rng.integers(60, size=(length, 16, 16, 3), dtype=np.uint8)
        frames[actions == 0, :, :8] += 150
        frames[actions == 1, :, 8:] += 150
        rows.append(
            {"frames": frames.tobytes(), "num_frames": length, "height": 16, "width": 16, "actions": actions.tolist()}
            | {"level_seed": 0, "episode": episode, "start": 0, "policy": "expert"}
        )
    return Dataset.from_list(rows)


def recording(lengths):
    return VideoDataset(episodes(lengths), num_frames=2)


def test_stacks_stay_within_an_episode():
    shown = Demonstrations(recording([3, 5]))
    stacks = shown.stacks(torch.tensor([1, 3, 5]), 3)
    assert torch.equal(stacks, shown.pixels[torch.tensor([[0, 0, 1], [3, 3, 3], [3, 4, 5]])])


def test_latent_actions_are_those_that_the_pipeline_infers(tiny_pipeline):
    shown = Demonstrations(recording([3, 1, 9]))
    shown.infer(tiny_pipeline)
    ends = torch.tensor([2, 3, 12])
    assert (shown.latent == UNKNOWN).nonzero().squeeze(1).tolist() == ends.tolist()
    for start, end in ((0, 2), (4, 12)):
        assert torch.equal(shown.latent[start:end], tiny_pipeline.infer_actions(shown.pixels[start : end + 1]))


def test_a_policy_does_what_was_shown():
    shown, other = (Demonstrations(recording(lengths)) for lengths in ([40] * 8, [30]))
    policy = train_policy(shown, shown.buttons, 2, num_steps=60, batch_size=32, num_filters=8, num_frames=2)
    chosen = policy(other.stacks(torch.arange(30), 2)).logits.argmax(-1)
    assert (chosen == other.buttons).float().mean() > 0.9


def test_the_same_seed_gives_the_same_policy_and_unknown_actions_teach_nothing():
    shown = Demonstrations(recording([20]))
    few = shown.buttons.clone()
    few[4:] = UNKNOWN
    policies = [
        train_policy(shown, actions, 2, num_steps=2, batch_size=4, num_filters=8, seed=1)
        for actions in (few, few, shown.buttons)
    ]
    weights = [policy.layers[0].weight for policy in policies]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_a_latent_action_becomes_one_of_those_it_was_seen_with():
    dictionary = ActionDictionary(torch.tensor([0, 0, 0, 2]), torch.tensor([5, 5, 4, 1]), num_latent=3)
    drawn = dictionary.draw(torch.tensor([0] * 300 + [2] * 10 + [1] * 300), torch.Generator().manual_seed(0))
    assert set(drawn[:300].tolist()) == {4, 5} and 0.55 < (drawn[:300] == 5).float().mean() < 0.78
    assert (drawn[300:310] == 1).all() and set(drawn[310:].tolist()) == {1, 4, 5}


def test_a_dictionary_is_learnt_from_a_recording(tiny_pipeline):
    clips = VideoDataset(episodes([30]), num_frames=4)
    latent = [int(tiny_pipeline.infer_actions(clips[i]["pixels"])[-1]) for i in range(27)]
    real = [int(clips[i]["actions"][-1]) for i in range(27)]
    dictionary = ActionDictionary.learn(tiny_pipeline, clips, 200, torch.Generator().manual_seed(0))
    for action in range(5):
        seen = [button for button, name in zip(real, latent, strict=True) if name == action] or real
        assert sorted(dictionary.real[action].tolist()) == sorted(seen)
