"""The tests' own Hub answers huggingface_hub, transformers, diffusers and datasets as the real one does."""

import time

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from hub_server import READ_TOKEN, STRANGERS_TOKEN


@pytest.fixture
def folder(tmp_path):
    """Files of both kinds, in folders."""
    for name, content in {
        "README.md": "# A world\n",
        "a/b/c.txt": "deep",
        "a/model.safetensors": "weights" * 99,
    }.items():
        file = tmp_path / "folder" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return tmp_path / "folder"


def test_what_is_uploaded_comes_back_by_each_kind_of_revision(hub, folder, tmp_path):
    name = hub.new_name()
    hub.api.create_repo(name)
    first = hub.api.upload_folder(repo_id=name, folder_path=folder)
    hub.api.create_tag(name, tag="v1")
    hub.api.create_branch(name, branch="try")
    (folder / "a" / "b" / "c.txt").write_text("deeper")
    second = hub.api.upload_folder(repo_id=name, folder_path=folder)
    for revision, content in {"v1": "deep", "try": "deep", first.oid: "deep", "main": "deeper"}.items():
        got = hub.api.snapshot_download(name, revision=revision, cache_dir=tmp_path / "cache" / revision)
        assert (folder / "a" / "model.safetensors").read_bytes() == open(f"{got}/a/model.safetensors", "rb").read()
        assert open(f"{got}/a/b/c.txt").read() == content
    refs = hub.api.list_repo_refs(name)
    assert {r.name: r.target_commit for r in refs.tags} == {"v1": first.oid}
    assert {r.name: r.target_commit for r in refs.branches} == {"main": second.oid, "try": first.oid}
    with pytest.raises(HfHubHTTPError, match="409"):
        hub.api.create_tag(name, tag="v1")


def test_what_has_not_changed_makes_no_commit(hub, folder):
    name = hub.new_name()
    hub.api.create_repo(name)
    first = hub.api.upload_folder(repo_id=name, folder_path=folder)
    assert hub.api.upload_folder(repo_id=name, folder_path=folder).oid == first.oid
    assert [commit.commit_id for commit in hub.api.list_repo_commits(name)][0] == first.oid
    (folder / "README.md").write_text("# Another\n")
    hub.api.upload_folder(repo_id=name, folder_path=folder)
    assert len(hub.api.list_repo_commits(name)) == 3


def test_a_pull_request_leaves_the_branch_alone(hub, folder):
    name = hub.new_name()
    hub.api.create_repo(name)
    proposed = hub.api.upload_folder(repo_id=name, folder_path=folder, create_pr=True)
    assert proposed.pr_revision == "refs/pr/1"
    assert hub.api.file_exists(name, "README.md", revision="refs/pr/1")
    assert not hub.api.file_exists(name, "README.md")


def test_a_commit_on_what_is_no_longer_the_last_one_is_refused_but_may_be_proposed(hub, folder):
    name = hub.new_name()
    hub.api.create_repo(name)
    first = hub.api.model_info(name).sha
    second = hub.api.upload_folder(repo_id=name, folder_path=folder, parent_commit=first)
    change = {"path_or_fileobj": b"{}", "path_in_repo": "a.json", "repo_id": name, "parent_commit": first}
    with pytest.raises(HfHubHTTPError, match="412"):
        hub.api.upload_file(**change)
    assert hub.api.model_info(name).sha == second.oid
    proposed = hub.api.upload_file(**change, create_pr=True)
    assert set(hub.files(name, proposed.pr_revision)) == {"a.json"}
    hub.api.super_squash_history(name)
    with pytest.raises(HfHubHTTPError, match="412"):
        hub.api.upload_file(**change | {"parent_commit": second.oid})


