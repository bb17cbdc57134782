import datasets
import numpy as np
import PIL.Image
import pytest
import torch

from genie_hf.data import VideoDataset
from genie_hf.frames import fit_frames, resize


@pytest.mark.parametrize("size", [(64, 64), (30, 80), (240, 300), (240, 320)])
def test_training_and_play_see_the_same_pixels(size):
    frames = np.random.default_rng(0).integers(256, size=(3, 240, 320, 3), dtype=np.uint8)
    row = {"frames": frames.tobytes(), "num_frames": 3, "height": 240, "width": 320}
    rows = datasets.Dataset.from_list([row | {"level_seed": 0, "episode": 0, "start": 0}])
    learnt = VideoDataset(rows, 3, image_size=size)[0]["pixels"]

    assert torch.equal(fit_frames(frames, size), learnt)
    assert torch.equal(fit_frames([PIL.Image.fromarray(frame) for frame in frames], size), learnt)
    floats = fit_frames(torch.from_numpy(frames).permute(0, 3, 1, 2) / 255, size)
    assert (floats.int() - learnt.int()).abs().max() <= 1  # of 255, by rounding


def test_the_largest_part_of_the_aspect_is_cut_from_the_centre():
    frame = torch.zeros(1, 3, 20, 40, dtype=torch.uint8)
    frame[..., 10:30] = 200
    assert (resize(frame, (20, 20)) == 200).all() and (resize(frame, (10, 10)) == 200).all()
    assert (resize(frame, (40, 40)) == 200).all()


def test_a_picture_of_32_bits_is_scaled_by_its_own_range(tmp_path):
    ramp = np.linspace(0, 255, 64 * 64).reshape(64, 64)
    for low, scale in ((0, 1), (-500, 7), (70_000, 10_000)):
        picture = PIL.Image.fromarray((low + ramp * scale).astype(np.int32))
        assert picture.mode == "I"
        picture.save(tmp_path / "grey.tif")
        frame = fit_frames(tmp_path / "grey.tif", (64, 64))
        assert (frame[0] - torch.from_numpy(ramp)).abs().max() <= 1.01
    assert fit_frames(PIL.Image.new("I", (64, 64), 9), (64, 64)).unique().tolist() == [0]


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L"])
def test_sixteen_bits_keep_their_brightness(mode):
    kind = ">u2" if mode == "I;16B" else "<u2"
    picture = PIL.Image.frombytes(mode, (8, 8), np.full((8, 8), 128 * 257).astype(kind).tobytes())
    assert fit_frames(picture, (8, 8)).unique().tolist() == [128]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_resized(dtype):
    assert fit_frames(torch.full((3, 20, 30), 0.2, dtype=dtype), (8, 8)).unique().tolist() == [51]


def test_a_frame_does_not_change_with_the_tensor_that_was_given():
    given = torch.full((3, 8, 8), 9, dtype=torch.uint8)
    frame = fit_frames(given, (8, 8))
    given.zero_()
    assert (frame == 9).all()
