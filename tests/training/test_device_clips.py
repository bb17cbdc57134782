import pytest
import torch
from safetensors.torch import load_file

from genie_hf.data import VideoDataset
from genie_hf.training import train
from genie_hf.training.clip_order import ClipOrder
from genie_hf.training.device_clips import DeviceClips
from genie_hf.training.recipe_file import build_recipe


@pytest.mark.parametrize("num_frames", [1, 4])
def test_batches_are_those_of_the_data(num_frames, recording):
    dataset = VideoDataset(str(recording), num_frames)
    order = list(ClipOrder(len(dataset), batch_size=5, steps=(0, 4)))
    batches = list(DeviceClips(dataset, torch.device("cpu")).batches(order))
    assert len(batches) == 4
    for indices, batch in zip(order, batches, strict=True):
        assert torch.equal(batch["pixels"], torch.stack([dataset[i]["pixels"] for i in indices]))


def test_it_trains_as_from_the_disk(tiny_values, tmp_path):
    weights = []
    for on_device in (False, True):
        tiny_values["data"]["on_device"] = on_device
        train(build_recipe(tiny_values), tmp_path / str(on_device), "tokenizer")
        weights.append(load_file(tmp_path / str(on_device) / "video_tokenizer" / "model.safetensors"))
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_codes_are_not_cached_beside_frames_on_the_device(tiny_values, tmp_path):
    tiny_values["data"]["on_device"] = True
    with pytest.raises(ValueError, match="leave out data.on_device or --cache-codes"):
        train(build_recipe(tiny_values), tmp_path, cache_codes=True)
