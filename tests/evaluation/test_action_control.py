from types import SimpleNamespace

import pytest
import torch
from tqdm import tqdm

from genie_hf.evaluation.action_control import constant, measure_action_control, read_back, shifted, shuffled
from genie_hf.evaluation.clips import Clips


class Slide:
    """A toy world: an action moves the picture by 0, 1 or 2 columns, if the world follows actions at all."""

    device = torch.device("cpu")
    video_tokenizer = SimpleNamespace(
        config=SimpleNamespace(num_frames=4), encode=lambda pixels: pixels, decode=lambda pixels: pixels
    )
    dynamics = SimpleNamespace(config=SimpleNamespace(num_actions=3))
    latent_action_model = object()

    def __init__(self, follows):
        self.follows = follows

    def start(self, frames, seed):
        world = Slide(self.follows)
        world.frame = frames[:, -1]
        return world

    def step(self, action, output_type):
        shifts = action.tolist() if self.follows else [1] * len(action)
        self.frame = torch.stack([frame.roll(n, dims=-1) for frame, n in zip(self.frame, shifts, strict=True)])
        return self.frame

    def infer_actions(self, pixels):
        shifted = torch.stack([pixels[:, :-1].roll(n, dims=-1) for n in range(3)])
        return (shifted - pixels[:, 1:]).abs().sum(dim=(-3, -2, -1)).argmin(0)

    def progress_bar(self, total):
        return tqdm(total=total, disable=True)


def slides(num_clips, num_frames):
    """Random pictures that slide by 0, 1 or 2 columns a frame."""
    generator = torch.Generator().manual_seed(0)
    clips = []
    for _ in range(num_clips):
        frames = [torch.randint(256, (3, 16, 16), generator=generator, dtype=torch.uint8)]
        for n in torch.randint(3, (num_frames - 1,), generator=generator).tolist():
            frames.append(frames[-1].roll(n, dims=-1))
        clips.append(torch.stack(frames))
    return Clips("slides", torch.stack(clips))


def measure(world, clips, num_random_draws=3):
    settings = {"num_random_draws": num_random_draws, "batch_size": 5, "generator": torch.Generator().manual_seed(0)}
    aligned = clips.actions_of(world, 5)
    return measure_action_control(world, clips, aligned, None, seed=0, **settings)[0]


def test_a_world_that_follows_its_actions():
    figures = measure(Slide(follows=True), slides(8, 4))
    rollout = {kind: values["psnr"] for kind, values in figures["rollout"].items()}
    assert rollout.pop("aligned_actions") == pytest.approx([60] * 3)
    assert rollout.pop("shifted_actions")[0] == pytest.approx(60)  # the first action is the right one
    assert all(max(psnr) < 20 for psnr in rollout.values())
    assert min(figures["delta_psnr"]["delta_psnr"]) > 40
    for read in figures["action_control"]["latent_action_model"].values():
        assert read["accuracy"] == read["macro_f1"] == 1


def test_a_world_that_ignores_its_actions():
    figures = measure(Slide(follows=False), slides(8, 4))
    rollout = {kind: values["psnr"] for kind, values in figures["rollout"].items()}
    for kind in ("shuffled_actions", "shifted_actions", "constant_actions", "random_actions"):
        assert rollout[kind] == pytest.approx(rollout["aligned_actions"])
    assert figures["delta_psnr"]["delta_psnr"] == [0] * 3
    read = figures["action_control"]["latent_action_model"]["random_actions"]
    assert read["recall"] == [0, 1, 0]  # it always does the same
    assert read["accuracy"] == pytest.approx(1 / 3, abs=0.15)


def test_the_wrong_actions():
    actions = torch.tensor([[0, 1, 2], [3, 4, 4], [5, 5, 5]])
    assert shuffled(actions).tolist() == [[5, 5, 5], [0, 1, 2], [3, 4, 4]]
    assert shifted(actions).tolist() == [[0, 0, 1], [3, 3, 4], [5, 5, 5]]
    assert constant(actions, 2).tolist() == [[0] * 3, [1] * 3, [0] * 3]


def test_precision_recall_and_f1_by_hand():
    given = torch.tensor([0, 0, 0, 1, 1, 2])
    read = torch.tensor([0, 0, 1, 1, 3, 2])
    found = read_back(given, read, 5)
    assert found["given"] == [3, 2, 1, 0, 0]
    assert found["precision"] == pytest.approx([1, 1 / 2, 1, 0, 0])
    assert found["recall"] == pytest.approx([2 / 3, 1 / 2, 1, 0, 0])
    assert found["f1"] == pytest.approx([4 / 5, 1 / 2, 1, 0, 0])
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["macro_f1"] == pytest.approx((4 / 5 + 1 / 2 + 1) / 3)  # of the actions that were given
