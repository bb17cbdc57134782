"""What training relies on, of the readers of all kinds of sources."""

import pickle

import numpy as np
import PIL.Image
import pytest
import torch

from genie_hf.data import VideoDataset

KINDS = ["recording", "videos", "frames"]
LENGTHS = [70, 9]


@pytest.fixture(params=KINDS)
def folder(request, tmp_path, write_recording, write_video):
    """Episodes of 70 and 9 frames."""
    if request.param == "recording":
        return write_recording(tmp_path / "recording", LENGTHS)
    for episode, length in enumerate(LENGTHS):
        path = tmp_path / "source" / str(episode)
        if request.param == "videos":
            write_video(path.with_suffix(".mp4"), length, size=(8, 12), first=episode)
            continue
        path.mkdir(parents=True)
        for frame in range(length):
            PIL.Image.new("RGB", (12, 8), (episode, frame, 0)).save(path / f"{frame}.png")
    return tmp_path / "source"


@pytest.fixture
def reader(folder):
    (reader,) = VideoDataset(folder, 4).readers
    return reader


def test_parts_of_an_episode_are_those_of_the_whole(reader):
    assert reader.lengths.tolist() == LENGTHS and reader.lengths.dtype == np.int64
    for episode, length in enumerate(LENGTHS):
        frames, actions = reader.read(episode, 0, length)
        assert frames.shape == (length, 8, 12, 3) and frames.dtype == np.uint8
        assert reader.frame_sizes == {(8, 12)} and (actions is not None) == reader.has_actions
        for start in range(0, length - 3, 5):
            part, actions_after = reader.read(episode, start, 3)
            assert (part == frames[start : start + 3]).all()
            assert actions is None or (actions_after == actions[start : start + 3]).all()


def test_a_frame_skip_takes_every_third_frame(folder, reader):
    (skipping,) = VideoDataset(folder, 3, frame_skip=3).readers
    assert skipping.lengths.tolist() == [24, 3] and skipping.frame_skip == 3 * reader.frame_skip
    for episode, length in enumerate(LENGTHS):
        frames, _ = reader.read(episode, 0, length)
        assert (skipping.read(episode, 1, 2)[0] == frames[3:7:3]).all()


def test_the_highest_action_is_known_where_there_are_any(reader):
    assert reader.num_actions == (70 if reader.has_actions else 0)


def test_pieces_have_identities_of_their_own(folder, reader):
    identities = reader.identities()
    assert len(identities) >= len(LENGTHS) and len(set(identities.values())) == len(identities)
    (again,) = VideoDataset(folder, 4).readers
    assert again.identities() == identities


def test_a_copy_in_another_process_reads_the_same(folder):
    dataset = pickle.loads(pickle.dumps(VideoDataset(folder, 4)))
    loader = torch.utils.data.DataLoader(dataset, batch_size=20, num_workers=1)
    pixels = torch.cat([batch["pixels"] for batch in loader])
    assert torch.equal(pixels, torch.stack([dataset[i]["pixels"] for i in range(len(dataset))]))
