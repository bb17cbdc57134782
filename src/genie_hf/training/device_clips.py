"""All frames in the memory of the training device: a batch takes one indexing."""

import logging
from collections.abc import Iterable, Iterator

import torch
from tqdm.auto import tqdm

from ..data.video_dataset import VideoDataset
from ..models.modeling_video_tokenizer import GenieVideoTokenizer

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
        self.covering = [torch.from_numpy(frames).to(device) for frames in dataset.covering_clips()[1:]]
        self.codes: torch.Tensor | None = None

    @torch.no_grad()
    def encode(self, video_tokenizer: GenieVideoTokenizer, batch_size: int, show_progress: bool = True) -> None:
        """Has every frame encoded once, as for `CachedCodes`: batches then have `"codes"` too.

        Args:
            video_tokenizer: on the device of the frames.
            batch_size: clips encoded together; all batches are of one size, so that compiled code fits all.
            show_progress: whether to show a progress bar.
        """
        starts, ends = self.covering
        self.codes = starts.new_zeros((len(self.frames), *video_tokenizer.config.grid_size), dtype=torch.int32)
        firsts = range(0, len(starts), batch_size)
        for first in tqdm(firsts, desc="codes", unit="batch", disable=None if show_progress else True):
            clips = slice(max(0, min(first, len(starts) - batch_size)), first + batch_size)
            frames = starts[clips, None] + self.offsets
            codes = video_tokenizer.encode(self.frames[frames].float() / 255)
            kept = frames < ends[clips, None]
            self.codes[frames[kept]] = codes[kept].int()

    def batches(self, order: Iterable[list[int]]) -> Iterator[dict[str, torch.Tensor]]:
        """Batches as a `DataLoader` gives them.

        Args:
            order: the clips of each batch.

        Yields:
            `"pixels"`, uint8 of shape `(batch_size, num_frames, channels, height, width)`, and where they are recorded
            `"actions"`, int64 of shape `(batch_size, num_frames - 1)`, `"rewards"` and `"ended"`; after `encode`
            `"codes"`, int64 of shape `(batch_size, num_frames, h, w)`.
        """
        for indices in order:
            clips = torch.tensor(indices).to(self.starts.device, non_blocking=True)  # does not wait for the device
            starts = self.starts[clips]
            frames = starts[:, None] + self.offsets
            batch = {"pixels": self.frames[frames]}
            if self.actions is not None:
                batch["actions"] = self.actions[frames[:, :-1]]
            if self.codes is not None:
                batch["codes"] = self.codes[frames].long()
            yield batch | {name: values[frames] for name, values in self.outcomes.items()}
