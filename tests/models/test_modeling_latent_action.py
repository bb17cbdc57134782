import pytest
import torch

from genie_hf import GenieLatentActionConfig, GenieLatentActionModel


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


def moving_squares(batch_size, num_frames=5):
    """A bright square that moves by one of four actions: the actions are all there is to know about a next frame."""
    steps = torch.tensor([[0, 2], [0, -2], [2, 0], [-2, 0]])
    actions = torch.randint(4, (batch_size, num_frames - 1))
    places = torch.cat([torch.randint(0, 7, (batch_size, 1, 2)) * 2, steps[actions]], dim=1).cumsum(1) % 14
    frames = torch.zeros(batch_size, num_frames, 3, 16, 16)
    for b in range(batch_size):
        for t in range(num_frames):
            row, column = places[b, t]
            frames[b, t, :, row : row + 3, column : column + 3] = 1
    return frames, actions


def test_an_action_depends_on_no_later_frame(make, pixels):
    model = make().eval()
    changed = pixels.clone()
    changed[:, 4] = 1 - changed[:, 4]
    torch.testing.assert_close(model.encode(pixels)[:, :3], model.encode(changed)[:, :3])
    assert (model.encode(pixels) - model.encode(changed))[:, 3].abs().max() > 1e-3


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


def test_it_learns_the_actions_of_a_moving_square(make):
    torch.manual_seed(0)
    model = make(continuous_steps=50, decoder_context=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    frames, truth = moving_squares(64)
    for _ in range(300):
        output = model(frames)
        output.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert output.usage == 1
    actions = model.eval().infer_actions(frames)
    table = torch.zeros(4, 4)
    table.index_put_((actions.flatten(), truth.flatten()), torch.ones(truth.numel()), accumulate=True)
    assert table.amax(dim=1).sum() / table.sum() > 0.8
    assert model(frames).reconstruction_loss < 0.7 * (frames[:, 1:] - frames[:, :-1]).square().mean()


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


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_actions": 1}, "num_actions must be at least 2, got 1"),
        ({"decoder_context": 0}, "at least 1 frame, got 0"),
        ({"num_frames": 1}, "num_frames must be at least 2, got 1"),
    ],
)
def test_impossible_configurations_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        GenieLatentActionConfig(**kwargs)


def test_one_frame_has_no_action(make, pixels):
    with pytest.raises(ValueError, match="at least 2 frames"):
        make().infer_actions(pixels[:, :1])
