"""Clips of video, with the true actions where they were recorded, from any Hugging Face dataset."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from ..frames import resize
from .place import DataSource, shortened, to_source
from .sources import open_source

FRAMES_AT_ONCE = 256  # in a thread of `read_all`


class VideoDataset(torch.utils.data.Dataset):
    """Every clip of `num_frames` consecutive frames in one or several sources of video.

    A source is a folder written by `genie-hf record`, a Hugging Face dataset with a column of the type `Video`,
    `List(Image)`, or `Image` beside one that says the episode (a folder, a Hub id, or a `datasets.Dataset`), a LeRobot
    dataset (a folder or a Hub id), files of video (a folder, one file, an archive, or a pattern such as
    `videos/*.mp4`), or a folder of frames, with a subfolder of numbered images for each episode. Subfolders named
    train, test or validation are splits. Clips may start at any frame and never cross the end of an episode or video.

    A recording is unpacked once into the cache of the datasets library (12 KB a frame of 64x64) and memory-mapped from
    then on, and so are images in Parquet files. Video files and images are decoded once at the first opening, to know
    which frames they show and that none is damaged, and then at each access. Files and episodes that cannot be read
    are left out, with a warning that names them.

    Items are `{"pixels": uint8 tensor of shape (num_frames, 3, height, width)}`, and when every source has them also
    `"actions"`: int64 tensor of shape (num_frames - 1,), where action t was taken between the frames t and t + 1.
    Where every source is a recording that has them, there are `"rewards"` too, float32 of shape (num_frames,), what
    was paid after each frame, and `"ended"`, bools of shape (num_frames,), whether the game ended the episode there.

    Args:
        source: where the video is: a path, a Hub id, a `datasets.Dataset` or `datasets.DatasetDict`, a `DataSource`,
            or a list of them. A `DataSource`, or a mapping with its keys, names a split of its own, one of several
            configurations, a camera or a weight. The clips of several sources follow one another.
        num_frames: frames of a clip.
        image_size: height and width of the frames in pixels, or one number for both. The largest centred part with
            that aspect ratio is resized. By default the size that the video has.
        frame_rate: frames per second; at each tick the frame on show is taken. By default the video's own rate. That
            of a recording or of images, which `recording.json` says, must be a multiple of it; those of unknown rate
            take none.
        split: split of each source; of several the first that it has, so that `genie_hf.data.HELD_OUT` takes test,
            else validation, else train.
        frame_skip: after `frame_rate`, every `frame_skip`-th frame of each episode or video is used. Between two of
            them the action is the first one's.

    Attributes:
        image_size: height and width of the frames in pixels.
        has_actions: whether items have `"actions"`.
        rewards: of all frames of all sources, float32 of shape (num_frames,); None where items have no `"rewards"`.
        ended: likewise, bools.
        frame_rate: frames per second of the clips; None where unknown or varied.
        frame_skip: steps of the recorded game, or frames of the video, from one frame of a clip to the next; None
            where not the same everywhere.
        action_names: what the recorder calls each action; like the following two, None where it does not say or the
            sources do not agree.
        action_groups: of each action, the group of actions with the same effect.
        action_group_names: what the recorder calls each group.
        left_out: files and episodes that cannot be read, and why.
        shares: of each source its number of clips and its weight; None where the sources have no weights.

    Raises:
        TypeError: a source of another type.
        ValueError: a source that cannot be found or read, has no video or no clip that is long enough; frames of
            different sizes without `image_size`.
        OSError: the cache of the datasets library, into which data are unpacked, cannot be written.
    """

    def __init__(
        self,
        source: Any,
        num_frames: int,
        image_size: int | tuple[int, int] | None = None,
        frame_rate: float | None = None,
        split: str | Sequence[str] = "train",
        frame_skip: int = 1,
    ):
        if num_frames < 1:
            raise ValueError(f"num_frames must be at least 1, got {num_frames}.")
        if frame_rate is not None and not 0 < frame_rate < math.inf:
            raise ValueError(f"frame_rate must be above 0 and finite, got {frame_rate}.")
        if frame_skip < 1:
            raise ValueError(f"frame_skip must be at least 1, got {frame_skip}.")
        if image_size is not None:
            size = tuple(image_size) if isinstance(image_size, Sequence) else (image_size, image_size)
            if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
                raise ValueError(f"image_size must be a number of pixels or (height, width), got {image_size!r}.")
            image_size = size

        self.num_frames = num_frames
        sources = list(map(to_source, source if isinstance(source, (list, tuple)) else [source]))
        if not sources:
            raise ValueError("source is an empty list: name at least one folder or dataset.")
        self.readers = [open_source(source, split, frame_rate, frame_skip) for source in sources]
        self.has_actions: bool = all(reader.has_actions for reader in self.readers)
        self.rewards = joined([reader.rewards for reader in self.readers])
        self.ended = joined([reader.ended for reader in self.readers])
        self.left_out: dict[str, str] = {name: why for reader in self.readers for name, why in reader.left_out.items()}
        self.frame_rate: float | None = common_rate([rate for reader in self.readers for rate in reader.frame_rates])
        self.frame_skip: int | None = common([reader.frame_skip for reader in self.readers])
        self.action_names: list[str] | None = common([reader.action_names for reader in self.readers])
        self.action_groups: list[int] | None = common([reader.action_groups for reader in self.readers])
        self.action_group_names: list[str] | None = common([reader.action_group_names for reader in self.readers])

        sizes = set().union(*(reader.frame_sizes for reader in self.readers))
        if image_size is None and len(sizes) > 1:
            raise ValueError(
                f"The videos have {len(sizes)} different sizes, among them {sorted(sizes)[:3]}: give image_size."
            )
        self.image_size: tuple[int, int] = image_size or min(sizes)

        self.lengths = np.concatenate([reader.lengths for reader in self.readers])
        ends = np.cumsum([len(reader.lengths) for reader in self.readers])
        self.num_clips = np.maximum(self.lengths - num_frames + 1, 0)
        if not self.num_clips.any():
            raise ValueError(
                f"No video in {', '.join(map(str, sources))} has num_frames={num_frames} frames; the longest has "
                f"{self.lengths.max(initial=0)}: choose a smaller num_frames or longer videos."
            )
        self.clip_ends = np.cumsum(self.num_clips)
        self.shares = shares(sources, np.split(self.num_clips, ends[:-1]))
        self.first_frames = np.cumsum([0, *self.lengths])
        self.first_episodes = np.array([0, *ends])

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
        """Every frame of every source at once, including episodes that are too short for a clip.

        Clip i is `pixels[start : start + num_frames]` with `actions[start : start + num_frames - 1]`, where start is
        `clip_starts()[i]`.

        Returns:
            The pixels, uint8 of shape (num_frames_in_all, 3, height, width), stored with the channels last; and the
            actions, int64 of shape (num_frames_in_all,), each taken after its frame, or None where a source has none.
        """
        num_frames = int(self.first_frames[-1])
        pixels = torch.empty((num_frames, *self.image_size, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
        actions = torch.empty(num_frames, dtype=torch.int64) if self.has_actions else None

        def copy(episode, start):
            count = min(FRAMES_AT_ONCE, int(self.lengths[episode]) - start)
            frames, after = self.read(episode, start, count)
            first = int(self.first_frames[episode]) + start
            pixels[first : first + count] = self.to_pixels(frames)
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

    def to_pixels(self, frames: np.ndarray) -> torch.Tensor:
        """Frames as stored in the form and size of an item's pixels: uint8 of shape (num_frames, 3, height, width)."""
        return resize(torch.from_numpy(frames).permute(0, 3, 1, 2), self.image_size)  # (T, H, W, C) -> (T, C, H, W)

    def covering_clips(self) -> tuple[list[int], np.ndarray, np.ndarray]:
        """Consecutive clips that cover every frame of each episode; the last may overlap the one before.

        Returns:
            The clips; the number of each one's first frame among all frames of all sources; and that of the frame
            after those that are its own, where overlapping ones belong to the later clip.
        """
        last = self.clip_ends[self.num_clips > 0] - 1
        clips = sorted({*self.disjoint_clips(), *last.tolist()})
        starts = self.clip_starts()[clips]
        return clips, starts, np.minimum(starts + self.num_frames, np.append(starts[1:], self.first_frames[-1]))

    def disjoint_clips(self, generator: torch.Generator | None = None) -> list[int]:
        """Consecutive clips of each episode that have no frame in common.

        Args:
            generator: where given, draws where in an episode they begin: no place is likelier than another then. By
                default the first begins with it.
        """
        clips = []
        for first, end in zip((self.clip_ends - self.num_clips).tolist(), self.clip_ends.tolist(), strict=True):
            if generator is not None and first < end:
                first += int(torch.randint(min(self.num_frames, end - first), (), generator=generator))
            clips += range(first, end, self.num_frames)
        return clips

    def __getitem__(self, index: int):
        episode, start = self.locate(index)
        frames, actions = self.read(episode, start, self.num_frames)
        item = {"pixels": self.to_pixels(frames).contiguous()}
        if self.has_actions:
            item["actions"] = torch.from_numpy(actions[:-1].astype(np.int64))
        if self.rewards is not None and self.ended is not None:
            first = int(self.first_frames[episode]) + start
            item["rewards"] = self.rewards[first : first + self.num_frames]
            item["ended"] = self.ended[first : first + self.num_frames]
        return item


