import copy
import json
import math
from types import SimpleNamespace

import PIL.Image
import pytest
import torch
from datasets import Dataset
from tqdm import tqdm

from genie_hf.data.video_dataset import VideoDataset
from genie_hf.evaluation import evaluate
from genie_hf.evaluation.evaluate import ClipBatches, measure_rollouts, predict_next


def recording(pixels, actions=None):
    """A recording with one episode per clip, from uint8 pixels (num_clips, num_frames, 3, height, width)."""
    rows = []
    for episode, clip in enumerate(pixels):
        row = {"frames": clip.permute(0, 2, 3, 1).contiguous().numpy().tobytes(), "num_frames": len(clip)}
        row |= {"height": clip.shape[2], "width": clip.shape[3], "level_seed": 0, "episode": episode, "start": 0}
        row["policy"] = "random"
        if actions is not None:
            row["actions"] = [*actions[episode].tolist(), 4]
        rows.append(row)
    return Dataset.from_list(rows)


@pytest.fixture
def random_video():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (6, 6, 3, 16, 16), generator=generator, dtype=torch.uint8)
    return pixels, torch.randint(15, (6, 5), generator=generator)


SMALL = {"num_clips": 5, "num_rollouts": 3, "horizon": 4, "num_random_draws": 2, "batch_size": 2}
SMALL |= {"num_inference_steps": 2, "num_speed_steps": 2}


def test_a_saved_evaluation_holds_every_figure(tiny_pipeline, random_video, tmp_path):
    pixels, actions = random_video
    data = {
        "labelled": VideoDataset(recording(pixels, actions), 5),
        "unlabelled": VideoDataset(recording(pixels), 5),
    }
    result = evaluate(tiny_pipeline, data, tmp_path, ceilings={"labelled": 0.9}, **SMALL)
    assert json.loads((tmp_path / "metrics.json").read_text()) == result
    assert result["settings"]["num_inference_steps"] == 2
    assert result["settings"]["temperature"] == tiny_pipeline.scheduler.config.temperature
    assert result["speed"]["frames_per_second"] > 0 and result["speed"]["device"]

    labelled, unlabelled = result["data"]["labelled"], result["data"]["unlabelled"]
    assert labelled["reconstruction"]["num_frames"] == 5 * 4  # the tokenizer's window has four frames
    for rollout in labelled["rollout"].values():
        assert [len(rollout[key]) for key in ("psnr", "psnr_frame_mean", "ssim")] == [4, 4, 4]
    assert len(labelled["delta_psnr"]["delta_psnr"]) == 4
    assert sum(labelled["latent_actions"]["shares"]) == pytest.approx(1)
    assert labelled["latent_actions"]["agreement"]["ceiling"] == 0.9
    assert (
        sum(map(sum, labelled["latent_actions"]["agreement"]["counts"])) == 5 * 2
    )  # the two first transitions are left out
    assert set(labelled["leakage"]) == {"inferred_actions", "shuffled_actions", "copy_last_frame"}

    assert (
        "agreement" not in unlabelled["latent_actions"] and "no true actions" in unlabelled["latent_actions"]["note"]
    )
    assert unlabelled["reconstruction"] == labelled["reconstruction"]
    with PIL.Image.open(tmp_path / "evaluation.png") as picture:
        assert picture.width > 5 * 64 and picture.height > 6 * 4 * 64


def test_the_same_seed_gives_the_same_figures(tiny_pipeline, random_video):
    data = VideoDataset(recording(*random_video), 5)
    first, again, other = (evaluate(tiny_pipeline, data, seed=seed, **SMALL)["data"] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_world_that_ignores_actions_has_no_controllability(tiny_pipeline, random_video):
    dynamics = copy.deepcopy(tiny_pipeline.dynamics)
    torch.nn.init.zeros_(dynamics.action_embedding.weight)
    pipe = type(tiny_pipeline)(**tiny_pipeline.components | {"dynamics": dynamics})
    pipe.set_progress_bar_config(disable=True)
    data = VideoDataset(recording(*random_video), 5)
    figures = evaluate(pipe, data, **SMALL)["data"]["data"]
    assert figures["delta_psnr"]["delta_psnr"] == [0] * 4
    assert figures["rollout"]["inferred_actions"]["psnr"] == pytest.approx(
        figures["rollout"]["random_actions"]["psnr"]
    )


class Slide:
    """A toy world: an action moves the picture by 0, 1 or 2 columns, if the world follows actions at all."""

    device = torch.device("cpu")
    dynamics = SimpleNamespace(config=SimpleNamespace(num_actions=3))

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
    generator = torch.Generator().manual_seed(0)
    clips = []
    for _ in range(num_clips):
        frames = [torch.randint(256, (3, 16, 16), generator=generator, dtype=torch.uint8)]
        for n in torch.randint(3, (num_frames - 1,), generator=generator).tolist():
            frames.append(frames[-1].roll(n, dims=-1))
        clips.append(torch.stack(frames))
    return VideoDataset(recording(torch.stack(clips)), num_frames)


@pytest.mark.parametrize("follows", [True, False])
def test_delta_psnr_tells_a_world_that_follows_actions_from_one_that_does_not(follows):
    world = Slide(follows)
    clips = ClipBatches(world, slides(8, 4), range(8), 4, "slides")
    figures = measure_rollouts(world, clips, 3, torch.Generator().manual_seed(0), 0)
    if follows:
        assert figures["rollout"]["inferred_actions"]["psnr"] == pytest.approx([60] * 3)
        assert min(figures["delta_psnr"]["delta_psnr"]) > 40
    else:
        assert figures["delta_psnr"]["delta_psnr"] == [0] * 3


def test_copying_the_first_frame_is_the_baseline_of_rollouts(tiny_pipeline):
    levels = torch.arange(5, dtype=torch.uint8) * 10
    pixels = levels.view(1, 5, 1, 1, 1).expand(3, 5, 3, 16, 16)
    data = VideoDataset(recording(pixels), 5)
    rollout = evaluate(tiny_pipeline, data, **SMALL)["data"]["data"]["rollout"]
    expected = [-20 * math.log10(10 * t / 255) for t in range(1, 5)]
    assert rollout["copy_first_frame"]["psnr"] == pytest.approx(expected, abs=1e-3)


def test_shuffled_actions_change_the_prediction(tiny_pipeline, clips):
    model = copy.deepcopy(tiny_pipeline.latent_action_model)
    torch.nn.init.normal_(model.head.weight, std=0.5)  # untrained it copies the last frame
    tiny_pipeline.latent_action_model = model
    generator = torch.Generator().manual_seed(0)
    frames = clips[:, :4]
    with torch.no_grad():
        right, shuffled = predict_next(tiny_pipeline, frames, generator)
        assert torch.allclose(right, model(frames).reconstruction, atol=1e-5)
    assert right.shape == frames[:, 1:].shape
    assert not torch.allclose(right, shuffled)


def test_what_cannot_be_evaluated_is_said(tiny_pipeline, random_video):
    data = VideoDataset(recording(*random_video), 5)
    with pytest.raises(ValueError, match="a horizon of 3 needs clips of 4 frames, got 5"):
        evaluate(tiny_pipeline, data, horizon=3)
    with pytest.raises(ValueError, match="horizon is 1"):
        evaluate(tiny_pipeline, data, horizon=1)
    tiny_pipeline.latent_action_model = None
    with pytest.raises(ValueError, match="no latent_action_model"):
        evaluate(tiny_pipeline, data)
