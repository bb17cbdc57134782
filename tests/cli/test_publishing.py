"""`genie-hf publish`, and what the commands say of a world on the Hub that cannot be had."""

import json
import shutil

import pytest
from huggingface_hub import ModelCard
from safetensors.torch import load_file, save_file


@pytest.fixture
def name(hub):
    return hub.new_name()


@pytest.fixture
def told(run, world, tmp_path):
    """What a command says that plays a world on the Hub for a frame."""

    def told(name):
        arguments = ("--actions", "1", "--steps", "1", "--output", tmp_path / "x.png")
        status, out, err = run("generate", name, world / "start.png", *arguments)
        assert "Traceback" not in err
        return out.strip() if status == 0 else err.splitlines()[-1]

    return told


def test_a_dry_run_lists_the_files_and_touches_nothing(hub, run, world, name):
    before = sorted(world.rglob("*"))
    status, out, _ = run("publish", world, name, "--dry-run")
    listed = dict(reversed(line.split(maxsplit=1)) for line in out.splitlines()[:-1])
    assert status == 0 and list(listed) == sorted(listed) and "start.png" in listed
    assert {file: int(size.replace(",", "")) for file, size in listed.items() if file != "README.md"} == {
        file: (world / file).stat().st_size for file in listed if file != "README.md"
    }
    assert out.splitlines()[-1].endswith(f"bytes in {len(listed)} files would be in {name}.")
    assert not hub.api.repo_exists(name) and sorted(world.rglob("*")) == before


@pytest.mark.slow
def test_a_published_world_is_played_by_name(hub, world, name):
    done = hub.command("publish", world, name, "--private", "--revision", "v1", "--license", "mit")
    assert done.returncode == 0, done.stderr
    commit = hub.commits(name)[0]
    assert done.stdout.strip() == f"Published {hub.url}/{name} (commit {commit[:7]}, v1)."
    assert hub.api.model_info(name, revision="v1").sha == commit and hub.api.model_info(name).private
    played = hub.command(
        "generate", name, world / "start.png", "--actions", "1", "--steps", "1", "--output", "x.gif", home="another"
    )
    assert played.returncode == 0 and (hub.folder / "x.gif").exists(), played.stderr


@pytest.mark.slow
def test_a_terminal_shows_how_far_the_files_are_and_a_log_does_not(hub, on_a_terminal, world, name):
    shown = on_a_terminal("publish", world, name)
    assert "model.safetensors: 100%" in shown and "Loading" not in shown
    played = on_a_terminal(
        "generate", name, world / "start.png", "--actions", "1", "--steps", "1", "--output", "x.gif"
    )
    assert "Fetching" in played and "Loading" not in played
    for file in hub.server.objects.iterdir():  # or nothing would be uploaded again
        file.unlink()
    log = hub.command("publish", world, hub.new_name())
    assert log.returncode == 0 and "%" not in log.stderr


def test_a_tag_of_other_files_is_refused_before_the_commit(hub, run, world, name):
    run("publish", world, name, "--revision", "v1")
    space = hub.new_name("space")
    again = ("publish", world, name, "--revision", "v1")
    status, _, err = run(*again, "--license", "mit", "--space", space)
    assert status == 2 and f"{name} has a tag v1 already, for other files than these: choose another." in err
    assert len(hub.commits(name)) == 2 and not hub.api.repo_exists(space, repo_type="space")
    status, out, _ = run(*again)
    assert status == 0 and out.startswith("Nothing has changed in")


def test_again_it_publishes_what_has_changed(hub, run, world, name):
    run("publish", world, name)
    status, out, _ = run("publish", world, name, "--revision", "v1")
    assert status == 0 and out.startswith(f"Nothing has changed in {hub.url}/{name}") and len(hub.commits(name)) == 2
    (world / "dynamics" / "model.safetensors").rename(world / "dynamics" / "model.fp16.safetensors")
    status, _, err = run("publish", world, name)
    assert status == 2 and len(hub.commits(name)) == 2  # it cannot be loaded, so nothing was done
    (world / "dynamics" / "model.fp16.safetensors").rename(world / "dynamics" / "model.safetensors")
    (world / "start.png").unlink()
    (world / "README.md").write_text("# Mine\n")
    run("publish", world, name)
    files = hub.files(name)
    assert len(hub.commits(name)) == 3 and "start.png" in files  # a picture beside the world may be somebody's
    card = ModelCard(files["README.md"].decode())
    assert card.text.strip() == "# Mine" and card.data.library_name == "genie_hf"
    assert (world / "README.md").read_text() == "# Mine\n"


