"""A policy: the last frames in, an action out."""

import torch

from genie_hf.agents.policy import GeniePolicy, GeniePolicyConfig


def test_saved_and_loaded_it_chooses_the_same(tmp_path):
    torch.manual_seed(0)
    policy = GeniePolicy(GeniePolicyConfig(num_actions=5, num_frames=3, image_size=(16, 16), num_filters=8)).eval()
    policy.save_pretrained(tmp_path)
    again = GeniePolicy.from_pretrained(tmp_path)
    pixels = torch.randint(256, (4, 3, 3, 16, 16), dtype=torch.uint8)
    assert torch.equal(policy(pixels).logits, again(pixels / 255).logits)
    drawn = [model.act(pixels, torch.Generator().manual_seed(1)) for model in (policy, again)]
    assert torch.equal(*drawn) and drawn[0].shape == (4,)


def test_it_sees_what_has_changed():
    torch.manual_seed(0)
    policy = GeniePolicy(GeniePolicyConfig(num_actions=5, num_frames=2, image_size=(16, 16), num_filters=8)).eval()
    pixels = torch.randint(256, (1, 2, 3, 16, 16), dtype=torch.uint8)
    assert not torch.equal(policy(pixels).logits, policy(pixels[:, [1, 1]]).logits)
