import copy

import pytest
import torch

from genie_hf import GeniePipeline, MaskGITScheduler
from genie_hf.play.sampler import step_generator
from genie_hf.play.world_cache import WorldCache

STEPS = 3


def uncached_codes(pipe, pixels, prompt_actions, actions, seeds):
    """Each frame's codes by plain passes over all frames so far: no cache anywhere."""
    codes = pipe.video_tokenizer.encode(pixels)
    taken = prompt_actions
    pipe.scheduler.set_timesteps(STEPS)
    for step, action in enumerate(actions):
        taken = torch.cat([taken, torch.full((len(codes), 1), action)], dim=1)
        generators = [step_generator(seed, step) for seed in seeds]
        new = torch.full_like(codes[:, :1], pipe.dynamics.config.mask_token_id)
        for timestep in pipe.scheduler.timesteps:
            positions = pipe.scheduler.positions(new, generators)
            logits = pipe.dynamics(torch.cat([codes, new], dim=1), taken).logits[:, -1].flatten(1, 2)
            logits = logits.take_along_dim(positions[..., None], dim=1)
            new = pipe.scheduler.step(logits, timestep, new, generators, positions).prev_sample
        codes = torch.cat([codes, new], dim=1)
    return codes


@torch.no_grad()
@pytest.mark.parametrize("num_prompt_frames", [1, 2])
def test_cached_play_gives_the_codes_and_frames_of_full_passes(tiny_pipeline, clips, num_prompt_frames, play):
    actions = [4, 0, 2][: 4 - num_prompt_frames]
    pixels = clips[:, :num_prompt_frames]
    world = play(tiny_pipeline.start(pixels, num_inference_steps=STEPS, seed=[5, 9]), actions)
    expected = uncached_codes(tiny_pipeline, pixels, world.prompt_actions, actions, [5, 9])
    assert torch.equal(world.codes, expected)
    decoded = tiny_pipeline.video_tokenizer.decode(expected)[:, num_prompt_frames:]
    assert torch.allclose(world.pixels[:, num_prompt_frames:] / 255, decoded, atol=0.51 / 255)


@torch.no_grad()
def test_a_step_computes_nothing_but_the_new_frame(start, tiny_pipeline, play):
    world = play(start(), [0, 1])
    passes = {tiny_pipeline.dynamics.transformer: STEPS + 1, tiny_pipeline.video_tokenizer.decoder: 1}
    for transformer, expected in passes.items():
        widths = []
        hook = transformer.register_forward_pre_hook(lambda _, args, widths=widths: widths.append(args[0].shape[1]))
        world.step(2)
        hook.remove()
        assert widths == [1] * expected


def test_a_compiled_world_plays_the_same(start, tiny_pipeline, clips, play):
    expected = play(start(), [0, 1, 2, 3, 4])
    pipe = copy.deepcopy(tiny_pipeline).compile(backend="eager", fullgraph=True)
    world = play(pipe.start(clips[0, 0], num_inference_steps=STEPS), [0, 1, 2, 3, 4])
    assert torch.equal(world.codes, expected.codes) and torch.equal(world.pixels, expected.pixels)
    assert [f.tobytes() for f in world.preview()] == [f.tobytes() for f in expected.preview()]


def test_playing_needs_no_latent_action_model(start, tiny_pipeline, clips, play):
    pipe = GeniePipeline(tiny_pipeline.video_tokenizer, tiny_pipeline.dynamics, MaskGITScheduler(32))
    world = play(pipe.start(clips[0, 0], num_inference_steps=STEPS), [0, 1])
    with_model = play(start(), [0, 1])
    assert torch.equal(world.pixels, with_model.pixels)


def test_rows_begin_again_alone_as_environments_do(start, tiny_pipeline, clips, play):
    world, other = start(list(clips[:, 0]), seed=20), start(clips[1, 3], seed=30)
    sampler = play(world, [0, 1, 2, 3, 4]).sampler
    kept, row = (WorldCache(*parts) for parts in zip(*(cache.split([1, 1]) for cache in world.cache), strict=True))
    row.reset()
    sampler.commit(other.prompt_codes, other.prompt_actions, row)
    for step in range(3):
        generators = [step_generator(20, 5 + step), step_generator(30, step)]
        codes, frames = sampler.step(torch.tensor([[1], [2]]), generators, WorldCache.join([kept, row]))
    alone = play(start(clips[0, 0], seed=20), [0, 1, 2, 3, 4, 1, 1, 1])
    assert torch.equal(codes, torch.cat([alone.codes[:, -1:], play(other, [2, 2, 2]).codes[:, -1:]]))
    assert torch.allclose(frames / 255, torch.cat([alone.pixels[:, -1], other.pixels[:, -1]]) / 255, atol=1.01 / 255)
