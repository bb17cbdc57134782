"""Training goes on whatever the Hub does."""

import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from huggingface_hub.utils import _http

from genie_hf.training import loop, stages_in_turn, train
from genie_hf.training.checkpoints import list_checkpoints
from genie_hf.training.hub_branch import BRANCH
from genie_hf.training.pusher import Pusher
from genie_hf.training.recipe_file import build_recipe


@pytest.fixture
def name(hub, monkeypatch):
    impatient = vars(time) | {"sleep": lambda seconds: time.sleep(min(seconds, 0.1))}
    monkeypatch.setattr(_http, "time", SimpleNamespace(**impatient))  # before it tries again
    return hub.new_name()


@pytest.fixture
def before_step(monkeypatch):
    """What to do before a step of the first stage, by its number."""
    actions, take_step = {}, loop.take_step

    def act_and_take_step(run):
        if run.name == "tokenizer":
            actions.get(run.progress.step + 1, lambda run: None)(run)
        take_step(run)

    monkeypatch.setattr(loop, "take_step", act_and_take_step)
    return actions


def wait_for_push(run):
    while run.pusher.held:
        time.sleep(0.01)


def pushed_step(hub, name):
    files = hub.api.list_repo_files(name, revision=BRANCH)
    (found,) = {match[1] for match in (re.search(r"/checkpoint-(\d+)/", file) for file in files) if match}
    return int(found)


AWAY = {
    "away": lambda server: server.stop(),
    "busy": lambda server: server.fail("POST .*/commit/", 429, **{"Retry-After": "3600"}),
    "rate limit": lambda server: server.fail("POST .*/preupload/", 429, **{"Retry-After": "1"}),
    "no token": lambda server: server.fail("", 401),
    "out of order": lambda server: server.fail("POST .*/commit/", 500),
}


@pytest.mark.parametrize("how", AWAY)
def test_the_hub_goes_away_and_comes_back(how, hub, name, tiny_values, tmp_path, before_step, caplog):
    """After the second step it is away, twice in vain; after the sixth it is there again."""
    recipe = build_recipe(tiny_values)
    recipe.training.tokenizer.steps = 8

    def leave(run):
        wait_for_push(run)
        AWAY[how](hub.server)

    def come_back(run):
        wait_for_push(run)
        assert run.pusher.failure is not None
        hub.server.misbehaviours.clear()
        if how == "away":
            hub.server.start()
        assert pushed_step(hub, name) == 2

    before_step |= {3: leave, 5: wait_for_push, 7: come_back}
    (result,) = train(recipe, tmp_path, "tokenizer", push_to=name)
    assert result.step == 8 and pushed_step(hub, name) == 8
    warnings = [record.getMessage() for record in caplog.records if record.name == "genie_hf.training.pusher"]
    assert len(warnings) == 1 and warnings[0].startswith("The checkpoint cannot be pushed: ")
    assert len(warnings[0].splitlines()) == 1 and "it is tried again with the next one" in warnings[0]


@pytest.mark.parametrize("request_", ["POST .*/commit/", "POST .*/super-squash/"])
def test_what_arrived_although_the_answer_was_lost_is_known_again(
    request_, hub, name, tiny_values, tmp_path, before_step
):
    def lose_an_answer(run):
        wait_for_push(run)
        hub.server.cut(request_, after=1, times=1)

    def look(run):
        wait_for_push(run)
        assert run.pusher.failure is not None and pushed_step(hub, name) == 4

    before_step |= {3: lose_an_answer, 5: look}
    train(build_recipe(tiny_values), tmp_path, "tokenizer", push_to=name)
    assert pushed_step(hub, name) == 6 and len(hub.commits(name, BRANCH)) == 1


def test_a_run_does_not_push_over_one_that_has_begun_elsewhere(hub, name, tiny_values, tmp_path, before_step, caplog):
    """One waits after three steps until another, which took it for dead, has gone on from two to four."""
    recipe, short = build_recipe(tiny_values), build_recipe(tiny_values)
    short.training.tokenizer.steps = 4

    def go_on_elsewhere(run):
        wait_for_push(run)
        before_step.clear()
        train(short, tmp_path / "another", "tokenizer", resume=True, push_to=name)

    before_step[4] = go_on_elsewhere
    (result,) = train(recipe, tmp_path / "one", push_to=name)[-1:]
    assert (result.stage, result.step) == ("world", 6)
    assert pushed_step(hub, name) == 4 and "model_index.json" not in hub.files(name)
    warnings = [record.getMessage() for record in caplog.records if record.name == "genie_hf.training.pusher"]
    told = f"Another run pushes to {name} as well: stop one of the two, and continue the other with --resume --push-to"
    assert len(warnings) == 2 and all(told in warning for warning in warnings)

    train(recipe, tmp_path / "one", resume=True, push_to=name)
    assert "model_index.json" in hub.files(name)


