import pytest
import torch

from genie_hf import GenieLatentActionConfig, GenieLatentActionModel
from genie_hf.models.quantizers.registry import quantizer_values


@pytest.fixture
def make(transformer):
    def make(**kwargs):
        torch.manual_seed(0)
        kwargs = {"continuous_steps": 0, "num_actions": 4, "patch_size": 4} | kwargs
        return GenieLatentActionModel(
            GenieLatentActionConfig(
                image_size=16, encoder=transformer, decoder=transformer, codebook_size=32, **kwargs
            )
        )

    return make


def colour_changes(batch_size):
    """Scenes that turn more or less red or green: four actions, each all there is to know about the next frame."""
    deltas = 0.15 * torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
    actions = torch.randint(4, (batch_size, 3))
    scenes = 0.5 + 0.1 * torch.rand(batch_size, 1, 3, 16, 16)
    changes = deltas[actions].cumsum(1)[..., None, None]
    return torch.cat([scenes, scenes + changes], dim=1), actions


def test_an_action_depends_on_no_later_frame(make, pixels):
    model = make().eval()
    changed = pixels.clone()
    changed[:, 4] = 1 - changed[:, 4]
    torch.testing.assert_close(model.encode(pixels)[:, :3], model.encode(changed)[:, :3])
    assert (model.encode(pixels) - model.encode(changed))[:, 3].abs().max() > 1e-3


@pytest.mark.parametrize("frame_differences", [True, False])
def test_pixels_are_centred_with_or_without_frame_differences(frame_differences, make):
    model = make(frame_differences=frame_differences).eval()
    grey = torch.full((1, 3, 3, 16, 16), 0.5)  # the middle of [0, 1] and no motion: nothing but the bias goes in
    hidden = model(grey, output_hidden_states=True).hidden_states[0]
    position = model.encoder.position_embedding.weight
    torch.testing.assert_close(hidden, (model.encoder_embedding.bias + position).expand_as(hidden))


@pytest.mark.parametrize("context", ["all", "masked", 1, 2])
def test_the_decoder_sees_the_new_frame_only_through_the_action(context, make, pixels):
    model = make(decoder_context=context).eval()
    torch.nn.init.normal_(model.head.weight)
    vectors = model.quantizer.lookup(model.infer_actions(pixels))
    changed = pixels.clone()
    changed[:, 2] = 1 - changed[:, 2]
    before, after = model.decode(pixels[:, :-1], vectors), model.decode(changed[:, :-1], vectors)
    torch.testing.assert_close(before[:, :2], after[:, :2])  # frames 1 and 2, predicted from frames 0 and 1
    other_action = vectors.clone()
    other_action[:, 1] = -other_action[:, 1]
    assert (model.decode(pixels[:, :-1], other_action) - before)[:, 1].abs().max() > 1e-2


@pytest.mark.parametrize(("context", "reach"), [(1, 1), (2, 2), ("all", 4)])
def test_the_decoder_context_is_as_long_as_it_says(context, reach, make, pixels):
    model = make(decoder_context=context).eval()
    torch.nn.init.normal_(model.head.weight)
    vectors = torch.nn.functional.normalize(torch.randn(2, 4, 32), dim=-1)
    for age in range(1, 5):  # change the frame that is `age` frames before the last prediction
        changed = pixels.clone()
        changed[:, 4 - age] = 1 - changed[:, 4 - age]
        difference = (
            (model.decode(changed[:, :-1], vectors) - model.decode(pixels[:, :-1], vectors))[:, -1].abs().max()
        )
        assert (difference > 1e-4) == (age <= reach), age


def test_it_learns_the_actions_of_changing_scenes(make):
    torch.manual_seed(0)
    model = make(continuous_steps=40)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(120):
        output = model(colour_changes(16)[0])
        output.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert output.usage == 1
    frames, truth = colour_changes(100)
    model.eval()
    table = torch.zeros(4, 4)
    table.index_put_((model.infer_actions(frames).flatten(), truth.flatten()), torch.ones(300), accumulate=True)
    assert table.amax(dim=1).sum() / 300 > 0.9
    copying = model._motion_weighted_error(frames[:, :-1], frames)
    assert model(frames).reconstruction_loss < 0.5 * copying


def test_it_starts_as_a_copy_of_the_last_frame(make, pixels):
    torch.testing.assert_close(make().eval()(pixels).reconstruction, pixels[:, :-1])


def test_codebook_gradients_are_not_zero(make, pixels):
    model = make(residual=False)
    for _ in range(2):
        model.zero_grad()
        model(pixels).loss.backward()
    assert model.quantizer.codebook.grad.any()
    model.zero_grad()
    model(pixels).reconstruction_loss.backward()
    assert model.to_latent.weight.grad.any()  # the prediction's error reaches the encoder through the code


def test_codes_as_input(make, codes):
    model = make(input="codes")
    output = model(codes)
    output.loss.backward()
    assert output.reconstruction.shape == (2, 4, 4, 4, 32)
    assert model.eval().infer_actions(codes).shape == (2, 4)


def test_motion_weight_favours_pixels_that_move(make):
    frames = torch.zeros(1, 2, 3, 16, 16)
    frames[:, 1, :, :4] = 1
    model = make(motion_weight=9.0)
    still, moving = torch.zeros(1, 1, 3, 16, 16), frames[:, 1:].clone()
    still_wrong = moving.clone()
    still_wrong[..., 12:, :] += 1
    assert model._motion_weighted_error(still, frames) > 5 * model._motion_weighted_error(still_wrong, frames)


def test_save_and_load_give_the_same_actions(make, pixels, tmp_path):
    model = make()
    for _ in range(3):
        model(pixels)
    model.eval().save_pretrained(tmp_path)
    loaded = GenieLatentActionModel.from_pretrained(tmp_path)
    assert torch.equal(loaded.infer_actions(pixels), model.infer_actions(pixels))
    assert torch.equal(loaded(pixels).reconstruction, model(pixels).reconstruction)


def test_the_fields_of_its_quantizer_are_stored_beside_the_others():
    fields = {"commitment_weight": 0.5, "revival_threshold": 0.2, "continuous_steps": 7, "batch_norm": False}
    config = GenieLatentActionConfig.from_dict({"num_actions": 6, "action_dim": 16} | fields)
    stored = {"type": "vq", "codebook_size": 6, "codebook_dim": 16, "codebook_decay": None} | fields
    assert quantizer_values(config.quantizer) == stored
    assert config.to_diff_dict().items() >= fields.items() and "quantizer" not in config.to_dict()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_actions": 1}, "num_actions must be at least 2, got 1"),
        ({"decoder_context": 0}, "at least 1 frame, got 0"),
        ({"num_frames": 1}, "num_frames must be at least 2, got 1"),
        ({"continuous_steps": -5}, "continuous_steps must be at least 0, got -5"),
    ],
)
def test_impossible_configurations_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        GenieLatentActionConfig(**kwargs)


def test_one_frame_has_no_action(make, pixels):
    with pytest.raises(ValueError, match="at least 2 frames"):
        make().infer_actions(pixels[:, :1])
