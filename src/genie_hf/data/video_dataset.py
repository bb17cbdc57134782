"""Clips of video, with the true actions where they were recorded, from any Hugging Face dataset."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, Video, load_dataset, load_from_disk
from torch.nn.functional import interpolate

from .recorded_frames import COLUMNS, RecordedFrames
from .video_files import VideoFiles

FRAMES_AT_ONCE = 256  # in a thread of `read_all`

VIDEO_SUFFIXES = {".mp4", ".avi", ".mkv", ".mov", ".webm"}


class VideoDataset(torch.utils.data.Dataset):
    """Every clip of `num_frames` consecutive frames in one or several sources of video.

    A source is a folder written by `genie-hf record`, a Hugging Face dataset with a video column (a folder, a Hub id,
    or a `datasets.Dataset`), or a folder of mp4, avi, mkv, mov or webm files. Clips may start at every frame and never
    reach over the end of an episode or video.

    A recording is unpacked once into the cache of the datasets library (12 KB a frame of 64x64) and memory-mapped from
    then on. Video files are decoded at each access.

    Items are `{"pixels": uint8 tensor of shape (num_frames, 3, height, width)}`, and when every source has them also
    `"actions"`: int64 tensor of shape (num_frames - 1,), where action t was taken between the frames t and t + 1.

    Args:
        source (`str`, `os.PathLike`, `datasets.Dataset`, or a list of them): where the video is. The clips of several
            sources follow one another.
        num_frames (`int`): frames of a clip.
        image_size (`int` or `tuple[int, int]`, *optional*): height and width of the frames. Frames are scaled to cover
            it and what sticks out is cut off on both sides. By default the size that the video has.
        frame_rate (`float`, *optional*): frames per second; at each tick the frame on show is taken. By default the
            video's own rate. Recorded frames have no clock and cannot be resampled.
        split (`str`): split of each source.

    Attributes:
        image_size (`tuple[int, int]`): height and width of the frames.
        has_actions (`bool`): whether items have `"actions"`.

    Raises:
        ValueError: a source that cannot be found or read, has no video or no clip that is long enough; frames of
            different sizes without `image_size`.
    """

    def __init__(
        self,
        source: str | os.PathLike | Dataset | Sequence[str | os.PathLike | Dataset],
        num_frames: int,
        image_size: int | tuple[int, int] | None = None,
        frame_rate: float | None = None,
        split: str = "train",
    ):
        if num_frames < 1:
            raise ValueError(f"num_frames must be at least 1, got {num_frames}.")
        if frame_rate is not None and frame_rate <= 0:
            raise ValueError(f"frame_rate must be above 0, got {frame_rate}.")
        if image_size is not None:
            size = tuple(image_size) if isinstance(image_size, Sequence) else (image_size, image_size)
            if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
                raise ValueError(f"image_size must be a number of pixels or (height, width), got {image_size!r}.")
            image_size = size

        self.num_frames = num_frames
        sources = [source] if isinstance(source, (str, os.PathLike, Dataset)) else list(source)
        if not sources:
            raise ValueError("source is an empty list: name at least one folder or dataset.")
        self.readers = [open_source(source, split, frame_rate) for source in sources]
        self.has_actions = all(reader.has_actions for reader in self.readers)

        sizes = set().union(*(reader.frame_sizes for reader in self.readers))
        if image_size is None and len(sizes) > 1:
            raise ValueError(
                f"The videos have {len(sizes)} different sizes, among them {sorted(sizes)[:3]}: give image_size."
            )
        self.image_size = image_size or min(sizes)

        self.lengths = np.concatenate([reader.lengths for reader in self.readers])
        self.num_clips = np.maximum(self.lengths - num_frames + 1, 0)
        if not self.num_clips.any():
            raise ValueError(
                f"No video in {', '.join(map(name_of, sources))} has num_frames={num_frames} frames, the longest has "
                f"{self.lengths.max(initial=0)}: choose a smaller num_frames or longer videos."
            )
        self.clip_ends = np.cumsum(self.num_clips)
        self.first_frames = np.cumsum([0, *self.lengths])
        self.first_episodes = np.cumsum([0, *(len(reader.lengths) for reader in self.readers)])

    def __len__(self):
        return int(self.clip_ends[-1])

    def locate(self, index: int) -> tuple[int, int]:
        """The episode of a clip, counted over all sources, and the frame of the episode that the clip starts at."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index must be in [{-len(self)}, {len(self)}), got {index}.")
        index %= len(self)
        episode = int(self.clip_ends.searchsorted(index, side="right"))
        return episode, int(index - self.clip_ends[episode] + self.num_clips[episode])

    def first_frame(self, index: int) -> int:
        """The number of a clip's first frame among all frames of all sources."""
        episode, start = self.locate(index)
        return int(self.first_frames[episode]) + start

    def clip_starts(self) -> np.ndarray:
        """The number of each clip's first frame among all frames of all sources: int64 of shape (len(self),)."""
        clips_before = self.clip_ends - self.num_clips
        return np.arange(len(self)) + np.repeat(self.first_frames[:-1] - clips_before, self.num_clips)

    def read_all(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Every frame of every source at once, those of episodes too short for a clip among them.

        Clip i is `pixels[start : start + num_frames]` with `actions[start : start + num_frames - 1]`, where start is
        `clip_starts()[i]`.

        Returns:
            `pixels`: uint8 of shape (num_frames_in_all, 3, height, width), stored with the channels last.
            `actions`: int64 of shape (num_frames_in_all,), each taken after its frame; None where a source has none.
        """
        num_frames = int(self.first_frames[-1])
        pixels = torch.empty((num_frames, *self.image_size, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
        actions = torch.empty(num_frames, dtype=torch.int64) if self.has_actions else None

        def copy(episode, start):
            count = min(FRAMES_AT_ONCE, int(self.lengths[episode]) - start)
            frames, after = self.read(episode, start, count)
            first = int(self.first_frames[episode]) + start
            pixels[first : first + count] = cover(torch.from_numpy(frames), self.image_size)
            if actions is not None:
                actions[first : first + count] = torch.from_numpy(after)

        lengths = self.lengths.tolist()
        pieces = [(e, start) for e, length in enumerate(lengths) for start in range(0, length, FRAMES_AT_ONCE)]
        with ThreadPoolExecutor() as pool:  # copying and decoding run outside the interpreter lock
            list(pool.map(lambda piece: copy(*piece), pieces))
        return pixels, actions

    def read(self, episode: int, start: int, num_frames: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Frames of an episode as stored, uint8 of shape (num_frames, height, width, 3), and the actions."""
        reader = int(self.first_episodes.searchsorted(episode, side="right")) - 1
        return self.readers[reader].read(episode - self.first_episodes[reader], start, num_frames)

    def covering_clips(self) -> list[int]:
        """Clips that follow one another and hold every frame of each episode; the last overlaps the one before."""
        clips = []
        for end, count in zip(self.clip_ends.tolist(), self.num_clips.tolist(), strict=True):
            clips += range(end - count, end, self.num_frames)
            if count and (count - 1) % self.num_frames:
                clips.append(end - 1)
        return clips

    def __getitem__(self, index: int):
        episode, start = self.locate(index)
        frames, actions = self.read(episode, start, self.num_frames)
        item = {"pixels": cover(torch.from_numpy(frames), self.image_size).contiguous()}
        if self.has_actions:
            item["actions"] = torch.from_numpy(actions[:-1].astype(np.int64))
        return item


def name_of(source):
    return "the given dataset" if isinstance(source, Dataset) else str(source)


def open_source(source, split, frame_rate):
    dataset = source if isinstance(source, Dataset) else load(source, split)
    if not len(dataset):
        raise ValueError(f"{name_of(source)} is empty: name a source that has video.")
    if set(COLUMNS) <= set(dataset.column_names):
        if frame_rate is not None:
            raise ValueError(
                f"{name_of(source)} is a recording, whose frames have no clock to resample: leave out "
                f"frame_rate={frame_rate}."
            )
        return RecordedFrames(dataset)
    columns = [name for name, feature in dataset.features.items() if isinstance(feature, Video)]
    if not columns:
        raise ValueError(
            f"{name_of(source)} has no video column, only {dataset.column_names}: name a recording or a dataset with "
            "a Video column."
        )
    return VideoFiles(dataset.select_columns(columns[0]).cast_column(columns[0], Video(decode=False)), frame_rate)


def load(source, split):
    path = Path(source)
    try:
        if (path / "state.json").exists():
            return load_from_disk(path)
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        videos = [str(file) for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
        if videos and not any(file.suffix == ".parquet" for file in files):
            return Dataset.from_dict({"video": videos}).cast_column("video", Video(decode=False))
        return load_dataset(str(source), split=split)
    except Exception as error:
        raise ValueError(
            f"No video dataset could be read from {source} ({first_line(error)}): name a folder with a recording or "
            "videos, or a dataset on the Hub."
        ) from error


def first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def cover(frames, image_size):
    """Scale uint8 frames of shape (num_frames, height, width, 3) until they cover `image_size`, crop the centre, and
    return them as (num_frames, 3, height, width)."""
    height, width = image_size
    frames = frames.permute(0, 3, 1, 2)  # (T, H, W, C) -> (T, C, H, W)
    if frames.shape[2:] == (height, width):
        return frames
    scale = max(height / frames.shape[2], width / frames.shape[3])
    size = [max(height, round(frames.shape[2] * scale)), max(width, round(frames.shape[3] * scale))]
    frames = interpolate(frames, size=size, mode="bilinear", antialias=True)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return frames[:, :, top : top + height, left : left + width]
