"""`genie-hf agents`."""

import pytest


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--levels", "5"], "--levels is '5': write it as A:B"),
        (["--labels", "10,many"], "--labels is '10,many': write numbers with commas between them, for example 50,200"),
        (["--labels", "0"], "--labels is '0': write numbers with commas between them, for example 50,200"),
    ],
)
def test_what_cannot_be_cloned_is_told_at_once(run, tmp_path, options, sentence):
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "model_index.json").write_text("{}")
    (tmp_path / "expert").mkdir()
    status, _, said = run("agents", "clone", str(tmp_path / "world"), "--expert", str(tmp_path / "expert"), *options)
    assert status == 2 and sentence in said


def test_an_expert_that_is_not_there_is_told(run, tmp_path):
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "model_index.json").write_text("{}")
    status, _, said = run("agents", "clone", str(tmp_path / "world"), "--expert", "no/such/recording")
    assert status == 2 and "There is no no/such/recording" in said


def test_what_is_not_installed_is_told_at_once(run, monkeypatch):
    monkeypatch.setattr("genie_hf.cli.acting.find_spec", lambda name: None)
    status, _, said = run("agents", "clone", "world", "--expert", "expert")
    assert status == 2 and "Cloning needs matplotlib and procgen: pip install 'genie-hf[agents,coinrun]'" in said


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["plan", "--distances", "0"], "--distances is '0': write numbers with commas between them"),
        (["plan", "--levels", "5"], "--levels is '5': write it as A:B"),
        (["rewards"], "no reward_model: train one with the stage reward, or load it as well"),
    ],
)
def test_what_cannot_be_measured_is_told(run, tmp_path, tiny_pipeline, command, sentence):
    tiny_pipeline.save_pretrained(tmp_path / "world")
    (tmp_path / "shown").mkdir()
    name, *options = command
    status, _, said = run(
        "agents", name, str(tmp_path / "world"), "--data", str(tmp_path / "shown"), *options, "--output", str(tmp_path)
    )
    assert status == 2 and sentence in said


def test_dreaming_checks_the_same_before_the_work(run, tmp_path, monkeypatch):
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "model_index.json").write_text("{}")
    (tmp_path / "shown").mkdir()
    dream = ["agents", "dream", tmp_path / "world", "--data"]
    status, _, said = run(*dream, "no/such/recording")
    assert status == 2 and "There is no no/such/recording" in said
    status, _, said = run(*dream, tmp_path / "shown", "--levels", "5")
    assert status == 2 and "--levels is '5': write it as A:B" in said
    (tmp_path / "out" / "dream-easy.png").mkdir(parents=True)
    status, _, said = run(*dream, tmp_path / "shown", "--mode", "easy", "--output", tmp_path / "out")
    assert status != 0 and "dream-easy.png cannot be written (it is a folder)" in said
    monkeypatch.setattr("genie_hf.cli.acting.find_spec", lambda name: None)
    status, _, said = run(*dream, tmp_path / "shown")
    assert status == 2 and "Dreaming needs matplotlib and procgen and stable_baselines3: pip install" in said


def test_a_world_without_rewards_is_told(run, world, labelled, tmp_path):
    pytest.importorskip("procgen")
    status, _, said = run("agents", "dream", world, "--data", labelled, "--output", tmp_path / "out")
    assert status == 2 and "the pipeline has no reward_model, so nothing can be learnt in it" in said
