import json
import string

import numpy as np
import PIL.Image
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DiffusionPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import AutoModel, CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from genie_hf import GenieDynamicsModel, GeniePipeline, MaskGITScheduler
from genie_hf.frames import fit_frames
from genie_hf.precision import preferred_dtype

SETTINGS = {"num_inference_steps": 3, "output_type": "pt"}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def picture(mode="RGB", size=(16, 16), color=None):
    return PIL.Image.new(mode, size, color) if color is not None else PIL.Image.new(mode, size)


# Generation


@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
def test_frames_are_the_prompt_and_one_per_action(tiny_pipeline, clips, output_type):
    output = tiny_pipeline(clips[:, 0], actions=[3, 1, 4, 1], num_inference_steps=2, output_type=output_type)
    assert torch.equal(output.actions, torch.tensor([[3, 1, 4, 1]] * 2))
    if output_type == "pil":
        assert [len(video) for video in output.frames] == [5, 5]
        assert output.frames[0][0].size == (16, 16) and output.frames[0][0].mode == "RGB"
        first = torch.from_numpy(np.array(output.frames[0][0])).permute(2, 0, 1) / 255
    else:
        assert output.frames.shape == ((2, 5, 16, 16, 3) if output_type == "np" else (2, 5, 3, 16, 16))
        assert output.frames.dtype in (np.float32, torch.float32)
        assert 0 <= output.frames.min() and output.frames.max() <= 1
        first = output.frames[0, 0] if output_type == "pt" else torch.from_numpy(output.frames[0, 0]).permute(2, 0, 1)
    assert torch.allclose(first, clips[0, 0], atol=1e-6)


def test_a_tuple_on_request(tiny_pipeline, clips):
    frames, actions = tiny_pipeline(clips[0, 0], [1, 2], return_dict=False, **SETTINGS)
    assert frames.shape == (1, 3, 3, 16, 16) and actions.tolist() == [[1, 2]]


