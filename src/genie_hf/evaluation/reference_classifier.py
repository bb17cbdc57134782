"""How well can actions be read from pixels at all? A small convolutional network, trained with the true actions.

Latent actions are learnt without labels; what a supervised network reads from the same frames is their ceiling.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from ..data.video_dataset import VideoDataset
from .latent_actions import merge_actions

HISTORY = 2  # transitions that are seen before the one whose action is read


class ReferenceClassifier(nn.Module):
    """Four frames t-2, t-1, t, t+1 -> the action between t and t+1: its step is seen, and the motion before.

    Args:
        num_actions: number of actions.
        num_channels: channels of a frame.
        width: channels of the first layer.
    """

    def __init__(self, num_actions: int, num_channels: int = 3, width: int = 32):
        super().__init__()
        self.num_actions = num_actions
        layers = []
        num_frames = HISTORY + 2
        inputs = (2 * num_frames - 1) * num_channels
        for outputs in (width, 2 * width, 3 * width, 4 * width):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        self.layers = nn.Sequential(
            *layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.3), nn.Linear(16 * inputs, num_actions)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """The action between the middle two of four frames.

        Args:
            pixels: in [0, 1], of shape `(batch_size, 4, channels, height, width)`.

        Returns:
            Logits of shape `(batch_size, num_actions)`.
        """
        frames_and_changes = torch.cat([pixels - 0.5, 4 * pixels.diff(dim=1)], dim=1)
        return self.layers(frames_and_changes.flatten(1, 2))  # (B, T, C, H, W) -> (B, T * C, H, W)

    @torch.no_grad()
    def read_actions(self, pixels: Tensor) -> Tensor:
        """The likeliest actions of a clip.

        Args:
            pixels: in [0, 1], of shape `(batch_size, num_frames, channels, height, width)`, at least 4 frames.

        Returns:
            int64 of shape `(batch_size, num_frames - 3)`, from the third action on.
        """
        windows = pixels.unfold(1, HISTORY + 2, 1).movedim(-1, 2)  # (B, T - 3, 4, C, H, W)
        return self(windows.flatten(0, 1)).argmax(-1).view(windows.shape[:2])


def train_reference(
    data: VideoDataset,
    num_actions: int,
    *,
    num_steps: int = 1_200,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    device: torch.device | str = "cpu",
    seed: int = 0,
) -> ReferenceClassifier:
    """Trains a `ReferenceClassifier` (about five minutes on one CPU core).

    Args:
        data: clips of 4 frames with their true actions, of other levels than those to test on.
        num_actions: number of effective actions; transitions with another one are left out.
        num_steps: training steps.
        batch_size: clips in a step.
        learning_rate: peak of the one-cycle schedule.
        device: where to train.
        seed: of the weights and all draws.
    """
    device = torch.device(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):  # the caller's stay as they were
        torch.manual_seed(seed)
        model = ReferenceClassifier(num_actions, data[0]["pixels"].shape[1]).to(device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=num_steps)
        draws = torch.randint(len(data), (num_steps * batch_size,)).tolist()
        for batch in tqdm(DataLoader(data, batch_size, sampler=draws), desc="Training the reference classifier"):
            actions = batch["actions"][:, HISTORY]
            if data.action_groups is not None:
                actions = merge_actions(actions, data.action_groups)
            known = actions < num_actions
            logits = model(batch["pixels"][known].to(device).float() / 255)
            loss = F.cross_entropy(logits, actions[known].to(device), label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()
