"""A published world loads in every way that transformers and diffusers have, each time in a fresh process."""

import json
import re
import subprocess

import pytest

from genie_hf import GenieDynamicsModel, GeniePipeline

IN_EVERY_WAY = """
import json, sys
import genie_hf, torch
from diffusers import DiffusionPipeline
from transformers import AutoModel

name, cache = sys.argv[1:3]
load = genie_hf.GeniePipeline.from_pretrained
how = json.loads(sys.argv[3])
other = genie_hf.MaskGITScheduler(mask_token_id=32, temperature=0.25)
found = {
    "first": load(name, revision="v1", **how).dynamics.head.weight.sum().item(),
    "second": load(name, **how).dynamics.head.weight.sum().item(),
    "elsewhere": load(name, revision="v1", cache_dir=cache, **how).dynamics.head.weight.sum().item(),
    "variant": str(load(name, variant="bf16", **how).dynamics.dtype),
    "dtype": str(load(name, dtype=torch.float16, **how).video_tokenizer.dtype),
    "overridden": load(name, scheduler=other, fps=3, **how).scheduler.config.temperature,
    "diffusers": type(DiffusionPipeline.from_pretrained(name, **how)).__name__,
    "transformers": type(AutoModel.from_pretrained(name, subfolder="dynamics", **how)).__name__,
    "model": genie_hf.GenieDynamicsModel.from_pretrained(name, subfolder="dynamics", **how).head.weight.sum().item(),
}
start = torch.zeros(3, 16, 16, dtype=torch.uint8)
found["frames"] = load(name, **how)(start, actions=[1, 2], num_inference_steps=2, output_type="np").frames.shape
print(json.dumps(found))
"""


@pytest.fixture
def published(hub, tiny_pipeline):
    """A private world with two states, and its weights in bfloat16 as well; and what a process should find."""
    name = hub.new_name()
    pipe = GeniePipeline(**tiny_pipeline.components)
    pipe.push_to_hub(name, private=True)
    hub.api.create_tag(name, tag="v1")
    dynamics = GenieDynamicsModel(pipe.dynamics.config)
    GeniePipeline(**pipe.components | {"dynamics": dynamics}).push_to_hub(name)
    GeniePipeline(**pipe.components | {"dynamics": dynamics.bfloat16()}).push_to_hub(name, variant="bf16")
    return name


def numbers(pipe):
    return pipe.dynamics.head.weight.sum().item()


@pytest.mark.slow
def test_online_then_offline_then_without_a_hub(hub, published, tiny_pipeline, tmp_path):
    def load(how="{}", **environment):
        done = hub.run(IN_EVERY_WAY, published, tmp_path / "other-cache", how, **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    online = load(f'{{"token": "{hub.token}"}}', token=None)
    assert online["first"] == online["elsewhere"] == pytest.approx(numbers(tiny_pipeline))
    assert online["model"] == online["second"] != online["first"]
    assert (online["variant"], online["dtype"], online["overridden"]) == ("torch.bfloat16", "torch.float16", 0.25)
    assert (online["diffusers"], online["transformers"]) == ("GeniePipeline", "GenieDynamicsModel")
    assert online["frames"] == [1, 3, 16, 16, 3]
    assert load(offline=True) == online
    assert load('{"local_files_only": true}') == online
    hub.server.stop()
    assert load() == online


BAD = """
import sys, genie_hf
try:
    genie_hf.GeniePipeline.from_pretrained(*sys.argv[1:2], revision=sys.argv[2])
except (OSError, ValueError) as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
def test_a_first_load_offline(hub, published):
    told = hub.run(BAD, published, "v1", offline=True).stdout
    assert told.startswith(f"OSError {published} is not stored here, and the Hub may not be asked")


@pytest.mark.slow
def test_a_full_disk(hub, published):
    """In a file system of its own of 64 kB, where the system lets one make such."""
    home = hub.folder / "small"
    home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "x", home], capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        told = hub.run(BAD, published, "v1", home="small").stdout.strip()
    finally:
        subprocess.run(["umount", home], check=True)
    assert told == f"OSError The disk is full, so {published} cannot be stored in {home}: make room, or set HF_HOME."


@pytest.mark.slow
def test_a_download_that_breaks_off_is_taken_up_again(hub, published):
    weights = f"GET /{published}/resolve/.*/dynamics/model.safetensors"
    hub.server.cut(weights, times=6)
    with pytest.raises(OSError, match=f"cannot be reached for {published}: check the network, then try again"):
        GeniePipeline.from_pretrained(published)
    hub.server.cut(weights, after=10_000, times=2)
    GeniePipeline.from_pretrained(published)
    assert sum(bool(re.match(weights, request)) for request in hub.server.requests) == 9


WITHOUT_OURS = """
import sys
from diffusers import DiffusionPipeline
from transformers import AutoModel
for load in (
    lambda: DiffusionPipeline.from_pretrained(sys.argv[1]),
    lambda: AutoModel.from_pretrained(sys.argv[1], subfolder="dynamics"),
):
    try:
        load()
    except Exception as error:
        print(str(error).split("\\n")[0])
"""


@pytest.mark.slow
def test_what_the_libraries_say_where_genie_hf_was_not_imported(hub, published):
    by_diffusers, by_transformers = hub.run(WITHOUT_OURS, published).stdout.splitlines()
    assert "genie_hf" in by_diffusers and "model_index.json" in by_diffusers
    assert "genie_dynamics" in by_transformers
    assert "after `import genie_hf`" in hub.files(published)["README.md"].decode()
