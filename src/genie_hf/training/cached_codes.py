"""Clips with their codes, for training on what a frozen video tokenizer has encoded once."""

import hashlib
import logging
import os
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from ..data.video_dataset import VideoDataset
from ..models.modeling_video_tokenizer import GenieVideoTokenizer

logger = logging.getLogger(__name__)


class CachedCodes(Dataset):
    """A `VideoDataset` whose items have `"codes"` too: int64 of shape (num_frames, h, w).

    A frame is encoded once, as part of one of the clips that follow one another in its video, not anew in each of the
    `num_frames` clips that it belongs to. The tokenizer sees the past, so a code may differ from the one that the
    frame gets in another clip: it has seen as much of the past as in a clip on average.

    Args:
        dataset (`VideoDataset`): the clips.
        path (`Path`): what `write_codes` wrote for them.
    """

    def __init__(self, dataset: VideoDataset, path: Path):
        self.dataset, self.path = dataset, path
        self.codes = np.load(path, mmap_mode="r")

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index: int):
        frame = self.dataset.first_frame(index)
        codes = self.codes[frame : frame + self.dataset.num_frames].astype(np.int64)
        return self.dataset[index] | {"codes": torch.from_numpy(codes)}


@torch.no_grad()
def write_codes(
    dataset: VideoDataset,
    video_tokenizer: GenieVideoTokenizer,
    folder: Path,
    batch_size: int = 32,
    num_workers: int = 0,
    show_progress: bool = True,
) -> Path:
    """Encodes every frame of a dataset once, unless the folder holds the result already.

    Args:
        dataset: the clips.
        video_tokenizer: on the device that is to do the work.
        folder: where the file goes; its name is a hash of the tokenizer's weights, the lengths of the data's videos
            and some of its frames.
        batch_size: clips encoded together.
        num_workers: processes that load clips.
        show_progress: whether to show a progress bar.

    Returns:
        The file: codes of shape (frames of the dataset, h, w) in NumPy's format, 2 bytes each where they fit.
    """
    config = video_tokenizer.config
    content = hashlib.sha256(save({name: x.contiguous() for name, x in video_tokenizer.state_dict().items()}))
    content.update(repr((dataset.lengths.tolist(), dataset.num_frames, dataset.image_size)).encode())
    for index in np.linspace(0, len(dataset) - 1, 16).astype(int).tolist():
        content.update(dataset[index]["pixels"].numpy().tobytes())
    path = folder / f"codes-{content.hexdigest()[:16]}.npy"
    if path.exists():
        return path
    clips = dataset.covering_clips()
    unfinished = path.with_suffix(".unfinished")
    shape = (int(dataset.lengths.sum()), *config.grid_size)
    dtype = np.uint16 if config.codebook_size <= 2**16 else np.int32
    gigabytes = np.prod(shape) * dtype().nbytes / 1e9
    logger.info("Encoding %s frames once: %.2f GB in %s.", f"{shape[0]:,}", gigabytes, path)
    folder.mkdir(parents=True, exist_ok=True)
    codes = np.lib.format.open_memmap(unfinished, "w+", dtype, shape)
    loader = DataLoader(torch.utils.data.Subset(dataset, clips), batch_size, num_workers=num_workers)
    first_frames = iter([dataset.first_frame(clip) for clip in clips])
    for batch in tqdm(loader, desc="codes", unit="batch", disable=None if show_progress else True):
        pixels = batch["pixels"].to(video_tokenizer.device).float() / 255
        for clip in video_tokenizer.encode(pixels).cpu().numpy():
            frame = next(first_frames)
            codes[frame : frame + dataset.num_frames] = clip
    codes.flush()
    os.replace(unfinished, path)
    return path
