"""Clips with their codes, for training on what a frozen video tokenizer has encoded once."""

import hashlib
import logging
import os
import shutil
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from safetensors.torch import save
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from ..data.video_dataset import VideoDataset
from ..models.modeling_video_tokenizer import GenieVideoTokenizer
from .data import describe_data

logger = logging.getLogger(__name__)


class CachedCodes(Dataset):
    """A `VideoDataset` whose items have `"codes"` too: int64 of shape (num_frames, h, w).

    A frame is encoded once, in one of the consecutive clips of its video, and not in each of the `num_frames` clips
    that it belongs to. The tokenizer sees the past, so a code may differ from the one that the frame gets in another
    clip: on average it has seen as much of the past as in a clip.

    Args:
        dataset: the clips.
        path: what `write_codes` wrote for them.
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

    Each of several processes encodes a share, so that none waits long for another.

    Args:
        dataset: the clips.
        video_tokenizer: on the device that is to do the work.
        folder: where the file goes; its name is a hash of the tokenizer's weights and of `describe_data`.
        batch_size: clips encoded together.
        num_workers: processes that load clips.
        show_progress: whether to show a progress bar.

    Returns:
        The file: codes of shape (frames of the dataset, h, w) in NumPy's format, 2 bytes each where they fit.

    Raises:
        OSError: the disk has no room for the file.
    """
    config = video_tokenizer.config
    content = hashlib.sha256(save({name: x.contiguous() for name, x in video_tokenizer.state_dict().items()}))
    content.update(repr((describe_data(dataset), dataset.num_frames, dataset.image_size)).encode())
    path = folder / f"codes-{content.hexdigest()[:16]}.npy"
    processes = PartialState()
    found = path.exists()
    processes.wait_for_everyone()  # or else the first may be done before the last has looked
    if found:
        return path
    unfinished = path.with_suffix(".unfinished")
    shape = (int(dataset.lengths.sum()), *config.grid_size)
    dtype = np.uint16 if config.codebook_size <= 2**16 else np.int32
    gigabytes = np.prod(shape) * dtype().nbytes / 1e9
    logger.info("Encoding %s frames once: %.2f GB in %s.", f"{shape[0]:,}", gigabytes, path)
    if processes.is_main_process:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free / 1e9
        if free < gigabytes:  # to write where there is no room would end the process without a word
            raise OSError(
                f"the codes need {gigabytes:.2f} GB in {folder}, but only {free:.2f} GB are free: make room."
            )
        np.lib.format.open_memmap(unfinished, "w+", dtype, shape)
    processes.wait_for_everyone()
    codes = np.lib.format.open_memmap(unfinished, "r+")

    clips, starts, ends = dataset.covering_clips()
    share = np.array_split(np.arange(len(clips)), processes.num_processes)[processes.process_index].tolist()
    loader = DataLoader(
        torch.utils.data.Subset(dataset, [clips[i] for i in share]),
        batch_size,
        num_workers=num_workers,
        generator=torch.Generator(),  # the global one is the training's
    )
    disable = None if show_progress and processes.is_main_process else True
    spans = iter([(starts[i], ends[i]) for i in share])
    for batch in tqdm(loader, desc="codes", unit="batch", disable=disable):
        pixels = batch["pixels"].to(video_tokenizer.device).float() / 255
        for clip in video_tokenizer.encode(pixels).cpu().numpy():
            start, end = next(spans)
            codes[start:end] = clip[: end - start]
    codes.flush()
    processes.wait_for_everyone()
    if processes.is_main_process:
        os.replace(unfinished, path)
    processes.wait_for_everyone()
    return path
