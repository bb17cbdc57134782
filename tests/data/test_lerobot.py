import json
import logging
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from genie_hf.data import VideoDataset, check_disjoint

MADE = Path(__file__).parent / "lerobot"
VERSIONS = ("v2.1", "v3.0")
MADE_ALL = (*VERSIONS, "v2.1-images", "v3.0-images")


@pytest.fixture
def copy(tmp_path):
    return lambda version: Path(shutil.copytree(MADE / version, tmp_path / version))


def opened(folder, num_frames=4, camera="front", **options):
    return VideoDataset({"source": str(folder), "camera": camera}, num_frames, **options)


def frame_numbers(pixels, camera="front"):
    """Of frames as make.py drew them, their place in the dataset."""
    levels = pixels.float().mean(dim=(1, 2, 3))
    return ((levels - 20 if camera == "front" else 240 - levels) / 8).round().int().tolist()


def edit(path, change):
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


@pytest.mark.parametrize("camera", ["front", "observation.images.wrist"])
@pytest.mark.parametrize("version", MADE_ALL)
def test_episodes_come_apart_frame_by_frame(version, camera):
    dataset = opened(MADE / version, camera=camera)
    assert dataset.lengths.tolist() == [7, 12, 5]
    assert dataset.frame_rate == 10 and dataset.image_size[0] in (8, 48) and not dataset.left_out
    clips = [
        list(range(first, first + 4))
        for episode in ((0, 7), (7, 19), (19, 24))
        for first in range(episode[0], episode[1] - 3)
    ]
    assert [frame_numbers(dataset[i]["pixels"], camera.rpartition(".")[2]) for i in range(len(dataset))] == clips
    pixels, _ = dataset.read_all()
    assert frame_numbers(pixels, camera.rpartition(".")[2]) == list(range(24))


@pytest.mark.parametrize("kind", ["", "-images"])
def test_actions_that_are_whole_numbers_come_with_the_frames_and_others_are_said_to_be_left_out(kind, caplog):
    dataset = opened(MADE / f"v3.0{kind}")
    assert dataset.has_actions and dataset.readers[0].num_actions == 5
    for i in range(len(dataset)):
        item = dataset[i]
        assert item["actions"].tolist() == [number % 5 for number in frame_numbers(item["pixels"])[:-1]]
    with caplog.at_level(logging.INFO):
        assert not opened(MADE / f"v2.1{kind}").has_actions
    assert caplog.text.count("float32 of shape [2]") == 1


@pytest.mark.parametrize("version", MADE_ALL)
def test_each_episode_is_resampled_from_its_own_start(version):
    dataset = opened(MADE / version, 2, frame_rate=5)
    pixels, actions = dataset.read_all()
    numbers = [0, 2, 4, 6, *range(7, 19, 2), 19, 21, 23]
    assert frame_numbers(pixels) == numbers and dataset.frame_rate == 5
    assert actions is None or actions.tolist() == [number % 5 for number in numbers]
    dataset = opened(MADE / version, 2, frame_skip=3)
    assert frame_numbers(dataset.read_all()[0]) == [0, 3, 6, 7, 10, 13, 16, 19, 22]
    assert dataset.frame_rate == pytest.approx(10 / 3) and dataset.frame_skip == 3


@pytest.mark.parametrize("version", MADE_ALL)
def test_one_of_several_cameras_must_be_named(version):
    both = r"\['observation.images.front', 'observation.images.wrist'\]"
    with pytest.raises(ValueError, match=f"several cameras, give camera, one of {both}"):
        VideoDataset(MADE / version, 4)
    with pytest.raises(ValueError, match=f"it has no camera 'back', but {both}"):
        opened(MADE / version, camera="back")


def test_the_only_camera_need_not_be_named(copy):
    folder = copy("v3.0")
    edit(folder / "meta" / "info.json", lambda info: info["features"].pop("observation.images.wrist") and info)
    assert VideoDataset(folder, 4).lengths.tolist() == [7, 12, 5]


def test_cameras_are_for_lerobot_datasets(tmp_path, write_video):
    with pytest.raises(ValueError, match="no LeRobot dataset, and no others have cameras: leave out camera"):
        opened(write_video(tmp_path / "videos" / "a.mp4", 10).parent)


