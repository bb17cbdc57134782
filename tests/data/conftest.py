"""Small recordings and videos whose frames say which they are."""

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genie_hf.data.coinrun import SCHEMA


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)


@pytest.fixture
def write_recording():
    return recording


@pytest.fixture
def write_video():
    return video


@pytest.fixture
def frame_numbers():
    return numbers


@pytest.fixture
def levels():
    return levels_seen


@pytest.fixture
def split_videos():
    return videos_in_splits


def recording(folder, lengths, height=8, width=12, level_seed=7):
    """Frames that carry their episode (red), their place in it (green) and their level (blue); actions and rewards are
    the place, too, and each episode ends."""
    rows = []
    for episode, length in enumerate(lengths):
        frames = np.zeros((length, height, width, 3), dtype=np.uint8)
        frames[..., 0], frames[..., 1], frames[..., 2] = episode, np.arange(length)[:, None, None], level_seed
        for start in range(0, length, 64):
            chunk = frames[start : start + 64]
            rows.append(
                {
                    "frames": chunk.tobytes(),
                    "num_frames": len(chunk),
                    "height": height,
                    "width": width,
                    "actions": list(range(start, start + len(chunk))),
                    "rewards": list(range(start, start + len(chunk))),
                    "ends": [place == length - 1 for place in range(start, start + len(chunk))],
                    "level_seed": level_seed,
                    "episode": episode,
                    "start": start,
                    "policy": "random",
                }
            )
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / "train-00000.parquet", row_group_size=2)
    return folder


def video(path, num_frames, rate=30, size=(32, 48), codec="libx264", pixels="yuv420p", first=0, aspect=None):
    """Grey frames, each 4 levels brighter than the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = size
        stream.pix_fmt = pixels
        stream.gop_size = 10
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for i in range(first, first + num_frames):
            image = np.full((*size, 3), 20 + 4 * i, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def numbers(pixels):
    """Undo the grey levels of `video`."""
    return ((pixels.float().mean(dim=(1, 2, 3)) - 20) / 4).round().int().tolist()


def levels_seen(dataset):
    """The levels of all frames of a `recording`."""
    pixels, _ = dataset.read_all()
    return sorted(set(pixels[:, 2].unique().tolist()))


def videos_in_splits(folder):
    """Four videos of the lengths 10, 11 (train), 12 (validation) and 13 (test)."""
    for place, length in (("train/a", 10), ("train/more/b", 11), ("val/c", 12), ("test/d", 13)):
        video(folder / f"{place}.mp4", length)
    return folder