def test_the_generator_decides(tiny_pipeline, clips):
    first, again, other = (
        tiny_pipeline(clips[0, 0], [1, 2], generator=generator(seed), **SETTINGS).frames for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_video_with_its_own_generator_ignores_its_batch_mates(tiny_pipeline, clips):
    actions = [[0, 1, 2], [3, 4, 0]]
    together = tiny_pipeline(clips[:, 0], actions, generator=[generator(5), generator(6)], **SETTINGS)
    assert together.actions.tolist() == actions
    for row, seed in enumerate((5, 6)):
        alone = tiny_pipeline(clips[row, 0], actions[row], generator=[generator(seed)], **SETTINGS)
        assert torch.equal(alone.frames[0], together.frames[row])


def test_actions_change_the_video(tiny_pipeline, clips):
    videos = [tiny_pipeline(clips[0, 0], [a], generator=generator(), **SETTINGS).frames for a in range(5)]
    assert len({video[0, 1].numpy().tobytes() for video in videos}) == 5


def test_the_pipeline_plays_a_world(tiny_pipeline, clips):
    world = tiny_pipeline.start(clips[0, 0], seed=3, num_inference_steps=3)
    for action in (2, 0, 1):
        world.step(action)
    seeds = tiny_pipeline._draw_seeds(generator(4), 1)
    played = tiny_pipeline.start(clips[0, 0], seed=seeds, num_inference_steps=3)
    for action in (2, 0, 1):
        played.step(action)
    output = tiny_pipeline(clips[0, 0], [2, 0, 1], generator=generator(4), num_inference_steps=3)
    assert [f.tobytes() for f in output.frames[0]] == [f.tobytes() for f in played.frames]


def test_temperature_0_takes_the_likeliest(tiny_pipeline, clips):
    settings = {"temperature": 0, "num_inference_steps": 1, "output_type": "pt"}
    first, other = (tiny_pipeline(clips[0, 0], [1], generator=generator(s), **settings).frames for s in (0, 1))
    assert torch.equal(first, other)


def test_several_prompt_frames_bring_their_actions(tiny_pipeline, clips):
    output = tiny_pipeline(frames=clips[:, :3], actions=[0, 1], **SETTINGS)
    assert output.frames.shape == (2, 5, 3, 16, 16) and output.actions.shape == (2, 4)
    assert torch.allclose(output.frames[:, :3], clips[:, :3])
    assert torch.equal(output.actions[:, :2], tiny_pipeline.infer_actions(clips[:, :3]))
    one_clip = tiny_pipeline(frames=list(clips[0, :3]), actions=[0, 1], **SETTINGS)
    assert torch.equal(one_clip.actions[0], output.actions[0])


def test_progress_counts_frames(tiny_pipeline, clips, capsys):
    tiny_pipeline.set_progress_bar_config(disable=False, desc="playing")
    tiny_pipeline(clips[0, 0], [1, 2, 3], **SETTINGS)
    shown = capsys.readouterr().err
    assert "playing: 100%" in shown and "3/3" in shown


# Actions from clips


def test_inferred_actions_of_a_clip_and_of_a_batch(tiny_pipeline, clips):
    batch = tiny_pipeline.infer_actions(clips[:, :4])
    assert batch.shape == (2, 3) and batch.dtype == torch.int64
    assert torch.equal(batch, tiny_pipeline.latent_action_model.infer_actions(clips[:, :4]))
    images = [PIL.Image.fromarray((frame * 255).round().byte().permute(1, 2, 0).numpy()) for frame in clips[0, :4]]
    assert torch.equal(tiny_pipeline.infer_actions(images), batch[0])
    assert torch.equal(tiny_pipeline.infer_actions(clips[0, :4].permute(0, 2, 3, 1).numpy()), batch[0])


def test_a_clip_longer_than_the_window_is_read_in_windows(tiny_pipeline, clips):
    actions = tiny_pipeline.infer_actions(clips)
    assert actions.shape == (2, 5)
    windows = [tiny_pipeline.latent_action_model.infer_actions(clips[:, i : i + 4]) for i in (0, 2)]
    assert torch.equal(actions, torch.cat([windows[0], windows[1][:, 1:]], dim=1))


def test_a_clip_is_simulated_again_from_its_first_frame(tiny_pipeline, clips):
    output = tiny_pipeline.resimulate(clips, generator=generator(), **SETTINGS)
    actions = tiny_pipeline.infer_actions(clips)
    assert torch.equal(output.actions, actions) and output.frames.shape == clips.shape
    by_hand = tiny_pipeline(clips[:, 0], actions, generator=generator(), **SETTINGS)
    assert torch.equal(output.frames, by_hand.frames)
    assert torch.equal(tiny_pipeline.resimulate(clips, num_prompt_frames=3, **SETTINGS).actions, actions)


# Prompt images


def test_equal_images_in_any_form_give_the_same_frames(tiny_pipeline, clips, tmp_path):
    pixels = (clips[0, 0] * 255).round().byte()
    array = pixels.permute(1, 2, 0).numpy()
    image = PIL.Image.fromarray(array)
    image.save(tmp_path / "image.png")
    forms = [image, array, array / 255, pixels, clips[0, 0], tmp_path / "image.png", str(tmp_path / "image.png")]
    videos = [tiny_pipeline(form, [1, 2], generator=generator(), **SETTINGS).frames for form in forms]
    assert all(torch.equal(video, videos[0]) for video in videos)
    batch = tiny_pipeline(forms, [1], **SETTINGS).frames
    assert batch.shape == (7, 2, 3, 16, 16) and (batch[:, 0] == batch[0, 0]).all()


MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"]


@pytest.mark.parametrize("mode", MODES)
def test_a_picture_of_any_mode_is_taken(mode):
    ways = {"PA": ["L", "PA"], "La": ["LA", "La"], "HSV": ["RGB", "HSV"], "LAB": ["RGB", "LAB"]}
    image = picture("RGBA", color=(255, 0, 0, 255))
    for step in ways.get(mode, [mode]):
        image = image.convert(step)
    assert image.mode == mode
    frame = fit_frames(image, (16, 16))
    assert frame.shape == (3, 16, 16) and frame.dtype == torch.uint8
    red, grey = torch.tensor([254.0, 0, 0]), torch.full((3,), 76.0)
    expected = {"1": frame.float().mean().expand(3), **dict.fromkeys(["L", "LA", "La", "PA"], grey)}.get(mode, red)
    assert (frame.float().mean((1, 2)) - expected).abs().max() < 6


def test_sixteen_bit_and_float_greys_keep_their_brightness():
    deep = PIL.Image.fromarray(np.full((16, 16), 32896, np.uint16))
    assert (fit_frames(deep, (16, 16)) == 128).all()
    assert (fit_frames(PIL.Image.fromarray(np.full((16, 16), 0.5, np.float32)), (16, 16)) == 128).all()


def test_transparency_turns_white():
    half = picture("RGBA", color=(0, 0, 0, 51))
    assert (fit_frames(half, (16, 16)) == 204).all()
    palette = picture("P")
    palette.info["transparency"] = 0
    assert (fit_frames(palette, (16, 16)) == 255).all()
    assert (fit_frames(torch.zeros(4, 16, 16), (16, 16)) == 255).all()


def test_a_photo_is_turned_as_its_camera_says(tmp_path):
    image = picture(size=(16, 16), color=(0, 0, 0))
    image.paste((255, 255, 255), (0, 0, 16, 8))  # the upper half is white
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turn clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    frame = fit_frames(tmp_path / "turned.png", (16, 16))
    assert (frame[:, :, 8:] == 255).all() and (frame[:, :, :8] == 0).all()


def test_other_sizes_are_cut_to_the_aspect_and_resized():
    wide = picture(size=(96, 32), color=(255, 0, 0))
    wide.paste((0, 255, 0), (32, 0, 64, 32))  # the middle square is green
    assert (fit_frames(wide, (16, 16)) == torch.tensor([0, 255, 0])[:, None, None]).all()
    frame = fit_frames(wide.rotate(90, expand=True), (16, 32))
    assert frame.shape == (3, 16, 32) and (frame == torch.tensor([0, 255, 0])[:, None, None]).all()
    assert fit_frames(picture(size=(1, 500)), (16, 16)).shape == (3, 16, 16)
    assert fit_frames(torch.rand(2, 3, 3, 7, 9), (16, 8)).shape == (2, 3, 3, 16, 8)
    assert (fit_frames(np.full((5, 5), 100, np.uint8), (16, 16)) == 100).all()


def test_a_large_image_plays(tiny_pipeline):
    output = tiny_pipeline(picture(size=(333, 90), color=(9, 9, 9)), [0], num_inference_steps=2)
    assert output.frames[0][1].size == (16, 16)


# Bad input


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, ValueError, "no image came; give one of image=, frames= or prompt="),
        ({"image": picture(), "prompt": "a hill"}, ValueError, "image and prompt came; give one"),
        ({"prompt": "a hill"}, ValueError, "'a hill' needs a text_to_image pipeline"),
        ({"image": picture(size=(0, 4))}, ValueError, "empty"),
        ({"image": np.zeros((0, 16, 3), np.uint8)}, ValueError, r"\(0, 16, 3\) is empty"),
        ({"image": []}, ValueError, "the list of images is empty"),
        ({"image": "no/such/file.png"}, ValueError, "no/such/file.png.*cannot be read"),
        ({"image": 7}, TypeError, "an image is a int; give a PIL image"),
        ({"image": torch.full((3, 16, 16), torch.nan)}, ValueError, "nan to nan; give floats in"),
        ({"image": np.full((16, 16, 3), 255.0)}, ValueError, r"255 to 255; give floats in \[0, 1\], or uint8"),
        ({"image": torch.zeros(3, 16, 16, dtype=torch.int64)}, TypeError, "torch.int64; give uint8"),
        ({"image": torch.zeros(16, 16, 3)}, ValueError, r"\(16, 16, 3\); give \(channels, height, width\)"),
        ({"image": np.zeros((3, 16, 16))}, ValueError, r"\(3, 16, 16\); give \(height, width, channels\)"),
        ({"frames": [picture()] * 4}, ValueError, "4 prompt frames came; this world takes 1 to 3"),
        ({"frames": [[picture()], [picture()] * 2]}, ValueError, r"clips of \[1, 2\] frames"),
        ({"frames": [[[picture()]]]}, ValueError, "6 axes; give one clip"),
        ({"image": picture(), "actions": None}, ValueError, "no actions came"),
        ({"image": picture(), "actions": []}, ValueError, "list of actions is empty"),
        ({"image": picture(), "actions": [1, 5]}, ValueError, "action 5 is none of this world's 5; choose 0 to 4"),
        ({"image": picture(), "actions": [0.5]}, TypeError, "whole numbers"),
        ({"image": picture(), "actions": [[1], [1, 2]]}, TypeError, "lists of equal length"),
        ({"image": picture(), "actions": [[1], [2]]}, ValueError, r"shape \(2, 1\) came for 1 videos"),
        ({"image": picture(), "generator": [generator()] * 2}, ValueError, "2 generators came for 1 videos"),
        ({"image": picture(), "output_type": "gif"}, ValueError, "'gif'; choose one of pil, np, pt"),
        ({"image": picture(), "num_inference_steps": 0}, ValueError, "num_inference_steps is 0"),
        ({"image": picture(), "temperature": -1}, ValueError, "temperature is -1"),
    ],
)
def test_bad_input_is_answered_with_value_and_remedy(tiny_pipeline, arguments, error, words):
    with pytest.raises(error, match=words) as caught:
        tiny_pipeline(**{"actions": [1], **arguments})
    assert "\n" not in str(caught.value)


