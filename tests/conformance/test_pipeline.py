"""What diffusers tests of every pipeline, as far as it applies to ours."""

import inspect

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DiffusionPipeline
from diffusers.callbacks import PipelineCallback

from genie_hf import GeniePipeline, MaskGITScheduler
from genie_hf.models import loading

STEPS = 3


@pytest.fixture
def image():
    return torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def call(tiny_pipeline, image):
    def call(pipe=tiny_pipeline, **kwargs):
        kwargs = {"image": image, "actions": [1, 2, 3], "output_type": "np", "num_inference_steps": STEPS} | kwargs
        return pipe(generator=torch.Generator().manual_seed(0), **kwargs)

    return call


def test_codes_are_the_latents(call, tiny_pipeline):
    codes = call(output_type="latent").frames
    assert codes.shape == (1, 4, 4, 4) and codes.dtype == torch.int64
    decoded = tiny_pipeline.video_tokenizer.decode(codes)
    np.testing.assert_allclose(decoded.movedim(2, -1).detach()[:, 1:], call().frames[:, 1:], atol=1 / 255)
    with pytest.raises(ValueError, match="'latents'; choose one of pil, np, pt, latent"):
        call(output_type="latents")


def test_a_callback_sees_every_step_and_changes_none(call, tiny_pipeline):
    seen = []

    def callback(pipe, step, timestep, tensors):
        seen.append((step, timestep, int((tensors["codes"] == 32).sum())))

    watched = call(callback_on_step_end=callback)
    np.testing.assert_array_equal(watched.frames, call().frames)
    assert tiny_pipeline.num_timesteps == len(seen) == 3 * STEPS
    assert [step for step, *_ in seen] == list(range(9)) and [t for _, t, _ in seen] == [2, 1, 0] * 3
    assert [masked for *_, masked in seen[2::3]] == [0, 0, 0] and seen[0][2] > seen[1][2] > 0


def test_a_callback_can_replace_the_codes(call):
    def callback(pipe, step, timestep, tensors):
        return {"codes": torch.zeros_like(tensors["codes"])} if step == pipe.num_timesteps - 1 else tensors

    codes, plain = call(callback_on_step_end=callback, output_type="latent").frames, call(output_type="latent").frames
    assert not codes[:, -1].any() and plain[:, -1].any()
    assert torch.equal(codes[:, :-1], plain[:, :-1])


def test_a_callback_can_mask_codes_again(call):
    def callback(pipe, step, timestep, tensors):
        return {"codes": torch.full_like(tensors["codes"], 32)} if timestep == 1 else {}

    codes = call(callback_on_step_end=callback, output_type="latent").frames
    assert codes.max() < 32 and not torch.equal(codes, call(output_type="latent").frames)


def test_a_callback_can_stop_the_call(call):
    def callback(pipe, step, timestep, tensors):
        if step == 0:
            pipe._interrupt = True

    stopped = call(callback_on_step_end=callback)
    np.testing.assert_array_equal(stopped.frames, call().frames[:, :2])
    assert stopped.actions.tolist() == [[1]]
    assert call().frames.shape[1] == 4  # the next call is not stopped


def test_callbacks_name_their_tensors(call):
    def callback(pipe, step, timestep, tensors):
        assert tensors == {}

    call(callback_on_step_end=callback, callback_on_step_end_tensor_inputs=[])
    with pytest.raises(ValueError, match="no tensor 'latents' for a callback; there is 'codes'"):
        call(callback_on_step_end=callback, callback_on_step_end_tensor_inputs=["latents"])

    class Official(PipelineCallback):
        tensor_inputs = ["codes"]

        def callback_fn(self, pipeline, step_index, timestep, callback_kwargs):
            return callback_kwargs

    np.testing.assert_array_equal(call(callback_on_step_end=Official(None, 1)).frames, call().frames)


def test_a_tuple_holds_what_the_output_names(call):
    frames, actions = call(return_dict=False)
    output = call()
    np.testing.assert_array_equal(frames, output.frames)
    assert torch.equal(actions, output.actions)


