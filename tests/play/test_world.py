import numpy as np
import pytest
import torch

from genie_hf import GenieWorld


def test_play_goes_on_past_the_window(start, play):
    world = play(start(), range(5))
    assert world.num_steps == 5 and len(world.frames) == 6
    assert world.codes.shape == (1, 6, 4, 4)
    assert 0 <= world.codes.min() and world.codes.max() < 32


def test_the_action_changes_the_frame(start, play):
    first, second = play(start(), [0]), play(start(), [1])
    assert not torch.equal(first.codes, second.codes)
    assert first.frames[0].tobytes() == second.frames[0].tobytes()
    assert first.frames[1].tobytes() != second.frames[1].tobytes()


def test_the_seed_decides_and_nothing_else(start, play):
    torch.manual_seed(0)
    first = play(start(seed=7), [3, 3])
    torch.manual_seed(1)
    again, other = play(start(seed=7), [3, 3]), play(start(seed=8), [3, 3])
    assert torch.equal(first.pixels, again.pixels)
    assert not torch.equal(first.codes, other.codes)


@pytest.mark.parametrize(("taken", "n"), [(3, 1), (3, 3), (6, 1), (7, 5), (2, 0)])
def test_undo_then_the_same_actions_gives_the_same_frames(start, taken, n, play):
    actions = [4, 0, 2, 2, 1, 3, 0][:taken]
    world = play(start(), actions)
    frames, codes = world.pixels, world.codes
    world.undo(n)
    assert world.num_steps == taken - n and world.actions == actions[: taken - n]
    play(world, actions[taken - n :])
    assert torch.equal(world.codes, codes) and torch.equal(world.pixels, frames)


