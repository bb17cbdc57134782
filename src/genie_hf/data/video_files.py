"""Random access to the frames of compressed video."""

import io

import numpy as np


class VideoFiles:
    """Frames of video files, decoded with PyAV where a clip asks for them.

    Args:
        dataset (`datasets.Dataset`): one column of `Video(decode=False)`.
        frame_rate (`float`, *optional*): ticks per second, at each of which the frame on show is taken; by default
            every frame is taken.

    Attributes:
        lengths (`np.ndarray`): frames of each video, resampled.
        frame_sizes (`set` of `(height, width)`): the sizes that occur.
        has_actions (`bool`): False, files have none.
    """

    has_actions = False

    def __init__(self, dataset, frame_rate):
        self.dataset = dataset
        self.column = dataset.column_names[0]
        self.times, self.frame_sizes = [], set()
        for video in range(len(dataset)):
            times, size = self.decode(video, lambda container, stream: survey(container, stream, frame_rate))
            self.times.append(times)
            self.frame_sizes.add(size)
        self.lengths = np.array([len(times) for times in self.times])

    def decode(self, video, read):
        """Call `read(container, stream)` on a video; an error names the video."""
        import av  # recordings need no decoder

        entry = self.dataset[video][self.column]
        try:
            with av.open(entry["path"] if entry["bytes"] is None else io.BytesIO(entry["bytes"])) as container:
                stream = container.streams.video[0]
                stream.thread_type = "NONE"
                return read(container, stream)
        except (av.FFmpegError, OSError, IndexError, EOFError) as error:
            raise ValueError(
                f"Video {entry['path'] or video} cannot be read ({error}): repair it or take it out of the dataset."
            ) from error

    def read(self, video, start, num_frames):
        """Returns uint8 frames of shape (num_frames, height, width, 3), and None for the actions."""
        times = self.times[video][start : start + num_frames]
        return self.decode(video, lambda container, stream: frames_at(container, stream, times)), None


def survey(container, stream, frame_rate):
    """The timestamps of the frames to take, in the stream's time base, and the height and width."""
    times = np.array(sorted(timestamp(packet) for packet in container.demux(stream) if packet.size))
    if not len(times):
        raise EOFError("it has no frames")
    if frame_rate is not None:
        tick = 1 / (frame_rate * float(stream.time_base))
        last_shown = (times[-1] - times[0]) / max(len(times) - 1, 1)  # as long as the others on average
        # Containers round timestamps to their time base: half a unit of tolerance undoes it.
        ticks = np.arange(times[0], times[-1] + max(last_shown, 1) - 0.5, tick)
        times = times[times.searchsorted(ticks + 0.501, side="right") - 1]
    return times, (stream.height, stream.width)


def frames_at(container, stream, times):
    wanted = set(times.tolist())
    # Frames behind an open group of pictures cannot be decoded from its keyframe on: then start at the beginning.
    for origin in (int(times[0]), stream.start_time or 0):
        if container.format.name != "avi":  # which stores no presentation times: right only from the beginning on
            container.seek(origin, stream=stream, backward=True)
        frames = {}
        for frame in container.decode(stream):
            if timestamp(frame) in wanted:
                frames[timestamp(frame)] = frame.to_ndarray(format="rgb24")
                if len(frames) == len(wanted):
                    return np.stack([frames[time] for time in times.tolist()])
    raise EOFError(f"{len(wanted) - len(frames)} of {len(wanted)} frames are missing")


def timestamp(packet_or_frame):
    """Presentation time; where none is stored, the decoding time."""
    return packet_or_frame.dts if packet_or_frame.pts is None else packet_or_frame.pts
