import pytest
import torch
from safetensors.torch import save_file

from genie_hf import GenieWorld


def test_save_and_load_continue_alike(start, tiny_pipeline, clips, tmp_path, play):
    world = play(start(clips[:, 0], seed=[3, 4], temperature=1.5), [[0, 1], [2, 3], [4, 4], [1, 0], [2, 2]])
    world.save(tmp_path / "world.safetensors")
    loaded = GenieWorld.load(tiny_pipeline, tmp_path / "world.safetensors")
    assert torch.equal(loaded.pixels, world.pixels) and torch.equal(loaded.codes, world.codes)
    assert loaded.actions == world.actions and loaded.seeds == [3, 4] and loaded.batched
    assert loaded.scheduler.temperature == 1.5
    assert torch.equal(loaded.step([1, 2], output_type="pt"), world.step([1, 2], output_type="pt"))
    loaded.undo(4)
    assert torch.equal(loaded.pixels, world.pixels[:, :3])


@pytest.mark.parametrize("taken", [0, 1])
def test_a_world_is_saved_before_its_first_step(taken, start, tiny_pipeline, tmp_path, play):
    world = play(start(), [2] * taken)
    world.undo(taken)
    world.save(tmp_path / "world.safetensors")
    loaded = GenieWorld.load(tiny_pipeline, tmp_path / "world.safetensors")
    assert loaded.actions == [] and loaded.step(1) == world.step(1)


def test_a_saved_world_of_several_prompt_frames(start, tiny_pipeline, clips, tmp_path, play):
    world = play(start(None, frames=clips[0, :3]), [0])
    world.save(tmp_path / "world.safetensors")
    loaded = GenieWorld.load(tiny_pipeline, tmp_path / "world.safetensors")
    assert loaded.actions == world.actions and len(world.actions) == 3
    assert torch.equal(loaded.pixels, world.pixels) and not loaded.batched


def test_what_is_no_saved_world_of_this_pipeline(tiny_pipeline, start, tmp_path, play):
    path = tmp_path / "world.safetensors"
    with pytest.raises(ValueError, match="cannot be read as a saved world.*from save"):
        GenieWorld.load(tiny_pipeline, path)
    path.write_bytes(b"not safetensors at all")
    with pytest.raises(ValueError, match="cannot be read as a saved world"):
        GenieWorld.load(tiny_pipeline, path)
    save_file({"codes": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="is not a saved world"):
        GenieWorld.load(tiny_pipeline, path)
    world = play(start(), [1])
    world.prompt = world.prompt[..., :8]
    world.steps[0] = world.steps[0]._replace(frame=world.steps[0].frame[..., :8])
    world.save(path)
    with pytest.raises(ValueError, match="comes from another world"):
        GenieWorld.load(tiny_pipeline, path)


def test_a_world_that_has_forgotten_steps_is_not_saved(start, tmp_path, play):
    world = play(start(max_history=0), [0] * 12)
    with pytest.raises(ValueError, match="forgotten its first 1 steps; start one without max_history"):
        world.save(tmp_path / "world.safetensors")