def test_without_its_code_the_old_code_goes_and_other_code_stays(hub, run, world, name):
    run("publish", world, name, "--remote-code")
    assert {"pipeline_genie.py", "modeling_dynamics.py", "dynamics/modeling_dynamics.py"} <= set(hub.files(name))
    hub.api.upload_file(path_or_fileobj=b"# mine", path_in_repo="handler.py", repo_id=name)
    before = len(hub.commits(name))
    run("publish", world, name)
    assert [file for file in hub.files(name) if file.endswith(".py")] == ["handler.py"]
    assert len(hub.commits(name)) == before + 1


def test_what_cannot_be_published_is_one_sentence(hub, run, world, name, monkeypatch):
    def told(*arguments):
        status, _, err = run("publish", *arguments)
        assert status == 2 and "Traceback" not in err
        return err.splitlines()[-1]

    assert told(world.parent / "nowhere", name).startswith("genie-hf: There is no folder")
    assert told(world.parent, name).startswith(f"genie-hf: {world.parent} holds no trained world")
    assert told(world, "world") == "genie-hf: The repository is 'world': name it as user/name."
    assert "may not write to somebody/world" in told(world, "somebody/world")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert told(world, name).startswith("genie-hf: The Hub does not know the token that it was given: make one at")
    monkeypatch.delenv("HF_TOKEN")
    assert told(world, name).endswith("log in with `hf auth login`, or set HF_TOKEN.")
    monkeypatch.setenv("HF_TOKEN", hub.read_token)
    assert "may not write" in told(world, name)


@pytest.mark.parametrize("name_of_file", ["metrics.json", "action_legend.json", "action_names.json"])
def test_figures_that_are_damaged_are_named(hub, run, world, name, name_of_file):
    (world / name_of_file).write_text("{")
    status, _, err = run("publish", world, name)
    assert status == 2 and err.splitlines()[-1].startswith(f"genie-hf: {world / name_of_file} is damaged (")
    assert err.endswith("measure again, or delete it.\n") and not hub.api.repo_exists(name)


def test_what_cannot_be_loaded_is_one_sentence(hub, run, world, name, told, monkeypatch):
    assert told(name).startswith(f"genie-hf: There is no folder {name}, and no {name} on the Hub, or it is private")
    hub.api.create_repo(name, private=True)
    assert told(name).startswith(f"genie-hf: {name} lacks model_index.json: it is no world of genie_hf")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert told(name).startswith("genie-hf: The Hub does not know the token that it was given")
    monkeypatch.delenv("HF_TOKEN")
    assert told(name).endswith("if it is private, log in with `hf auth login`, or set HF_TOKEN.")


def test_a_hub_that_does_not_answer_is_one_sentence(hub, run, world, name, told):
    run("publish", world, name)
    hub.server.fail("GET", 429, times=None)
    assert told(name).startswith("genie-hf: The Hub has had too many requests from here (rate limit)")
    hub.server.stop()
    assert told(name) == (
        f"genie-hf: The Hub ({hub.url}) cannot be reached for {name}: check the network, then try again."
    )


def damaged(world):
    file = world / "dynamics" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def a_pickle(world):
    (world / "dynamics" / "model.safetensors").rename(world / "dynamics" / "pytorch_model.bin")


def without_dynamics(world):
    shutil.rmtree(world / "dynamics")


def newer(world):
    index = world / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"_format_version": 2}))


def lacking(world):
    file = world / "dynamics" / "model.safetensors"
    weights = load_file(file)
    del weights["head.weight"]
    save_file(weights, file, {"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damaged, "dynamics/model.safetensors is damaged or not a safetensors file"),
        (without_dynamics, "lacks the folder dynamics: get a fresh copy of the world."),
        (a_pickle, "; pickles, which could run code, are not loaded."),
        (newer, "this world has the format 2, and this genie_hf reads formats up to 1: upgrade it"),
        (lacking, "lack 1 of the tensors that its config.json asks for, such as head.weight"),
    ],
)
def test_a_spoilt_world_is_neither_loaded_nor_published(hub, run, world, name, told, spoil, words):
    spoil(world)
    hub.api.create_repo(name)
    hub.api.upload_folder(repo_id=name, folder_path=world)
    assert words in told(name)
    another = hub.new_name()
    status, _, err = run("publish", world, another)
    assert status == 2 and words in err.splitlines()[-1] and not hub.api.repo_exists(another)


def test_an_unknown_field_is_told_and_left_out(run, world, told, caplog):
    config = world / "dynamics" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"num_frmes": 4}))
    assert told(world).startswith("Wrote")
    assert f"The config.json of {world}/dynamics has num_frmes, which genie_hf does not know" in caplog.text
