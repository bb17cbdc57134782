"""Worlds that are loaded with their own code, in processes that do not have this package."""

import pytest
import torch
from diffusers import DiffusionPipeline
from transformers import AutoModel

from genie_hf import (
    GenieDynamicsModel,
    GenieMotionActionConfig,
    GenieMotionActionModel,
    GeniePipeline,
    GenieVideoTokenizer,
    MaskGITScheduler,
)
from genie_hf.hub.remote_code import export_remote_code

WITHOUT = """
import sys
sys.modules.update(genie_hf=None, peft=None)  # neither can be imported
import torch
from diffusers import DiffusionPipeline
from transformers import AutoConfig, AutoModel
NAME, *REST = sys.argv[1:]
"""
PLAY = """
image = torch.linspace(0, 1, 3 * 16 * 16).view(3, 16, 16)
world = pipe.start(image, seed=3, num_inference_steps=3)
played = [world.step(action, output_type="pt") for action in (1, 4)]
called = pipe(image, actions=[0, 2, 3, 1, 2], generator=torch.Generator().manual_seed(1), output_type="pt").frames[0]
world.save(SAVED)
loaded = type(world).load(pipe, SAVED)
played.append(loaded.step(2, output_type="pt"))
played += loaded.undo(2) and [loaded.step(3, output_type="pt")]
result = {"played": torch.stack(played), "called": called, "actions": pipe.infer_actions(called)}
"""


KEEP = """
torch.save((result, type(pipe).__module__), REST[1])
try:
    pipe.save_pretrained("again")
except ValueError as error:
    print("not saved:", error)
print("code:", pipe.dynamics.config.auto_map["AutoModel"])
try:
    pipe.load_lora_weights("night")
except ValueError as error:
    print("no adapter:", error)
"""


@pytest.fixture
def without(hub):
    """Runs a script in a fresh process without the package, and returns what it prints on both streams."""

    def run(script: str, *arguments, **environment) -> str:
        process = hub.run(WITHOUT + script, *arguments, **environment)
        assert process.returncode == 0, process.stderr
        return process.stdout + process.stderr

    return run


@pytest.fixture
def exported(tiny_pipeline, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path / "world")
    return export_remote_code(tmp_path / "world", tmp_path / "exported")


def test_a_world_plays_as_with_the_package(exported, tiny_pipeline, without, tmp_path):
    load = "pipe = DiffusionPipeline.from_pretrained(NAME, trust_remote_code=True)\nSAVED = REST[0]\n"
    said = without(load + PLAY + KEEP, exported, tmp_path / "world.safetensors", tmp_path / "result.pt", offline=True)
    assert "Expected types" not in said and "might require" not in said
    assert "not saved: diffusers does not save the code that came with this pipeline: copy the folder" in said
    assert "code: modeling_dynamics.GenieDynamicsModel" in said
    assert "no adapter: PEFT is not installed. Please install it with `pip install peft`" in said

    names = {"torch": torch, "pipe": tiny_pipeline, "SAVED": tmp_path / "world.safetensors"}
    exec(PLAY, names)
    result, module = torch.load(tmp_path / "result.pt")
    assert module == "diffusers_modules.local.pipeline_genie"
    for name, expected in names["result"].items():
        assert torch.equal(result[name], expected), name


MODELS = """
for part in ("video_tokenizer", "dynamics", "latent_action_model"):
    model = AutoModel.from_pretrained(f"{NAME}/{part}", trust_remote_code=True)
    assert type(model).__module__.startswith("transformers_modules.")
    model.save_pretrained(f"{REST[0]}/{part}")
    again = AutoModel.from_pretrained(f"{REST[0]}/{part}", trust_remote_code=True)
    other = AutoModel.from_pretrained(NAME, subfolder=part, trust_remote_code=True)
    config = AutoConfig.from_pretrained(f"{NAME}/{part}", trust_remote_code=True)
    assert config.to_dict() == model.config.to_dict()
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]) and torch.equal(weight, other.state_dict()[name])
    if part != "dynamics":
        pixels = torch.linspace(0, 1, 3 * 3 * 16 * 16).view(1, 3, 3, 16, 16)
        torch.save(model(pixels).loss, f"{REST[0]}/{part}.pt")
    if part == "video_tokenizer":
        assert len(model(pixels, output_hidden_states=True).hidden_states) == 2
"""