@pytest.mark.parametrize("version", MADE_ALL)
def test_splits_are_those_of_the_info(copy, version):
    folder = copy(version)
    edit(folder / "meta" / "info.json", lambda info: info | {"splits": {"train": "0:2", "test": "2:3"}})
    train, test = opened(folder), opened(folder, split="test")
    assert train.lengths.tolist() == [7, 12] and test.lengths.tolist() == [5]
    check_disjoint(train, test)
    with pytest.raises(ValueError, match=r"1 of 1 held-out.*episode 2"):
        check_disjoint(opened(folder, split="train+test"), test)


def test_a_part_of_a_dataset_is_refused():
    for part in ("videos", "videos/observation.images.front", "data"):
        with pytest.raises(ValueError, match="part of the LeRobot dataset .*v3.0: name that folder"):
            opened(MADE / "v3.0" / part)


def test_other_versions_and_incomplete_infos_are_refused(copy):
    folder = copy("v3.0")
    edit(folder / "meta" / "info.json", lambda info: info | {"codebase_version": "v1.6"})
    with pytest.raises(ValueError, match="version v1.6, and those of v2 and v3 are read: convert it"):
        opened(folder)
    edit(folder / "meta" / "info.json", lambda info: {"fps": 10, "features": {}})
    with pytest.raises(
        ValueError,
        match="meta/info.json lacks codebase_version, data_path, splits, total_episodes, video_path: download",
    ):
        opened(folder)
    shutil.rmtree(folder / "meta" / "episodes")
    edit(folder / "meta" / "info.json", lambda info: json.loads((MADE / "v3.0" / "meta" / "info.json").read_text()))
    with pytest.raises(ValueError, match="describes 0 of its 3 episodes: download"):
        opened(folder)


@pytest.mark.parametrize("version", VERSIONS)
def test_episodes_without_their_video_are_left_out_and_named(copy, version, caplog):
    folder = copy(version)
    for path in folder.rglob("*front/**/*0.mp4"):
        path.unlink()
    if version == "v3.0":
        with pytest.raises(ValueError, match="3 of 3 videos in .* cannot be read: episode 0 .*No such file"):
            opened(folder)
        return
    assert opened(folder).lengths.tolist() == [12, 5]
    assert "1 of 3 videos" in caplog.text and "episode_000000.mp4 (No such file or directory)" in caplog.text


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"length": [7, 12, 9]}, "the video has 5 of its 9 frames"),
        ({"length": [7, 12, 4]}, "it has 4 frames and 5 actions"),
        ({"videos/observation.images.front/from_timestamp": [0.0, 0.7, 2.1]}, "the video has 3 of its 5 frames"),
    ],
)
def test_episodes_that_do_not_fit_their_video_are_left_out_and_named(copy, changes, why):
    folder = copy("v3.0")
    path = folder / "meta" / "episodes" / "chunk-000" / "file-000.parquet"
    table = pq.read_table(path)
    for name, values in changes.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    pq.write_table(table, path)
    dataset = opened(folder)
    assert dataset.lengths.tolist() == [7, 12] and list(dataset.left_out.values()) == [why]
    assert next(iter(dataset.left_out)).startswith("episode 2 in ")


def test_a_video_at_another_rate_than_the_info_says_is_left_out(copy):
    folder = copy("v3.0")
    edit(folder / "meta" / "info.json", lambda info: info | {"fps": 20})
    with pytest.raises(ValueError, match="no 7 frames at 20 a second from 0 seconds on"):
        opened(folder)


@pytest.mark.parametrize("version", ["v3.0", "v3.0-images"])
def test_a_missing_data_file_is_named(copy, version):
    folder = copy(version)
    (folder / "data" / "chunk-000" / "file-000.parquet").unlink()
    with pytest.raises(ValueError, match=r"file-000.parquet.*name a folder"):
        opened(folder)


@pytest.mark.slow
@pytest.mark.parametrize("version", MADE_ALL)
def test_by_its_id_on_the_hub_only_one_camera_is_downloaded(hub, version):
    name = hub.new_name("dataset")
    hub.api.create_repo(name, repo_type="dataset")
    hub.api.upload_folder(repo_id=name, folder_path=MADE / version, repo_type="dataset")
    code = """
import sys
from genie_hf.data import VideoDataset
dataset = VideoDataset({"source": sys.argv[1], "camera": "front"}, 4)
print(dataset.lengths.tolist(), dataset.has_actions, int(dataset.read_all()[0].sum()))
"""
    run = hub.run(code, name)
    pixels = opened(MADE / version).read_all()[0]
    assert run.stdout.split("\n")[0] == f"[7, 12, 5] {version.startswith('v3.0')} {int(pixels.sum())}", run.stderr
    stored = [path.as_posix() for path in (hub.folder / "home").rglob("*.mp4")]
    assert bool(stored) == (version in VERSIONS) and all("observation.images.front" in path for path in stored)
    assert hub.run(code, name, offline=True).stdout == run.stdout


