import math

import pytest
import torch

from genie_hf.evaluation.metrics import MAX_PSNR, FrameQuality, RolloutQuality, delta_psnr


def test_psnr_of_a_known_error():
    quality = FrameQuality()
    target = torch.full((2, 5, 3, 16, 16), 0.5)
    quality.update(target + 0.1, target)
    figures = quality.compute()
    assert figures["psnr"] == pytest.approx(20, abs=1e-4)
    assert figures["psnr_frame_mean"] == pytest.approx(20, abs=1e-4)
    assert figures["num_frames"] == 10


def test_the_two_definitions_of_psnr_differ_where_errors_do():
    quality = FrameQuality()
    target = torch.zeros(2, 3, 16, 16)
    prediction = target.clone()
    prediction[0] += 0.1
    prediction[1] += 0.01
    quality.update(prediction[:1], target[:1])  # in two batches
    quality.update(prediction[1:], target[1:])
    figures = quality.compute()
    assert figures["psnr"] == pytest.approx(-10 * math.log10((0.01 + 0.0001) / 2), abs=1e-4)
    assert figures["psnr_frame_mean"] == pytest.approx(30, abs=1e-4)


def test_identical_frames_are_capped_and_counted():
    quality = FrameQuality()
    frames = torch.rand(3, 3, 16, 16)
    prediction = frames.clone()
    prediction[0] = (frames[0] + 0.5) % 1
    quality.update(prediction, frames)
    figures = quality.compute()
    assert figures["capped_frames"] == 2
    assert figures["psnr_frame_mean"] == pytest.approx((2 * MAX_PSNR + 6.0206) / 3, abs=0.1)


def test_ssim_is_one_for_the_same_frame_and_falls_with_noise():
    frames, noise = torch.rand(4, 3, 16, 16), torch.randn(4, 3, 16, 16)
    same, near, far = FrameQuality(), FrameQuality(), FrameQuality()
    same.update(frames, frames)
    near.update(frames + 0.05 * noise, frames)
    far.update(frames + 0.5 * noise, frames)
    assert same.compute()["ssim"] == pytest.approx(1, abs=1e-5)
    assert 1 > near.compute()["ssim"] > far.compute()["ssim"]


def test_rollouts_are_measured_horizon_by_horizon():
    quality = RolloutQuality(horizon=3)
    target = torch.zeros(2, 3, 3, 16, 16)
    quality.update(target + torch.tensor([0.1, 0.01, 0.001]).view(3, 1, 1, 1), target)
    assert quality.compute()["psnr"] == pytest.approx([20, 40, 60], abs=1e-3)


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