def test_an_unreadable_file_is_named(tiny_pipeline, tmp_path):
    whole = tmp_path / "whole.png"
    PIL.Image.effect_noise((64, 64), 90).save(whole)
    for name, content in (("text.png", b"hello"), ("none.png", b""), ("cut.png", whole.read_bytes()[:900])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}' cannot be read as an image"):
            tiny_pipeline(tmp_path / name, [1])


def test_clips_without_a_model_for_actions(tiny_video_tokenizer, tiny_dynamics, clips):
    pipe = GeniePipeline(tiny_video_tokenizer, tiny_dynamics, MaskGITScheduler(32))
    for call in (
        lambda: pipe.infer_actions(clips),
        lambda: pipe.resimulate(clips),
        lambda: pipe(frames=clips[:, :2], actions=[1]),
        lambda: pipe.start(frames=clips[:, :2]),
    ):
        with pytest.raises(ValueError, match="need a latent_action_model; load one"):
            call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda pipe, clips: pipe.infer_actions(clips[0, :1]), "1 frame.*at least 2"),
        (lambda pipe, clips: pipe.infer_actions(clips[0, 0]), "3 axes; give one clip"),
        (lambda pipe, clips: pipe.resimulate(clips, num_prompt_frames=6), "num_prompt_frames is 6; choose 1 to 5"),
    ],
)
def test_clips_that_hold_no_action(tiny_pipeline, clips, call, words):
    with pytest.raises(ValueError, match=words):
        call(tiny_pipeline, clips)


