"""Weights that are brought to the device only when they are needed: by accelerate and by diffusers."""

import copy

import pytest
import torch
from accelerate import cpu_offload, disk_offload
from accelerate.hooks import remove_hook_from_submodules
from diffusers.hooks import HookRegistry, ModelHook, apply_layerwise_casting

from genie_hf import GeniePipeline


def play(pipe, device="cpu"):
    """Every entry of the models: encode, infer_actions, the dynamics, decode; in a call and in a played world."""
    clip = torch.rand(1, 3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    frames = pipe(frames=clip, actions=[1, 2], generator=generator, num_inference_steps=3, output_type="pt").frames
    world = pipe.start(clip[0, 0], seed=3, num_inference_steps=3)
    stepped = [world.step(action, output_type="pt") for action in (0, 4)]
    losses = [model(clip.to(device)).loss for model in (pipe.video_tokenizer, pipe.latent_action_model)]
    return frames, torch.stack(stepped), torch.stack(losses), pipe.infer_actions(clip)


@pytest.fixture
def pipe(tiny_pipeline):
    """A pipeline of its own, as the hooks stay."""
    models = {name: copy.deepcopy(part) for name, part in tiny_pipeline.components.items()}
    pipe = GeniePipeline(**models)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def models(pipe):
    return [pipe.video_tokenizer, pipe.latent_action_model, pipe.dynamics]


def offload_each_layer(model, _):
    cpu_offload(model, "cpu", offload_buffers=True)


def offload_to_disk(model, folder):
    disk_offload(model, str(folder), "cpu", offload_buffers=True)


@pytest.mark.parametrize("offload", [offload_each_layer, offload_to_disk])
@torch.no_grad()
def test_offloaded_weights_play_the_same_frames(offload, pipe, tiny_pipeline, tmp_path):
    for i, model in enumerate(models(pipe)):
        offload(model, tmp_path / str(i))
        assert all(parameter.is_meta for parameter in model.parameters())
    torch.testing.assert_close(play(pipe), play(tiny_pipeline), rtol=0, atol=0)
    for model in models(pipe):
        assert all(parameter.is_meta for parameter in model.parameters())
        remove_hook_from_submodules(model)


class WeightsElsewhere(ModelHook):
    """As diffusers' group offloading: a module's own weights are there while its `forward` runs."""

    _is_stateful = True

    def initialize_hook(self, module):
        self.kept = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
        return self.post_forward(module, module)

    def pre_forward(self, module, *args, **kwargs):
        for name, parameter in module.named_parameters():
            parameter.copy_(self.kept[name])
        return args, kwargs

    def post_forward(self, module, output):
        for parameter in module.parameters():
            parameter.fill_(torch.nan)
        return output

    def reset_state(self, module):
        return module


@pytest.mark.parametrize("level", ["model", "quantizer and transformers"])
@torch.no_grad()
def test_every_entry_passes_through_the_hooks_of_diffusers(level, pipe, tiny_pipeline):
    whole = models(pipe)
    parts = [part for model in whole for name, part in model.named_children() if name != "quantizer"]
    parts += [pipe.video_tokenizer.quantizer, pipe.latent_action_model.quantizer]
    for module in whole if level == "model" else parts:
        HookRegistry.check_if_exists_or_initialize(module).register_hook(WeightsElsewhere(), "elsewhere")
    torch.testing.assert_close(play(pipe), play(tiny_pipeline), rtol=0, atol=0)
    assert all(parameter.isnan().all() for model in whole for parameter in model.parameters())


@torch.no_grad()
def test_weights_stored_in_8_bits_play(pipe, tiny_pipeline):
    for model in models(pipe):
        apply_layerwise_casting(model, storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.float32)
    assert pipe.dynamics.head.weight.dtype == torch.float8_e4m3fn
    frames, *_ = play(pipe)
    assert frames.isfinite().all()
    clip = torch.rand(1, 3, 3, 16, 16)
    ours, theirs = (p.latent_action_model.encode(clip) for p in (pipe, tiny_pipeline))
    assert torch.nn.functional.cosine_similarity(ours, theirs, dim=-1).min() > 0.95


LEAVES, BLOCKS = {"offload_type": "leaf_level"}, {"offload_type": "block_level", "num_blocks_per_group": 1}


@pytest.mark.parametrize(
    ("device", "way", "settings"),
    [
        ("cpu", "enable_model_cpu_offload", {}),
        ("cpu", "enable_group_offload", LEAVES),
        ("cpu", "enable_group_offload", BLOCKS),
        ("cuda", "enable_model_cpu_offload", {}),
        ("cuda", "enable_sequential_cpu_offload", {}),
        ("cuda", "enable_group_offload", LEAVES),
        ("cuda", "enable_group_offload", LEAVES | {"use_stream": True}),
        ("cuda", "enable_group_offload", BLOCKS),
    ],
)
@torch.no_grad()
def test_the_ways_of_a_pipeline_to_offload(device, way, settings, pipe, tiny_pipeline):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    reference = copy.deepcopy(tiny_pipeline).to(device)
    expected = play(reference, device)
    name = "onload_device" if way == "enable_group_offload" else "device"
    getattr(pipe, way)(**settings, **{name: torch.device(device)})
    for ours, theirs in zip(play(pipe, device)[:2], expected[:2], strict=True):
        torch.testing.assert_close(ours.cpu(), theirs.cpu(), rtol=0, atol=2 / 255)
    pipe.maybe_free_model_hooks()
    assert all(model.device.type in ("cpu", "meta") for model in models(pipe))
