"""Pixels as people have them: floats in [0, 1] or uint8, under the names of transformers and of our datasets."""

import pytest
import torch


@pytest.fixture
def frames():
    return torch.randint(256, (2, 4, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_uint8_pixels_are_scaled(frames, tiny_video_tokenizer, tiny_latent_action_model):
    scaled = frames / 255
    tokenizer, model = tiny_video_tokenizer, tiny_latent_action_model
    assert torch.equal(tokenizer.encode(frames), tokenizer.encode(scaled))
    assert torch.equal(tokenizer(frames).loss, tokenizer(scaled).loss)
    assert torch.equal(model.encode(frames), model.encode(scaled))
    assert torch.equal(model.infer_actions(frames), model.infer_actions(scaled))
    assert torch.equal(model(frames).loss, model(scaled).loss)
    vectors = model(frames, output_hidden_states=True).reconstruction
    assert torch.equal(vectors, model(scaled).reconstruction)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.bool])
def test_other_integers_are_refused(frames, dtype, tiny_video_tokenizer, tiny_latent_action_model):
    for call in (tiny_video_tokenizer.encode, tiny_video_tokenizer, tiny_latent_action_model.infer_actions):
        with pytest.raises(TypeError, match=f"the type {dtype}; give uint8 from 0 to 255, or floats"):
            call(frames.to(dtype))


def test_the_frames_have_several_names(frames, tiny_video_tokenizer, tiny_latent_action_model):
    for model, names in (
        (tiny_video_tokenizer, ("pixel_values_videos", "pixels")),
        (tiny_latent_action_model, ("pixel_values_videos", "pixels", "frames")),
    ):
        for name in names:
            assert torch.equal(model(**{name: frames}).loss, model(frames).loss)
        with pytest.raises(TypeError, match="got pixel_values_videos and pixels; give one of"):
            model(frames, pixels=frames)
        with pytest.raises(TypeError, match="got no input; give one of pixel_values_videos, pixels"):
            model()