def check_disjoint(train: VideoDataset, test: VideoDataset) -> None:
    """Raises `ValueError` if held-out data contain files or rows of the training data, under whatever name."""
    learnt = {identity for reader in train.readers for identity in reader.identities()}
    held_out = {identity: name for reader in test.readers for identity, name in reader.identities().items()}
    both = [name for identity, name in held_out.items() if identity in learnt]
    if both:
        raise ValueError(
            f"{len(both)} of {len(held_out)} held-out pieces of video are also training data ({shortened(both)}): "
            "hold out others, or name their split."
        )


def shares(sources: Sequence[DataSource], clips: Sequence[np.ndarray]) -> list[tuple[int, float]] | None:
    """Of each source its clips and its weight; `clips` has the number in each of its episodes."""
    found = [(int(counts.sum()), source.weight) for source, counts in zip(sources, clips, strict=True)]
    if all(weight is None for _, weight in found):
        return None
    for source, (count, weight) in zip(sources, found, strict=True):
        if weight is None:
            raise ValueError(
                f"{source} has no weight, and other sources have one: give one to all of them, or to none."
            )
        if not count:
            raise ValueError(f"No video in {source} is long enough for a clip, and it has a weight: leave it out.")
    return found


def joined(parts: list[np.ndarray | None]) -> torch.Tensor | None:
    """All of them, one after the other, or None where one is missing."""
    present = [part for part in parts if part is not None]
    return torch.from_numpy(np.concatenate(present)) if len(present) == len(parts) else None


def common_rate(rates: list[float | None]) -> float | None:
    """The frame rate that all videos have, up to what clocks make of it, or None."""
    known = [rate for rate in rates if rate]
    return max(known) if len(known) == len(rates) and max(known) <= 1.02 * min(known) else None


def common(values: list) -> Any:
    """The value that they all have, or None."""
    return values[0] if all(value == values[0] for value in values) else None
