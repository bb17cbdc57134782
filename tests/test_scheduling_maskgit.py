import pytest
import torch

from genie_hf.scheduling_maskgit import MaskGITScheduler

CODES = 10


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def sample_all(scheduler, logits, generator, num_inference_steps=5, **settings):
    """Runs every step from a fully masked sample; returns the codes and how many were masked after each step."""
    scheduler.set_timesteps(num_inference_steps, **settings)
    sample = torch.full(logits.shape[:-1], scheduler.config.mask_token_id)
    left = []
    for timestep in scheduler.timesteps:
        sample = scheduler.step(logits, timestep, sample, generator=generator).prev_sample
        left.append((sample == scheduler.config.mask_token_id).flatten(1).sum(1).tolist())
    return sample, left


@pytest.mark.parametrize("order", ["random", "confidence", "halton"])
@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 5, 3, 7), (2, 90), (1, 1, 1), (2, 2, 1)])
@pytest.mark.parametrize("steps", [1, 2, 7, 25])
def test_no_code_is_masked_after_the_last_step(order, shape, steps):
    scheduler = MaskGITScheduler(mask_token_id=CODES, unmasking_order=order)
    codes, left = sample_all(scheduler, torch.randn(*shape, CODES, generator=generator(1)), generator(), steps)
    assert codes.shape == shape and codes.dtype == torch.int64
    assert left[-1] == [0] * shape[0]
    assert codes.min() >= 0 and codes.max() < CODES


def test_the_masked_share_follows_the_cosine():
    codes, left = sample_all(MaskGITScheduler(CODES), torch.zeros(2, 10, 10, CODES), generator(), 4)
    assert left == [[92, 92], [70, 70], [38, 38], [0, 0]]  # floor(100 cos(k / 4 * pi / 2))


def test_every_step_reveals_at_least_one_code_and_keeps_the_revealed():
    scheduler = MaskGITScheduler(CODES)
    scheduler.set_timesteps(25)
    sample, logits = torch.full((1, 5), CODES), torch.randn(1, 5, CODES, generator=generator(2))
    for timestep in scheduler.timesteps[:5]:
        before = sample
        sample = scheduler.step(logits, timestep, sample, generator=generator(int(timestep))).prev_sample
        known = before != CODES
        assert torch.equal(sample[known], before[known])
        assert (sample == CODES).sum() == (before == CODES).sum() - 1


def test_given_codes_are_never_masked_again():
    scheduler = MaskGITScheduler(CODES)
    scheduler.set_timesteps(8)
    sample = torch.full((2, 40), CODES)
    sample[0, :38], sample[1, :7] = 3, 4
    out = scheduler.step(torch.randn(2, 40, CODES), scheduler.timesteps[0], sample, generator=generator())
    assert (out.prev_sample[0, :38] == 3).all() and (out.prev_sample[1, :7] == 4).all()
    assert (out.prev_sample == CODES).sum(1).tolist() == [1, 32]
    assert (out.pred_original_sample != CODES).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_divides_the_logits(temperature):
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, -torch.inf])
    expected = (logits / temperature).softmax(-1)
    scheduler = MaskGITScheduler(mask_token_id=5, temperature=temperature)
    codes, _ = sample_all(scheduler, logits.expand(1, 40000, 5), generator(), 1)
    observed = codes.flatten().bincount(minlength=5) / codes.numel()
    assert torch.allclose(observed, expected, atol=0.01)
    assert observed[4] == 0


def test_set_timesteps_overrides_the_temperature_once():
    scheduler = MaskGITScheduler(CODES, temperature=3.0)
    logits = torch.randn(2, 6, 6, CODES, generator=generator(3))
    codes, _ = sample_all(scheduler, logits, generator(), temperature=0)
    assert torch.equal(codes, logits.argmax(-1))
    scheduler.set_timesteps(5)
    assert scheduler.temperature == 3.0


def test_confidence_reveals_the_likeliest_first_and_random_does_not():
    sharpness = torch.arange(16.0)[:, None]  # position 15 is the surest
    logits = sharpness * torch.nn.functional.one_hot(torch.arange(16) % CODES, CODES)
    logits = logits + 20 * torch.randn(16, 1, generator=generator(3))  # which says nothing of how sure a position is
    revealed = {}
    for order in ("confidence", "random"):
        scheduler = MaskGITScheduler(CODES, temperature=0, unmasking_order=order)
        scheduler.set_timesteps(2)
        out = scheduler.step(logits[None], scheduler.timesteps[0], torch.full((1, 16), CODES), generator=generator())
        revealed[order] = (out.prev_sample[0] != CODES).nonzero().flatten().tolist()
    assert revealed["confidence"] == [11, 12, 13, 14, 15]
    assert len(revealed["random"]) == 5 and revealed["random"] != revealed["confidence"]


def test_haltons_order_spreads_the_codes_of_a_step_over_each_frame():
    scheduler = MaskGITScheduler(CODES, unmasking_order="halton")
    scheduler.set_timesteps(6)
    sample = torch.full((2, 3, 8, 8), CODES)  # two clips of three frames
    for timestep in scheduler.timesteps[:3]:
        logits = torch.randn(*sample.shape, CODES, generator=generator(int(timestep)))
        sample = scheduler.step(logits, timestep, sample, generator=generator()).prev_sample
        shown = (sample != CODES).float()
        quarters = torch.nn.functional.avg_pool2d(shown.flatten(0, 1), 4).flatten(1) * 16
        assert (quarters.amax(1) - quarters.amin(1)).max() <= 2
    assert 0.2 < shown.mean() < 0.4


