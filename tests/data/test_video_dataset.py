import pickle
import shutil

import datasets
import numpy as np
import pytest
import torch

from genie_hf.data import VideoDataset, check_disjoint


def test_sources_follow_one_another_and_lose_actions_that_not_all_have(
    tmp_path, write_recording, write_video, frame_numbers
):
    recording = write_recording(tmp_path / "recording", [10], height=32, width=48)
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "a.mp4", 10)

    dataset = VideoDataset([recording, tmp_path / "videos"], num_frames=4)
    assert VideoDataset(recording, num_frames=4).has_actions and not dataset.has_actions
    assert len(dataset) == 14 and set(dataset[0]) == {"pixels"}
    assert dataset[6]["pixels"][:, 1, 0, 0].tolist() == [6, 7, 8, 9]
    assert frame_numbers(dataset[7 + 6]["pixels"]) == [6, 7, 8, 9]


def test_image_size_covers_and_crops_the_centre(tmp_path):
    frames = np.zeros((2, 20, 40, 3), dtype=np.uint8)
    frames[:, :, 10:30] = 200
    row = {"frames": frames.tobytes(), "num_frames": 2, "height": 20, "width": 40, "actions": [0, 0]}
    rows = datasets.Dataset.from_list([row | {"level_seed": 0, "episode": 0, "start": 0}])

    pixels = VideoDataset(rows, num_frames=2, image_size=10)[0]["pixels"]
    assert pixels.shape == (2, 3, 10, 10) and (pixels[..., 1:9] == 200).all()
    assert VideoDataset(rows, num_frames=2, image_size=(30, 20))[0]["pixels"].shape == (2, 3, 30, 20)


@pytest.mark.parametrize("image_size", [None, 6])
def test_all_frames_at_once_are_those_of_the_clips(tmp_path, monkeypatch, image_size, write_recording):
    monkeypatch.setattr("genie_hf.data.video_dataset.FRAMES_AT_ONCE", 100)
    recording = write_recording(tmp_path / "recording", [70, 3, 250, 5])
    dataset = VideoDataset(recording, num_frames=5, image_size=image_size)
    pixels, actions = dataset.read_all()
    starts = dataset.clip_starts()

    assert len(pixels) == len(actions) == 328 and len(starts) == len(dataset) and starts.dtype == np.int64
    for i in range(len(dataset)):
        assert starts[i] == dataset.first_frame(i)
        assert torch.equal(pixels[starts[i] : starts[i] + 5], dataset[i]["pixels"])
        assert torch.equal(actions[starts[i] : starts[i] + 4], dataset[i]["actions"])


def test_all_frames_at_once_of_videos_and_recordings(tmp_path, write_recording, write_video, frame_numbers):
    recording = write_recording(tmp_path / "recording", [10], height=32, width=48)
    video = write_video(tmp_path / "a.mp4", 12)
    dataset = VideoDataset([video, recording, video], num_frames=4)
    pixels, actions = dataset.read_all()

    assert actions is None and frame_numbers(pixels[:12]) == frame_numbers(pixels[22:]) == list(range(12))
    assert torch.equal(pixels[12:16], dataset[9]["pixels"])


def test_pickled_dataset_serves_the_same_clips_in_workers(tmp_path, write_recording):
    dataset = VideoDataset(write_recording(tmp_path / "recording", [250, 200]), num_frames=16)
    data = pickle.dumps(dataset)
    assert len(data) < 50_000  # the frames stay on disk
    loader = torch.utils.data.DataLoader(pickle.loads(data), batch_size=50, num_workers=1)
    pixels = torch.cat([batch["pixels"] for batch in loader])
    assert torch.equal(pixels, torch.stack([dataset[i]["pixels"] for i in range(len(dataset))]))


def test_clips_that_lie_apart_begin_anywhere(tmp_path, write_recording):
    dataset = VideoDataset(write_recording(tmp_path / "recording", [3, 6, 23]), 4)
    starts = []
    for seed in range(100):
        clips = dataset.disjoint_clips(torch.Generator().manual_seed(seed))
        frames = [frame for clip in clips for frame in map(tuple, dataset[clip]["pixels"][:, :2, 0, 0].tolist())]
        assert len(frames) == len(set(frames)) and set(range(3)) & set(clips) and len(clips) in (5, 6)
        starts += clips
    assert set(starts) == set(range(len(dataset)))
    assert dataset.disjoint_clips() == [0, 3, 7, 11, 15, 19]


