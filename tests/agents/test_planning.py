"""Planning in a learnt world."""

import numpy as np
import pytest
import torch

from genie_hf.agents.planning import nearness, payoff, search

PICTURE = np.full((16, 16, 3), 90, np.uint8)


@pytest.fixture
def world(tiny_pipeline):
    return tiny_pipeline.start(PICTURE, seed=5, num_inference_steps=2)


def test_it_finds_the_way_to_a_frame_of_the_world(world, tiny_pipeline):
    actions = [3, 0, 4]
    goal = world.fork()
    for action in actions:
        picture = goal.step(action)
    value = nearness(tiny_pipeline, picture)
    plan = search(world, value, horizon=3, num_plans=128, num_rounds=3, generator=torch.Generator().manual_seed(0))
    assert world.num_steps == 0
    reached = np.asarray(world.fork().step(int(plan.actions[0])))
    np.testing.assert_array_equal(plan.frames[0].movedim(0, -1), reached)
    random = search(world, value, horizon=3, num_plans=8, num_rounds=1, generator=torch.Generator().manual_seed(0))
    assert plan.value >= random.value
    assert plan.value == pytest.approx(float(value(goal.codes).max()), abs=1e-6) or plan.value > random.value


def test_the_goal_itself_is_nearest(world, tiny_pipeline):
    value = nearness(tiny_pipeline, PICTURE)
    codes = torch.cat([world.codes[:, :1], world.codes, torch.randint(32, (1, 1, 4, 4))], dim=1)
    near, far = value(codes)[0].tolist()
    assert near == 0 > far


def test_what_is_earned_counts_until_the_episode_ends(world, tiny_pipeline, tiny_reward_model):
    with pytest.raises(ValueError, match="no reward_model: train one with the stage reward, or plan towards a goal"):
        payoff(tiny_pipeline)
    tiny_pipeline.register_modules(reward_model=tiny_reward_model)
    for action in (3, 0, 4):
        world.step(action)
    earned, going, expected = 0.0, 1.0, []
    for odds in tiny_reward_model.odds(world.codes)[0].tolist():  # nothing; nothing and the end; 10 and the end
        earned += going * 10 * odds[2]
        going *= odds[0]
        expected.append(earned)
    torch.testing.assert_close(payoff(tiny_pipeline)(world.codes), torch.tensor([expected]))
    plan = search(world, payoff(tiny_pipeline), horizon=3, num_plans=4, num_rounds=1)
    assert 0 < plan.value < 10
