"""How well can actions be read from pixels at all? A small convolutional network, trained with the true actions.

Latent actions are learnt without labels; what a supervised network reads from the same frames is their ceiling.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from .latent_actions import COINRUN_ACTION_GROUPS, COINRUN_ACTIONS, merge_actions

REFERENCE_FRAMES = 4


class ReferenceClassifier(nn.Module):
    """Four frames t-2, t-1, t, t+1 -> the action between t and t+1: its step is seen, and the motion before.

    Args:
        num_classes: number of actions.
        num_channels: channels of a frame.
        width: channels of the first layer.
    """

    def __init__(self, num_classes: int = len(COINRUN_ACTIONS), num_channels: int = 3, width: int = 32):
        super().__init__()
        layers = []
        inputs = (2 * REFERENCE_FRAMES - 1) * num_channels
        for outputs in (width, 2 * width, 3 * width, 4 * width):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        self.layers = nn.Sequential(
            *layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.3), nn.Linear(16 * inputs, num_classes)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """
        Args:
            pixels: in [0, 1], of shape `(batch_size, 4, channels, height, width)`.

        Returns:
            Logits of shape `(batch_size, num_classes)`.
        """
        frames_and_changes = torch.cat([pixels - 0.5, 4 * pixels.diff(dim=1)], dim=1)
        return self.layers(frames_and_changes.flatten(1, 2))  # (B, T, C, H, W) -> (B, T * C, H, W)


def train_reference(
    train_data: Dataset,
    test_data: Dataset,
    *,
    action_groups: tuple[int, ...] = COINRUN_ACTION_GROUPS,
    num_steps: int = 1_200,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    num_test_clips: int = 8_192,
    device: torch.device | str = "cpu",
    seed: int = 0,
) -> dict:
    """Trains a `ReferenceClassifier` and tests it on data it has not seen (about five minutes on one CPU core).

    Args:
        train_data: map-style; items hold `pixels`, uint8 of shape `(4, channels, height, width)`, and the true
            `actions` `(3,)`: a `VideoDataset` with `num_frames=4`.
        test_data: the same for other levels.
        action_groups: the effective action of each true action.
        num_steps: training steps.
        batch_size: clips in a step.
        learning_rate: peak of the one-cycle schedule.
        num_test_clips: clips drawn from `test_data`.
        device: where to train.
        seed: of the weights and all draws.

    Returns:
        `accuracy` and `majority_accuracy` (always naming the most common action) on `test_data`, and `num_test_clips`.
    """
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they were
        torch.manual_seed(seed)
        return _train_and_test(
            train_data, test_data, action_groups, num_steps, batch_size, learning_rate, num_test_clips, device
        )


def _train_and_test(
    train_data, test_data, action_groups, num_steps, batch_size, learning_rate, num_test_clips, device
) -> dict:
    model = ReferenceClassifier(max(action_groups) + 1, train_data[0]["pixels"].shape[1]).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=num_steps)
    draws = torch.randint(len(train_data), (num_steps * batch_size,)).tolist()
    for batch in tqdm(DataLoader(train_data, batch_size, sampler=draws), desc="Training the reference"):
        pixels, targets = _inputs(batch, action_groups, device)
        loss = F.cross_entropy(model(pixels), targets, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()

    model.eval()
    chosen = torch.randperm(len(test_data))[:num_test_clips].tolist()
    correct, counts = 0, torch.zeros(max(action_groups) + 1, dtype=torch.int64)
    with torch.inference_mode():
        for batch in DataLoader(test_data, batch_size, sampler=chosen):
            pixels, targets = _inputs(batch, action_groups, device)
            correct += (model(pixels).argmax(-1) == targets).sum().item()
            counts += torch.bincount(targets.cpu(), minlength=len(counts))
    return {
        "accuracy": correct / len(chosen),
        "majority_accuracy": counts.max().item() / len(chosen),
        "num_test_clips": len(chosen),
    }


def _inputs(batch: dict, action_groups: tuple[int, ...], device) -> tuple[Tensor, Tensor]:
    pixels = batch["pixels"].to(device, torch.float32) / 255
    return pixels, merge_actions(batch["actions"][:, -1], action_groups).to(device)
