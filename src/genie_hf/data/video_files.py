"""Random access to the frames of compressed video."""

import hashlib
import io
from bisect import bisect_right
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import VideoReformatter
from datasets import Dataset

from .cache import fingerprint, found_once
from .reader import VideoReader

BYTES_COMPARED = 2**20  # at either end of a file


@dataclass
class Survey:
    """What decoding a video once has shown.

    Args:
        times: of each frame, in units of `time_base`.
        time_base: in seconds.
        keyframes: the times of those that need no other frame, which one can seek to; none where seeking misleads.
        height: of a frame as it is shown.
        width: of a frame as it is shown.
        turn: how to show it: whether to swap its axes, then to flip x, then to flip y.
        frame_rate: frames per second, on average; None for a single frame without a clock.
        damage: why the video cannot be read; "" for one that can.
    """

    times: list[int] = field(default_factory=list)
    time_base: float = 1.0
    keyframes: list[int] = field(default_factory=list)
    height: int = 0
    width: int = 0
    turn: tuple[bool, bool, bool] = (False, False, False)
    frame_rate: float | None = None
    damage: str = ""


class VideoFiles(VideoReader):
    """Frames of video files, decoded with PyAV when a clip needs them.

    Frames come as a player shows them: turned as the file says, with square pixels, over white where they are
    transparent, and without what an edit has cut off. A file with a damaged frame, or whose frames change size, is
    left out entirely. To find out, each file is decoded once; the result is kept in the cache of the datasets library.

    Args:
        dataset: one column of `Video(decode=False)`.
        notes: what a recorder says about them, if one made them.
        frame_rate: ticks per second, at each of which the frame on show is taken; by default every frame is taken.
        stride: of these frames, every `stride`-th is used.
    """

    def __init__(self, dataset: Dataset, notes: Mapping[str, Any], frame_rate: float | None, stride: int):
        super().__init__(notes, stride)
        self.dataset, self.column = dataset, dataset.column_names[0]
        with ThreadPoolExecutor() as pool:  # decoding runs outside the interpreter lock
            surveys = list(pool.map(self.survey, range(len(dataset))))
        self.videos = [video for video, survey in enumerate(surveys) if not survey.damage]
        self.left_out = {self.name(video): survey.damage for video, survey in enumerate(surveys) if survey.damage}
        self.surveys = [surveys[video] for video in self.videos]
        self.frames = [frames_on_show(survey, frame_rate)[::stride] for survey in self.surveys]
        self.lengths = np.array([len(frames) for frames in self.frames], dtype=np.int64)
        self.frame_sizes = {(survey.height, survey.width) for survey in self.surveys}
        rates = {frame_rate or survey.frame_rate for survey in self.surveys}
        self.frame_rates = {rate and rate / stride for rate in rates}

    def name(self, video):
        return self.dataset[video][self.column]["path"] or f"video {video}"

    def open(self, video):
        entry = self.dataset[video][self.column]
        return av.open(entry["path"] if entry["bytes"] is None else io.BytesIO(entry["bytes"]))

    def content(self, video):
        """A hash of the size, the first and the last bytes."""
        entry = self.dataset[video][self.column]
        with io.BytesIO(entry["bytes"]) if entry["bytes"] is not None else open(entry["path"], "rb") as file:
            size = file.seek(0, io.SEEK_END)
            content = hashlib.sha256(str(size).encode())
            for place in (0, max(size - BYTES_COMPARED, 0)):
                file.seek(place)
                content.update(file.read(BYTES_COMPARED))
        return content.digest()

    def state(self, video):
        """Changes whenever the video does."""
        entry = self.dataset[video][self.column]
        if entry["bytes"] is not None:
            return hashlib.sha256(entry["bytes"]).hexdigest()
        return fingerprint([Path(entry["path"])])

    def identities(self):
        """Of each video, a hash of its bytes, and its name."""
        return {self.content(video): self.name(video) for video in self.videos}

    def survey(self, video):
        def look():
            with self.open(video) as container:
                return asdict(survey_container(container))

        try:
            return Survey(**found_once(f"videos-av-{av.__version__}", self.state(video), look))
        except IndexError:  # from PyAV
            return Survey(damage="a stream appears in mid-file")
        except (av.FFmpegError, OSError, EOFError) as error:
            return Survey(damage=getattr(error, "strerror", None) or str(error))

    def read(self, video, start, num_frames):
        return self.decode(video, self.frames[video][start : start + num_frames].tolist()), None

    def decode(self, video, numbers):
        """Frames of these numbers in the file, in ascending order, uint8 of shape (len(numbers), height, width, 3)."""
        survey = self.surveys[video]
        try:
            for origin in origins(survey, numbers[0]):
                with self.open(self.videos[video]) as container:
                    frames = frames_from(container, survey, numbers, origin)
                if len(frames) == len(set(numbers)):
                    return np.stack([frames[number] for number in numbers])
            raise EOFError(f"{len(set(numbers)) - len(frames)} of {len(set(numbers))} frames are missing")
        except (av.FFmpegError, OSError, EOFError) as error:
            raise ValueError(
                f"Video {self.name(self.videos[video])} cannot be read ({error}): has it changed since it was opened?"
            ) from error


