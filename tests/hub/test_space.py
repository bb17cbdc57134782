"""A published Space: its files alone, with what its requirements install, play the world as it was published."""

import re

import pytest
import yaml
from packaging.requirements import Requirement

from genie_hf.cli.playing import find_page
from genie_hf.hub.space import PACKAGE, space_files

PLAY = """
import asyncio, sys
from pathlib import Path

import app, genie_hf

assert Path(genie_hf.__file__).parent == Path.cwd() / "genie_hf", genie_hf.__file__
worlds = app.Worlds(app.find_sources(), app.load_world)
first = app.open_worlds(worlds)["first"]
print(first["model"], [entry["name"] for entry in first["gallery"]][0])


async def play():
    service = (await worlds.get({})).service
    world = (await service.start({"gallery": "noise"}, "me"))["world"]
    print((await service.step({"world": world, "action": 1}))["frame"])


asyncio.run(play())
"""


@pytest.fixture
def names(hub):
    return hub.new_name(), hub.new_name("space")


@pytest.mark.slow
def test_the_files_of_a_space_play_the_world_as_it_was_published(hub, world, names):
    pytest.importorskip("gradio", reason="the page needs Gradio: pip install 'genie-hf[play]'")
    name, space = names
    done = hub.command("publish", world, name, "--space", space)
    assert done.returncode == 0, done.stderr
    pinned = f"{name}@{hub.commits(name)[0]}"
    assert done.stdout.splitlines()[-1].endswith(f", which plays {pinned}.")
    hub.api.delete_file("model_index.json", name)  # what is there now cannot be loaded

    files = hub.files(space, kind="space")
    assert files["worlds.txt"].decode() == f"{pinned}\n"
    for file, content in files.items():
        (hub.folder / "space" / file).parent.mkdir(parents=True, exist_ok=True)
        (hub.folder / "space" / file).write_bytes(content)
    where = {"cwd": hub.folder / "space", "PYTHONPATH": str(hub.folder / "space"), "home": "space-home"}
    played = hub.run(PLAY, **where)
    assert played.stdout.split() == [name, "noise", "1"], played.stderr


@pytest.mark.slow
def test_again_a_space_changes_with_its_world_alone(hub, world, names):
    name, space = names
    first = hub.command("publish", world, name, "--space", space)
    again = hub.command("publish", world, name, "--space", space)
    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    assert again.stdout.splitlines()[-1].startswith("Nothing has changed in")
    assert len(hub.commits(space, kind="space")) == 2
    hub.api.upload_file(path_or_fileobj=b"old", path_in_repo="player/old.js", repo_id=space, repo_type="space")
    (world / "README.md").write_text("# Mine\n")
    changed = hub.command("publish", world, name, "--space", space)
    assert changed.returncode == 0, changed.stderr
    files = hub.files(space, kind="space")
    assert "player/old.js" not in files
    assert files["worlds.txt"].decode() == f"{name}@{hub.commits(name)[0]}\n"


@pytest.mark.slow
def test_a_dry_run_lists_the_files_of_the_space(hub, world, names):
    name, space = names
    done = hub.command("publish", world, name, "--space", space, "--dry-run")
    assert done.returncode == 0, done.stderr
    listed = [line.split()[-1] for line in done.stdout.splitlines()]
    assert {"app.py", "worlds.txt", "player/main.js", "genie_hf/__init__.py"} <= set(listed)
    assert done.stdout.splitlines()[-1].endswith(f"would be in the Space {space}.")
    assert not hub.api.repo_exists(space, repo_type="space")


def test_its_readme_names_the_worlds_and_its_requirements_those_of_the_package():
    files = space_files(find_page().parent, "me/play", ["me/caves@" + "a" * 40, "me/hills"])
    _, head, body = files["README.md"].decode().split("---\n", 2)
    card = yaml.safe_load(head)
    assert (card["title"], card["models"]) == ("play", ["me/caves", "me/hills"])
    assert (card["sdk"], card["app_file"]) == ("gradio", "app.py")
    links = "[me/caves](https://huggingface.co/me/caves), [me/hills](https://huggingface.co/me/hills)"
    assert f"Here to play: {links}.\n" in body and 'Client("me/play")' in body and "OWNER" not in body
    lines = [re.split("#", line)[0].strip() for line in files["requirements.txt"].decode().splitlines()]
    needed = {Requirement(line).name for line in lines if line}
    assert {"torch", "transformers", "diffusers", "typer", "spaces"} <= needed
    assert not {"genie-hf", "pytest", "gradio"} & needed


def test_the_package_is_there_without_what_is_beside_it():
    files = space_files(find_page().parent, "me/play", ["me/caves"])
    sources = {f"genie_hf/{path.relative_to(PACKAGE).as_posix()}" for path in PACKAGE.rglob("*.py")}
    assert {name for name in sources if "/spaces_app/" not in name} <= set(files)
    assert not [name for name in files if "__pycache__" in name or name.startswith("genie_hf/pipelines/")]
