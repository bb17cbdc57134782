import torch

from genie_hf.evaluation import train_reference


class Walk(torch.utils.data.Dataset):
    """A bright square in the noise that goes left, stays, or goes right, as the last action says."""

    def __init__(self, seed):
        self.seed = seed

    def __len__(self):
        return 256

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError
        generator = torch.Generator().manual_seed(1000 * self.seed + index)
        actions = torch.randint(3, (3,), generator=generator)
        columns = 6 + torch.cat([torch.zeros(1, dtype=torch.int64), (actions - 1).cumsum(0)])
        pixels = torch.randint(60, (4, 3, 16, 16), generator=generator, dtype=torch.uint8)
        for frame, column in zip(pixels, columns.tolist(), strict=True):
            frame[:, 6:10, column : column + 4] = 255
        return {"pixels": pixels, "actions": actions}


def test_the_reference_learns_what_pixels_show_and_leaves_the_random_state_alone():
    before = torch.random.get_rng_state()
    figures = train_reference(
        Walk(0), Walk(1), action_groups=(0, 1, 2), num_steps=60, batch_size=32, learning_rate=3e-3
    )
    assert figures["num_test_clips"] == 256
    assert figures["majority_accuracy"] < 0.5
    assert figures["accuracy"] > 0.9
    assert torch.equal(before, torch.random.get_rng_state())