def test_index_out_of_range(tmp_path, write_recording):
    dataset = VideoDataset(write_recording(tmp_path / "recording", [6]), num_frames=5)
    assert torch.equal(dataset[-1]["pixels"], dataset[1]["pixels"])
    with pytest.raises(IndexError, match="got 2"):
        dataset[2]


def test_held_out_frames_that_are_training_data_are_refused(tmp_path, write_recording, write_video):
    first, second = (write_recording(tmp_path / f"r{level}", [70, 9], level_seed=level) for level in (1, 2))
    shutil.copytree(second, tmp_path / "copy")
    train = VideoDataset([first, second], 4)
    check_disjoint(VideoDataset(first, 4), VideoDataset(second, 2, image_size=6))
    with pytest.raises(ValueError, match=r"3 of 3 held-out.*level_seed 2, episode 0, start 0"):
        check_disjoint(train, VideoDataset(tmp_path / "copy", 2, image_size=6))

    write_video(tmp_path / "videos" / "a.mp4", 10)
    write_video(tmp_path / "others" / "b.mp4", 12)
    train = VideoDataset(tmp_path / "videos", 4)
    check_disjoint(train, VideoDataset(tmp_path / "others", 4))
    shutil.copy(tmp_path / "videos" / "a.mp4", tmp_path / "others" / "renamed.mp4")
    with pytest.raises(ValueError, match=r"1 of 2 held-out.*renamed.mp4"):
        check_disjoint(train, VideoDataset(tmp_path / "others", 4))


def test_errors_name_the_source_and_the_remedy(tmp_path, write_recording):
    recording = write_recording(tmp_path / "recording", [9, 12])
    with pytest.raises(ValueError, match="recording has num_frames=13 frames; the longest has 12"):
        VideoDataset(recording, num_frames=13)
    with pytest.raises(ValueError, match="leave out frame_rate=5"):
        VideoDataset(recording, num_frames=4, frame_rate=5)
    with pytest.raises(ValueError, match="image_size must be .* got 0"):
        VideoDataset(recording, num_frames=4, image_size=0)
    with pytest.raises(ValueError, match=r"image_size must be .* got \(1, 2, 3\)"):
        VideoDataset(recording, num_frames=4, image_size=(1, 2, 3))
    with pytest.raises(ValueError, match="num_frames must be at least 1, got 0"):
        VideoDataset(recording, num_frames=0)
    for rate in (0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"frame_rate must be above 0 and finite, got {rate}"):
            VideoDataset(recording, num_frames=4, frame_rate=rate)
    with pytest.raises(ValueError, match="nowhere.*name a folder"):
        VideoDataset(tmp_path / "nowhere", num_frames=4)
    with pytest.raises(ValueError, match=r"test.*\['train'\]"):
        VideoDataset(recording, num_frames=4, split="test")
    with pytest.raises(ValueError, match=r"no video column, only \['text'\]"):
        VideoDataset(datasets.Dataset.from_dict({"text": ["a"]}), num_frames=4)
    with pytest.raises(ValueError, match="empty list"):
        VideoDataset([], num_frames=4)

    other = write_recording(tmp_path / "other", [9], height=16)
    with pytest.raises(ValueError, match="2 different sizes.*give image_size"):
        VideoDataset([recording, other], num_frames=4)
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "broken.mp4").write_bytes(b"not a video")
    with pytest.raises(ValueError, match="1 of 1 videos in .*broken.mp4 .Invalid data.*name a source"):
        VideoDataset(tmp_path / "videos", num_frames=4)


def test_sources_have_weights_all_or_none(tmp_path, write_video):
    paths = [write_video(tmp_path / f"{n}.mp4", n) for n in (10, 20, 3)]
    sources = [{"source": str(path), "weight": weight} for path, weight in zip(paths, (3, 0.5, 1), strict=True)]
    assert VideoDataset(sources[:2], 4).shares == [(7, 3), (17, 0.5)] and VideoDataset(paths, 4).shares is None
    with pytest.raises(ValueError, match="20.mp4 has no weight, and other sources have one: give one to all"):
        VideoDataset([sources[0], paths[1]], 4)
    with pytest.raises(ValueError, match="3.mp4 is long enough for a clip, and it has a weight: leave it out"):
        VideoDataset(sources, 4)
    with pytest.raises(ValueError, match="weight of .*10.mp4 must be above 0, got 0"):
        VideoDataset({"source": str(paths[0]), "weight": 0}, 4)
