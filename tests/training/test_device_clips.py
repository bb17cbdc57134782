import shutil

import pytest
import torch
from safetensors.torch import load_file
from torch.utils.data import default_collate

from genie_hf import GenieVideoTokenizer
from genie_hf.data import VideoDataset
from genie_hf.training import train
from genie_hf.training.cached_codes import CachedCodes, write_codes
from genie_hf.training.clip_order import ClipOrder
from genie_hf.training.device_clips import DeviceClips
from genie_hf.training.metrics_log import read_metrics
from genie_hf.training.recipe_file import build_recipe
from recorded import record_squares


@pytest.mark.parametrize("num_frames", [1, 4])
def test_batches_are_those_of_the_data(num_frames, tmp_path):
    dataset = VideoDataset(record_squares(tmp_path / "squares", (0, 4)), num_frames)
    order = list(ClipOrder(len(dataset), batch_size=5, steps=(0, 4)))
    batches = list(DeviceClips(dataset, torch.device("cpu")).batches(order))
    assert len(batches) == 4
    for indices, batch in zip(order, batches, strict=True):
        expected = default_collate([dataset[i] for i in indices])
        assert batch.keys() == expected.keys() == {"pixels", "actions", "rewards", "ended"}
        assert all(torch.equal(batch[name], expected[name]) for name in batch)


def test_it_trains_as_from_the_disk(tiny_values, tmp_path):
    weights = []
    for on_device in (False, True):
        tiny_values["data"]["on_device"] = on_device
        train(build_recipe(tiny_values), tmp_path / str(on_device), "tokenizer")
        weights.append(load_file(tmp_path / str(on_device) / "video_tokenizer" / "model.safetensors"))
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("num_frames", [1, 4, 5])
@pytest.mark.parametrize("batch_size", [4, 100])
def test_codes_are_those_that_are_cached_on_the_disk(num_frames, batch_size, recording, tiny_values, tmp_path):
    torch.manual_seed(0)
    tokenizer = GenieVideoTokenizer(build_recipe(tiny_values).video_tokenizer).eval()
    dataset = VideoDataset(recording, num_frames)
    cached = CachedCodes(dataset, write_codes(dataset, tokenizer, tmp_path, show_progress=False))
    clips = DeviceClips(dataset, torch.device("cpu"))
    clips.encode(tokenizer, batch_size, show_progress=False)
    for index, batch in zip(range(len(dataset)), clips.batches([i] for i in range(len(dataset))), strict=True):
        assert torch.equal(batch["codes"][0], cached[index]["codes"])


def test_a_world_trains_on_codes_on_the_device_as_on_those_on_the_disk(tiny_values, trained_tokenizer, tmp_path):
    losses = []
    for on_device in (False, True):
        tiny_values["data"]["on_device"] = on_device
        output = shutil.copytree(trained_tokenizer, tmp_path / str(on_device))
        train(build_recipe(tiny_values), output, "world", cache_codes=True)
        losses.append([line["loss"] for line in read_metrics(output / "runs" / "world" / "metrics.jsonl")])
    assert losses[0] == losses[1]
    assert not list((output / "runs").glob("codes-*"))
