import io
import json

import numpy as np
import PIL.Image
import pytest
from datasets import Dataset, Features, Image, List, Value, concatenate_datasets

from genie_hf.data import VideoDataset, check_disjoint


def png(level, size=(8, 12)):
    file = io.BytesIO()
    PIL.Image.fromarray(np.full((*size, 3), level, np.uint8)).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


def rows(levels, **columns):
    """An image a row, grey of these levels."""
    features = Dataset.from_dict(columns).features | {"camera": Image()}
    return Dataset.from_dict({**columns, "camera": list(map(png, levels))}, Features(features))


def lists(*episodes):
    """A clip in each row, of grey images."""
    columns = {"caption": [str(number) for number in range(len(episodes))], "frames": list(episodes)}
    return Dataset.from_dict(columns, Features({"caption": Value("string"), "frames": List(Image())}))


def grey(pixels):
    return pixels[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("kind", ["memory", "disk", "parquet"])
def test_a_row_is_an_episode(tmp_path, kind):
    rows = lists([png(n) for n in range(7)], [png(n) for n in range(50, 55)])
    source = {"memory": rows, "disk": tmp_path / "saved", "parquet": tmp_path / "rows.parquet"}[kind]
    if kind == "disk":
        rows.save_to_disk(source)
    if kind == "parquet":
        rows.to_parquet(source)
    dataset = VideoDataset(source, 4)
    assert dataset.lengths.tolist() == [7, 5] and dataset.image_size == (8, 12) and dataset.frame_rate is None
    assert [grey(dataset[i]["pixels"])[0] for i in range(len(dataset))] == [0, 1, 2, 3, 50, 51]
    assert grey(VideoDataset(source, 2, frame_skip=3).read_all()[0]) == [0, 3, 6, 50, 53]


def test_the_rate_is_what_recording_json_says(tmp_path):
    lists([png(n) for n in range(12)]).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="frames without a clock.*leave out frame_rate=5, or put a recording.json"):
        VideoDataset(tmp_path, 4, frame_rate=5)
    (tmp_path / "recording.json").write_text(json.dumps({"frame_rate": 10}))
    dataset = VideoDataset(tmp_path, 4, frame_rate=5)
    assert dataset.frame_rate == 5 and grey(dataset[0]["pixels"]) == [0, 2, 4, 6]


def test_rows_that_cannot_be_trusted_are_left_out_and_named():
    damaged = png(3) | {"bytes": png(3)["bytes"][:-20]}
    sizes = [png(0), png(1), png(2, (16, 12))]
    dataset = VideoDataset(lists([png(n) for n in range(5)], [png(0), damaged], sizes, []), 4)
    assert dataset.lengths.tolist() == [5] and list(dataset.left_out) == ["row 1", "row 2", "row 3"]
    why = list(dataset.left_out.values())
    assert why[0] == "its image 1 is damaged: image file is truncated" and why[2] == "it has no images"
    assert why[1] == "its frames change from (8, 12) to (16, 12) (height, width) at image 2"


def test_a_copy_of_a_training_row_is_refused():
    one, other = [png(n) for n in range(5)], [png(n) for n in range(9, 14)]
    check_disjoint(VideoDataset(lists(one), 4), VideoDataset(lists(other), 4))
    with pytest.raises(ValueError, match="1 of 2 held-out.*row 1"):
        check_disjoint(VideoDataset(lists(one), 4), VideoDataset(lists(other, one), 4))


@pytest.mark.parametrize("kind", ["memory", "parquet", "part"])
@pytest.mark.parametrize("order", ["frame_index", "step", "timestamp"])
@pytest.mark.parametrize("episodes", [[3] * 5 + [1] * 7, ["b"] * 5 + ["a"] * 7])
def test_single_images_are_put_together_by_their_episode_and_order(tmp_path, kind, order, episodes):
    places = [0, 1, 2, 3, 4, *(0.5 * n for n in range(7))]
    shuffled = [5, 0, 9, 3, 11, 7, 1, 10, 2, 8, 6, 4]
    source = rows(
        [[50, 51, 52, 53, 54, *range(7)][i] for i in shuffled],
        episode=[episodes[i] for i in shuffled],
        **{order: [places[i] for i in shuffled]},
    )
    if kind == "parquet":
        source.to_parquet(tmp_path / "rows.parquet")
        source = tmp_path
    if kind == "part":
        source = concatenate_datasets([rows([9], episode=episodes[:1], **{order: [9.0]}), source]).select(
            [*range(12, 0, -1)]
        )
    dataset = VideoDataset(source, 4)
    assert dataset.lengths.tolist() == [7, 5] and dataset.image_size == (8, 12) and not dataset.has_actions
    assert [grey(dataset[i]["pixels"])[0] for i in range(len(dataset))] == [0, 1, 2, 3, 50, 51]
    assert grey(VideoDataset(source, 2, frame_skip=3).read_all()[0]) == [0, 3, 6, 50, 53]


def test_without_an_order_rows_are_in_the_order_of_time_and_must_follow_one_another():
    dataset = VideoDataset(rows(range(12), episode_id=[0] * 5 + [1] * 7), 4)
    assert dataset.lengths.tolist() == [5, 7] and grey(dataset.read_all()[0]) == list(range(12))
    dataset = VideoDataset(rows(range(14), episode_id=[0] * 5 + [1] * 4 + [0] * 5, frame=["x"] * 14), 4)
    assert dataset.lengths.tolist() == [4] and list(dataset.left_out) == ["episode 0"]
    assert dataset.left_out["episode 0"].startswith(
        "its rows do not follow one another, and none of frame_index, frame"
    )


def test_episodes_of_single_images_that_cannot_be_trusted_are_left_out_and_named(caplog):
    source = rows(range(15), episode=[0] * 5 + [1] * 5 + [2] * 5, frame=[0, 1, 2, 3, 4, 0, 1, 2, 2, 4, 0, 1, 2, 3, 4])
    images = source.cast_column("camera", Image(decode=False))["camera"][:]
    images[11]["bytes"] = images[11]["bytes"][:-20]
    source = source.remove_columns("camera").add_column("camera", images, feature=Image())
    assert VideoDataset(source, 4).lengths.tolist() == [5]
    assert "2 of 3 videos" in caplog.text and "episode 1 (its frame 2 comes twice)" in caplog.text
    assert "episode 2 (its image 1 is damaged: image file is truncated)" in caplog.text


def test_single_images_that_cannot_be_put_together_are_refused():
    source = rows(range(5), episode=[0] * 5)
    two = concatenate_datasets([source, source.remove_columns("episode").rename_column("camera", "wrist")], axis=1)
    with pytest.raises(ValueError, match=r"several columns of images, \['camera', 'wrist'\].*remove_columns"):
        VideoDataset(two, 4)
    with pytest.raises(ValueError, match="2 rows have no episode: leave them out"):
        VideoDataset(rows(range(5), episode=[0, 0, 0, None, None]), 4)
    with pytest.raises(ValueError, match="no video column.*Image beside one of episode_index, episode, "):
        VideoDataset(source.remove_columns("episode"), 4)
    with pytest.raises(ValueError, match=r"no video column, only \['episode'\]"):
        VideoDataset(source.remove_columns("camera"), 4)
