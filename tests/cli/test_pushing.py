"""`genie-hf data push`, and training on what it pushed."""

import json
from pathlib import Path

import pytest
import yaml
from huggingface_hub import DatasetCard

from recorded import record_squares

TINY = Path(__file__).parents[2] / "pipelines" / "tiny" / "recipe.yaml"


@pytest.fixture
def squares(tmp_path):
    record_squares(tmp_path / "squares" / "train", (0, 5))
    record_squares(tmp_path / "squares" / "test", (20, 22))
    return tmp_path / "squares"


@pytest.fixture
def name(hub):
    return hub.new_name("dataset")


def test_a_dry_run_lists_the_files_and_touches_nothing(hub, run, squares, name):
    status, out, _ = run("data", "push", squares, name, "--dry-run")
    listed = {line.split()[1] for line in out.splitlines()[:-1]}
    assert status == 0 and {"README.md", "preview.gif", "recording.json", "test/recording.json"} < listed
    assert out.splitlines()[-1].endswith(f"bytes in {len(listed)} files would be in {name}.")
    assert not hub.api.repo_exists(name, repo_type="dataset")


def test_all_files_come_in_one_commit_and_only_changes_make_another(hub, run, squares, name):
    status, out, err = run("data", "push", squares, name, "--private", "--license", "mit")
    assert status == 0 and f"datasets/{name}" in out, err
    files = hub.files(name, kind="dataset")
    for path in squares.rglob("*"):
        if path.suffix in (".parquet", ".json"):
            assert files[path.relative_to(squares).as_posix()] == path.read_bytes()
    assert DatasetCard(files["README.md"].decode()).data.license == "mit"
    assert hub.api.dataset_info(name).private and len(hub.commits(name, kind="dataset")) == 2

    status, out, _ = run("data", "push", squares, name, "--private", "--license", "mit")
    assert status == 0 and "Nothing has changed in" in out and len(hub.commits(name, kind="dataset")) == 2

    for path in (squares / "test").rglob("*.*"):
        path.unlink()
    status, out, _ = run("data", "push", squares, name, "--license", "mit")
    assert status == 0 and not any(file.startswith("test/") for file in hub.files(name, kind="dataset"))


@pytest.mark.slow
def test_a_terminal_shows_how_far_the_files_are_and_a_log_does_not(hub, on_a_terminal, squares, name):
    assert "train-00000-of-00003.parquet: 100%" in on_a_terminal("data", "push", squares, name)
    for file in hub.server.objects.iterdir():  # or nothing would be uploaded again
        file.unlink()
    log = hub.command("data", "push", squares, hub.new_name("dataset"))
    assert log.returncode == 0 and "%" not in log.stderr


def test_a_card_that_somebody_wrote_is_kept(hub, run, squares, name):
    run("data", "push", squares, name)
    hub.api.upload_file(path_or_fileobj=b"# Mine\n", path_in_repo="README.md", repo_id=name, repo_type="dataset")
    status, _, err = run("data", "push", squares, name)
    card = DatasetCard(hub.files(name, kind="dataset")["README.md"].decode())
    assert status == 0 and card.text.strip() == "# Mine" and card.data.configs, err


def test_a_dataset_that_is_no_recording_is_left_alone(hub, run, squares, name):
    hub.api.create_repo(name, repo_type="dataset")
    shard = next((squares / "test").rglob("*.parquet"))
    hub.api.upload_file(path_or_fileobj=shard, path_in_repo="data/a.parquet", repo_id=name, repo_type="dataset")
    before = hub.commits(name, kind="dataset")
    status, _, err = run("data", "push", squares, name)
    assert status == 2 and f"{name} holds another dataset, which is no recording: choose another name" in err
    assert hub.commits(name, kind="dataset") == before


@pytest.mark.slow
def test_a_recipe_trains_on_it_as_on_the_folder(hub, squares, name, tmp_path):
    assert hub.command("data", "push", squares, name).returncode == 0
    losses, splits = {}, {}
    for source in (str(squares), name):
        output = tmp_path / source.replace("/", "-")
        recipe = tmp_path / f"{output.name}.yaml"
        stage = {"steps": 3, "log_every": 1, "picture_every": None}
        data = {"train": [source], "test": [source]}
        training = {"tokenizer": stage, "world": stage}
        recipe.write_text(yaml.safe_dump({"extends": str(TINY), "data": data, "training": training}))
        done = hub.command("train", recipe, "--output", output)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for path in sorted(output.rglob("metrics.jsonl")) for line in path.open()]
        losses[source] = [line["loss"] for line in lines if "loss" in line]
        code = """
import sys
from genie_hf.data import HELD_OUT, VideoDataset
train, test = VideoDataset(sys.argv[1], 4), VideoDataset(sys.argv[1], 4, split=HELD_OUT)
print(train.lengths.tolist(), test.lengths.tolist(), train.frame_rate, train.action_names[:2])
"""
        splits[source] = hub.run(code, source).stdout
    assert losses[str(squares)] == losses[name] and len(losses[name]) == 6
    assert splits[str(squares)] == splits[name] and splits[name].startswith("[12, 12,")


def test_what_stands_in_the_way_is_said_in_one_sentence(hub, run, squares, name, tmp_path, monkeypatch):
    def told(*arguments):
        status, _, err = run(*arguments)
        assert status == 2 and "Traceback" not in err
        return err.splitlines()[-1]

    assert "name it as user/name" in told("data", "push", squares, "squares")
    assert "There is no folder" in told("data", "push", tmp_path / "nowhere", name)
    (tmp_path / "empty").mkdir()
    assert "empty holds no recording" in told("data", "push", tmp_path / "empty", name)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "does not know the token" in told("data", "push", squares, name)
    monkeypatch.delenv("HF_TOKEN")
    assert "log in with `hf auth login`" in told("data", "push", squares, name)


@pytest.mark.parametrize("is_there", [False, True])
def test_who_may_not_push_does_not_record(hub, run, name, tmp_path, monkeypatch, is_there):
    def told(name, *options):
        record = ("record", "coinrun", tmp_path / "new", "--levels", "0:2", "--steps", "5", "--push", name)
        status, _, err = run(*record, *options)
        assert status == 2 and "Traceback" not in err and not (tmp_path / "new").exists()
        return err.splitlines()[-1]

    if is_there:
        hub.api.create_repo(name, repo_type="dataset")
        assert f"{name} is there already, and public: make it private first" in told(name, "--private")
        hub.api.upload_file(path_or_fileobj=b"x", path_in_repo="a.parquet", repo_id=name, repo_type="dataset")
        assert f"{name} holds another dataset" in told(name)
    assert "name it as user/name" in told("name")
    assert "may not write to somebody/squares" in told("somebody/squares")
    monkeypatch.setenv("HF_TOKEN", hub.read_token)
    assert f"The token may not write to {name}" in told(name)
    monkeypatch.delenv("HF_TOKEN")
    assert "log in with `hf auth login`" in told(name)
