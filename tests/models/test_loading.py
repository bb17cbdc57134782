"""A folder that holds no whole model is refused in one sentence that names the file."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from genie_hf import GenieDynamicsModel, GeniePipeline


@pytest.fixture
def folder(tiny_dynamics, tmp_path):
    tiny_dynamics.save_pretrained(tmp_path / "dynamics")
    return tmp_path / "dynamics"


def cut(folder):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def no_safetensors(folder):
    (folder / "model.safetensors").write_text("something else entirely")


def foreign(folder):
    save_file({"weight": torch.zeros(2)}, folder / "model.safetensors", {"format": "pt"})


def partial(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["head.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def configure(**values):
    def change(folder):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | values))

    return change


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (cut, OSError, r"{folder}/model.safetensors is damaged or not a safetensors file"),
        (no_safetensors, OSError, r"{folder}/model.safetensors is damaged or not a safetensors file"),
        (
            foreign,
            ValueError,
            r"The weights of {folder} lack \d\d of the tensors that its config.json asks for, such as",
        ),
        (partial, ValueError, r"The weights of {folder} lack 1 of the tensors that its .*, such as head.weight"),
        (
            configure(codebook_size=64),
            ValueError,
            r"{folder} do not fit its config.json: .* has the shape \[3.*but \[6",
        ),
        (
            configure(hidden_size="wide"),
            ValueError,
            r"config.json of {folder} is invalid: .*'hidden_size' expected int",
        ),
    ],
)
def test_a_spoilt_folder_is_refused(folder, spoil, error, words):
    spoil(folder)
    with pytest.raises(error, match=words.format(folder=folder)) as refusal:
        GenieDynamicsModel.from_pretrained(folder)
    assert "\n" not in str(refusal.value)


def test_a_pipeline_names_the_file_too(tiny_pipeline, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path)
    cut(tmp_path / "video_tokenizer")
    with pytest.raises(OSError, match=f"{tmp_path}/video_tokenizer/model.safetensors is damaged"):
        GeniePipeline.from_pretrained(tmp_path)


def test_who_asks_for_another_size_gets_it(folder):
    model, info = AutoModel.from_pretrained(
        folder, codebook_size=64, ignore_mismatched_sizes=True, output_loading_info=True
    )
    assert model.config.codebook_size == 64 and info["mismatched_keys"]
