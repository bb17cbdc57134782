"""All frames in the memory of the training device: a batch takes one indexing."""

import logging
from collections.abc import Iterable, Iterator

import torch

from ..data.video_dataset import VideoDataset

logger = logging.getLogger(__name__)


class DeviceClips:
    """The clips of a `VideoDataset`, read once.

    Args:
        dataset: of recordings.
        device: where the frames are kept, as uint8.
    """

    def __init__(self, dataset: VideoDataset, device: torch.device):
        frames, actions = dataset.read_all()
        gigabytes = frames.numel() / 1e9
        logger.info("Reading %s frames into %.1f GB of memory on %s.", f"{len(frames):,}", gigabytes, device)
        self.frames = frames.to(device)
        self.actions = None if actions is None else actions.to(device)
        self.outcomes = {} if dataset.rewards is None else {"rewards": dataset.rewards, "ended": dataset.ended}
        self.outcomes = {name: values.to(device) for name, values in self.outcomes.items()}
        self.starts = torch.from_numpy(dataset.clip_starts()).to(device)
        self.offsets = torch.arange(dataset.num_frames, device=device)

    def batches(self, order: Iterable[list[int]]) -> Iterator[dict[str, torch.Tensor]]:
        """Batches as a `DataLoader` gives them.

        Args:
            order: the clips of each batch.

        Yields:
            `"pixels"`, uint8 of shape `(batch_size, num_frames, channels, height, width)`, and where they are recorded
            `"actions"`, int64 of shape `(batch_size, num_frames - 1)`, `"rewards"` and `"ended"`.
        """
        for indices in order:
            clips = torch.tensor(indices).to(self.starts.device, non_blocking=True)  # does not wait for the device
            starts = self.starts[clips]
            frames = starts[:, None] + self.offsets
            batch = {"pixels": self.frames[frames]}
            if self.actions is not None:
                batch["actions"] = self.actions[frames[:, :-1]]
            yield batch | {name: values[frames] for name, values in self.outcomes.items()}
