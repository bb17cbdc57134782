"""A repository holds all of a state or nothing of it."""

import pytest

from genie_hf import GeniePipeline
from genie_hf.hub.publish import publish

WEIGHTS = {"model_index.json": b"{}", "dynamics/model.safetensors": b"weights", "examples/a.png": b"a"}


@pytest.fixture
def name(hub):
    return hub.new_name()


def test_one_commit_holds_everything_and_has_the_tag(hub, name):
    done = publish(WEIGHTS, name, tag="v1", card=lambda name, theirs: f"---\nlicense: mit\n---\n# {name}, {theirs}\n")
    assert done.changed and hub.commits(name)[0] == done.commit.oid and len(hub.commits(name)) == 2
    assert hub.files(name, "v1") == WEIGHTS | {"README.md": f"---\nlicense: mit\n---\n# {name}, None\n".encode()}


def test_the_same_again_makes_no_commit_and_sends_nothing(hub, name):
    first = publish(WEIGHTS, name, tag="v1")
    again = publish(WEIGHTS, name, tag="v1")
    assert not again.changed and again.commit.oid == first.commit.oid and len(hub.commits(name)) == 2
    changed = publish(WEIGHTS | {"examples/a.png": b"another"}, name, tag="v2")
    assert changed.changed and hub.files(name, "v1") == WEIGHTS
    assert sum(request.startswith("PUT /objects/") for request in hub.server.requests) == 3


@pytest.mark.parametrize("request_", ["PUT /objects/", "POST .*/commit/main"])
def test_what_breaks_off_leaves_the_branch_as_it_was(hub, name, request_):
    publish(WEIGHTS, name)
    hub.server.fail(request_, 403)
    with pytest.raises(OSError):
        publish(WEIGHTS | {"model_index.json": b"[]", "dynamics/model.safetensors": b"others"}, name, tag="v1")
    assert hub.files(name) == WEIGHTS and not hub.api.list_repo_refs(name).tags
    hub.server.misbehaviours.clear()
    publish(WEIGHTS | {"dynamics/model.safetensors": b"others"}, name, tag="v1")
    assert hub.files(name, "v1")["dynamics/model.safetensors"] == b"others"


def test_what_somebody_else_publishes_meanwhile_is_not_undone(hub, name):
    publish(WEIGHTS, name)

    def card(name, theirs):
        hub.api.upload_file(path_or_fileobj=b"theirs", path_in_repo="model_index.json", repo_id=name)
        return "# Mine\n"

    with pytest.raises(OSError, match=f"Somebody else has just changed {name}: try again."):
        publish(WEIGHTS | {"model_index.json": b"[]"}, name, card=card)
    assert hub.files(name) == WEIGHTS | {"model_index.json": b"theirs"}


@pytest.mark.slow
def test_killed_in_the_middle_and_published_again(hub, name, tiny_pipeline, tmp_path):
    publish(WEIGHTS, name)
    before = hub.commits(name)
    tiny_pipeline.save_pretrained(tmp_path / "world")
    hub.server.requests.clear()
    hub.server.slow("PUT /objects/", 3600)
    process = hub.start("-m", "genie_hf.cli", "publish", tmp_path / "world", name)
    try:
        hub.server.wait_for("PUT /objects/")
    finally:
        process.kill()
        process.communicate()
    assert hub.commits(name) == before and hub.files(name) == WEIGHTS
    hub.server.misbehaviours.clear()
    again = hub.command("publish", tmp_path / "world", name)
    assert again.returncode == 0, again.stderr
    assert len(hub.commits(name)) == len(before) + 1
    GeniePipeline.from_pretrained(name)


def test_a_busy_hub_is_told_in_one_sentence(hub, name):
    publish(WEIGHTS, name)
    hub.server.fail("POST .*/commit/main", 429, times=1, **{"Retry-After": "30"})
    with pytest.raises(OSError, match="too many requests .*: try again in 30 seconds"):
        publish(WEIGHTS | {"model_index.json": b"[]"}, name)
    publish(WEIGHTS | {"model_index.json": b"[]"}, name)
    assert hub.files(name)["model_index.json"] == b"[]"


def test_a_tag_is_not_moved(hub, name):
    publish(WEIGHTS, name, tag="v1")
    new = WEIGHTS | {"model_index.json": b"[]"}
    others = [new, WEIGHTS | {"dynamics/model.safetensors": b"others"}, WEIGHTS | {"b.json": b"{}"}]
    for files in others:
        with pytest.raises(ValueError, match="has a tag v1 already, for other files than these: choose another"):
            publish(files, name, tag="v1")
    with pytest.raises(ValueError, match="has a tag v1 already"):
        publish({"model_index.json": b"{}"}, name, tag="v1", replaces=lambda name: name.startswith("dynamics/"))
    assert len(hub.commits(name)) == 2 and hub.files(name) == WEIGHTS
    publish(new, name)
    with pytest.raises(ValueError, match="has a tag v1 already"):
        publish(new, name, tag="v1")
    assert hub.files(name, "v1") == WEIGHTS and hub.files(name) == new


@pytest.mark.parametrize("tag", ["bad tag", "a..b", "v1~2", "v^1", "a:b", "-v1", "v1.", "v1.lock", "a//b", "@{1}", ""])
def test_a_tag_that_git_would_refuse_is_refused_before_anything_is_done(hub, name, tag):
    with pytest.raises(ValueError, match="There can be no tag"):
        publish(WEIGHTS, name, tag=tag)
    assert not hub.api.repo_exists(name)


def test_a_tag_may_be_any_that_git_takes(hub, name):
    for tag in ("v1.0", "2026-01-01", "été", "a@b"):
        publish(WEIGHTS, name, tag=tag)
    assert {ref.name for ref in hub.api.list_repo_refs(name).tags} == {"v1.0", "2026-01-01", "été", "a@b"}


def test_what_is_public_is_not_taken_for_private(hub, name):
    publish(WEIGHTS, name, private=True)
    assert hub.api.model_info(name).private
    hub.api.update_repo_settings(name, private=False)
    with pytest.raises(ValueError, match="is there already, and public"):
        publish(WEIGHTS | {"secret.json": b"{}"}, name, private=True)
    assert hub.files(name) == WEIGHTS


def test_files_of_an_earlier_state_go_where_asked(hub, name):
    publish(WEIGHTS | {"notes.txt": b"mine"}, name)
    publish({"model_index.json": b"{}"}, name, replaces=lambda name: name != "notes.txt" and name[0] != ".")
    assert hub.files(name) == {"model_index.json": b"{}", "notes.txt": b"mine"}


def test_a_branch_or_a_pull_request_leaves_main_alone(hub, name):
    publish(WEIGHTS, name)
    publish({"a.json": b"1"}, name, branch="try")
    proposed = publish({"a.json": b"2"}, name, create_pr=True)
    assert hub.files(name) == WEIGHTS
    assert hub.files(name, "try")["a.json"] == b"1"
    assert hub.files(name, proposed.commit.pr_revision)["a.json"] == b"2"