def test_components_of_different_worlds_are_refused(tiny_pipeline):
    parts = {name: part for name, part in tiny_pipeline.components.items() if part is not None}
    with pytest.raises(ValueError, match="mask_token_id 32 is not the scheduler's 99"):
        GeniePipeline(**parts | {"scheduler": MaskGITScheduler(mask_token_id=99)})
    config = {**parts["dynamics"].config.to_dict(), "num_actions": 3}
    other = GenieDynamicsModel(type(parts["dynamics"].config)(**config))
    with pytest.raises(ValueError, match="num_actions 3 is not the latent_action_model's 5"):
        GeniePipeline(**parts | {"dynamics": other})


# Saving and loading


@pytest.fixture
def saved(tiny_pipeline, tmp_path):
    tiny_pipeline.register_to_config(fps=12)
    tiny_pipeline.save_pretrained(tmp_path / "world")
    return tmp_path / "world"


def same_output(pipe, other, clips):
    pipe.set_progress_bar_config(disable=True)
    ours, theirs = (p.resimulate(clips, generator=generator(), **SETTINGS) for p in (pipe, other))
    return torch.equal(ours.frames, theirs.frames) and torch.equal(ours.actions, theirs.actions)


def test_the_published_format(saved):
    index = json.loads((saved / "model_index.json").read_text())
    index.pop("_diffusers_version")
    assert index == {
        "_class_name": "GeniePipeline",
        "dynamics": ["genie_hf", "GenieDynamicsModel"],
        "fps": 12,
        "latent_action_model": ["genie_hf", "GenieLatentActionModel"],
        "reward_model": [None, None],
        "scheduler": ["genie_hf", "MaskGITScheduler"],
        "text_to_image": [None, None],
        "video_tokenizer": ["genie_hf", "GenieVideoTokenizer"],
    }
    assert sorted(path.relative_to(saved).as_posix() for path in saved.rglob("*") if path.is_file()) == [
        "dynamics/config.json",
        "dynamics/model.safetensors",
        "latent_action_model/config.json",
        "latent_action_model/model.safetensors",
        "model_index.json",
        "scheduler/scheduler_config.json",
        "video_tokenizer/config.json",
        "video_tokenizer/model.safetensors",
    ]


