"""The real tiny recipe, shortened, on a recording of moving squares."""

import shutil
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
import yaml

from genie_hf.training import train
from genie_hf.training.recipe_file import RecipeLoader, build_recipe

RECIPE = Path(__file__).parents[2] / "pipelines" / "tiny" / "recipe.yaml"


@pytest.fixture(autouse=True)
def sums_in_one_order():
    """On a GPU sums are added up in any order; runs that are compared to the bit need one."""
    torch.use_deterministic_algorithms(torch.cuda.is_available(), warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


def moving_squares(num_videos, num_frames, size=64):
    """uint8 frames (num_videos, num_frames, size, size, 3): a bright square that goes its own way in each video."""
    rng = np.random.default_rng(0)
    video = np.full((num_videos, num_frames, size, size, 3), 30, np.uint8)
    for frames in video:
        y, x = rng.integers(size - 16, size=2)
        colour = rng.integers(100, 256, size=3)
        for frame in frames:
            frame[y : y + 16, x : x + 16] = colour
            y, x = np.clip([y, x] + 4 * rng.integers(-1, 2, size=2), 0, size - 16)
    return video


@pytest.fixture(scope="session")
def recording(tmp_path_factory):
    """Folder of a recording without actions: 6 videos of 12 frames of 64x64."""
    folder = tmp_path_factory.mktemp("recording")
    rows = [
        {
            "frames": frames.tobytes(),
            "num_frames": len(frames),
            "height": 64,
            "width": 64,
            "level_seed": level,
            "episode": 0,
            "start": 0,
        }
        for level, frames in enumerate(moving_squares(6, 12))
    ]
    datasets.Dataset.from_list(rows).to_parquet(folder / "train.parquet")
    return folder


def shortened(recording):
    values = yaml.load(RECIPE.read_text(), Loader=RecipeLoader)
    values["data"]["train"] = [str(recording)]
    for stage in values["training"].values():
        stage |= {"steps": 6, "log_every": 1, "checkpoint_every": 2, "picture_every": None}
    return values


@pytest.fixture
def tiny_values(recording):
    """What pipelines/tiny/recipe.yaml holds, with our recording as its data, 6 steps a stage and no pictures."""
    return shortened(recording)


@pytest.fixture(scope="session")
def trained_once(recording, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "world"
    train(build_recipe(shortened(recording)), folder)
    return folder


@pytest.fixture
def trained_world(trained_once, tmp_path):
    """A folder of its own in which both stages of `tiny_values` are trained."""
    return shutil.copytree(trained_once, tmp_path / "trained-world")


@pytest.fixture
def trained_tokenizer(trained_once, tmp_path):
    """A folder of its own in which the first stage of `tiny_values` is trained."""
    folder = tmp_path / "trained-tokenizer"
    for part in ("runs/tokenizer", "video_tokenizer"):
        shutil.copytree(trained_once / part, folder / part)
    return folder


@pytest.fixture
def write_recipe(tmp_path):
    def write(values):
        path = tmp_path / "world" / "recipe.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(values))
        return path

    return write