def test_away_until_the_end(hub, name, tiny_values, tmp_path, before_step, caplog):
    before_step[1] = lambda run: hub.server.stop()
    (result,) = train(build_recipe(tiny_values), tmp_path, "tokenizer", push_to=name)
    assert result.ended_by == "steps"
    assert f"The last checkpoint lies here alone (The Hub ({hub.url}) cannot be reached" in caplog.text
    assert caplog.text.rstrip().endswith(f"push it with --resume --push-to {name}.")
    hub.server.start()
    train(build_recipe(tiny_values), tmp_path, "tokenizer", resume=True, push_to=name)
    assert pushed_step(hub, name) == 6


def test_steps_do_not_wait_for_a_slow_hub(hub, name, tiny_values, tmp_path, before_step, monkeypatch):
    """While the second step is on its way all others are taken; of the checkpoints that wait only the newest goes,
    and the one on its way is not deleted."""
    recipe = build_recipe(tiny_values)
    recipe.training.tokenizer.steps = 12
    hub.server.slow("PUT /objects/", 3600, times=1)
    waits = []

    def look(run):
        waits.append(sorted(path.name for path in run.pusher.held))
        assert (run.folder / "checkpoint-2" / "optimizer.bin").exists()

    before_step |= {5: look, 9: look, 12: look}
    pushers = []

    def impatient(*arguments):
        pushers.append(Pusher(*arguments, last_push=0.1))
        return pushers[0]

    monkeypatch.setattr(stages_in_turn, "Pusher", impatient)
    (result,) = train(recipe, tmp_path, "tokenizer", push_to=name)
    assert result.step == 12
    assert waits == [[f"checkpoint-{step}" for step in steps] for steps in ((2, 4), (2, 8), (10, 2))]
    kept = [path.name for path in list_checkpoints(tmp_path / "runs" / "tokenizer")]
    assert kept == ["checkpoint-2", "checkpoint-10", "checkpoint-12"]
    hub.server.stop()
    hub.server.start()  # what is on its way is sent again: no thread is left that would trouble other tests
    wait_for_push(SimpleNamespace(pusher=pushers[0]))
    assert pushed_step(hub, name) == 12


@pytest.mark.slow
def test_the_process_ends_when_the_time_for_the_last_push_is_up(hub, name, tiny_values, write_recipe):
    code = """
import logging, sys
from genie_hf.training import pusher, read_recipe, stages_in_turn, train

logging.basicConfig(level=logging.INFO)
stages_in_turn.Pusher = lambda *arguments: pusher.Pusher(*arguments, last_push=1)
train(read_recipe(sys.argv[1]), sys.argv[2], "tokenizer", push_to=sys.argv[3])
"""
    hub.server.slow("PUT /objects/", 3600)
    recipe = write_recipe(tiny_values)
    result = hub.run(code, recipe, recipe.parent, name)
    assert result.returncode == 0, result.stderr[-3000:]
    assert f"Waiting for the last push to {name}, at most 1 s" in result.stderr
    assert f"was not pushed to {name} within 1 s" in result.stderr


def test_not_each_checkpoint_is_pushed(hub, name, tiny_values, tmp_path, before_step):
    recipe = build_recipe(tiny_values)
    recipe.training.tokenizer.steps = 14
    before_step |= {step: wait_for_push for step in range(1, 15)}
    train(recipe, tmp_path, "tokenizer", push_to=name, push_every=5)
    assert pushed_step(hub, name) == 14
    commits = [request for request in hub.server.requests if request.endswith(f"/commit/{BRANCH}")]
    assert len(commits) == 3  # after 6, 12 and 14 steps


@pytest.mark.slow
def test_what_a_signal_saves_is_pushed(hub, name, tiny_values, write_recipe):
    tiny_values["training"]["tokenizer"] |= {"steps": 100_000, "checkpoint_every": 100_000}
    recipe = write_recipe(tiny_values)
    command = [sys.executable, "-m", "genie_hf.cli", "train", str(recipe), "--push-to", name, "--push-every", "100000"]
    process = subprocess.Popen(
        command, env=hub.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    metrics = recipe.parent / "runs" / "tokenizer" / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_text()) and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors[-3000:]
    assert f"The last checkpoint is in the branch {BRANCH} of {name}" in errors
    assert f"--push-to {name} --push-every 100000" in output
    (checkpoint,) = list_checkpoints(recipe.parent / "runs" / "tokenizer")
    assert pushed_step(hub, name) == int(checkpoint.name.split("-")[1])
    assert "model_index.json" not in hub.files(name)
