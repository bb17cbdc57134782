"""A user's account on a Hub, and fresh processes that use it: on the tests' own Hub, or on the real one."""

import os
import subprocess
import sys
from functools import cache, cached_property
from pathlib import Path
from uuid import uuid4

import pytest
from huggingface_hub import HfApi, constants

import genie_hf
from hub_server import READ_TOKEN, TOKEN, HubServer


@cache  # the real Hub is seldom to be asked
def name_of(url: str, token: str) -> str:
    """The name of the user whose token it is."""
    return HfApi(url, token).whoami()["name"]


class HubAccount:
    """What the fixture `hub` gives.

    Args:
        folder: an empty one, for the Hub's files and for the `HF_HOME` of processes.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.token = os.environ.get("GENIE_HF_TEST_HUB_TOKEN", TOKEN)
        self._server = None if "GENIE_HF_TEST_HUB_TOKEN" in os.environ else HubServer(folder)
        if self._server is not None:
            self._server.start()
        self.url = constants._HF_DEFAULT_ENDPOINT if self._server is None else self._server.url
        self.names: list[tuple[str, str]] = []

    @property
    def server(self) -> HubServer:
        """The tests' own Hub, for what cannot be asked of the real one: there the test is skipped."""
        if self._server is None:
            pytest.skip("needs a Hub that can be looked into, or be made to fail")
        return self._server

    @cached_property
    def api(self) -> HfApi:
        """For use in the tests' process."""
        return HfApi(self.url, self.token)

    @property
    def user(self) -> str:
        return name_of(self.url, self.token)

    @property
    def read_token(self) -> str:
        """One that may not write. On the real Hub there is none, and the test is skipped."""
        return self.server and READ_TOKEN

    def new_name(self, kind: str = "model") -> str:
        """The name of a repository that is not there yet, and will be deleted after the test."""
        name = f"{self.user}/genie-hf-test-{uuid4().hex[:12]}"
        self.names.append((kind, name))
        return name

    def files(self, name: str, revision: str = "main", kind: str = "model") -> dict[str, bytes]:
        """What lies in a repository, but for .gitattributes."""
        folder = Path(self.api.snapshot_download(name, revision=revision, repo_type=kind))
        paths = [path for path in folder.rglob("*") if path.is_file() and path.name != ".gitattributes"]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}

    def commits(self, name: str, revision: str = "main", kind: str = "model") -> list[str]:
        """The commits behind a revision, the last one first."""
        return [commit.commit_id for commit in self.api.list_repo_commits(name, revision=revision, repo_type=kind)]

    def environment(self, token: str | None = "own", home: str = "home", offline: bool = False, **more) -> dict:
        """That of a process.

        Args:
            token: `None` for a process without one.
            home: the name of its `HF_HOME`: another one is another machine, where nothing is cached.
            offline: whether it may use what is cached alone.
            more: further variables.
        """
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment |= {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(self.folder / home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_COLOR": "1",
            "PYTHONPATH": str(Path(genie_hf.__file__).parents[1]),
        }
        if token is not None:
            environment["HF_TOKEN"] = self.token if token == "own" else token
        if offline:
            environment["HF_HUB_OFFLINE"] = "1"
        return environment | more

    def run(self, code: str, *arguments, cwd: Path | None = None, **environment) -> subprocess.CompletedProcess:
        """Python code in a fresh process; `environment` as above."""
        return self._run("-c", code, *arguments, cwd=cwd, environment=environment)

    def command(self, *arguments, cwd: Path | None = None, **environment) -> subprocess.CompletedProcess:
        """`genie-hf <arguments>` in a fresh process."""
        return self._run("-m", "genie_hf.cli", *arguments, cwd=cwd, environment=environment)

    def start(self, *arguments, **environment) -> subprocess.Popen:
        """`python <arguments>` in a fresh process that one can talk to."""
        return subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            env=self.environment(**environment),
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def _run(self, *arguments, cwd: Path | None, environment: dict) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            env=self.environment(**environment),
            cwd=cwd or self.folder,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def close(self) -> None:
        if self._server is not None:
            return self._server.stop()
        for kind, name in self.names:
            self.api.delete_repo(name, repo_type=kind, missing_ok=True)