@pytest.mark.slow
def test_models_load_by_auto_model_and_are_saved_with_their_code(tiny_pipeline, without, tmp_path):
    config = GenieMotionActionConfig(
        image_size=16, num_frames=4, num_actions=5, hidden_size=16, num_filters=8, reach=2
    )
    tiny_pipeline.register_modules(latent_action_model=GenieMotionActionModel(config).eval())
    tiny_pipeline.save_pretrained(tmp_path / "world")
    without(MODELS, export_remote_code(tmp_path / "world", tmp_path / "exported"), tmp_path, offline=True)
    pixels = torch.linspace(0, 1, 3 * 3 * 16 * 16).view(1, 3, 3, 16, 16)
    for part in ("video_tokenizer", "latent_action_model"):
        assert torch.equal(torch.load(tmp_path / f"{part}.pt"), getattr(tiny_pipeline, part)(pixels).loss)


def test_who_has_the_package_trusts_no_code(exported):
    pipe = GeniePipeline.from_pretrained(exported)
    assert type(pipe.dynamics) is GenieDynamicsModel and type(pipe.scheduler) is MaskGITScheduler
    assert type(AutoModel.from_pretrained(exported / "video_tokenizer")) is GenieVideoTokenizer
    with pytest.raises(ValueError, match="trust_remote_code=True"):
        DiffusionPipeline.from_pretrained(exported)


def test_who_has_the_package_saves_no_names_of_code(exported, tmp_path):
    GeniePipeline.from_pretrained(exported).save_pretrained(tmp_path / "saved")
    AutoModel.from_pretrained(exported / "video_tokenizer").save_pretrained(tmp_path / "saved" / "video_tokenizer")
    for part in ("dynamics", "video_tokenizer"):
        saved, before = (tmp_path / folder / part / "config.json" for folder in ("saved", "world"))
        assert saved.read_text() == before.read_text()


def test_an_exported_world_is_exported_to_the_same(exported, tmp_path):
    again = export_remote_code(exported, tmp_path / "again")
    names = {path.relative_to(exported) for path in exported.rglob("*") if path.is_file()}
    assert names == {path.relative_to(again) for path in again.rglob("*") if path.is_file()}
    assert all((exported / name).read_bytes() == (again / name).read_bytes() for name in names)


BY_NAME = """
from huggingface_hub import snapshot_download
pipe = DiffusionPipeline.from_pretrained(NAME, trust_remote_code=True)
snapshot_download(NAME)
"""
BY_FOLDER = """
from huggingface_hub import snapshot_download
pipe = DiffusionPipeline.from_pretrained(snapshot_download(NAME), trust_remote_code=True)
"""
FROM_THE_HUB = """
model = AutoModel.from_pretrained(NAME, subfolder="video_tokenizer", trust_remote_code=True)
image = torch.linspace(0, 1, 3 * 16 * 16).view(3, 16, 16)
frame = pipe.start(image, num_inference_steps=3).step(2, output_type="pt")
model.save_pretrained("saved")
again = AutoModel.from_pretrained("saved", trust_remote_code=True)
torch.save((frame, again.state_dict()), REST[0])
"""


@pytest.mark.slow
def test_published_it_loads_from_the_hub_and_then_without_it(hub, without, tiny_pipeline, tmp_path):
    name = hub.new_name()
    tiny_pipeline.save_pretrained(tmp_path / "world")
    published = hub.command("publish", tmp_path / "world", name, "--remote-code")
    assert published.returncode == 0, published.stderr
    assert (
        f'DiffusionPipeline.from_pretrained("{name}", trust_remote_code=True)' in hub.files(name)["README.md"].decode()
    )
    image = torch.linspace(0, 1, 3 * 16 * 16).view(3, 16, 16)
    expected = tiny_pipeline.start(image, num_inference_steps=3).step(2, output_type="pt")
    for load, offline in ((BY_NAME, False), (BY_FOLDER, True)):  # by name, diffusers asks the Hub for a commit
        without(load + FROM_THE_HUB, name, tmp_path / "result.pt", offline=offline)
        frame, weights = torch.load(tmp_path / "result.pt")
        assert torch.equal(frame, expected)
        for key, weight in tiny_pipeline.video_tokenizer.state_dict().items():
            assert torch.equal(weights[key], weight)

    with_package = "from genie_hf import GeniePipeline\nimport sys\nprint(GeniePipeline.from_pretrained(sys.argv[1]))"
    process = hub.run(with_package, name, home="another")
    assert '"genie_hf",' in process.stdout and "diffusers_modules" not in process.stdout, process.stderr
