"""What the code of 26 November 2026 wrote, before quantisers and sources became packages, still loads and goes on.

`earlier/` holds a tiny world with what its models gave, and a run of its tokenizer that stopped halfway.
"""

import shutil
from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file

from genie_hf import GeniePipeline
from genie_hf.training import train
from genie_hf.training.recipe_file import build_recipe

EARLIER = Path(__file__).parent / "earlier"


@torch.no_grad()
def test_an_earlier_world_gives_what_it_gave():
    given = load_file(EARLIER / "gives.safetensors")
    pipe = GeniePipeline.from_pretrained(EARLIER / "world", dtype=torch.float32)
    codes = pipe.video_tokenizer.encode(given["pixels"])
    assert torch.equal(codes, given["codes"])
    assert torch.equal(pipe.latent_action_model.infer_actions(given["pixels"]), given["actions"])
    torch.testing.assert_close(pipe.video_tokenizer.decode(codes), given["decoded"])
    torch.testing.assert_close(pipe.dynamics(codes=codes, actions=given["actions"]).logits, given["logits"])


def test_an_earlier_run_goes_on(recording, tmp_path):
    shutil.copytree(EARLIER / "stopped", tmp_path, dirs_exist_ok=True)
    values = yaml.safe_load((tmp_path / "recipe.yaml").read_text())
    values["data"]["train"] = [str(recording)]
    (result,) = train(build_recipe(values), tmp_path, "tokenizer", resume=True)
    assert result.step == 4
    ours, theirs = (load_file(f / "video_tokenizer" / "model.safetensors") for f in (tmp_path, EARLIER / "world"))
    assert ours.keys() == theirs.keys()
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=1e-5, msg=name)
