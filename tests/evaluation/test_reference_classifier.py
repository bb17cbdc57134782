import torch

from genie_hf.evaluation import ReferenceClassifier, train_reference


class Walk(torch.utils.data.Dataset):
    """A bright square in the noise that goes left, stays, or goes right, as the last action says."""

    action_groups = None

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
    model = train_reference(Walk(0), 3, num_steps=60, batch_size=32, learning_rate=3e-3)
    assert torch.equal(before, torch.random.get_rng_state())
    tests = [Walk(1)[index] for index in range(256)]
    read = model.read_actions(torch.stack([clip["pixels"] for clip in tests]) / 255)
    true = torch.stack([clip["actions"][2:] for clip in tests])
    assert read.shape == true.shape
    assert (read == true).float().mean() > 0.9


def test_a_long_clip_is_read_window_by_window():
    model = ReferenceClassifier(3).eval()
    pixels = torch.rand(2, 6, 3, 16, 16)
    windows = [model.read_actions(pixels[:, start : start + 4]) for start in range(3)]
    assert model.read_actions(pixels).tolist() == torch.cat(windows, dim=1).tolist()


def test_actions_that_the_held_out_data_lacks_are_left_out():
    model = train_reference(Walk(0), 2, num_steps=2, batch_size=8)
    assert model.num_actions == 2
