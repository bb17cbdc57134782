"""What transformers tests of every model, as far as it applies to ours."""

import inspect

import pytest
import torch
from torch import nn
from transformers import PreTrainedConfig

from genie_hf import STTransformerConfig
from genie_hf.models import st_transformer


def test_hidden_states_and_tuples_are_returned_on_request(part):
    model, inputs = part
    plain = model(*inputs)
    output = model(*inputs, output_hidden_states=True)
    assert len(output.hidden_states) == model.config.num_hidden_layers + 1
    assert all(hidden.shape[-1] == model.config.hidden_size for hidden in output.hidden_states)
    assert not torch.equal(output.hidden_states[0], output.hidden_states[-1])
    assert "hidden_states" not in plain and "attentions" not in plain

    for ours, theirs in zip(model(*inputs, return_dict=False), plain.to_tuple(), strict=True):
        torch.testing.assert_close(ours, theirs)
    model.config.output_hidden_states = True
    assert len(model(*inputs).hidden_states) == len(output.hidden_states)


def test_eager_attention_returns_its_weights_and_changes_nothing(part, caplog):
    model, inputs = part
    st_transformer.logger.warning_once.cache_clear()
    plain = model(*inputs).to_tuple()
    assert model(*inputs, output_attentions=True).attentions == ()  # with a warning
    assert caplog.text.count("keeps no weights, so output_attentions gives none; call set_attn_implementation") == 1
    model.set_attn_implementation("eager")
    output = model(*inputs, output_attentions=True)

    assert len(output.attentions) == 2 * model.config.num_hidden_layers  # in space and in time
    for weights in output.attentions:
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))
    in_time = output.attentions[1]
    assert in_time.shape[-2:] == (4, 4) and not in_time.triu(1).any()  # no frame sees a later one
    for ours, theirs in zip(output.to_tuple(), plain, strict=False):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_attention_implementation_is_that_of_the_parts_too(part, caplog):
    model, _ = part
    for implementation in ("eager", "sdpa"):
        model.set_attn_implementation(implementation)
        configs = [model.config, *(getattr(model.config, name) for name in model.config.sub_configs)]
        assert {config._attn_implementation for config in configs} == {implementation}
    with pytest.raises(ValueError, match='"foo"` is not supported'):
        model.set_attn_implementation("foo")
    assert {config._attn_implementation for config in configs} == {"sdpa"}
    assert "sub-config" not in caplog.text


def test_the_main_input_is_an_argument_and_nothing_unknown_is_swallowed(part):
    model, inputs = part
    first, *rest = inspect.signature(model.forward).parameters
    assert first == model.main_input_name
    torch.testing.assert_close(
        model(**dict(zip((first, *rest), inputs, strict=False))).to_tuple(), model(*inputs).to_tuple()
    )
    with pytest.raises(TypeError, match="pixel_value"):
        model(*inputs, pixel_value=inputs[0])


def test_input_embeddings_can_be_found_and_replaced(part):
    model, inputs = part
    embedding = model.get_input_embeddings()
    assert embedding.weight.shape[0 if isinstance(embedding, nn.Linear) else 1] == model.config.hidden_size
    before = model(*inputs, output_hidden_states=True).hidden_states[0]
    other = type(embedding)(*embedding.weight.shape[:: -1 if isinstance(embedding, nn.Linear) else 1])
    model.set_input_embeddings(other)
    assert model.get_input_embeddings() is other
    assert not torch.allclose(model(*inputs, output_hidden_states=True).hidden_states[0], before)


def test_configurations_say_their_size_and_parts(part):
    config = part[0].config
    assert config.hidden_size > 0 and config.num_hidden_layers > 0 and config.num_attention_heads > 0
    for name, config_class in config.sub_configs.items():
        assert isinstance(getattr(config, name), config_class)
        assert config_class is (PreTrainedConfig if name == "quantizer" else STTransformerConfig)
    assert type(config).from_dict(config.to_dict()).to_dict() == config.to_dict()


def test_modules_kept_in_float32_exist_and_stay_so(part, tmp_path):
    model, _ = part
    kept = model._keep_in_fp32_modules_strict or ()
    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    assert names.issuperset(kept)
    model.save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path, dtype=torch.bfloat16)
    for name, parameter in loaded.named_parameters():
        is_kept = any(part in name.split(".") for part in kept)
        assert parameter.dtype == (torch.float32 if is_kept else torch.bfloat16), name


def test_nothing_is_left_as_it_was_in_memory(part):
    torch.use_deterministic_algorithms(True)  # fills uninitialised memory with NaN and the largest integer
    try:
        model = type(part[0])(part[0].config)
    finally:
        torch.use_deterministic_algorithms(False)
    for name, tensor in model.state_dict().items():
        assert tensor.isfinite().all() and tensor.abs().max() < 1e4, name


@pytest.mark.filterwarnings("ignore")
def test_models_can_be_traced_and_exported(part):
    model, inputs = part
    expected = model(*inputs).to_tuple()
    exported = torch.export.export(model, inputs).module()
    model.config.return_dict = False
    traced = torch.jit.trace(model, inputs, check_trace=False)
    for outputs in (tuple(exported(*inputs).values()), traced(*inputs)):
        for ours, theirs in zip(outputs, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_gradient_checkpointing_changes_no_gradient(part):
    model, inputs = part
    model.train()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("codebook" not in name)  # which would change from one pass to the next
    gradients = []
    for enable in (model.activation_checkpointing_disable, model.activation_checkpointing_enable):
        enable()
        output = model(*inputs)
        (output.logits if "logits" in output else output.reconstruction).square().mean().backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
        model.zero_grad()
    assert model.is_activation_checkpointing and gradients[0]
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-6)
