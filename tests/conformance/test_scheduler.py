"""What diffusers tests of every scheduler, as far as it applies to ours."""

import pytest
import torch
from diffusers import SchedulerMixin

from genie_hf import MaskGITScheduler

MASK = 32


@pytest.fixture(params=["random", "confidence"])
def scheduler(request):
    return MaskGITScheduler(mask_token_id=MASK, unmasking_order=request.param)


def sample_all(scheduler, num_steps=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    scheduler.set_timesteps(num_steps)
    sample = torch.full((2, 4, 4), MASK)
    for timestep in scheduler.timesteps:
        logits = torch.randn(2, 4, 4, MASK, generator=torch.Generator().manual_seed(int(timestep)))
        sample = scheduler.step(logits, timestep, sample, generator).prev_sample
    return sample


def test_saved_and_loaded_it_steps_the_same(scheduler, tmp_path):
    scheduler.save_config(tmp_path)
    scheduler.save_pretrained(tmp_path / "again")
    for folder in (tmp_path, tmp_path / "again"):
        assert torch.equal(sample_all(MaskGITScheduler.from_pretrained(folder)), sample_all(scheduler))
    assert torch.equal(sample_all(MaskGITScheduler.from_config(scheduler.config)), sample_all(scheduler))


def test_a_step_keeps_shape_and_type_and_the_last_leaves_no_mask(scheduler):
    sample = sample_all(scheduler)
    assert sample.shape == (2, 4, 4) and sample.dtype == torch.int64 and sample.max() < MASK
    assert not torch.equal(sample, sample_all(scheduler, seed=1))


def test_a_tuple_holds_what_the_output_names(scheduler):
    scheduler.set_timesteps(3)
    logits, sample = torch.randn(1, 4, 4, MASK), torch.full((1, 4, 4), MASK)
    outputs = [
        scheduler.step(logits, 2, sample, torch.Generator().manual_seed(0), return_dict=named)
        for named in (True, False)
    ]
    assert torch.equal(outputs[0].prev_sample, outputs[1][0])
    assert torch.equal(outputs[0].pred_original_sample, outputs[1][1])


def test_it_is_a_scheduler_with_timesteps_that_fall(scheduler):
    assert isinstance(scheduler, SchedulerMixin) and scheduler.order == 1
    assert scheduler.compatibles == [MaskGITScheduler]
    for count in (1, 5, 25):
        scheduler.set_timesteps(count)
        assert scheduler.timesteps.tolist() == list(range(count))[::-1]


def test_noise_masks_as_much_as_the_schedule_leaves(scheduler):
    scheduler.set_timesteps(10)
    codes = torch.zeros(4, 64, 64, dtype=torch.int64)
    shares = [(scheduler.add_noise(codes, t) == MASK).float().mean().item() for t in scheduler.timesteps]
    assert shares[0] == 1 and shares == sorted(shares, reverse=True)