def test_a_batch_holds_what_single_calls_give(tiny_pipeline, image):
    images = [image, image.flip(-1)]

    def generators():
        return [torch.Generator().manual_seed(seed) for seed in (4, 5)]

    batch = tiny_pipeline(images, [1, 2], generator=generators(), num_inference_steps=STEPS, output_type="np").frames
    for frames, single, generator in zip(batch, images, generators(), strict=True):
        alone = tiny_pipeline(single, [1, 2], generator=generator, num_inference_steps=STEPS, output_type="np").frames
        np.testing.assert_allclose(frames, alone[0], atol=2 / 255)


def test_saved_and_loaded_it_plays_the_same(call, tiny_pipeline, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path)
    for loader in (GeniePipeline, DiffusionPipeline):
        loaded = loader.from_pretrained(tmp_path)
        loaded.set_progress_bar_config(disable=True)
        np.testing.assert_array_equal(call(loaded).frames, call().frames)


def test_its_arguments_are_its_components_and_those_of_a_call_are_documented(tiny_pipeline):
    arguments = set(inspect.signature(GeniePipeline.__init__).parameters) - {"self", "fps"}
    assert set(tiny_pipeline.components) == arguments
    for name in inspect.signature(GeniePipeline.__call__).parameters:
        assert name == "self" or f" {name}: " in GeniePipeline.__call__.__doc__


def test_its_size_is_named(tiny_pipeline):
    assert tiny_pipeline.num_actions == 5 and tuple(tiny_pipeline.frame_size) == (16, 16)


def test_parts_that_make_no_world_are_named(call, tiny_pipeline, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path)
    for name in ("dynamics", "video_tokenizer", "scheduler"):
        with pytest.raises(ValueError, match=f"{name} is None; a world cannot be played without it"):
            GeniePipeline.from_pretrained(tmp_path, **{name: None})
    with pytest.raises(TypeError, match="scheduler is a DDIMScheduler; give a MaskGITScheduler"):
        GeniePipeline(**tiny_pipeline.components | {"scheduler": DDIMScheduler()})
    with pytest.raises(TypeError, match="generator is 7; give a torch.Generator"):
        tiny_pipeline(torch.rand(3, 16, 16), [1], generator=7)
    tiny_pipeline.scheduler = MaskGITScheduler(mask_token_id=3)
    with pytest.raises(ValueError, match="mask_token_id 32 is not the scheduler's 3; give parts of one world"):
        call()
    for part, message in (
        ({"scheduler": DDIMScheduler()}, "scheduler is a DDIMScheduler; give a MaskGITScheduler"),
        ({"dynamics": None}, "dynamics is None; a world cannot be played without it"),
    ):
        loaded = GeniePipeline.from_pretrained(tmp_path)
        loaded.register_modules(**part)
        for play in (call, lambda pipe: pipe.start(torch.rand(3, 16, 16))):
            with pytest.raises((TypeError, ValueError), match=message):
                play(loaded)


def test_one_rule_for_the_dtype_whichever_class_loads(tiny_pipeline, tmp_path, monkeypatch, caplog):
    """A CPU that emulates bfloat16 gets float32, with a word; what is saved again is as large as it was."""
    stored, again = tmp_path / "stored", tmp_path / "again"
    half = {"dtype": torch.bfloat16}
    tiny_pipeline.save_pretrained(tmp_path / "full")
    GeniePipeline.from_pretrained(tmp_path / "full", **half).save_pretrained(stored)

    monkeypatch.setattr(loading, "preferred_dtype", lambda device: torch.float32)
    loading.logger.warning_once.cache_clear()
    for loader in (GeniePipeline, DiffusionPipeline):
        pipe = loader.from_pretrained(stored)
        assert {pipe.dynamics.dtype, pipe.video_tokenizer.dtype, pipe.latent_action_model.dtype} == {torch.float32}
        pipe.save_pretrained(again)
        for file in stored.rglob("*.safetensors"):
            assert (again / file.relative_to(stored)).read_bytes() == file.read_bytes()
        assert loader.from_pretrained(stored, **half).dynamics.dtype == torch.bfloat16
    assert sum("loaded in float32" in record.message for record in caplog.records) == 1
    assert pipe.dynamics.dtype == torch.float32  # saving has left the models alone


