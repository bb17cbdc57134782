"""Random access to episodes of which several may lie in one video file."""

import hashlib
from dataclasses import replace

import numpy as np
from datasets import Dataset, Video

from .reader import VideoReader
from .video_files import VideoFiles, frames_on_show


class EpisodesInVideos(VideoReader):
    """Episodes of the form of `genie_hf.data.lerobot`, decoded with PyAV when a clip needs them.

    An episode is left out entirely if its video cannot be read, or does not have as many frames for it as it should,
    at the times that they should have.

    Args:
        rows: one for each episode: its `episode` (a number for people), its `video`, the seconds at which it begins
            there (`start`), its `length` in frames, and the `actions` after each of them, or None.
        fps: frames per second of all videos.
        frame_rate: ticks per second, at each of which the frame on show is taken, with the action after it; by default
            every frame is taken.
        stride: of these frames, every `stride`-th is used.
    """

    def __init__(self, rows: Dataset, fps: float, frame_rate: float | None, stride: int):
        super().__init__({}, stride)
        self.frame_rates = {(frame_rate or fps) / stride}
        paths = sorted(set(rows["video"]))
        column = Dataset.from_dict({"video": paths}).cast_column("video", Video(decode=False))
        self.files = VideoFiles(column, {}, None, 1)
        videos = {path: video for video, path in enumerate(path for path in paths if path not in self.files.left_out)}
        self.videos, self.frames, self.actions, self.names = [], [], [], []
        for row in rows:
            name = f"episode {row['episode']} in {row['video']}"
            try:
                if row["video"] in self.files.left_out:
                    raise ValueError(self.files.left_out[row["video"]])
                video = videos[row["video"]]
                survey = self.files.surveys[video]
                first = first_frame(survey, row["start"], row["length"], fps)
                if row["actions"] is not None and len(row["actions"]) != row["length"]:
                    raise ValueError(f"it has {row['length']} frames and {len(row['actions'])} actions")
            except ValueError as error:
                self.left_out[name] = str(error)
                continue
            part = replace(survey, times=survey.times[first : first + row["length"]])
            numbers = frames_on_show(part, frame_rate)[::stride]
            self.names.append(name)
            self.videos.append(video)
            self.frames.append(first + numbers)
            self.actions.append(None if row["actions"] is None else np.array(row["actions"], np.int64)[numbers])
        self.has_actions = bool(self.actions) and self.actions[0] is not None
        self.lengths = np.array([len(numbers) for numbers in self.frames], dtype=np.int64)
        sizes = [self.files.surveys[video] for video in self.videos]
        self.frame_sizes = {(survey.height, survey.width) for survey in sizes}

    @property
    def num_actions(self):
        return 1 + max(int(actions.max()) for actions in self.actions) if self.has_actions else 0

    def read(self, episode, start, num_frames):
        part = slice(start, start + num_frames)
        frames = self.files.decode(self.videos[episode], self.frames[episode][part].tolist())
        return frames, self.actions[episode][part] if self.has_actions else None

    def identities(self):
        """Of each episode, a hash of its video's bytes and its place in it, and its name."""
        contents = {video: self.files.content(self.files.videos[video]) for video in set(self.videos)}
        found = {}
        for name, video, frames in zip(self.names, self.videos, self.frames, strict=True):
            place = repr((int(frames[0]), int(frames[-1]))).encode()
            found[hashlib.sha256(contents[video] + place).digest()] = name
        return found


def first_frame(survey, start, length, fps):
    """The number of an episode's first frame in its video; raises `ValueError` if the episode is not there."""
    times = (np.array(survey.times) - survey.times[0]) * survey.time_base
    first = int(times.searchsorted(start - 0.5 / fps))
    there = times[first : first + length]
    if len(there) < length:
        raise ValueError(f"the video has {len(there)} of its {length} frames")
    if np.abs(there - start - np.arange(length) / fps).max() >= 0.5 / fps:
        raise ValueError(f"the video has no {length} frames at {fps} a second from {start:g} seconds on")
    return first
