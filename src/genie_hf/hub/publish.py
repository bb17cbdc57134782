"""A world's files into a repository, all of them in one commit."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import EntryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.sha import git_hash

from .errors import hub_sentences
from .files import CARD

NO_TAG = re.compile(r"[\s~^:?*\[\\\x00-\x1f\x7f]|\.\.|@\{|//|/\.|^[-/.@]|[/.]$|\.lock$|^$")  # by git's rules


class Published(NamedTuple):
    """What came of publishing.

    Args:
        commit: the commit that holds the files; it knows the repository's name and page.
        changed: whether it was made now.
    """

    commit: CommitInfo
    changed: bool


def publish(
    files: Mapping[str, Path | bytes],
    repository: str,
    *,
    kind: str = "model",
    card: Callable[[str, str | None], str] | None = None,
    message: str = "Publish the world",
    description: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    branch: str | None = None,
    parent: str | None = None,
    create_pr: bool = False,
    tag: str | None = None,
    replaces: Callable[[str], bool] = lambda name: False,
) -> Published:
    """Makes a repository hold these files, by one commit; by none if it holds them already.

    All content is uploaded before the commit is made, so that no branch ever holds a part of it.

    Args:
        files: a file or its content, by name in the repository.
        repository: its name, as user/name; it is made if there is none.
        kind: `"model"`, `"dataset"` or `"space"`.
        card: makes the card from the repository's name and the card that it holds, if any.
        message: of the commit.
        description: of the commit.
        private: whether a new repository is private.
        token: as everywhere on the Hub; by default that of who is logged in.
        branch: where to commit, by default main; it is made if there is none.
        parent: the commit that the branch must still be at; by default the one that is read here, before the upload.
        create_pr: whether to propose the commit instead.
        tag: a name for the commit; a tag that is there is not moved.
        replaces: whether a file of the repository goes, now that `files` has none of its name.

    Raises:
        OSError: the Hub cannot be reached, or refuses, or the branch has moved meanwhile; in one sentence.
        ValueError: the repository is public although it should be private, or has the tag already, on other files, or
            there can be no such tag.
    """
    if tag is not None and NO_TAG.search(tag):
        raise ValueError(f"There can be no tag {tag!r}: name it with letters, digits, dots and hyphens, such as v1.0.")
    api = HfApi(token=token)
    with hub_sentences(repository, token=token):
        sdk = "gradio" if kind == "space" else None
        made = api.create_repo(repository, repo_type=kind, private=private, exist_ok=True, space_sdk=sdk)
        repository = made.repo_id
        if branch is not None and not branch.startswith("refs/pr/"):
            api.create_branch(repository, branch=branch, repo_type=kind, exist_ok=True)
        before = api.repo_info(repository, revision=branch, repo_type=kind)
        tagged = commit_of(api, repository, tag, kind)
    check_private(repository, before.private, private)
    with hub_sentences(repository, token=token):
        if card is not None:
            files = {**files, CARD: card(repository, card_of(api, repository, before.sha, kind)).encode()}
        tree = api.list_repo_tree(repository, revision=before.sha, repo_type=kind, recursive=True)
        there = {file.path: file for file in tree if isinstance(file, RepoFile)}
        new = [CommitOperationAdd(name, file) for name, file in files.items()]
        gone = [CommitOperationDelete(name) for name in there if name not in files and replaces(name)]
        is_same = tagged == before.sha and not gone and all(holds(there.get(file.path_in_repo), file) for file in new)
        if tagged is not None and not is_same:
            raise ValueError(f"{repository} has a tag {tag} already, for other files than these: choose another.")
        commit = api.create_commit(
            repository,
            [*new, *gone],
            commit_message=message,
            commit_description=description,
            repo_type=kind,
            revision=branch,
            create_pr=create_pr,
            parent_commit=parent or before.sha,
        )
        if tag is not None and tagged is None:
            api.create_tag(repository, tag=tag, revision=commit.oid, repo_type=kind)
    return Published(commit, commit.oid != before.sha)


def check_private(repository: str, is_private: bool | None, should_be: bool | None) -> None:
    """Raises `ValueError` for a public repository that should be private."""
    if should_be and not is_private:
        raise ValueError(f"{repository} is there already, and public: make it private first, or publish elsewhere.")


def holds(there: RepoFile | None, file: CommitOperationAdd) -> bool:
    """Whether a file of the repository has the same content."""
    if there is None or there.lfs is not None:
        return there is not None and there.lfs.sha256 == file.upload_info.sha256.hex()
    with file.as_file() as content:
        return there.blob_id == git_hash(content.read())


def commit_of(api: HfApi, repository: str, revision: str | None, kind: str) -> str | None:
    """The commit that a revision names, if there is such a revision."""
    try:
        return None if revision is None else api.repo_info(repository, revision=revision, repo_type=kind).sha
    except RevisionNotFoundError:
        return None


def card_of(api: HfApi, repository: str, revision: str, kind: str) -> str | None:
    """The card of a repository, if it has one."""
    try:
        return Path(api.hf_hub_download(repository, CARD, revision=revision, repo_type=kind)).read_text(
            encoding="utf-8"
        )
    except EntryNotFoundError:
        return None