@pytest.mark.parametrize("loader", [GeniePipeline, DiffusionPipeline])
def test_a_loaded_pipeline_gives_the_same_output(tiny_pipeline, saved, clips, loader):
    pipe = loader.from_pretrained(saved)
    assert type(pipe) is GeniePipeline and pipe.config.fps == 12
    assert not pipe.dynamics.training and pipe.dtype == torch.float32
    assert same_output(pipe, tiny_pipeline, clips)


def test_loading_in_bfloat16(saved, clips, tmp_path):
    pipe = GeniePipeline.from_pretrained(saved, dtype=torch.bfloat16)
    assert pipe.dynamics.dtype == pipe.latent_action_model.dtype == torch.bfloat16
    pipe.save_pretrained(tmp_path / "half")
    again = GeniePipeline.from_pretrained(tmp_path / "half", dtype=torch.bfloat16)
    assert same_output(pipe, again, clips)
    frame = again.start(clips[0, 0], num_inference_steps=2).step(1, output_type="pt")
    assert frame.dtype == torch.float32 and frame.isfinite().all()
    native = GeniePipeline.from_pretrained(tmp_path / "half")
    assert native.dynamics.dtype == preferred_dtype()  # bfloat16 only where the CPU multiplies in it


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_casting_and_moving(saved, clips, dtype):
    pipe = GeniePipeline.from_pretrained(saved).to("cpu", dtype)
    pipe.set_progress_bar_config(disable=True)
    assert pipe.dynamics.dtype == dtype
    output = pipe.resimulate(clips[:, :3], **SETTINGS)
    assert output.frames.dtype == torch.float32 and output.frames.isfinite().all()


def test_a_component_can_be_replaced_or_left_out(tiny_pipeline, saved, clips):
    scheduler = MaskGITScheduler(mask_token_id=32, temperature=0.0)
    pipe = GeniePipeline.from_pretrained(saved, scheduler=scheduler, latent_action_model=None, fps=30)
    pipe.set_progress_bar_config(disable=True)
    assert pipe.latent_action_model is None and pipe.config.fps == 30
    ours = pipe(clips[0, 0], [1, 2], generator=generator(), **SETTINGS).frames
    theirs = tiny_pipeline(clips[0, 0], [1, 2], generator=generator(), temperature=0.0, **SETTINGS).frames
    assert torch.equal(ours, theirs)
    pipe = GeniePipeline.from_pretrained(saved, dynamics=tiny_pipeline.dynamics)
    assert pipe.dynamics is tiny_pipeline.dynamics


@pytest.mark.parametrize("name", ["video_tokenizer", "latent_action_model", "dynamics"])
def test_each_model_loads_alone(tiny_pipeline, saved, name):
    model = AutoModel.from_pretrained(saved / name)
    ours = getattr(tiny_pipeline, name)
    assert type(model) is type(ours)
    assert all(torch.equal(tensor, model.state_dict()[key]) for key, tensor in ours.state_dict().items())
    assert type(ours).from_pretrained(saved, subfolder=name).num_parameters() == ours.num_parameters()


# Text


