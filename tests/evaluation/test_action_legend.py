import copy
import json
from types import SimpleNamespace

import PIL.Image
import pytest
import torch
from datasets import Dataset
from tqdm import tqdm

from genie_hf.evaluation import measure_action_legend
from genie_hf.evaluation.action_legend import describe_actions
from genie_hf.fingerprint import fingerprint

SHIFTS = {"left": (-3, 0), "right": (2, 0), "up": (1, -5), "down": (0, 4)}
OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}


def recording(pixels):
    """A recording with one episode per clip, from floats (num_clips, num_frames, 3, height, width)."""
    rows = []
    for episode, clip in enumerate((pixels * 255).round().to(torch.uint8)):
        row = {"frames": clip.permute(0, 2, 3, 1).contiguous().numpy().tobytes(), "num_frames": len(clip)}
        row |= {"height": clip.shape[2], "width": clip.shape[3], "level_seed": 0, "episode": episode, "start": 0}
        rows.append(row | {"policy": "random"})
    return Dataset.from_list(rows)


class Shifting:
    """A toy world: an action moves the whole picture, or the thing in it, by a known number of pixels a frame."""

    device, frame_size, config = torch.device("cpu"), (64, 64), SimpleNamespace(fps=15)
    video_tokenizer = SimpleNamespace(config=SimpleNamespace(num_frames=4), encode=lambda x: x, decode=lambda x: x)
    shifts = [(0, 0), *SHIFTS.values()]
    dynamics = SimpleNamespace(config=SimpleNamespace(num_actions=len(shifts)))

    def __init__(self, scene, scenery):
        self.scene, self.scenery, self.steps = scene, scenery, 0

    def start(self, frames, seed, num_inference_steps):
        world = Shifting(self.scene, self.scenery)
        world.frame = frames[:, -1]
        return world

    def step(self, action, output_type):
        self.steps += 1
        total = [tuple(self.steps * pixels for pixels in self.shifts[a]) for a in action.tolist()]
        if self.scene == "thing":
            return torch.cat([self.scenery.with_thing(self.scenery.textured(1) / 2, shift) for shift in total])
        return torch.cat(
            [self.scenery.shifted(frame[None], shift) for frame, shift in zip(self.frame, total, strict=True)]
        )

    def progress_bar(self, total):
        return tqdm(total=total, disable=True)


@pytest.mark.parametrize("scene", ["camera", "thing"])
def test_a_world_of_known_effects(scenery, scene):
    frames = (
        scenery.textured(3) if scene == "camera" else scenery.with_thing(scenery.textured(1) / 2).expand(3, -1, -1, -1)
    )
    after = (
        scenery.shifted(frames, (2, 0))
        if scene == "camera"
        else scenery.with_thing(scenery.textured(1) / 2, (2, 0)).expand_as(frames)
    )
    data = recording(torch.stack([frames, after], dim=1))
    still, *moving = measure_action_legend(Shifting(scene, scenery), data, num_frames=2)["actions"]
    assert (still["direction"], still["moves"]) == ("none", None)
    assert still["motion"] == [0, 0] and still["changed_area"] < 0.01
    for action, (direction, shift) in zip(moving, SHIFTS.items(), strict=True):
        sign = -1 if scene == "camera" else 1
        assert action["direction"] == (OPPOSITE[direction] if scene == "camera" else direction)
        assert action["consistency"] == 1
        assert action["motion"] == pytest.approx([sign * pixels for pixels in shift], abs=1e-6)
        assert action["moves"] == scene
        assert (action["changed_area"] > 0.3) == (scene == "camera")


def test_the_most_frequent_direction_counts():
    flow = torch.tensor([[4.0, 0.0], [3.0, 1.0], [0.2, 0.3], [0.0, -2.0]]).unsqueeze(1)
    (action,) = describe_actions(flow, torch.full((4, 1), 0.5), by_camera=True)
    assert action == {
        "direction": "left",
        "consistency": 0.5,
        "starts": {"none": 1, "left": 2, "right": 0, "up": 0, "down": 1},
        "motion": pytest.approx([-1.8, 0.175]),
        "moves": "camera",
        "changed_area": 0.5,
    }


def test_a_saved_legend_holds_every_figure(scenery, tiny_pipeline, tmp_path):
    data = recording(torch.stack([scenery.textured(4, 16, seed) for seed in range(3)]))
    settings = {"num_start_frames": 5, "num_frames": 3, "num_inference_steps": 2, "batch_size": 2}
    legend = measure_action_legend(tiny_pipeline, data, tmp_path, **settings, seed=1)
    saved = json.loads((tmp_path / "action_legend.json").read_text())
    assert saved == {"dynamics_fingerprint": fingerprint(tiny_pipeline.dynamics)} | legend
    assert [legend[name] for name in ("num_start_frames", "num_frames", "num_inference_steps", "seed")] == [5, 3, 2, 1]
    assert len(legend["actions"]) == 5
    with PIL.Image.open(tmp_path / "action_legend.png") as picture:
        assert picture.width > 6 * 96 and picture.height > 4 * 96

    assert measure_action_legend(tiny_pipeline, data, **settings, seed=1) == legend
    assert measure_action_legend(tiny_pipeline, data, **settings, seed=2)["actions"] != legend["actions"]


def test_actions_that_are_ignored_have_one_legend(scenery, tiny_pipeline):
    dynamics = copy.deepcopy(tiny_pipeline.dynamics)
    torch.nn.init.zeros_(dynamics.action_embedding.weight)
    pipe = type(tiny_pipeline)(**tiny_pipeline.components | {"dynamics": dynamics})
    pipe.set_progress_bar_config(disable=True)
    data = recording(scenery.textured(2, 16)[None])
    first, *others = measure_action_legend(pipe, data, num_inference_steps=2)["actions"]
    assert others == [first] * 4


def test_what_cannot_be_measured_is_said(scenery, tiny_pipeline):
    data = recording(scenery.textured(2, 16)[None])
    with pytest.raises(ValueError, match="num_start_frames is 0; choose at least 1"):
        measure_action_legend(tiny_pipeline, data, num_start_frames=0)
    with pytest.raises(ValueError, match="num_frames is 0; choose at least 1"):
        measure_action_legend(tiny_pipeline, data, num_frames=0)
