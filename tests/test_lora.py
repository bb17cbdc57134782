import copy
import json
import shutil

import pytest
import torch
from accelerate import cpu_offload

from genie_hf import GenieDynamicsConfig, GenieDynamicsModel, GeniePipeline

CODES = torch.randint(32, (4, 4, 4, 4), generator=torch.Generator().manual_seed(0))
ACTIONS = torch.randint(5, (4, 3), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def peft():
    return pytest.importorskip("peft", reason="LoRA needs peft")


@pytest.fixture(scope="module")
def base(tmp_path_factory, tiny_dynamics):
    folder = tmp_path_factory.mktemp("dynamics")
    tiny_dynamics.save_pretrained(folder)
    return folder


def train(peft, base, folder, seed=0, **options):
    """As somebody does who knows peft and not us: a few steps towards one code. Returns the adapter's folder."""
    torch.manual_seed(seed)
    options = {"target_modules": ["qkv", "out"], "r": 4, "lora_dropout": 0.1} | options
    model = peft.get_peft_model(GenieDynamicsModel.from_pretrained(base), peft.LoraConfig(**options))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.05)
    model.train()
    for _ in range(5):
        mask = torch.rand(CODES.shape) < 0.5
        model(codes=torch.full_like(CODES, seed), actions=ACTIONS, mask=mask).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(peft, base, tmp_path_factory):
    return train(peft, base, tmp_path_factory.mktemp("adapter"))


