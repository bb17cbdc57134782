import math

import pytest
import torch

from genie_hf.evaluation.metrics import (
    MAX_PSNR,
    delta_psnr,
    describe_quality,
    describe_rollouts,
    similarity,
    squared_error,
)


def quality(prediction, target):
    return describe_quality(squared_error(prediction, target), similarity(prediction, target))


def test_psnr_of_a_known_error():
    target = torch.full((2, 5, 3, 16, 16), 0.5)
    figures = quality(target + 0.1, target)
    assert figures["psnr"] == pytest.approx(20, abs=1e-4)
    assert figures["psnr_frame_mean"] == pytest.approx(20, abs=1e-4)
    assert figures["num_frames"] == 10


def test_the_two_definitions_of_psnr_differ_where_errors_do():
    target = torch.zeros(2, 3, 16, 16)
    prediction = target.clone()
    prediction[0] += 0.1
    prediction[1] += 0.01
    figures = quality(prediction, target)
    assert figures["psnr"] == pytest.approx(-10 * math.log10((0.01 + 0.0001) / 2), abs=1e-4)
    assert figures["psnr_frame_mean"] == pytest.approx(30, abs=1e-4)


def test_identical_frames_are_capped_and_counted():
    frames = torch.rand(3, 3, 16, 16)
    prediction = frames.clone()
    prediction[0] = (frames[0] + 0.5) % 1
    figures = quality(prediction, frames)
    assert figures["capped_frames"] == 2
    assert figures["psnr_frame_mean"] == pytest.approx((2 * MAX_PSNR + 6.0206) / 3, abs=0.1)


def test_ssim_is_one_for_the_same_frame_and_falls_with_noise():
    frames, noise = torch.rand(4, 3, 16, 16), torch.randn(4, 3, 16, 16)
    assert similarity(frames, frames).tolist() == pytest.approx([1] * 4, abs=1e-5)
    near, far = (similarity(frames + strength * noise, frames) for strength in (0.05, 0.5))
    assert (1 > near).all() and (near > far).all()


def test_rollouts_are_measured_horizon_by_horizon():
    target = torch.zeros(2, 3, 3, 16, 16)
    prediction = target + torch.tensor([0.1, 0.01, 0.001]).view(3, 1, 1, 1)
    figures = describe_rollouts(squared_error(prediction, target), similarity(prediction, target))
    assert figures["psnr"] == pytest.approx([20, 40, 60], abs=1e-3)


def test_delta_psnr_is_the_mean_over_draws_with_its_spread():
    inferred = {"psnr": [20.0, 18.0], "psnr_frame_mean": [21.0, 19.0]}
    draws = [
        {"psnr": [19.0, 15.0], "psnr_frame_mean": [20.0, 16.0]},
        {"psnr": [19.0, 17.0], "psnr_frame_mean": [20.0, 18.0]},
    ]
    delta = delta_psnr(inferred, draws)
    assert delta["delta_psnr"] == pytest.approx([1, 2])
    assert delta["delta_psnr_std"] == pytest.approx([0, math.sqrt(2)])
    assert delta["delta_psnr_frame_mean"] == pytest.approx([1, 2])
