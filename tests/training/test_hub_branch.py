"""A run on the Hub, and what another machine makes of it."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from genie_hf import GeniePipeline
from genie_hf.cli import app
from genie_hf.training import loop, read_recipe, train
from genie_hf.training.checkpoints import list_checkpoints
from genie_hf.training.hub_branch import BRANCH, TrainingBranch
from genie_hf.training.metrics_log import read_metrics
from genie_hf.training.recipe_file import build_recipe
from hub_server import READ_TOKEN


@pytest.fixture
def name(hub):
    return hub.new_name()


def weights(folder):
    return {
        path.parent.name: load_file(path)
        for path in folder.glob("*/model.safetensors")
        if path.parent.name in ("video_tokenizer", "latent_action_model", "dynamics")
    }


def losses(folder):
    return {
        stage: [(line["step"], line["loss"]) for line in read_metrics(folder / "runs" / stage / "metrics.jsonl")]
        for stage in ("tokenizer", "world")
    }


def assert_same(one, other):
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys() and len(ours) == 3
    for model in ours:
        assert ours[model].keys() == theirs[model].keys()
        assert all(torch.equal(ours[model][key], theirs[model][key]) for key in ours[model]), model
    assert losses(one) == losses(other)


def test_a_run_in_its_branch_and_the_world_in_the_default_one(hub, name, tiny_values, tmp_path):
    for stage in tiny_values["training"].values():
        stage["picture_every"] = 6
    train(build_recipe(tiny_values), tmp_path / "world", push_to=name, private=True)
    assert hub.api.model_info(name).private
    files = hub.files(name, BRANCH)
    assert {file.split("/")[2] for file in files if "/checkpoint-" in file} == {"checkpoint-6"}
    assert {file.split("/")[1] for file in files if "/checkpoint-" in file} == {"world"}
    expected = {
        f"runs/{stage}/{note}" for stage in ("tokenizer", "world") for note in ("recipe.yaml", "metrics.jsonl")
    }
    assert expected | {"runs/world/pictures/step-0000006.png", "video_tokenizer/model.safetensors"} <= set(files)
    assert len(hub.commits(name, BRANCH)) == 1  # no history, in which old checkpoints would pile up

    published = hub.files(name)
    assert {"README.md", "model_index.json", "recipe.yaml", "dynamics/model.safetensors"} <= set(published)
    assert not any(file.startswith("runs/") for file in published) and len(hub.commits(name)) == 2
    pipe = GeniePipeline.from_pretrained(name)
    pipe.set_progress_bar_config(disable=True)
    pipe.start(torch.rand(3, 64, 64), num_inference_steps=1).step(0)
    (tmp_path / "recipe.yaml").write_bytes(published["recipe.yaml"])
    assert read_recipe(tmp_path).to_dict() == build_recipe(tiny_values | {"fps": 15}).to_dict()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("held_request", "resumed_at"),
    [(None, 4), ("PUT /objects/", 2), ("POST .*/commit/", 2), ("POST .*/super-squash/", 4)],
)
def test_killed_and_resumed_on_another_machine(
    held_request, resumed_at, hub, name, tiny_values, write_recipe, trained_once, tmp_path
):
    """It waits twice in the second stage, after three and five steps, when the Hub has two and four; it is killed when
    the Hub has four, or while it has not answered what is sent after four."""
    recipe = write_recipe(tiny_values)
    code = """
import sys, time
from genie_hf.training import loop, read_recipe, train

take_step = loop.take_step
def wait_and_take_step(run):
    if run.name == "world" and run.progress.step in (3, 5):
        while run.pusher.held: time.sleep(0.01)
        print("waiting", flush=True)
        sys.stdin.readline()
    take_step(run)