@pytest.fixture
def pipe(base, tiny_pipeline):
    parts = copy.deepcopy(tiny_pipeline.components) | {"dynamics": GenieDynamicsModel.from_pretrained(base)}
    pipe = GeniePipeline(**parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def codes(pipe):
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    return pipe(image, [1, 2, 3], generator=generator, num_inference_steps=3, output_type="latent").frames


def logits(pipe):
    return pipe.dynamics(CODES, ACTIONS).logits.detach()


def test_an_adapter_trained_with_peft_changes_the_frames_until_it_is_unloaded(peft, pipe, base, adapter):
    frames, scores = codes(pipe), logits(pipe)
    names = set(pipe.dynamics.state_dict())
    pipe.load_lora_weights(str(adapter))
    assert pipe.get_active_adapters() == ["default_0"] and pipe.get_list_adapters() == {"dynamics": ["default_0"]}
    theirs = peft.PeftModel.from_pretrained(GenieDynamicsModel.from_pretrained(base), adapter).eval()
    assert torch.equal(logits(pipe), theirs(codes=CODES, actions=ACTIONS).logits)
    assert not torch.equal(codes(pipe), frames)

    pipe.disable_lora()
    assert torch.equal(codes(pipe), frames)
    pipe.enable_lora()
    pipe.unload_lora_weights()
    assert torch.equal(codes(pipe), frames) and torch.equal(logits(pipe), scores)
    assert set(pipe.dynamics.state_dict()) == names


def test_a_fused_adapter_plays_as_before_and_stays_in_the_weights(peft, pipe, adapter, tmp_path):
    plain = logits(pipe)
    pipe.load_lora_weights(adapter, adapter_name="night")
    unfused = logits(pipe)
    with pytest.raises(ValueError, match="saved without LoRA weights; save them with save_lora_weights"):
        pipe.save_pretrained(tmp_path)
    pipe.fuse_lora()
    assert pipe.fused_loras == {"night"}
    torch.testing.assert_close(logits(pipe), unfused, rtol=1e-4, atol=1e-4)
    pipe.unfuse_lora()
    torch.testing.assert_close(logits(pipe), unfused, rtol=1e-4, atol=1e-4)

    pipe.fuse_lora()
    fused = logits(pipe)
    pipe.unload_lora_weights()
    assert torch.equal(logits(pipe), fused) and not torch.allclose(fused, plain, atol=1e-2)
    pipe.save_pretrained(tmp_path)
    assert torch.equal(logits(GeniePipeline.from_pretrained(tmp_path)), fused)


def test_several_adapters_are_weighed(peft, pipe, base, adapter, tmp_path):
    pipe.load_lora_weights(adapter, adapter_name="night")
    night = logits(pipe)
    pipe.load_lora_weights(train(peft, base, tmp_path, seed=3), adapter_name="rain")
    rain = logits(pipe)
    assert pipe.get_active_adapters() == ["rain"] and not torch.equal(rain, night)
    pipe.set_adapters("night")
    assert torch.equal(logits(pipe), night)
    pipe.set_adapters(["night", "rain"], [1.0, 0.0])
    torch.testing.assert_close(logits(pipe), night)
    pipe.set_adapters(["night", "rain"], [0.5, 0.5])
    both = logits(pipe)
    assert not torch.allclose(both, night) and not torch.allclose(both, rain)
    with pytest.raises(ValueError, match="Adapter with name night already exists"):
        pipe.load_lora_weights(adapter, adapter_name="night")
    assert torch.equal(logits(pipe), both)


@pytest.mark.parametrize("options", [{}, {"use_dora": True, "target_modules": "all-linear"}, {"use_rslora": True}])
def test_saved_and_loaded_it_is_the_same(options, peft, pipe, base, tmp_path):
    pipe.load_lora_weights(train(peft, base, tmp_path / "trained", **options), adapter_name="night")
    played = logits(pipe)
    pipe.save_lora_weights(tmp_path / "saved")
    theirs = peft.PeftModel.from_pretrained(GenieDynamicsModel.from_pretrained(base), tmp_path / "saved").eval()
    torch.testing.assert_close(theirs(codes=CODES, actions=ACTIONS).logits, played)
    pipe.unload_lora_weights()
    pipe.load_lora_weights(tmp_path, subfolder="saved", adapter_name="again")
    assert torch.equal(logits(pipe), played)
    with pytest.raises(ValueError, match=r"adapter_name is 'day'; give one of the loaded adapters \['again'\]"):
        pipe.save_lora_weights(tmp_path, adapter_name="day")


def test_an_adapter_trained_within_the_pipeline_is_saved(peft, pipe, tmp_path):
    plain = logits(pipe)
    model = peft.get_peft_model(pipe.dynamics, peft.LoraConfig(target_modules=["qkv"], init_lora_weights=False))
    model.eval()
    trained = logits(pipe)
    pipe.save_lora_weights(tmp_path)
    pipe.unload_lora_weights()
    assert torch.equal(logits(pipe), plain)
    pipe.load_lora_weights(tmp_path)
    assert torch.equal(logits(pipe), trained)


@pytest.mark.parametrize("way", ["enable_model_cpu_offload", "enable_group_offload"])
def test_it_is_loaded_where_weights_are_brought_when_they_are_needed(way, peft, pipe, adapter):
    pipe.load_lora_weights(adapter)
    expected = codes(pipe)
    pipe.unload_lora_weights()
    if way == "enable_group_offload":
        pipe.enable_group_offload(onload_device=torch.device("cpu"), offload_type="leaf_level")
    else:
        pipe.enable_model_cpu_offload(device="cpu")
    pipe.load_lora_weights(adapter)
    assert torch.equal(codes(pipe), expected)


def test_it_has_the_dtype_of_the_dynamics(peft, pipe, adapter):
    pipe.to(torch.bfloat16)
    pipe.load_lora_weights(adapter)
    assert {p.dtype for name, p in pipe.dynamics.named_parameters() if "lora" in name} == {torch.bfloat16}
    assert codes(pipe).max() < 32


def test_it_comes_from_the_hub(peft, pipe, adapter, tmp_path):
    pipe.load_lora_weights(adapter)
    expected = logits(pipe)
    pipe.unload_lora_weights()
    cached = tmp_path / "models--someone--night"
    shutil.copytree(adapter, cached / "snapshots/0123")
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text("0123")
    pipe.load_lora_weights("someone/night", cache_dir=tmp_path)
    assert torch.equal(logits(pipe), expected)


def test_what_cannot_be_loaded_is_said_and_changes_nothing(peft, pipe, base, adapter, tmp_path):
    plain, names = logits(pipe), set(pipe.dynamics.state_dict())

    def refused(error, message, folder):
        with pytest.raises(error, match=message):
            pipe.load_lora_weights(folder)
        assert torch.equal(logits(pipe), plain) and set(pipe.dynamics.state_dict()) == names

    hint = "give a folder that peft's save_pretrained has written, or the name of one on the Hub"
    for nothing in (str(tmp_path / "nowhere"), tmp_path, "someone/night"):
        refused(OSError, f"no adapter_config.json in {nothing}; {hint}", nothing)
    shutil.copytree(adapter, tmp_path / "part", ignore=shutil.ignore_patterns("*.safetensors"))
    refused(OSError, f"no adapter_model.safetensors in .*part; {hint}", tmp_path / "part")
    (tmp_path / "part/adapter_model.safetensors").write_bytes(b"none")
    refused(OSError, r"The adapter in .*part is damaged \(.*\). Get a fresh copy", tmp_path / "part")
    shutil.copytree(adapter, tmp_path / "torn")
    (tmp_path / "torn/adapter_config.json").write_text("{")
    refused(OSError, r"The adapter in .*torn is damaged", tmp_path / "torn")

    config = GenieDynamicsConfig.from_pretrained(base).to_dict()
    for name, other, message in (
        ("wide", {"hidden_size": 64}, r"lora_B.weight has the shape \[64, 4\], and \[32, 4\] here"),
        ("deep", {"num_hidden_layers": 3}, r"blocks.2.* has the shape \[.*\], and none here"),
        ("flat", {"num_hidden_layers": 1}, r"blocks.1.* has the shape none, and \[.*\] here"),
    ):
        GenieDynamicsModel(GenieDynamicsConfig.from_dict(config | other)).save_pretrained(tmp_path / "other")
        folder = train(peft, tmp_path / "other", tmp_path / name)
        refused(ValueError, f"The adapter in .*{name} does not fit the dynamics: .*{message}.*trained with", folder)

    shutil.copytree(adapter, tmp_path / "foreign")
    settings = json.loads((adapter / "adapter_config.json").read_text()) | {"target_modules": ["q_proj"]}
    (tmp_path / "foreign/adapter_config.json").write_text(json.dumps(settings))
    refused(ValueError, "foreign does not fit the dynamics: Target modules .*q_proj", tmp_path / "foreign")
    folder = train(peft, base, tmp_path / "whole", modules_to_save=["head"])
    refused(ValueError, "whole holds more than LoRA weights, such as head.*merge_and_unload", folder)


@pytest.mark.parametrize("before", ["compile", "enable_sequential_cpu_offload"])
def test_adapters_come_before_what_they_would_not_be_seen_by(before, pipe, adapter):
    if before == "compile":
        pipe.compile(backend="eager")
    else:
        cpu_offload(pipe.dynamics, "cpu")  # as it does on a GPU
    with pytest.raises(ValueError, match=f"load LoRA weights before .*{before}"):
        pipe.load_lora_weights(adapter)


def test_without_peft_it_says_what_to_install(pipe, tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.utils.peft_utils.is_peft_available", lambda: False)
    for call in (pipe.load_lora_weights, pipe.save_lora_weights):
        with pytest.raises(ValueError, match="pip install peft"):
            call(tmp_path)
    for call in (pipe.fuse_lora, pipe.unfuse_lora):
        with pytest.raises(ValueError, match="pip install peft"):
            call()
    pipe.save_pretrained(tmp_path)