def video_stream(container):
    stream = container.streams.best("video")
    if stream is None:
        raise EOFError("it has no video")
    stream.thread_type = "NONE"
    return stream


def survey_container(container):
    stream = video_stream(container)
    times, keyframes, layout = [], [], None
    for frame in intact_frames(container, stream):
        if layout is None:
            layout, turn = layout_of(frame), orientation(frame)
        elif layout_of(frame) != layout:
            raise EOFError(f"its frames change from {layout} to {layout_of(frame)} (height, width, rotation)")
        times.append(frame.pts)
        if frame.key_frame:
            keyframes.append(frame.pts)
    if not times:
        raise EOFError("it has no frames")
    height, width = layout[0], round(layout[1] * float(stream.sample_aspect_ratio or 1))  # with square pixels
    shape = (width, height, turn) if turn[0] else (height, width, turn)
    rate = float(stream.average_rate or 0) or None
    if None in times or any(b <= a for a, b in pairwise(times)):
        evenly = range(0, 1000 * len(times), 1000)
        return Survey(list(evenly), 1 / (1000 * (rate or 1)), [], *shape, rate)
    if len(times) > 1:
        measured = (len(times) - 1) / float((times[-1] - times[0]) * stream.time_base)
        rate = rate if rate and abs(rate / measured - 1) < 0.02 else measured
    if not can_seek(container, stream, times):
        keyframes = []
    return Survey(times, float(stream.time_base), keyframes, *shape, rate)


def intact_frames(container, stream):
    number = 0
    for packet in container.demux(stream):
        for frame in packet.decode():
            if packet.is_corrupt or frame.is_corrupt:
                raise EOFError(f"frame {number} is damaged")
            number += 1
            yield frame


def can_seek(container, stream, times):
    """Whether it leads to frames of the same times. AVI stores no times but those of decoding."""
    if container.format.name == "avi":
        return False
    try:
        container.seek(times[len(times) // 2], stream=stream, backward=True)
        return next(container.decode(stream)).pts in times
    except (av.FFmpegError, StopIteration):
        return False


def frames_on_show(survey, frame_rate):
    """The number of the frame on show at each tick."""
    if frame_rate is None:
        return np.arange(len(survey.times))
    times = np.array(survey.times)
    last_shown = (times[-1] - times[0]) / max(len(times) - 1, 1)  # as long as the others on average
    # Containers round timestamps to their time base: half a unit of tolerance undoes it.
    ticks = np.arange(times[0], times[-1] + max(last_shown, 1) - 0.5, 1 / (frame_rate * survey.time_base))
    return times.searchsorted(ticks + 0.501, side="right") - 1


def origins(survey, number):
    """Times from which to decode towards a frame, the nearest first; None is the beginning.

    The last keyframe may not do: frames behind an open group of pictures need the one before, and in a transport
    stream one lands a little late.
    """
    before = bisect_right(survey.keyframes, survey.times[number])
    return [*reversed(survey.keyframes[max(before - 2, 0) : before]), None]


def frames_from(container, survey, numbers, origin):
    """Those frames of these numbers that decoding from there on gives."""
    stream = video_stream(container)
    if origin is not None:
        container.seek(origin, stream=stream, backward=True)
    wanted = {survey.times[number] if survey.keyframes else number: number for number in numbers}
    frames = {}
    for count, frame in enumerate(container.decode(stream)):
        time = frame.pts if survey.keyframes else count
        if time in wanted and not frame.is_corrupt:
            frames[wanted[time]] = as_shown(frame, survey)
        if time >= max(wanted):
            break
    return frames


def as_shown(frame, survey):
    """uint8 RGB of shape (height, width, 3)."""
    sideways, flip_x, flip_y = survey.turn
    height, width = (survey.width, survey.height) if sideways else (survey.height, survey.width)
    if any(component.is_alpha for component in frame.format.components) or frame.format.name == "pal8":
        image = convert(frame, "rgba", width, height)
        colour, alpha = image[..., :3].astype(np.uint16), image[..., 3:].astype(np.uint16)
        image = ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)  # over white
    else:
        image = convert(frame, "rgb24", width, height)
    image = image.swapaxes(0, 1) if sideways else image
    image = image[:, ::-1] if flip_x else image
    return image[::-1] if flip_y else image


def convert(frame, pixel_format, width, height):
    # In one thread: a process that is forked from one with a context of several waits for ever when it frees it.
    return VideoReformatter().reformat(frame, width, height, pixel_format, threads=1).to_ndarray()


def layout_of(frame):
    return frame.height, frame.width, frame.rotation


def orientation(frame):
    """The turn that the frame's display matrix asks for, in which x' = ax + cy and y' = bx + dy."""
    matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return False, False, False
    (a, b, _), (c, d, _), _ = np.frombuffer(matrix, np.int32).reshape(3, 3).tolist()
    return (True, c < 0, b < 0) if abs(a) < abs(b) else (False, a < 0, d < 0)