@torch.no_grad()
def test_undo_within_a_window_runs_no_model(start, tiny_pipeline, play):
    world = play(start(), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
    passes = []
    hook = tiny_pipeline.dynamics.transformer.register_forward_pre_hook(lambda *_: passes.append(1))
    for _ in range(5):
        world.undo()
    assert not passes
    world.undo()
    hook.remove()
    assert passes


@pytest.mark.parametrize("n", [3, 5, 8, 19])
def test_undo_of_a_long_world_is_exact(start, n, play):
    actions = [4, 0, 2, 2, 1, 3, 0, 1] * 3
    world = play(start(), actions)
    expected = play(start(), actions[: 24 - n])
    world.undo(n)
    for same in (world, expected):
        same.undo(2)
        play(same, [3, 1, 1])
    assert torch.equal(world.codes, expected.codes) and torch.equal(world.pixels, expected.pixels)
    ours, theirs = world.cache.dynamics, expected.cache.dynamics
    assert all(torch.equal(a, b) for a, b in zip(ours.buffers, theirs.buffers, strict=True))


def test_steps_taken_back_can_be_taken_again(start, play):
    world = play(start(), [4, 0, 2, 2, 1, 3])
    expected = world.fork()
    undone = world.undo(5)
    assert [step.action.item() for step in undone] == [0, 2, 2, 1, 3]
    world.redo(undone)
    assert torch.equal(play(world, [1]).pixels, play(expected, [1]).pixels)


def test_another_world_takes_the_same_steps_by_their_codes_alone(start, play):
    world, other = play(start(), [1, 2, 3, 4, 0, 1]), start()
    other.replay(torch.tensor([world.actions]), world.codes[:, 1:])
    assert torch.equal(other.pixels, world.pixels)
    assert torch.equal(play(other, [2]).pixels, play(world, [2]).pixels)


def test_the_memory_of_a_world_stays_the_same(start, play):
    world = start()
    before = world.nbytes
    assert play(world, range(5)).nbytes == before > 0


def test_another_roll_is_another_sample_and_as_repeatable(start, play):
    frames = []
    for roll in (0, 1, 1, 2):
        world = start()
        world.step(3, roll=roll)
        frames.append(world.codes)
    assert torch.equal(frames[0], play(start(), [3]).codes) and torch.equal(frames[1], frames[2])
    assert not torch.equal(frames[0], frames[1]) and not torch.equal(frames[1], frames[3])


def test_worlds_at_different_times_step_together_as_they_do_alone(start, clips, play):
    worlds = [play(start(), [0]), play(start(clips[:, 1], seed=4), [1, 2, 3, 4, 0, 1]), start(clips[1, 2], seed=9)]
    alone = [world.fork() for world in worlds]
    for actions, rolls in (([3, [2, 4], 1], [0, 0, 2]), ([0, 1, 0], [0, 1, 0]), ([4, 4, 4], [0, 0, 0])):
        together = GenieWorld.step_together(worlds, actions, "pt", rolls)
        for world, single, frame, action, roll in zip(worlds, alone, together, actions, rolls, strict=True):
            assert torch.allclose(frame, single.step(action, "pt", roll), atol=1.01 / 255)
            assert torch.equal(world.codes, single.codes) and world.actions == single.actions
    for world, single in zip(worlds, alone, strict=True):
        world.undo(2)
        single.undo(2)
        assert torch.equal(play(world, [1]).codes, play(single, [1]).codes)


def test_a_world_keeps_no_memory_of_those_stepped_with_it(start):
    worlds = [start(), start(), start()]
    GenieWorld.step_together(worlds, [0, 1, 2])
    for tensor in worlds[0].steps[-1]:
        assert tensor.untyped_storage().nbytes() == tensor.nbytes


def test_worlds_that_step_together_again_are_where_they_were(start):
    worlds = [start(), start(seed=1), start(seed=2)]
    GenieWorld.step_together(worlds, [0, 1, 2])
    places = [buffer.data_ptr() for world in worlds for buffer in world.cache.dynamics.buffers]
    worlds[1].undo()
    worlds[1].step(4)
    for actions in ([0, 1, 2], [1, 1, 1]):
        GenieWorld.step_together(worlds, actions)
    assert places == [buffer.data_ptr() for world in worlds for buffer in world.cache.dynamics.buffers]


def test_undo_among_others_is_exact(start, play):
    actions = [4, 0, 2, 2, 1, 3, 0, 1] * 3
    worlds, alone = [start(), start(seed=1)], play(start(), actions[:5])
    for action in actions:
        GenieWorld.step_together(worlds, [action, 0])
    worlds[0].undo(19)
    expected = worlds[1].fork().step(2, "pt")
    assert torch.equal(play(worlds[0], [3, 1]).codes, play(alone, [3, 1]).codes)
    assert torch.equal(worlds[1].step(2, "pt"), expected)


def test_worlds_of_different_settings_are_not_stepped_together(start):
    with pytest.raises(ValueError, match="different pipelines or settings"):
        GenieWorld.step_together([start(), start(temperature=2.0)], [0, 0])
    worlds = [start(), start()]
    with pytest.raises(ValueError, match="action 7 is none"):
        GenieWorld.step_together(worlds, [0, 7])
    assert [world.num_steps for world in worlds] == [0, 0]


def test_worlds_that_are_stepped_together_are_counted(start):
    world, other = start(), start()
    with pytest.raises(ValueError, match="a world came twice; fork it"):
        GenieWorld.step_together([world, other, world], [1, 2, 3])
    with pytest.raises(ValueError, match="2 worlds, 1 actions and 2 rolls came"):
        GenieWorld.step_together([world, other], [1])
    with pytest.raises(ValueError, match="0 worlds"):
        GenieWorld.step_together([], [])


@pytest.mark.parametrize("roll", [-1, 1.5, "1"])
def test_a_roll_is_a_whole_number(roll, start):
    world = start()
    with pytest.raises(ValueError, match=f"roll is {roll!r}; give a whole number from 0"):
        world.step(1, roll=roll)
    assert world.num_steps == 0


def test_a_preview_in_pieces_may_be_interrupted_by_a_step(start, play):
    world, other = play(start(), [1, 2]), play(start(), [1, 2])
    pieces = world.previewing()
    assert [next(pieces), next(pieces)] == [None, None]
    world.step(0)
    *_, frames = pieces
    assert [frame.tobytes() for frame in frames] == [frame.tobytes() for frame in other.preview()]


def test_undo_of_single_steps_past_the_window(start, play):
    world = play(start(), [0, 1, 2, 3, 4, 0])
    frames = world.pixels
    for _ in range(4):
        world.undo()
    assert torch.equal(play(world, [2, 3, 4, 0]).pixels, frames)


def test_a_fork_lives_its_own_life(start, play):
    world = play(start(), [0, 1])
    fork = world.fork()
    fork.step(4)
    assert world.actions == [0, 1] and fork.actions == [0, 1, 4]
    world.step(2)
    assert not torch.equal(world.codes[:, -1], fork.codes[:, -1])
    world.undo()
    world.step(4)
    assert torch.equal(world.pixels, fork.pixels)
    fork.undo(3)
    assert world.num_steps == 3 and fork.num_steps == 0


@pytest.mark.parametrize("steps_before", [0, 5])
def test_preview_shows_every_next_frame_and_changes_nothing(start, clips, steps_before, play):
    world = play(start(clips[:, 0]), [1] * steps_before)
    before = world.pixels
    previews = world.preview(output_type="pt")
    assert previews.shape == (2, 5, 3, 16, 16)
    assert torch.equal(world.pixels, before)
    for action in range(5):
        stepped = world.fork().step(action, output_type="pt")
        assert torch.allclose(previews[:, action], stepped, atol=1.5 / 255)
    assert len(start().preview()) == 5 and start().preview()[0].size == (16, 16)


def test_a_batch_plays_as_its_worlds_do_alone(start, clips, play):
    actions = [[0, 4], [1, 2], [3, 3]]
    world = play(start(list(clips[:, 0]), seed=20), [0, 1, torch.tensor([3, 2])])
    assert world.actions == [[0, 1, 3], [0, 1, 2]]
    batch = play(start(clips[:, 0][:, None], seed=20), actions)
    for row in range(2):
        alone = play(start(clips[row, 0], seed=20 + row), [action[row] for action in actions])
        assert torch.equal(batch.codes[row], alone.codes[0])
        assert [f.tobytes() for f in batch.frames[row]] == [f.tobytes() for f in alone.frames]


def test_a_frame_has_the_type_asked_for(start, clips):
    world, batch = start(), start(clips[:, 0])
    assert world.step(0).size == (16, 16) and [frame.mode for frame in batch.step(0)] == ["RGB", "RGB"]
    assert world.step(1, output_type="np").shape == (16, 16, 3)
    assert batch.step(1, output_type="np").shape == (2, 16, 16, 3)
    frame = batch.step(torch.tensor([1, 2]), output_type="pt")
    assert frame.shape == (2, 3, 16, 16) and frame.dtype == torch.float32
    assert 0 <= frame.min() and frame.max() <= 1 and frame.requires_grad is False
    assert torch.equal((frame * 255).round().byte(), batch.pixels[:, -1])


@pytest.mark.parametrize(
    ("action", "output_type", "error", "words"),
    [
        (5, "pil", ValueError, "action 5 is none of this world's 5; choose 0 to 4"),
        (-1, "pil", ValueError, "action -1 .*0 to 4"),
        (1.0, "pil", TypeError, "1.0; give whole numbers from 0 to 4"),
        (True, "pil", TypeError, "True; give whole numbers"),
        ("left", "pil", TypeError, "'left'; give whole numbers"),
        (None, "pil", TypeError, "None; give whole numbers"),
        ([0, 1], "pil", ValueError, r"shape \(2,\) came for 1"),
        ([], "pil", ValueError, "empty"),
        (0, "jpg", ValueError, "'jpg'; choose one of pil, np, pt"),
    ],
)
def test_a_refused_step_leaves_the_world_as_it_was(start, action, output_type, error, words, play):
    world, other = play(start(), [1, 2, 3, 4]), play(start(), [1, 2, 3, 4])
    with pytest.raises(error, match=words):
        world.step(action, output_type)
    assert world.num_steps == 4
    assert torch.equal(world.step(0, "pt"), other.step(0, "pt"))


@pytest.mark.parametrize("taken", [1, 6])
@pytest.mark.parametrize("part", ["dynamics", "decoder"])
def test_a_step_that_fails_half_way_leaves_the_world_as_it_was(start, tiny_pipeline, part, taken, play):
    world, other = play(start(), [1] * taken), play(start(), [1] * taken)
    module = tiny_pipeline.dynamics.head if part == "dynamics" else tiny_pipeline.video_tokenizer.to_pixels

    def interrupt(*_):
        raise KeyboardInterrupt

    hook = module.register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        world.step(2)
    hook.remove()
    assert world.num_steps == taken
    assert torch.equal(world.step(3, "pt"), other.step(3, "pt"))
    world.undo()
    assert torch.equal(world.step(4, "pt"), [other.undo(), other.step(4, "pt")][1])


def test_a_seed_may_come_from_numpy(start, play):
    worlds = [play(start(seed=seed), [1, 2]) for seed in (7, np.int64(7), [np.uint8(7)], 8)]
    assert [torch.equal(world.codes, worlds[0].codes) for world in worlds] == [True, True, True, False]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seed": -1}, "seed is -1; give a whole number from 0"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"seed": [1, 2]}, "2 seeds came for 1"),
        ({"temperature": -2}, "temperature is -2"),
        ({"num_inference_steps": 0}, "num_inference_steps is 0"),
        ({"max_history": -1}, "max_history is -1; give"),
    ],
)
def test_impossible_settings_are_named(tiny_pipeline, clips, settings, words):
    with pytest.raises(ValueError, match=words):
        tiny_pipeline.start(clips[0, 0], **settings)


