import torch

from genie_hf.models.patches import patchify, unpatchify


def test_patches_round_trip():
    pixels = torch.rand(2, 3, 3, 8, 12)
    torch.testing.assert_close(unpatchify(patchify(pixels, 4), 4, (2, 3)), pixels)
    torch.testing.assert_close(patchify(pixels, 4)[0, 0, 1].reshape(3, 4, 4), pixels[0, 0, :, :4, 4:8])
