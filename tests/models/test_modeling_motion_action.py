import pytest
import torch
import torch.nn.functional as F

from genie_hf import GenieMotionActionConfig, GenieMotionActionModel

PUSHES = torch.tensor([[3, 0], [-3, 0], [0, 3], [0, -3]])


def make(**kwargs):
    torch.manual_seed(0)
    kwargs = {"num_actions": 4, "continuous_steps": 0, "hidden_size": 32, "num_filters": 8} | kwargs
    return GenieMotionActionModel(GenieMotionActionConfig(image_size=16, num_frames=4, **kwargs))


def moving_scenes(batch_size, num_frames=4):
    """A camera that four actions push over a plane: frames and actions."""
    actions = torch.randint(4, (batch_size, num_frames - 1))
    planes = torch.rand(batch_size, 3, 40, 40)
    planes = (F.avg_pool2d(planes, 3, 1, 1) - 0.5) * 3 + 0.5
    places = 12 + F.pad(PUSHES[actions].cumsum(1), (0, 0, 1, 0))
    clips = [
        torch.stack([plane[:, y : y + 16, x : x + 16] for x, y in path.clamp(0, 24).tolist()])
        for plane, path in zip(planes, places, strict=True)
    ]
    return torch.stack(clips), actions


@pytest.fixture
def frames():
    torch.manual_seed(1)
    return moving_scenes(3)[0]


def test_it_learns_the_pushes_of_a_camera():
    model = make(continuous_steps=60)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    torch.manual_seed(0)
    for _ in range(150):
        output = model(moving_scenes(16)[0])
        output.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert output.usage == 1
    frames, truth = moving_scenes(100)
    model.eval()
    table = torch.zeros(4, 4)
    found = model.infer_actions(frames)
    table.index_put_((found.flatten(), truth.flatten()), torch.ones(300), accumulate=True)
    assert table.amax(dim=1).sum() / 300 > 0.9

    true, shuffled = (
        (model.decode(frames[:, :-1], model.quantizer.lookup(actions)) - frames[:, 1:]).square().mean()
        for actions in (found, found.roll(1, 0))
    )
    copied = frames.diff(dim=1).square().mean()
    assert true < 0.7 * copied and true < 0.6 * shuffled


def test_an_action_depends_on_no_later_frame(frames):
    model = make().eval()
    changed = frames.clone()
    changed[:, 3] = 1 - changed[:, 3]
    torch.testing.assert_close(model.encode(frames)[:, :2], model.encode(changed)[:, :2])
    assert (model.encode(frames) - model.encode(changed))[:, 2].abs().max() > 1e-3


def test_the_decoder_sees_the_new_frame_only_through_the_action(frames):
    model = make().eval()
    vectors = model.quantizer.lookup(model.infer_actions(frames))
    changed = frames.clone()
    changed[:, 2] = 1 - changed[:, 2]
    before, after = (model.decode(clip[:, :-1], vectors) for clip in (frames, changed))
    torch.testing.assert_close(before[:, :2], after[:, :2])  # frames 1 and 2, predicted from frames 0 and 1
    other = vectors.clone()
    other[:, 1] = -other[:, 1]
    difference = (model.decode(frames[:, :-1], other) - before).abs().amax((0, 2, 3, 4))
    assert difference[1] > 1e-3 and not difference[[0, 2]].any()


def test_what_came_long_before_is_not_seen(frames):
    model = make(history=1).eval()
    changed = frames.clone()
    changed[:, 0] = 1 - changed[:, 0]
    latents, others = model.encode(frames), model.encode(changed)
    torch.testing.assert_close(latents[:, 2], others[:, 2])
    assert (latents - others)[:, 1].abs().max() > 1e-4


def test_codebook_gradients_are_not_zero(frames):
    model = make()
    for _ in range(2):
        model.zero_grad()
        model(frames).loss.backward()
    assert model.quantizer.codebook.grad.any()
    model.zero_grad()
    model(frames).reconstruction_loss.backward()
    assert model.encoder[-1].weight.grad.any()  # the prediction's error reaches the encoder through the code


def test_an_action_that_persists_costs_less(frames):
    still = frames[:, :1].expand(-1, 4, -1, -1, -1)
    model = make().eval()
    loss, changing = (model(clip).persistence_loss for clip in (still, frames))
    assert loss < 0.1 * changing
    free = make(persistence_weight=0).eval()(frames)
    assert free.persistence_loss == 0
    torch.testing.assert_close(model(frames).loss - changing, free.loss)
    assert model(frames[:, :2]).persistence_loss == 0  # one transition has no neighbour


def test_save_and_load_give_the_same_actions(frames, tmp_path):
    model = make()
    for _ in range(3):
        model(frames)
    model.eval().save_pretrained(tmp_path)
    loaded = GenieMotionActionModel.from_pretrained(tmp_path)
    assert torch.equal(loaded.infer_actions(frames), model.infer_actions(frames))
    vectors = model.quantizer.lookup(model.infer_actions(frames))
    assert torch.equal(loaded.decode(frames[:, :-1], vectors), model.decode(frames[:, :-1], vectors))
    stored = GenieMotionActionModel.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert stored.quantizer.codebook.dtype == torch.float32
    assert (stored.infer_actions(frames) == model.infer_actions(frames)).float().mean() > 0.8


@pytest.mark.parametrize("size", [[16, 24], 12])
def test_any_size_of_frames(size):
    height, width = size if isinstance(size, list) else (size, size)
    model = GenieMotionActionModel(GenieMotionActionConfig(image_size=size, num_filters=8, num_frames=3))
    frames = torch.randint(256, (2, 3, 3, height, width), dtype=torch.uint8)
    model(frames).loss.backward()
    assert model.eval().infer_actions(frames).shape == (2, 2)
    with pytest.raises(ValueError, match="frames must be pixels of shape"):
        model(frames[..., :8])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_actions": 1}, "num_actions must be at least 2, got 1"),
        ({"num_frames": 1}, "num_frames must be at least 2, got 1"),
        ({"image_size": [64, 64, 3]}, r"a number of pixels or \[height, width\], at least 1, got \[64, 64, 3\]"),
        ({"reach": 64}, "reach must be from 1 to 63 pixels, got 64"),
        ({"history": 0}, "history must be at least 1 displacement, got 0"),
        ({"num_filters": 12}, "num_filters must be a multiple of 8, got 12"),
    ],
)
def test_impossible_configurations_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        GenieMotionActionConfig(**kwargs)


def test_the_first_frame_has_no_motion_before_it(frames):
    model = make().eval()
    vectors = model.quantizer.lookup(model.infer_actions(frames))
    alone = model.decode(frames[:, :1], vectors[:, :1])
    torch.testing.assert_close(alone, model.decode(frames[:, :-1], vectors)[:, :1])