def test_a_dataset_without_cameras_is_refused(copy):
    folder = copy("v3.0")
    edit(folder / "meta" / "info.json", lambda info: info | {"features": {"action": info["features"]["action"]}})
    with pytest.raises(ValueError, match="this LeRobot dataset has no camera, neither videos nor images"):
        opened(folder)


def test_a_camera_with_images_beside_one_with_videos(copy):
    folder = copy("v3.0-images")
    shutil.copytree(MADE / "v3.0" / "videos", folder / "videos")
    made = pq.read_table(MADE / "v3.0" / "meta" / "episodes" / "chunk-000" / "file-000.parquet")
    path = folder / "meta" / "episodes" / "chunk-000" / "file-000.parquet"
    table = pq.read_table(path)
    for name in made.column_names:
        if name.startswith("videos/observation.images.wrist/"):
            table = table.append_column(name, made[name])
    pq.write_table(table, path)

    def with_video(info):
        info["features"]["observation.images.wrist"]["dtype"] = "video"
        return info | {"video_path": json.loads((MADE / "v3.0" / "meta" / "info.json").read_text())["video_path"]}

    edit(folder / "meta" / "info.json", with_video)
    for camera, size in (("front", (8, 12)), ("wrist", (48, 64))):
        dataset = opened(folder, camera=camera)
        assert dataset.image_size == size and frame_numbers(dataset.read_all()[0], camera) == list(range(24))


def change_rows(path, change):
    """Writes the file anew with other rows, as its library writes it."""
    table = pq.read_table(path)
    rows = table.to_pylist()
    pq.write_table(pa.Table.from_pylist(change(rows), table.schema), path)


def damaged(rows):
    rows[9]["observation.images.front"]["bytes"] = rows[9]["observation.images.front"]["bytes"][:50]
    return rows


def twice(rows):
    rows[10]["frame_index"] = 2
    return rows


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda rows: rows[:7], "the data have 0 of its 12 frames"),
        (lambda rows: rows[:-1], "the data have 11 of its 12 frames"),
        (damaged, "its image 2 is damaged: "),
        (twice, "its frame_index 2 comes twice"),
    ],
)
def test_episodes_whose_images_are_not_all_there_are_left_out_and_named(copy, caplog, change, why):
    folder = copy("v3.0-images")
    path = folder / "data" / "chunk-000" / "file-000.parquet"
    change_rows(path, change)
    dataset = opened(folder)
    assert frame_numbers(dataset.read_all()[0]) == [*range(7), *range(19, 24)] and len(dataset.left_out) == 1
    assert f"1 of 3 videos in {folder} cannot be read: episode 1 in {path} ({why}" in caplog.text


def test_images_come_in_the_order_of_their_frames(copy):
    folder = copy("v3.0-images")
    change_rows(folder / "data" / "chunk-000" / "file-000.parquet", lambda rows: rows[::-1])
    pixels, actions = opened(folder).read_all()
    assert frame_numbers(pixels) == list(range(24)) and actions.tolist() == [number % 5 for number in range(24)]


def test_images_are_resampled_to_rates_that_do_not_divide_theirs():
    dataset = opened(MADE / "v3.0-images", 2, frame_rate=4)
    assert frame_numbers(dataset.read_all()[0]) == frame_numbers(opened(MADE / "v3.0", 2, frame_rate=4).read_all()[0])
    faster = [number for number in range(24) for _ in range(2)]
    assert frame_numbers(opened(MADE / "v2.1-images", 2, frame_rate=20).read_all()[0]) == faster


def test_episodes_of_images_are_read_by_worker_processes():
    dataset = opened(MADE / "v3.0-images")
    loaded = torch.cat([item["pixels"] for item in torch.utils.data.DataLoader(dataset, None, num_workers=2)])
    assert frame_numbers(loaded) == frame_numbers(torch.cat([dataset[i]["pixels"] for i in range(len(dataset))]))
