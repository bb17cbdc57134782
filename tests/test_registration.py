"""`import genie_hf` costs nothing, and is enough for transformers and diffusers to load our folders."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "diffusers", "datasets"}
LOADS = """
from diffusers import DiffusionPipeline
from transformers import AutoConfig, AutoModel
assert AutoConfig.from_pretrained({folder!r} + "/dynamics").model_type == "genie_dynamics"
assert type(AutoModel.from_pretrained({folder!r} + "/video_tokenizer")).__name__ == "GenieVideoTokenizer"
pipe = DiffusionPipeline.from_pretrained({folder!r})
import genie_hf
assert type(pipe) is genie_hf.GeniePipeline
"""


def run(script):
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)


def test_nothing_heavy_is_imported_until_it_is_needed():
    run(f"import sys, genie_hf, genie_hf.cli; assert not sys.modules.keys() & {HEAVY!r}")


@pytest.mark.parametrize(
    "command", ["--help", "train --help", "record coinrun --help", "train nothing", "play nothing", "legend nothing"]
)
def test_help_and_a_mistyped_name_are_quick(command):
    script = f"""
import sys
sys.argv = ["genie-hf", *{command.split()!r}]
from genie_hf.cli import main
try:
    main()
except SystemExit as end:
    assert (end.code or 0) == {0 if command.endswith("--help") else 2}
assert not sys.modules.keys() & {HEAVY!r}
"""
    run(script)


@pytest.mark.parametrize(
    "first",
    [
        "import genie_hf",
        "import genie_hf; from transformers import LlamaForCausalLM",  # imports AutoConfig when half imported itself
        "from diffusers import DiffusionPipeline; from transformers import AutoModel; import genie_hf",
        "from genie_hf.models.temporal_cache import TemporalCache",
    ],
)
def test_both_libraries_load_our_folders_whatever_is_imported_first(tiny_pipeline, tmp_path, first):
    tiny_pipeline.save_pretrained(tmp_path)
    run(f"{first}\n{LOADS.format(folder=str(tmp_path))}")


def test_every_public_name_is_there():
    import genie_hf

    assert set(genie_hf.__all__) <= set(dir(genie_hf))
    assert all(getattr(genie_hf, name).__name__ == name for name in genie_hf.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'GenieWorlds'"):
        genie_hf.GenieWorlds  # noqa: B018