loop.take_step = wait_and_take_step
train(read_recipe(sys.argv[1]), sys.argv[2], push_to=sys.argv[3])
"""
    process = hub.start("-c", code, recipe, tmp_path / "first", name)
    try:
        assert process.stdout.readline() == "waiting\n"
        if held_request is not None:
            hub.server.requests.clear()
            hub.server.slow(held_request, 3600)
        print(file=process.stdin, flush=True)
        if held_request is None:
            assert process.stdout.readline() == "waiting\n"
        else:
            hub.server.wait_for(held_request)
            hub.server.misbehaviours.clear()
    finally:
        process.kill()
        process.communicate()
    assert "model_index.json" not in hub.files(name)
    arguments = ("train", recipe, "--resume", "--push-to", name, "--output", tmp_path / "second")
    resumed = hub.command(*arguments, home="another")
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    assert f"Fetching the run at step {resumed_at} of stage world from {name}" in resumed.stderr
    assert_same(tmp_path / "second", trained_once)
    assert "model_index.json" in hub.files(name) and len(hub.commits(name, BRANCH)) == 1
    assert not list((tmp_path / "second" / "runs").glob("unfinished*"))


@pytest.mark.slow
def test_broken_off_in_the_first_stage_and_resumed_elsewhere(
    hub, name, tiny_values, trained_once, tmp_path, monkeypatch
):
    def take_step_or_fail(run, take_step=loop.take_step):
        if run.progress.step == 5:
            raise RuntimeError("the machine goes away")
        take_step(run)

    recipe = build_recipe(tiny_values)
    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="goes away"):
        patched.setattr(loop, "take_step", take_step_or_fail)
        train(recipe, tmp_path / "first", push_to=name)
    train(recipe, tmp_path / "second", resume=True, push_to=name)
    assert_same(tmp_path / "second", trained_once)


@pytest.mark.slow
def test_what_is_newer_here_is_continued(hub, name, tiny_values, trained_once, tmp_path, caplog):
    caplog.set_level("INFO")
    recipe = build_recipe(tiny_values)
    recipe.training.world.steps = 4
    train(recipe, tmp_path, push_to=name)
    recipe.training.world.steps = 6
    train(recipe, tmp_path, resume=True)
    elsewhere = shutil.copytree(
        tmp_path / "runs" / "tokenizer", tmp_path / "elsewhere" / "runs" / "tokenizer"
    ).parents[1]
    (result,) = train(recipe, tmp_path, resume=True, push_to=name)
    assert (result.stage, result.step) == ("world", 6)
    assert f"(step 6 of stage world) goes on: it is newer than that in {name} (step 4 of stage world)" in caplog.text
    assert "runs/world/checkpoint-6/model.safetensors" in hub.files(name, BRANCH)

    caplog.clear()
    (result,) = train(recipe, elsewhere, resume=True, push_to=name)  # it has only come to the end of the first stage
    assert "Fetching the run at step 6 of stage world" in caplog.text
    assert (result.stage, result.step) == ("world", 6)
    assert weights(elsewhere).keys() == weights(tmp_path).keys()


def test_a_damaged_checkpoint_is_fetched_again(hub, name, tiny_values, tmp_path):
    recipe = build_recipe(tiny_values)
    train(recipe, tmp_path, "tokenizer", push_to=name)
    whole = load_file(tmp_path / "video_tokenizer" / "model.safetensors")
    optimizer = tmp_path / "runs" / "tokenizer" / "checkpoint-6" / "optimizer.bin"
    size = optimizer.stat().st_size
    optimizer.write_bytes(optimizer.read_bytes()[:100])
    train(recipe, tmp_path, "tokenizer", resume=True, push_to=name)
    assert optimizer.stat().st_size == size
    again = load_file(tmp_path / "video_tokenizer" / "model.safetensors")
    assert all(torch.equal(whole[key], again[key]) for key in whole)


@pytest.mark.slow
def test_a_run_takes_no_other_runs_place(hub, name, tiny_values, tmp_path):
    recipe = build_recipe(tiny_values)
    train(recipe, tmp_path / "one", "tokenizer", push_to=name)
    with pytest.raises(
        ValueError, match=f"{name} holds a run of 6 steps of stage tokenizer .* --resume, .*--overwrite"
    ):
        train(recipe, tmp_path / "two", push_to=name)
    assert not list_checkpoints(tmp_path / "two" / "runs" / "tokenizer")
    train(recipe, tmp_path / "one", "world", push_to=name)
    with pytest.raises(ValueError, match="holds a run of 6 steps of stage world .*: push to another repository"):
        train(recipe, tmp_path / "one", "tokenizer", resume=True, push_to=name)
    train(recipe, tmp_path / "two", "tokenizer", overwrite=True, push_to=name)
    assert not any(file.startswith("runs/world") for file in hub.files(name, BRANCH))

    other = hub.new_name()
    GeniePipeline.from_pretrained(tmp_path / "one").push_to_hub(other)
    with pytest.raises(ValueError, match="holds a world: replace it with --overwrite"):
        train(recipe, tmp_path / "three", push_to=other)


def test_a_name_that_cannot_be_written_to_is_told_before_training(hub, name, tiny_values, write_recipe, monkeypatch):
    recipe = write_recipe(tiny_values)

    def refused(repository, *options, token=None):
        if token is not None:
            monkeypatch.setenv("HF_TOKEN", token)
        arguments = ["train", str(recipe), "--push-to", repository, *options]
        error = CliRunner().invoke(app, arguments).exception
        assert isinstance(error, (OSError, ValueError)) and len(str(error).splitlines()) == 1
        assert not (recipe.parent / "runs" / "tokenizer").exists()
        return str(error)

    assert "The token may not write to somebody-else/world" in refused("somebody-else/world")
    assert "The repository is './world': name it as user/name." in refused("./world")
    assert "--push-every is 0" in refused(name, "--push-every", "0")
    hub.api.create_repo(name)
    assert f"{name} is there already, and public" in refused(name, "--private")
    assert "does not know the token" in refused(name, token="hf_wrong")
    assert "log in with `hf auth login`, or set HF_TOKEN" in refused(name, token="")
    with pytest.raises(ValueError, match="name a repository with --push-to"):
        train(build_recipe(tiny_values), recipe.parent, push_every=2)
    hub.server.stop()
    assert "cannot be reached" in refused(name)
    hub.server.start()
    assert f"The token may not write to {name}" in refused(name, token=READ_TOKEN)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def test_a_checkpoint_that_could_run_code_is_not_loaded(hub, name, tiny_values, tmp_path, monkeypatch):
    recipe = build_recipe(tiny_values)
    train(recipe, tmp_path / "one", "tokenizer", push_to=name)
    monkeypatch.chdir(tmp_path)
    path = "runs/tokenizer/checkpoint-6/custom_checkpoint_0.pkl"
    torch.save(Evil(), tmp_path / "evil.pkl")
    hub.api.upload_file(path_or_fileobj=tmp_path / "evil.pkl", path_in_repo=path, repo_id=name, revision=BRANCH)
    with pytest.raises(ValueError, match="custom_checkpoint_0.pkl in the checkpoint of .* could run code"):
        train(recipe, tmp_path / "two", "tokenizer", resume=True, push_to=name)
    assert not (tmp_path / "evil").exists() and not list_checkpoints(tmp_path / "two" / "runs" / "tokenizer")


@pytest.mark.parametrize("file", ["optimizer.bin", "custom_checkpoint_0.pkl", "model.safetensors"])
def test_a_checkpoint_that_is_damaged_on_the_hub_is_told(file, hub, name, tiny_values, trained_tokenizer, tmp_path):
    recipe = build_recipe(tiny_values)
    train(recipe, trained_tokenizer, "tokenizer", resume=True, push_to=name)
    path = f"runs/tokenizer/checkpoint-6/{file}"
    half = (trained_tokenizer / path).read_bytes()[:-100]
    hub.api.upload_file(path_or_fileobj=half, path_in_repo=path, repo_id=name, revision=BRANCH)
    with pytest.raises(ValueError, match="No checkpoint in .* is intact: start again with --overwrite"):
        train(recipe, tmp_path, "tokenizer", resume=True, push_to=name)


def test_of_two_that_push_at_once_one_is_refused(hub, name, tmp_path):
    (tmp_path / "model.bin").write_bytes(b"weights")
    one, other = (TrainingBranch(name, ["tokenizer"]) for _ in range(2))
    hub.server.slow("PUT /objects/", 3, times=1)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(one.push, {"model.bin": tmp_path / "model.bin"}, "Step 2")
        hub.server.wait_for("PUT /objects/")
        other.push({"theirs.json": b"{}"}, "Step 2")
        with pytest.raises(OSError, match=f"Somebody else has just changed {name}: try again."):
            first.result()
    assert hub.files(name, BRANCH) == {"theirs.json": b"{}"}
    with pytest.raises(ValueError, match="Another run pushes to"):
        one.push({"model.bin": tmp_path / "model.bin"}, "Step 4")


@pytest.mark.slow
def test_two_processes_push_once_and_resume_from_the_hub(hub, name, tiny_values, write_recipe, tmp_path):
    tiny_values["training"]["tokenizer"]["steps"] = 4
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
    command += ["genie_hf.cli", "train", str(write_recipe(tiny_values)), "--push-to", name, "--stage", "tokenizer"]

    def run(*options, **environment):
        result = subprocess.run(
            [*command, *map(str, options)], capture_output=True, text=True, env=hub.environment(**environment)
        )
        assert result.returncode == 0, result.stderr[-3000:]

    run("--output", tmp_path / "one")
    assert {"random_states_0.pkl", "random_states_1.pkl"} <= {path.split("/")[-1] for path in hub.files(name, BRANCH)}
    tiny_values["training"]["tokenizer"]["steps"] = 6
    write_recipe(tiny_values)
    run("--output", tmp_path / "two", "--resume", home="another")
    assert [line["step"] for line in read_metrics(tmp_path / "two/runs/tokenizer/metrics.jsonl")] == [1, 2, 3, 4, 5, 6]
    assert "runs/tokenizer/checkpoint-6/random_states_1.pkl" in hub.files(name, BRANCH)
    commits = [request for request in hub.server.requests if request.endswith(f"/commit/{BRANCH}")]
    assert 2 <= len(commits) <= 3  # from one of the two processes
