import pytest
import torch
from huggingface_hub.errors import StrictDataclassFieldValidationError

from genie_hf import STTransformerConfig
from genie_hf.models.st_transformer import ATTENTION

ATTENTIONS = sorted(ATTENTION)
PATTERNS = ["st", "spatial", "full"]
B, T, S, D = 2, 6, 9, 32


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_later_frame_cannot_change_an_earlier_output(pattern, attention, make_transformer, hidden):
    model = make_transformer(pattern, attention)
    changed = hidden.clone()
    changed[:, 4] = changed[:, 4].flip(-1)
    before, after = model(hidden), model(changed)
    torch.testing.assert_close(before[:, :4], after[:, :4], rtol=0, atol=1e-6)
    assert (before[:, 4] - after[:, 4]).abs().max() > 1e-2
    seen_later = (before[:, 5] - after[:, 5]).abs().max()
    assert seen_later > 1e-4 if pattern != "spatial" else seen_later == 0


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_token_sees_its_whole_frame(pattern, make_transformer, hidden):
    model = make_transformer(pattern)
    changed = hidden.clone()
    changed[:, 2, 0] = changed[:, 2, 0].flip(-1)
    assert ((model(hidden) - model(changed))[:, 2].abs().amax(-1) > 1e-5).all()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_eager_equals_sdpa_forwards_and_backwards(pattern, make_transformer, hidden):
    gradients = []
    for attention in ATTENTIONS:
        leaf = hidden.clone().requires_grad_()
        output = make_transformer(pattern, attention)(leaf)
        output.square().sum().backward()
        gradients.append((output, leaf.grad))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_rotary_positions_are_relative(make_transformer, hidden):
    model = make_transformer("st")
    shifted = model(hidden, times=torch.arange(T) + 100)
    torch.testing.assert_close(model(hidden), shifted, rtol=1e-3, atol=1e-3)


def test_head_dim_is_free_of_hidden_size(make_transformer, hidden):
    assert make_transformer(num_attention_heads=3, head_dim=10)(hidden).shape == hidden.shape


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("head_dim", 7, "even.*7"),
        ("num_attention_heads", 0, "at least 1, got 0"),
        ("num_hidden_layers", -1, "num_hidden_layers must be at least 0, got -1"),
    ],
)
def test_impossible_sizes_are_refused(field, value, message, transformer):
    with pytest.raises(ValueError, match=message):
        STTransformerConfig(**transformer | {field: value})


def test_unknown_patterns_are_refused(transformer):
    with pytest.raises(StrictDataclassFieldValidationError, match="pattern"):
        STTransformerConfig(**transformer | {"pattern": "diagonal"})
