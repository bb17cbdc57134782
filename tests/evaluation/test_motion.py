"""Motion that is known is seen."""

import pytest
import torch

from genie_hf.evaluation.motion import block_flow, camera_follows, mean_flow

SHIFTS = [(-3, 0), (2, 0), (1, -5), (0, 4)]


@pytest.mark.parametrize("shift", SHIFTS)
def test_the_flow_of_a_whole_picture_and_of_a_thing_in_it(scenery, shift):
    frames = scenery.textured(4)
    flow, moved, stood = block_flow(frames, scenery.shifted(frames, shift))
    assert flow.tolist() == [list(shift)] * 4
    assert moved.min() > 0.9 and stood.max() == 0
    flow, moved, stood = block_flow(scenery.with_thing(frames), scenery.with_thing(frames, shift))
    assert flow.tolist() == [list(shift)] * 4
    assert moved.max() < 0.3 < 0.6 < stood.min()


def test_what_no_displacement_explains_is_no_motion(scenery):
    frames = scenery.textured(4)
    for after in (frames, (frames + 0.2).clamp(max=1), scenery.with_thing(frames, size=8)):
        assert not block_flow(frames, after)[0].any()


@pytest.mark.parametrize("speed", [0.5, 0.75, 2])
def test_motion_of_half_a_pixel_a_frame(scenery, speed):
    scene = scenery.textured(4, 256)
    total = [round(4 * speed * step) for step in range(5)]  # in quarters of a pixel
    video = torch.stack([scenery.shifted(scene, (pixels, 0)) for pixels in total], dim=1)
    video = torch.nn.functional.avg_pool2d(video.flatten(0, 1), 4).unflatten(0, (4, 5))
    flow = mean_flow(video)
    assert flow[:, 0].tolist() == pytest.approx([speed] * 4, abs=0.26)
    assert not flow[:, 1].any()


def test_a_camera_that_follows_is_told_from_one_that_stands(scenery):
    scenes = scenery.textured(4), torch.zeros(4, 3, 64, 64)
    for shift in SHIFTS:
        assert camera_follows(torch.stack([scenes[0], scenery.shifted(scenes[0], shift)], dim=1))
        for scene in scenes:
            assert not camera_follows(
                torch.stack([scenery.with_thing(scene, size=12), scenery.with_thing(scene, shift, 12)], dim=1)
            )
    assert not camera_follows(torch.stack([scenes[0], scenes[0]], dim=1))