@pytest.mark.parametrize("order", ["random", "confidence", "halton"])
def test_a_sample_with_its_own_generator_ignores_its_batch_mates(order):
    scheduler = MaskGITScheduler(CODES, unmasking_order=order)
    logits = torch.randn(3, 4, 4, CODES, generator=generator(4))
    together, _ = sample_all(scheduler, logits, [generator(s) for s in (7, 8, 9)])
    for row, seed in enumerate((7, 8, 9)):
        alone, _ = sample_all(scheduler, logits[row : row + 1], [generator(seed)])
        assert torch.equal(alone[0], together[row])


def test_the_same_generator_state_gives_the_same_codes():
    scheduler, logits = MaskGITScheduler(CODES), torch.zeros(2, 8, 8, CODES)
    first, again, other = (sample_all(scheduler, logits, generator(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(sample_all(scheduler, logits.bfloat16(), generator(1))[0], first)


def sample_at_positions(scheduler, logits, generators, num_inference_steps):
    """As `sample_all`, but the logits of the asked positions only reach the scheduler."""
    scheduler.set_timesteps(num_inference_steps)
    sample = torch.full(logits.shape[:-1], scheduler.config.mask_token_id)
    left, counts = [], set()
    for timestep in scheduler.timesteps:
        positions = scheduler.positions(sample, generators)
        shown = logits.flatten(1, -2).take_along_dim(positions[..., None], dim=1)
        sample = scheduler.step(shown, timestep, sample, generators, positions).prev_sample
        left.append((sample == scheduler.config.mask_token_id).flatten(1).sum(1).tolist())
        counts.add(positions.shape[1])
    return sample, left, counts


@pytest.mark.parametrize("shape", [(2, 8, 8), (3, 1, 16, 16), (1, 2, 2)])
@pytest.mark.parametrize("steps", [1, 4, 25])
@pytest.mark.parametrize("order", ["random", "halton"])
def test_logits_of_the_asked_positions_are_enough(shape, steps, order):
    scheduler = MaskGITScheduler(CODES, unmasking_order=order)
    logits = torch.randn(*shape, CODES, generator=generator(5))
    codes, left, counts = sample_at_positions(scheduler, logits, [generator(b) for b in range(shape[0])], steps)
    assert left == sample_all(scheduler, logits, generator(), steps)[1]  # the same schedule
    assert len(counts) == 1  # and one shape for every step
    assert codes.max() < CODES
    other, _, _ = sample_at_positions(scheduler, logits, [generator(b) for b in range(shape[0])], steps)
    assert torch.equal(codes, other)


def test_codes_at_positions_follow_their_logits_wherever_they_are():
    scheduler = MaskGITScheduler(CODES, temperature=0)
    logits = torch.randn(2, 8, 8, CODES, generator=generator(6))
    codes, _, _ = sample_at_positions(scheduler, logits, generator(), 7)
    assert torch.equal(codes, logits.argmax(-1))


def test_positions_are_masked_codes_while_there_are_enough():
    scheduler = MaskGITScheduler(CODES)
    scheduler.set_timesteps(8)
    sample = torch.full((2, 64), CODES)
    sample[0, :32], sample[1, 5:25] = 1, 2
    positions = scheduler.positions(sample, generator())
    assert (sample.gather(1, positions) == CODES).all()
    assert all(row.unique().numel() == row.numel() for row in positions)


def test_in_order_of_confidence_every_logit_is_needed():
    scheduler = MaskGITScheduler(CODES, unmasking_order="confidence")
    scheduler.set_timesteps(8)
    assert scheduler.positions(torch.full((2, 64), CODES)) is None


def test_add_noise_masks_the_schedules_share():
    scheduler = MaskGITScheduler(CODES)
    scheduler.set_timesteps(4)
    codes = torch.randint(CODES, (4, 3, 40, 40), generator=generator())
    noisy = scheduler.add_noise(codes, torch.tensor([3, 2, 1, 0]), generator=generator())
    share = (noisy == CODES).flatten(1).float().mean(1)
    assert share[0] == 1
    assert torch.allclose(share, torch.tensor([1, 0.924, 0.707, 0.383]), atol=0.03)
    assert torch.equal(noisy[noisy != CODES], codes[noisy != CODES])
    assert (scheduler.add_noise(codes, 3) == CODES).all()


def test_saved_and_loaded_scheduler_samples_the_same(tmp_path):
    scheduler = MaskGITScheduler(mask_token_id=CODES, temperature=2.0, unmasking_order="confidence")
    scheduler.save_pretrained(tmp_path)
    loaded = MaskGITScheduler.from_pretrained(tmp_path)
    assert dict(loaded.config) == dict(scheduler.config)
    logits = torch.randn(2, 4, 4, CODES, generator=generator(5))
    assert torch.equal(sample_all(loaded, logits, generator())[0], sample_all(scheduler, logits, generator())[0])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MaskGITScheduler(CODES, unmasking_order="best"), "'best'.*random, confidence, halton"),
        (lambda: MaskGITScheduler(CODES, temperature=-1.0), "-1.0.*from 0"),
        (lambda: MaskGITScheduler(CODES, temperature=float("nan")), "nan.*from 0"),
        (lambda: MaskGITScheduler(CODES).set_timesteps(0), "0; give a whole number of at least 1"),
        (lambda: MaskGITScheduler(CODES).set_timesteps(2.5), "2.5; give a whole number"),
        (lambda: sample_all(MaskGITScheduler(CODES), torch.zeros(2, 4, CODES), [generator()]), "1 generators.*2 sam"),
    ],
)
def test_impossible_settings_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
