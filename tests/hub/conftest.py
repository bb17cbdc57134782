"""The folder of an untrained world with all that training and measuring leave in one."""

import json
from pathlib import Path

import PIL.Image
import pytest

from genie_hf.evaluation.results import write_results

ROOT = Path(__file__).parents[2]


@pytest.fixture
def world(tiny_pipeline, tmp_path):
    """Its figures are another world's, but said to be its own."""
    folder = tmp_path / "world"
    tiny_pipeline.save_pretrained(folder)
    (folder / "examples").mkdir()
    PIL.Image.effect_noise((40, 30), 80).convert("RGB").save(folder / "examples" / "noise.png")
    (folder / "recipe.yaml").write_text((ROOT / "pipelines" / "tiny" / "recipe.yaml").read_text())
    figures = json.loads((ROOT / "pipelines" / "coinrun-gpu" / "metrics.json").read_text())
    del figures["dynamics_fingerprint"]
    picture = PIL.Image.new("RGB", (8, 8), "teal")
    actions = [{"direction": "left", "consistency": 0.5}] * 5
    measured = {
        "metrics.json": figures,
        "evaluation.png": picture,
        "action_legend.json": {"num_start_frames": 9, "actions": actions},
        "action_legend.png": picture,
    }
    write_results(folder, measured, tiny_pipeline.dynamics)
    for name in ("runs/world/checkpoint-2/model.safetensors", "dynamics/optimizer.bin", ".training.lock", "notes.pkl"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("stays at home")
    return folder