def test_parts_of_files_are_read(hub, folder):
    from huggingface_hub import HfFileSystem

    name = hub.new_name("dataset")
    hub.api.create_repo(name, repo_type="dataset")
    hub.api.upload_folder(repo_id=name, folder_path=folder, repo_type="dataset")
    files = HfFileSystem(endpoint=hub.url, token=hub.token, skip_instance_cache=True)
    assert sorted(files.find(f"datasets/{name}/a")) == [
        f"datasets/{name}/a/b/c.txt",
        f"datasets/{name}/a/model.safetensors",
    ]
    with files.open(f"datasets/{name}/a/model.safetensors", block_size=7) as file:
        file.seek(7 * 50)
        assert file.read(7) == b"weights"
    assert files.cat_file(f"datasets/{name}/a/b/c.txt", start=-2) == b"ep"
    with pytest.raises(EntryNotFoundError):
        next(iter(hub.api.list_repo_tree(name, "nowhere", repo_type="dataset")))


def test_who_may_do_what(hub, folder):
    server, name = hub.server, hub.new_name()
    hub.api.create_repo(name, private=True)
    anyone, stranger = HfApi(hub.url, token=False), HfApi(hub.url, STRANGERS_TOKEN)
    for api in (anyone, stranger):
        with pytest.raises(RepositoryNotFoundError):
            api.model_info(name)
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        HfApi(hub.url, "hf_wrong").whoami()
    with pytest.raises(HfHubHTTPError, match="403"):
        HfApi(hub.url, READ_TOKEN).upload_folder(repo_id=name, folder_path=folder)
    with pytest.raises(HfHubHTTPError, match="403"):
        stranger.create_repo("tester/theirs")
    hub.api.update_repo_settings(name, private=False)
    hub.api.upload_folder(repo_id=name, folder_path=folder)
    assert anyone.model_info(name).id == name
    with pytest.raises(RevisionNotFoundError):
        anyone.model_info(name, revision="v9")
    server.repository(name).gated = True
    with pytest.raises(GatedRepoError):
        stranger.hf_hub_download(name, "README.md", cache_dir=folder.parent)


def test_a_branch_without_its_history(hub, folder):
    name = hub.new_name()
    hub.api.create_repo(name)
    hub.api.create_branch(name, branch="other")
    hub.api.upload_folder(repo_id=name, folder_path=folder, revision="other")
    files = hub.files(name, "other")
    hub.api.super_squash_history(name, branch="other")
    assert len(hub.commits(name, "other")) == 1 and hub.files(name, "other") == files


def test_it_fails_when_asked_to(hub, folder, tmp_path):
    server, name = hub.server, hub.new_name()
    hub.api.create_repo(name)
    hub.api.upload_folder(repo_id=name, folder_path=folder)
    server.fail("GET /api/models", 429, times=1)
    with pytest.raises(HfHubHTTPError, match="429"):
        hub.api.model_info(name)
    assert hub.api.model_info(name).id == name
    server.cut("GET .*model.safetensors", after=100, times=1)
    got = hub.api.hf_hub_download(name, "a/model.safetensors", cache_dir=tmp_path)
    assert open(got).read() == "weights" * 99  # the rest came by a Range request
    server.slow("GET /api/models", 0.5, times=1)
    began = time.monotonic()
    assert hub.api.model_info(name).id == name and time.monotonic() - began > 0.5
    server.stop()
    with pytest.raises(Exception, match="[Cc]onnect"):
        hub.api.model_info(name)
    server.start()
    assert hub.api.model_info(name).id == name


def test_a_process_sees_it(hub):
    name = hub.new_name("dataset")
    push = "import sys; from datasets import Dataset; Dataset.from_dict({'x': [1, 2, 3]}).push_to_hub(sys.argv[1])"
    load = """
import sys
from datasets import load_dataset
print(load_dataset(sys.argv[1], split="train")["x"][:], list(load_dataset(sys.argv[1], split="train", streaming=True)))
"""
    hub.api.create_repo(name, repo_type="dataset", private=True)
    assert hub.run(push, name).returncode == 0
    loaded = hub.run(load, name)
    assert loaded.stdout.strip() == "[1, 2, 3] [{'x': 1}, {'x': 2}, {'x': 3}]", loaded.stderr
    assert "doesn't exist" in hub.run(load, name, token=None, home="elsewhere").stderr
