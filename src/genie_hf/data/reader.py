"""What a reader of video is: the interface of every class that gives the frames of a source."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np


class VideoReader(ABC):
    """Random access to the episodes of one source: to games that were recorded, videos, or folders of frames.

    All numbers of frames are those after resampling; frames come in the size that the source has. A reader is copied
    into worker processes: it can be pickled, and keeps no file open.

    Args:
        notes: what the recorder wrote into `recording.json`: of it `frame_rate`, `frame_skip`, `action_names`,
            `action_groups` and `action_group_names` are used here, and all is kept as `notes`.
        stride: every `stride`-th frame of the source is used.

    Attributes:
        lengths: frames of each episode, int64 of shape (num_episodes,).
        frame_sizes: the sizes that occur, each (height, width).
        frame_rates: the rates that occur, in frames per second; None among them where one is unknown.
        frame_skip: steps of the recorded game, or frames of the video, from one frame to the next.
        left_out: what cannot be read and is not among the episodes, and why.
        has_actions: whether the true actions are there.
        rewards: what was paid between each frame of all episodes and the next, float32 of shape (num_frames,); None
            where nothing was recorded.
        ended: whether the game ended the episode there, bools of shape (num_frames,); None likewise.
        action_names: what the recorder calls each action; like the next two, None where it does not say.
        action_groups: of each action, the group of actions with the same effect.
        action_group_names: what the recorder calls each group.
    """

    lengths: np.ndarray
    frame_sizes: set[tuple[int, int]]
    frame_rates: set[float | None]
    left_out: dict[str, str]
    has_actions = False
    rewards: np.ndarray | None = None
    ended: np.ndarray | None = None

    def __init__(self, notes: Mapping[str, Any], stride: int):
        self.notes, self.stride = notes, stride
        rate = notes.get("frame_rate")
        self.frame_rates = {rate and rate / stride}
        self.frame_skip: int = notes.get("frame_skip", 1) * stride
        self.action_names: list[str] | None = notes.get("action_names")
        self.action_groups: list[int] | None = notes.get("action_groups")
        self.action_group_names: list[str] | None = notes.get("action_group_names")
        self.left_out = {}

    @property
    def num_actions(self) -> int:
        """One more than the highest action that occurs; 0 without actions."""
        return 0

    @abstractmethod
    def read(self, episode: int, start: int, num_frames: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Consecutive frames of an episode. Several threads may read at once.

        Returns:
            uint8 RGB of shape (num_frames, height, width, 3), and the actions taken after each of them, whole numbers
            from 0 on of shape (num_frames,), or None.

        Raises:
            ValueError: the source has changed since it was opened.
        """

    @abstractmethod
    def identities(self) -> dict[bytes, str]:
        """Hashes of the content of each piece, whatever it is called and wherever it lies, with a name for people.

        By them training data among held-out data, and data that have changed before training goes on, are found.
        """