def test_undo_of_more_than_was_done(start, play):
    world = play(start(), [0])
    with pytest.raises(ValueError, match="2 steps cannot be taken back from 1"):
        world.undo(2)
    assert world.num_steps == 1


def test_worlds_of_one_pipeline_keep_their_settings(start, tiny_pipeline, clips, play):
    greedy = start(temperature=0)
    expected = play(start(temperature=0), [0, 1]).codes
    greedy.step(0)
    play(tiny_pipeline.start(clips[1, 0], num_inference_steps=7, temperature=3.0), [2])
    greedy.step(1)
    assert torch.equal(greedy.codes, expected)


def test_a_world_with_a_bounded_history_plays_as_one_that_remembers_all(start, play):
    bounded, whole = start(max_history=3), start()
    actions = [4, 0, 2, 2, 1, 3, 0, 1] * 4
    for world in (bounded, whole):
        play(world, actions)
    assert len(bounded.steps) == 3 + bounded.sampler.reach < 32 and bounded.num_steps == 32
    for _ in range(2):
        kept = len(bounded.steps)
        assert torch.equal(bounded.pixels, whole.pixels[:, -kept - 1 :])
        assert torch.equal(bounded.codes, whole.codes[:, -kept - 1 :]) and bounded.actions == whole.actions[-kept:]
        for world in (bounded, whole):
            world.undo(3)
            play(world, [1, 2, 3])
    with pytest.raises(ValueError, match="4 steps cannot be taken back from 3"):
        bounded.undo(4)