def test_several_videos_of_an_image_lie_side_by_side(tiny_pipeline, image):
    """In diffusers' order: all of the first image, then all of the second."""

    def generators():
        return [torch.Generator().manual_seed(seed) for seed in range(4)]

    images, actions = [image, image.flip(-1)], torch.tensor([[1, 2], [3, 4]])
    settings = {"num_inference_steps": STEPS, "output_type": "pt"}
    rows = tiny_pipeline([images[0]] * 2 + [images[1]] * 2, actions[[0, 0, 1, 1]], generator=generators(), **settings)
    settings["num_images_per_prompt"] = 2
    output = tiny_pipeline(images, actions, generator=generators(), **settings)
    assert torch.equal(output.frames, rows.frames) and torch.equal(output.actions, rows.actions)
    assert torch.equal(tiny_pipeline(images, [1, 2], generator=generators(), **settings).frames[:2], rows.frames[:2])

    clip = torch.stack(images).expand(2, 2, 3, 16, 16)
    for prompt in ({"image": image}, {"frames": clip[0]}):  # a generator for all, or none, gives each its own seed
        for generator in (generators()[0], None):
            first, second = tiny_pipeline(**prompt, actions=[1, 2], generator=generator, **settings).frames
            assert not torch.equal(first, second)
    with pytest.raises(ValueError, match="2 generators came for 4 videos; give one for each"):
        tiny_pipeline(images, [1], generator=generators()[:2], **settings)
    for number in (0, 1.5):
        with pytest.raises(ValueError, match=f"num_images_per_prompt is {number}; give a number from 1"):
            tiny_pipeline(image, [1], num_images_per_prompt=number)


def test_several_images_of_a_text_begin_a_video_each(tiny_pipeline):
    class Images(DiffusionPipeline):
        def __call__(self, prompt, generator=None, num_images_per_prompt=1):
            texts = [prompt] if isinstance(prompt, str) else prompt
            shades = [len(text) + i / 10 for text in texts for i in range(num_images_per_prompt)]
            return type("Output", (), {"images": [torch.full((3, 16, 16), shade / 10) for shade in shades]})

    pipe = GeniePipeline(**tiny_pipeline.components | {"text_to_image": Images()})
    pipe.set_progress_bar_config(disable=True)
    settings = {"num_inference_steps": 1, "output_type": "pt"}
    output = pipe(prompt=["a", "bc"], actions=[[1], [2]], num_images_per_prompt=2, **settings)
    torch.testing.assert_close(
        output.frames[:, 0, 0, 0, 0], torch.tensor([0.10, 0.11, 0.20, 0.21]), atol=1 / 255, rtol=0
    )
    assert output.actions.tolist() == [[1], [1], [2], [2]]
    assert pipe(prompt="a", actions=[1], num_images_per_prompt=3, **settings).frames.shape == (3, 2, 3, 16, 16)
    assert pipe(prompt="a", actions=[1], **settings).frames.shape == (1, 2, 3, 16, 16)


def test_compile_asks_for_what_this_pytorch_knows(tiny_pipeline, monkeypatch):
    """PyTorch before 2.13 cannot keep the graphs of two models apart, so there the weights stay checked."""
    compiled = torch.compile
    asked = []
    blocks = type(tiny_pipeline.dynamics.transformer.blocks)
    monkeypatch.setattr(blocks, "compile", lambda self, **kwargs: asked.append(kwargs))
    tiny_pipeline.compile()
    assert asked[0].keys() <= inspect.signature(compiled).parameters.keys()
    assert asked[0]["isolate_recompiles"] and "guard_filter_fn" in asked[0]["options"]

    def older(
        model=None, *, fullgraph=False, dynamic=None, backend="inductor", mode=None, options=None, disable=False
    ):
        pass

    monkeypatch.setattr(torch, "compile", older)
    tiny_pipeline.compile(backend="eager")
    assert asked[-1] == {"dynamic": False, "backend": "eager"}
