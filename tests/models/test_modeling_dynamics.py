import copy

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from genie_hf import GenieDynamicsConfig, GenieDynamicsModel, TemporalCache

CONDITIONINGS = ["add", "concat", "prepend"]
CONTEXTS = ["masked", "prefix", "clean"]


@pytest.fixture(params=[1, 2], ids=["a code a token", "blocks of codes"])
def make(transformer, request):
    def make(**kwargs):
        torch.manual_seed(0)
        sizes = {"codebook_size": 32, "num_actions": 4, "grid_size": [4, 4], "num_frames": 5}
        kwargs = sizes | {"codes_per_token_side": request.param} | kwargs
        model = GenieDynamicsModel(GenieDynamicsConfig(**transformer, **kwargs))
        torch.nn.init.normal_(model.head.weight, std=0.5)  # an untrained model predicts the uniform distribution
        return model

    return make


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_a_frame_depends_on_no_later_frame_or_action(conditioning, attention, make, codes, actions):
    model = make(action_conditioning=conditioning).eval()
    model.set_attn_implementation(attention)
    before = model(codes, actions).logits
    changed_codes, changed_actions = codes.clone(), actions.clone()
    changed_codes[:, 3] = (codes[:, 3] + 1) % 32
    changed_actions[:, 2] = (actions[:, 2] + 1) % 4
    torch.testing.assert_close(model(changed_codes, changed_actions).logits[:, :3], before[:, :3])
    for changed in (model(changed_codes, actions), model(codes, changed_actions)):
        assert (changed.logits - before)[:, 3].abs().max() > 1e-3
        assert (changed.logits - before)[:, 4].abs().max() > 1e-4


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_cached_equals_uncached(conditioning, make, codes, actions):
    model = make(action_conditioning=conditioning).eval()
    cache = TemporalCache(5)
    logits = [model(codes[:, :2], actions[:, :1], cache=cache).logits]
    cache.advance(2)
    for t in range(2, 5):
        masked = torch.full_like(codes[:, t : t + 1], model.config.mask_token_id)
        model(masked, actions[:, t - 1 : t], cache=cache)
        logits.append(model(codes[:, t : t + 1], actions[:, t - 1 : t], cache=cache).logits)
        cache.advance()
    torch.testing.assert_close(torch.cat(logits, dim=1), model(codes, actions).logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("pattern", ["st", "spatial", "full"])
@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_logits_at_positions_are_those_of_the_whole_frame(conditioning, pattern, cached, make, codes, actions):
    model = make(action_conditioning=conditioning, pattern=pattern).eval()
    positions = torch.tensor([[3, 0, 15], [7, 7, 2]])
    if cached:
        caches = TemporalCache(5), TemporalCache(5)
        for cache in caches:
            model(codes[:, :4], actions[:, :3], cache=cache)
            cache.advance(4)
        inputs = [{"codes": codes[:, 4:], "actions": actions[:, 3:], "cache": cache} for cache in caches]
    else:
        inputs = [{"codes": codes, "actions": actions}] * 2
    whole = model(**inputs[0]).logits.flatten(2, 3)
    some = model(**inputs[1], positions=positions).logits
    torch.testing.assert_close(some, whole.take_along_dim(positions[:, None, :, None], dim=2), rtol=1e-4, atol=1e-5)


def test_masking_follows_the_paper(make):
    codes = torch.randint(32, (400, 5, 4, 4))
    draw = make().training_inputs(codes, torch.zeros(400, 4).long())
    assert torch.equal(draw["context"], codes)
    assert not draw["mask"][:, 0].any()
    rates = draw["mask"][:, 1:].float().flatten(1).mean(1)
    assert 0.3 < rates.min() < 0.6 and rates.max() > 0.95 and abs(rates.mean() - 0.75) < 0.03


def test_prefix_context_leaves_first_frames_clean_in_half_of_the_samples(make):
    mask = make(context="prefix", mask_rate=[1, 1]).training_inputs(
        torch.zeros(800, 5, 4, 4).long(), torch.zeros(800, 4).long()
    )["mask"]
    first_masked = mask.flatten(2).all(2).int().argmax(1)
    share = torch.bincount(first_masked, minlength=5) / 800
    assert share[0] == 0 and abs(share[1] - (0.5 + 0.125)) < 0.06 and (share[2:] > 0.07).all()


def test_corruption_replaces_context_but_never_targets(make):
    codes = torch.randint(32, (200, 5, 4, 4))
    draw = make(context_corruption=0.4).training_inputs(codes, torch.zeros(200, 4).long())
    assert torch.equal(draw["codes"], codes)
    assert 0.15 < (draw["context"] != codes).float().mean() < 0.25


def test_fully_masked_samples(make):
    draw = make(fully_masked=0.25, mask_rate=[0.2, 0.5]).training_inputs(
        torch.zeros(400, 5, 4, 4).long(), torch.zeros(400, 4).long()
    )
    full = draw["mask"][:, 1:].flatten(1).all(1)
    assert 0.15 < full.float().mean() < 0.35 and not draw["mask"][:, 0].any()


def test_own_samples_stand_in_the_context_of_some_samples_from_a_frame_on(make, codes, actions):
    codes, actions = codes.repeat(20, 1, 1, 1), actions.repeat(20, 1)
    model = make(context="clean", context_own_samples=0.5)
    changed = (model.training_inputs(codes, actions)["context"] != codes).flatten(2).any(2)
    assert not changed[20:].any() and not changed[:, 0].any()
    assert changed[:20, -1].all()  # random weights guess wrong
    assert (changed[:20].int().diff(dim=1) >= 0).all() and not changed[:20, 1].all()


def test_own_samples_come_in_small_batches_too(make, codes, actions):
    torch.manual_seed(0)
    model = make(context="clean", context_own_samples=0.25)
    own = [(model.training_inputs(codes[:1], actions[:1])["context"] != codes[:1]).any().item() for _ in range(80)]
    assert 10 <= sum(own) <= 30


def test_a_pass_in_which_nothing_is_masked_has_no_loss(make, codes, actions):
    out = make()(codes, actions, mask=torch.zeros_like(codes, dtype=torch.bool))
    assert out.loss == 0


def test_an_own_sample_pass_under_autocast_leaves_the_gradients_whole(make, codes, actions):
    model = make(context="clean", context_own_samples=0.5)
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(**model.training_inputs(codes, actions)).loss
    loss.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("context", CONTEXTS)
def test_targets_are_hidden_from_their_own_prediction(context, make, codes, actions):
    model = make(context=context).eval()
    mask = torch.zeros_like(codes, dtype=torch.bool)
    mask[:, 1:, 1] = True
    other = torch.where(mask & (torch.arange(5) == 4).view(1, 5, 1, 1), (codes + 7) % 32, codes)
    one, two = (model(c, actions, mask=mask) for c in (codes, other))
    torch.testing.assert_close(one.logits[:, -1], two.logits[:, -1])
    assert one.loss != two.loss  # but it is judged by them


def test_clean_context_trains_what_play_computes(make, codes, actions):
    model = make(context="clean").eval()
    mask = torch.rand(codes.shape, generator=torch.Generator().manual_seed(0)) < 0.6
    trained = model(codes, actions, mask=mask).logits
    for t in range(1, 5):
        cache = TemporalCache(5)
        model(codes[:, :t], actions[:, : t - 1], cache=cache)
        cache.advance(t)
        hidden = codes[:, t : t + 1].masked_fill(mask[:, t : t + 1], model.config.mask_token_id)
        played = model(hidden, actions[:, t - 1 : t], cache=cache).logits
        torch.testing.assert_close(trained[:, t - 1 : t], played, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("context", CONTEXTS)
def test_it_learns_one_clip(context, make, codes, actions):
    model = make(context=context)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(150):
        output = model(**model.training_inputs(codes, actions))
        output.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert output.loss < 0.5 and output.accuracy > 0.9


def test_a_fresh_model_predicts_the_uniform_distribution(transformer, codes, actions):
    model = GenieDynamicsModel(GenieDynamicsConfig(**transformer, codebook_size=32, num_actions=4, grid_size=[4, 4]))
    assert not model(codes, actions).logits.any()


def test_codes_that_look_alike_start_alike(make):
    model = make()
    vectors = torch.randn(32, 8)
    vectors[1] = vectors[0] + 0.01 * torch.randn(8)
    model.initialize_from_codebook(vectors)
    for weight in (model.code_embedding.weight, model.head.weight):
        distances = (weight[:32] - weight[0]).norm(dim=1)
        assert distances[1] < 0.1 * distances[2:].min()


@pytest.fixture
def vectors():
    """Of 32 codes, of shape (32, 8): neither centred nor of unit length."""
    return 3 * torch.randn(32, 8, generator=torch.Generator().manual_seed(4)) + 1


def test_token_distance_is_the_expected_squared_distance_between_codes(make, codes, actions, vectors):
    model = make(token_distance=0.7)
    model.set_code_vectors(vectors)
    inputs = model.training_inputs(codes, actions)
    output = model(**inputs)
    logits, true = output.logits[inputs["mask"]], codes[inputs["mask"]]
    pairs = (vectors[:, None] - vectors[None]).square().sum(dim=-1)
    pairs /= pairs.mean()
    distance = (pairs[true] * logits.softmax(dim=-1)).sum(dim=-1).mean()
    torch.testing.assert_close(output.loss, F.cross_entropy(logits, true) + 0.7 * distance)
    assert output.accuracy == (logits.argmax(dim=-1) == true).float().mean()


def test_near_codes_cost_less_than_far_ones_of_equal_cross_entropy(make):
    model = make(token_distance=1.0)
    model.set_code_vectors(torch.arange(32.0)[:, None])  # on a line, with the true code at its start
    codes, mask = torch.tensor([0]), torch.tensor([True])

    def loss(*wrong):
        logits = torch.full((1, 32), -30.0)
        logits[0, [0, *wrong]] = 0.0
        return model.cross_entropy(logits, codes, mask)[0]

    assert loss().item() == pytest.approx(0, abs=1e-5)
    assert loss(1, 2, 3) + 0.5 < loss(29, 30, 31)

    logits = torch.zeros(1, 32, requires_grad=True)
    model.cross_entropy(logits, codes, mask)[0].backward()
    assert (logits.grad[0].diff() > 0).all()  # the farther a code, the more is it pushed down


def test_token_distance_trains_every_parameter_but_not_the_vectors(make, codes, actions, vectors):
    model = make(token_distance=1.0)
    model.set_code_vectors(vectors.requires_grad_())
    model(**model.training_inputs(codes, actions)).loss.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert vectors.grad is None


def test_without_token_distance_the_loss_is_the_cross_entropy_to_the_bit(make, codes, actions, vectors):
    model, told = make(), make()
    told.set_code_vectors(vectors)
    inputs = model.training_inputs(codes, actions)
    output = model(**inputs)
    targets = codes.masked_fill(~inputs["mask"], -100).flatten()
    assert torch.equal(output.loss, F.cross_entropy(output.logits.flatten(0, -2), targets))
    assert torch.equal(output.loss, told(**inputs).loss)


def test_a_loss_of_token_distance_needs_the_vectors(make, codes, actions):
    model = make(token_distance=1.0)
    inputs = model.training_inputs(codes, actions)
    with pytest.raises(ValueError, match="token_distance needs the vectors of the codes.*: call set_code_vectors"):
        model(**inputs)
    assert model(**inputs, return_loss=False).accuracy is not None
    assert model(codes, actions).logits is not None


def test_code_vectors_move_with_the_model_and_are_not_saved(make, codes, actions, vectors, tmp_path):
    model, plain = make(token_distance=1.0), make()
    inputs = model.training_inputs(codes, actions)
    model.set_code_vectors(vectors)
    loss = model(**inputs).loss
    assert torch.equal(copy.deepcopy(model)(**inputs).loss, loss)
    assert copy.deepcopy(model).to("meta").cross_entropy.vectors.is_meta
    assert model.state_dict().keys() == plain.state_dict().keys()
    for each, folder in ((model, "distance"), (plain, "plain")):
        each.save_pretrained(tmp_path / folder)
    saved = [load_file(tmp_path / folder / "model.safetensors").keys() for folder in ("distance", "plain")]
    assert saved[0] == saved[1]
    loaded = GenieDynamicsModel.from_pretrained(tmp_path / "distance")
    with pytest.raises(ValueError, match="call set_code_vectors"):
        loaded(**inputs)
    loaded.set_code_vectors(vectors)
    assert torch.equal(loaded(**inputs).loss, loss)


def test_gradients_reach_every_parameter(make, codes, actions):
    model = make()
    model(**model.training_inputs(codes, actions)).loss.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_save_and_load_give_the_same_logits(make, codes, actions, tmp_path):
    model = make().eval()
    model.save_pretrained(tmp_path)
    loaded = GenieDynamicsModel.from_pretrained(tmp_path)
    assert loaded.config.mask_token_id == 32
    assert loaded.config.tokens_per_frame == 16 // model.config.codes_per_token_side**2
    torch.testing.assert_close(loaded(codes, actions).logits, model(codes, actions).logits, rtol=0, atol=0)


def test_a_wrong_number_of_actions_is_refused(make, codes, actions):
    with pytest.raises(ValueError, match=r"\(2, 4\) for 5 frames that start a clip, got \(2, 5\)"):
        make()(codes, torch.cat([actions, actions[:, :1]], dim=1))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"grid_size": [0, 4]}, r"at least 1, got \[0, 4\]"),
        ({"num_actions": 1}, "at least 2, got 1"),
        ({"mask_rate": [0.9, 0.1]}, r"low <= high <= 1 and high above 0, got \[0.9, 0.1\]"),
        ({"mask_rate": [0, 0]}, r"high above 0, got \[0, 0\]"),
        ({"mask_rate": [0.5]}, r"mask_rate must be \[low, high\] .* got \[0.5\]"),
        ({"context_corruption": 1.5}, r"\[0, 1\], got 1.5"),
        ({"context_own_samples": 0.5}, "needs context 'clean', got 'masked'"),
        ({"token_distance": -0.5}, "token_distance must be at least 0, got -0.5"),
        ({"codes_per_token_side": 3}, r"side 3 do not tile the grid_size \[4, 4\]"),
    ],
)
def test_impossible_configurations_are_refused(kwargs, message, make):
    with pytest.raises(ValueError, match=message):
        make(**kwargs)