def test_a_bounded_history_is_undone_past_what_its_cache_remembers(start, play):
    bounded, whole = start(max_history=12), start()
    actions = [4, 0, 2, 2, 1, 3, 0, 1] * 4
    for world in (bounded, whole):
        play(world, actions).undo(12)
        play(world, [1, 0])
    assert bounded.num_forgotten and torch.equal(bounded.pixels, whole.pixels[:, -len(bounded.steps) - 1 :])


def test_plans_are_imagined_as_they_would_be_played(tiny_pipeline, clips):
    world = tiny_pipeline.start(clips[0, 0], seed=2, num_inference_steps=2)
    world.step(1)
    plans = torch.tensor([[0, 3, 2], [0, 3, 4], [4, 4, 4]])
    codes, frames = world.imagine(plans)
    assert world.num_steps == 1
    for plan, expected_codes, expected in zip(plans.tolist(), codes, frames, strict=True):
        played = world.fork()
        for action in plan:
            played.step(action)
        assert torch.equal(played.codes[0, -3:], expected_codes)
        assert torch.equal(played.pixels[0, -3:], expected)
    with pytest.raises(ValueError, match=r"actions have the shape \(2,\); give 2 axes"):
        world.imagine([2, 3])
    with pytest.raises(ValueError, match="a batch of 2 worlds; split it"):
        tiny_pipeline.start(list(clips[:, 0])).imagine(plans)


def test_a_batch_of_worlds_is_split_into_worlds(tiny_pipeline, clips):
    def start():
        return tiny_pipeline.start(list(clips[:, 0]), seed=2, num_inference_steps=2)

    together, parts = start(), start()
    together.step([0, 3])
    parts.step([0, 3])
    worlds = parts.split()
    expected = [together.step([1, 4]), together.step([2, 0])]
    worlds[1].step(4), worlds[0].step(1)
    frames = [world.step(action) for world, action in zip(worlds, (2, 0), strict=True)]
    assert frames == expected[1]
    assert [world.actions for world in worlds] == together.actions
    worlds[0].undo(2)
    assert worlds[0].step(1) == expected[0][0] and worlds[1].frames == together.frames[1]


def test_worlds_split_off_a_batch_leave_it_as_it_is(tiny_pipeline, clips):
    batch = tiny_pipeline.start(list(clips[:, 0]), seed=2, num_inference_steps=2)
    batch.step([0, 3])
    expected = batch.fork().step([1, 4])
    for _ in range(2):
        worlds = batch.split()
        assert [worlds[0].step(1), worlds[1].step(4)] == expected
    assert batch.step([1, 4]) == expected
