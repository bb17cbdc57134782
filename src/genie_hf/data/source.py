"""What a kind of source is: how it is recognised, what it consists of, and who reads it.

To add one, write a file with a subclass and name it in `sources.py`; CONTRIBUTING.md lists the steps.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict, Image, List, Video

from .image_rows import EPISODE_COLUMNS, episode_column, image_columns, open_image_rows
from .images import Images
from .place import Place
from .reader import VideoReader
from .recorded_frames import COLUMNS, RecordedFrames


class Source(ABC):
    """The interface of a kind of source, with defaults for what becomes rows of a recording or of video.

    Errors of the first two methods need not name the place: who calls them adds that, and what to do instead.
    """

    def __init__(self, place: Place):
        self.place = place

    @staticmethod
    @abstractmethod
    def recognises(place: Place) -> bool:
        """Whether such a source lies there. Kinds further up in `SOURCES` have not recognised theirs."""

    @abstractmethod
    def rows(self) -> Dataset | DatasetDict:
        """What there is to read, by split; a single dataset is used whatever split is asked for."""

    @property
    def used(self) -> Collection[Path]:
        """The files that are read: of the others, those that look like video are named in a warning."""
        return self.place.files or ()

    def reader(
        self, rows: Dataset, notes: Mapping[str, Any], frame_rate: float | None, frame_skip: int
    ) -> VideoReader:
        """Opens some of the rows: here those of a recording, or a column of the type `Video` or `List(Image)`.

        Or one of the type `Image`, if another says to which episode each belongs.

        Args:
            rows: of one split, one at least.
            notes: what the recorder wrote in `recording.json`.
            frame_rate: frames per second to resample to.
            frame_skip: after that, every `frame_skip`-th frame is used.

        Raises:
            ValueError: the rows cannot be read, or not at this rate.
        """
        if set(COLUMNS) <= set(rows.column_names):
            return RecordedFrames(rows, notes, self.stride(notes, frame_rate, frame_skip))
        images = [name for name, feature in rows.features.items() if isinstance(getattr(feature, "feature", 0), Image)]
        if images:
            rows = rows.select_columns(images[0]).cast_column(images[0], List(Image(decode=False)))
            episodes = {f"row {row}": row for row in range(len(rows))}
            return Images(rows, episodes, notes, self.stride(notes, frame_rate, frame_skip))
        columns = [name for name, feature in rows.features.items() if isinstance(feature, Video)]
        if not columns and image_columns(rows) and episode_column(rows):
            return open_image_rows(rows, str(self.place), notes, self.stride(notes, frame_rate, frame_skip))
        if not columns:
            raise ValueError(
                f"{self.place} has no video column, only {rows.column_names}: name a recording or a dataset with a "
                f"column of the type Video or List(Image), or Image beside one of {', '.join(EPISODE_COLUMNS)}."
            )
        from .video_files import VideoFiles  # with PyAV, which recordings do not need

        rows = rows.select_columns(columns[0]).cast_column(columns[0], Video(decode=False))
        return VideoFiles(rows, notes, frame_rate, frame_skip)

    def stride(self, notes: Mapping[str, Any], frame_rate: float | None, frame_skip: int) -> int:
        """How many frames from one used to the next, of those that come at the rate in the recorder's notes."""
        if frame_rate is None:
            return frame_skip
        recorded = notes.get("frame_rate")
        if recorded is None:
            raise ValueError(
                f"{self.place} has frames without a clock to resample: leave out frame_rate={frame_rate}, or put a "
                'recording.json beside them that gives their own, as in {"frame_rate": 30}.'
            )
        times = recorded / frame_rate
        if round(times) < 1 or abs(times - round(times)) > 2e-3 * times:  # 29.97, as some clocks have it, is 30
            raise ValueError(
                f"{self.place} was recorded at {recorded} frames per second, which frame_rate={frame_rate} does not "
                "divide evenly: choose one that does."
            )
        return frame_skip * round(times)
