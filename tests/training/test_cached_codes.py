"""Training on codes that were made once."""

import numpy as np
import pytest
import torch

from genie_hf import GenieVideoTokenizer
from genie_hf.data import VideoDataset
from genie_hf.training import train
from genie_hf.training.cached_codes import CachedCodes, write_codes
from genie_hf.training.metrics_log import read_metrics
from genie_hf.training.recipe_file import build_recipe


@pytest.fixture
def tokenizer(tiny_values):
    torch.manual_seed(0)
    return GenieVideoTokenizer(build_recipe(tiny_values).video_tokenizer).eval()


@pytest.mark.parametrize("num_frames", [1, 4, 5, 8, 12])
def test_every_frame_has_the_code_of_a_clip_that_holds_it(recording, tokenizer, num_frames, tmp_path):
    dataset = VideoDataset(recording, num_frames)
    cached = CachedCodes(dataset, write_codes(dataset, tokenizer, tmp_path, batch_size=4, show_progress=False))
    assert cached.codes.shape == (6 * 12, 4, 4) and cached.codes.dtype == np.uint16
    assert len(cached) == len(dataset)
    whole, *_ = dataset.covering_clips()
    assert len(whole) == 6 * -(-12 // num_frames)
    covered = {dataset.first_frame(clip) + i for clip in whole for i in range(num_frames)}
    assert covered == set(range(6 * 12))
    for clip in (whole[0], whole[-1]):  # where a clip was encoded as it stands
        item = cached[clip]
        codes = tokenizer.encode(item["pixels"][None].float() / 255)[0]
        assert torch.equal(item["codes"], codes) and item["codes"].dtype == torch.int64


def test_it_is_written_once_for_a_tokenizer_and_its_data(recording, tokenizer, tmp_path):
    dataset = VideoDataset(recording, 4)
    first = write_codes(dataset, tokenizer, tmp_path, show_progress=False)
    written = first.stat().st_mtime_ns
    assert write_codes(dataset, tokenizer, tmp_path, show_progress=False) == first
    assert first.stat().st_mtime_ns == written
    with torch.no_grad():
        tokenizer.to_latent.bias.add_(1)
    assert write_codes(dataset, tokenizer, tmp_path, show_progress=False) != first
    assert write_codes(VideoDataset(recording, 5), tokenizer, tmp_path, show_progress=False) != first


def test_a_world_trains_on_them(tiny_values, tmp_path):
    train(build_recipe(tiny_values), tmp_path, cache_codes=True)
    (codes,) = (tmp_path / "runs").glob("codes-*.npy")
    assert not list((tmp_path / "runs").glob("*.unfinished"))
    assert np.load(codes).shape == (72, 4, 4)


def test_where_clips_are_the_encoded_ones_training_is_the_same(tiny_values, tmp_path):
    """Clips as long as the videos: there is one way to encode each, so the losses are equal."""
    for section in ("video_tokenizer", "latent_action_model", "dynamics"):
        tiny_values[section]["num_frames"] = 12
    for stage in tiny_values["training"].values():
        stage["num_frames"] = 12
    losses = {}
    for cache_codes in (False, True):
        output = tmp_path / str(cache_codes)
        train(build_recipe(tiny_values), output, cache_codes=cache_codes)
        lines = read_metrics(output / "runs" / "world" / "metrics.jsonl")
        losses[cache_codes] = [line["dynamics_loss"] for line in lines]
    assert losses[False] == pytest.approx(losses[True], rel=1e-5)