@pytest.fixture(scope="module")
def text_to_image():
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        norm_num_groups=4,
        attention_head_dim=2,
    )
    vae = AutoencoderKL(
        block_out_channels=[8, 16],
        norm_num_groups=4,
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
    )
    text = CLIPTextConfig(
        hidden_size=16, intermediate_size=32, num_attention_heads=2, num_hidden_layers=1, vocab_size=100,
        bos_token_id=0, eos_token_id=2, pad_token_id=1,
    )  # fmt: skip
    words = ["<|startoftext|>", "<|pad|>", "<|endoftext|>", *string.ascii_lowercase]
    words += [letter + "</w>" for letter in string.ascii_lowercase]
    vocab = {word: index for index, word in enumerate(words)}
    pipe = StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77, unk_token="<|endoftext|>"),
        unet=unet,
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_a_text_becomes_the_first_frame(saved, text_to_image, tmp_path):
    pipe = GeniePipeline.from_pretrained(saved, text_to_image=text_to_image)
    pipe.set_progress_bar_config(disable=True)
    options = {"text_to_image_kwargs": {"num_inference_steps": 1, "height": 32, "width": 48}}
    output = pipe(prompt="a hill", actions=[1], generator=generator(), **SETTINGS, **options)
    image = text_to_image("a hill", generator=generator(), **options["text_to_image_kwargs"]).images[0]
    assert torch.equal((output.frames[0, 0] * 255).round().byte(), fit_frames(image, (16, 16)))
    two = {"prompt": ["a hill", "a cave"], "num_images_per_prompt": 2}
    assert pipe(**two, actions=[[1], [2]], **SETTINGS, **options).actions.tolist() == [[1], [1], [2], [2]]

    worlds = [pipe.start(prompt="a hill", seed=seed, **options) for seed in (1, 1, 2)]
    assert torch.equal(worlds[0].pixels, worlds[1].pixels) and not torch.equal(worlds[0].pixels, worlds[2].pixels)

    pipe.save_pretrained(tmp_path / "with-text")
    index = json.loads((tmp_path / "with-text" / "model_index.json").read_text())
    assert index["text_to_image"] == ["stable_diffusion", "StableDiffusionPipeline"]
    again = GeniePipeline.from_pretrained(tmp_path / "with-text")
    again.set_progress_bar_config(disable=True)
    loaded = again(prompt="a hill", actions=[1], generator=generator(), **SETTINGS, **options)
    assert torch.equal(loaded.frames, output.frames)
    assert again.to(torch.float64).text_to_image.unet.dtype == torch.float64
    assert GeniePipeline.from_pretrained(tmp_path / "with-text", text_to_image=None).text_to_image is None


@pytest.mark.parametrize("loader", [GeniePipeline, DiffusionPipeline])
def test_a_stored_text_to_image_is_loaded_in_the_dtype_that_is_asked_for(loader, saved, text_to_image, tmp_path):
    GeniePipeline.from_pretrained(saved, text_to_image=text_to_image).save_pretrained(tmp_path)
    for dtype, ours, theirs in (
        (None, torch.float32, torch.float32),
        (torch.bfloat16, torch.bfloat16, torch.bfloat16),
        ({"text_to_image": torch.float16, "default": torch.bfloat16}, torch.bfloat16, torch.float16),
        ({"dynamics": torch.bfloat16}, torch.bfloat16, torch.float32),
    ):
        for name in ("dtype", "torch_dtype"):
            pipe = loader.from_pretrained(tmp_path, **{name: dtype})
            assert isinstance(pipe.text_to_image, StableDiffusionPipeline)
            assert pipe.dynamics.dtype == ours
            assert {pipe.text_to_image.unet.dtype, pipe.text_to_image.text_encoder.dtype} == {theirs}

    given = GeniePipeline.from_pretrained(tmp_path, text_to_image=text_to_image, dtype=torch.bfloat16)
    assert given.text_to_image is text_to_image and text_to_image.unet.dtype == torch.float32
    loader.from_pretrained(tmp_path).save_pretrained(tmp_path / "again")
    index = json.loads((tmp_path / "again" / "model_index.json").read_text())
    assert index["text_to_image"] == ["stable_diffusion", "StableDiffusionPipeline"]


def test_a_clip_is_played_from_another_picture(tiny_pipeline, clips):
    settings = {"num_inference_steps": 2, "output_type": "pt"}
    other = tiny_pipeline.transfer(clips[0], clips[1, 0], generator=torch.Generator().manual_seed(0), **settings)
    actions = tiny_pipeline.infer_actions(clips[0])
    expected = tiny_pipeline(clips[1, 0], actions, generator=torch.Generator().manual_seed(0), **settings)
    assert torch.equal(other.frames, expected.frames) and torch.equal(other.actions[0], actions)
