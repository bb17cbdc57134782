"""A small Hub for the tests: it speaks the API that huggingface_hub, transformers, diffusers and datasets use.

    hub = HubServer(folder)      # objects lie there as files, by their SHA-256
    hub.start()                  # hub.url is the HF_ENDPOINT

Each commit is a whole tree, so that branches, tags, pull requests and commits can be asked for as revisions. Two users
are there: TOKEN and READ_TOKEN are those of `tester`, who may write with the first alone, STRANGERS_TOKEN is that of
`stranger`. `fail`, `cut`, `slow` and `stop` make it behave badly.

What it does not model: Xet (set HF_HUB_DISABLE_XET=1), multi-part uploads, redirects to a store of files, compression,
organisations, discussions and merging, collections, search and lists of repositories, the checks of a card's metadata
(a card whose metadata do not end is refused, nothing else), the viewer of datasets, limits of size; a Space is never
built or run, its variables, secrets and hardware are only kept. A new Space has no README.md, as it has on the Hub.
"""

import base64
import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN, READ_TOKEN, STRANGERS_TOKEN = "hf_tester", "hf_testerreads", "hf_stranger"
USERS = {TOKEN: ("tester", "write"), READ_TOKEN: ("tester", "read"), STRANGERS_TOKEN: ("stranger", "write")}
LARGE = (".safetensors", ".parquet", ".arrow", ".mp4", ".tar", ".zip", ".gif", ".png", ".jpg", ".pt", ".bin", ".onnx")
WHEN = "2026-01-01T00:00:00.000Z"


class Problem(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, code: str | None = None, headers: dict | None = None, **body):
        self.status, self.body = status, {"error": message, **body}
        self.headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {}) | (headers or {})


@dataclass
class Blob:
    """A file of a commit. Its content lies in the folder of objects."""

    sha256: str
    sha1: str  # as Git has it
    size: int
    lfs: bool

    @property
    def oid(self) -> str:
        return self.sha256 if self.lfs else self.sha1

    def entry(self, path: str, expand: bool = False) -> dict:
        found = {"type": "file", "path": path, "size": self.size, "oid": self.sha1}
        if self.lfs:
            found["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": 130}
        return found | (LAST_COMMIT if expand else {})


LAST_COMMIT = {"lastCommit": {"id": "0" * 40, "title": "A commit", "date": WHEN}}


@dataclass
class Commit:
    """A state of all files of a repository."""

    tree: dict[str, Blob]
    title: str
    parent: str | None

    @cached_property
    def oid(self) -> str:
        files = sorted((path, blob.sha256) for path, blob in self.tree.items())
        return hashlib.sha1(repr((self.title, self.parent, files)).encode()).hexdigest()


@dataclass
class Repository:
    """One of a user's models, datasets or Spaces."""

    id: str
    kind: str  # "model", "dataset" or "space"
    private: bool
    sdk: str | None = None
    gated: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pull_requests: dict[str, str] = field(default_factory=dict)
    settings: dict[str, dict] = field(default_factory=dict)  # a Space's variables, secrets, hardware

    def find(self, revision: str) -> str:
        """The commit that a branch, a tag, a pull request, or the first digits of a commit name."""
        for names in (self.branches, self.tags, self.pull_requests):
            for name in (revision, revision.removeprefix("refs/heads/"), revision.removeprefix("refs/tags/")):
                if name in names:
                    return names[name]
        found = [oid for oid in self.commits if len(revision) >= 7 and oid.startswith(revision)]
        if len(found) != 1:
            raise Problem(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return found[0]

    def add(self, names: dict[str, str], name: str, commit: Commit) -> str:
        self.commits[commit.oid] = commit
        names[name] = commit.oid
        return commit.oid

    def described(self, revision: str, blobs: bool) -> dict:
        oid = self.find(revision)
        tree = self.commits[oid].tree
        siblings = [
            {"rfilename": path} | ({"size": b.size, "blobId": b.sha1, **sibling_lfs(b)} if blobs else {})
            for path, b in sorted(tree.items())
        ]
        return {
            "_id": "0", "id": self.id, "modelId": self.id, "author": self.id.split("/")[0], "sha": oid,
            "private": self.private, "gated": "auto" if self.gated else False, "disabled": False, "downloads": 0,
            "likes": 0, "tags": [], "createdAt": WHEN, "lastModified": WHEN, "sdk": self.sdk, "siblings": siblings,
        }  # fmt: skip


def sibling_lfs(blob: Blob) -> dict:
    return {"lfs": {"sha256": blob.sha256, "size": blob.size, "pointerSize": 130}} if blob.lfs else {}


@dataclass
class Misbehaviour:
    """What happens instead to requests like "GET /tester/world/resolve/main/x"."""

    request: re.Pattern
    times: int | None  # None: for ever
    status: int = 0  # 0: the connection is cut
    headers: dict = field(default_factory=dict)
    after: int = 0  # bytes of the file that are still sent
    wait: float = 0  # seconds before the request is answered as always


class HubServer:
    """A Hub on a port of this machine, in threads of this process.

    Args:
        folder: where the objects lie.
    """

    def __init__(self, folder: Path):
        self.objects = Path(folder) / "objects"
        self.objects.mkdir(parents=True)
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.misbehaviours: list[Misbehaviour] = []
        self.requests: list[str] = []  # "GET /api/models/tester/world", in the order they came
        self.lock = threading.RLock()
        self.server, self.port = None, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Answers from now on; after `stop`, at the same address as before."""
        hub = self

        class Handler(Requests):
            """Knows its Hub."""

            server_hub = hub

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Nothing answers at its address any more."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def fail(self, request: str, status: int, times: int | None = None, **headers: str) -> None:
        """Answers requests that match ("POST .*/commit/main") with a status such as 429 or 500."""
        self.misbehaviours.append(Misbehaviour(re.compile(request), times, status, headers))

    def cut(self, request: str, after: int = 0, times: int | None = None) -> None:
        """Cuts the connection at requests that match; those of a file after so many bytes of it."""
        self.misbehaviours.append(Misbehaviour(re.compile(request), times, after=after))

    def slow(self, request: str, wait: float, times: int | None = None) -> None:
        """Answers requests that match after so many seconds."""
        self.misbehaviours.append(Misbehaviour(re.compile(request), times, wait=wait))

    def wait_for(self, request: str, timeout: float = 120) -> None:
        """Waits until a request has come that matches; whether it is answered is another matter."""
        end = time.monotonic() + timeout
        while not any(re.search(request, come) for come in self.requests):
            if time.monotonic() > end:
                raise TimeoutError(f"no {request} has come: {self.requests}")
            time.sleep(0.01)

    def misbehaviour(self, request: str) -> Misbehaviour | None:
        with self.lock:
            self.requests.append(request)
            for found in self.misbehaviours:
                if found.request.search(request) and found.times != 0:
                    found.times = None if found.times is None else found.times - 1
                    return found
        return None

    def repository(self, name: str, kind: str = "model") -> Repository:
        """A repository, e.g. to look at it or to make it `gated`."""
        return self.repositories[kind, name]

    def files(self, name: str, revision: str = "main", kind: str = "model") -> dict[str, bytes]:
        """What lies in a repository."""
        repository = self.repository(name, kind)
        tree = repository.commits[repository.find(revision)].tree
        return {path: (self.objects / blob.sha256).read_bytes() for path, blob in tree.items()}

    def commits(self, name: str, revision: str = "main", kind: str = "model") -> list[Commit]:
        """The commits behind a revision, the last one first."""
        repository = self.repository(name, kind)
        oid: str | None = repository.find(revision)
        found = []
        while oid is not None:
            found.append(repository.commits[oid])
            oid = found[-1].parent
        return found

    def store(self, content: bytes, lfs: bool) -> Blob:
        sha256 = hashlib.sha256(content).hexdigest()
        (self.objects / sha256).write_bytes(content)
        sha1 = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        return Blob(sha256, sha1, len(content), lfs)


class Server(ThreadingHTTPServer):
    """One thread for each connection, none of which outlives the tests."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, *args):
        self.connections: set = set()
        super().__init__(*args)

    def get_request(self):
        connection, address = super().get_request()
        self.connections.add(connection)
        return connection, address

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def server_close(self):
        super().server_close()
        for connection in list(self.connections):  # those that are kept open would still be answered
            self.shutdown_request(connection)

    def handle_error(self, request, client_address):
        pass  # a client that goes away is no news


ROUTES: list[tuple[str, re.Pattern, str]] = []
REPO = r"(?P<kind>models|datasets|spaces)/(?P<id>[^/]+/[^/]+)"
FILES = r"(?P<kind>datasets/|spaces/|)(?P<id>[^/]+/[^/]+)"


def route(method: str, pattern: str):
    def note(function):
        ROUTES.append((method, re.compile(f"/{pattern}"), function.__name__))
        return function

    return note


class Requests(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer, which is more than one packet, would be held back by 40 ms
    server_hub: HubServer

    def answer(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or self.read_chunks()
        self.raw, self.query = raw, {name: values[-1] for name, values in parse_qs(url.query).items()}
        self.cut_after = None
        bad = self.server_hub.misbehaviour(f"{self.command} {path}")
        if bad is not None and bad.wait:
            time.sleep(bad.wait)
            bad = None
        if bad is not None and bad.status:
            return self.send(bad.status, {"error": "Out of order"}, {"X-Error-Message": "Out of order", **bad.headers})
        if bad is not None and not bad.after:
            self.close_connection = True
            return None
        self.cut_after = None if bad is None else bad.after
        try:
            with self.server_hub.lock:
                for method, pattern, name in ROUTES:
                    # a slash in a revision comes quoted, so that the pattern must see the path as it came
                    found = pattern.fullmatch(url.path)
                    if found and method == self.command.replace("HEAD", "GET"):
                        groups = {key: unquote(value or "") for key, value in found.groupdict().items()}
                        return getattr(self, name)(**groups)
            raise Problem(404, f"There is nothing at {self.command} {path}")
        except Problem as problem:
            return self.send(problem.status, problem.body, problem.headers)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def read_chunks(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return b""
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def json(self) -> dict:
        return json.loads(self.raw or b"{}")

    def send(self, status: int, body: dict | list | bytes, headers: dict | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.cut_after is not None:
            content, self.close_connection = content[: self.cut_after], True
        self.wfile.write(content)

    def log_message(self, *args):
        pass

    # Who asks, and for what

    def user(self) -> tuple[str | None, str]:
        """The name of who asks, and whether the token is for reading or writing."""
        header = self.headers.get("Authorization")
        if header is None:
            return None, "read"
        if header.removeprefix("Bearer ") not in USERS:
            raise Problem(401, "Invalid credentials in Authorization header")
        return USERS[header.removeprefix("Bearer ")]

    def find(self, kind: str, id: str, write: bool = False) -> Repository:
        """The repository, if who asks may read it; or write to it."""
        name, role = self.user()
        repository = self.server_hub.repositories.get((kind.rstrip("s/") or "model", id))
        own = name == id.split("/")[0]
        if repository is None or (repository.private and not own):
            status = 401 if name is None else 404
            raise Problem(status, "Repository not found" if name else "Invalid username or password.", "RepoNotFound")
        if write and name is None:
            raise Problem(401, "Invalid username or password.")
        if write and not (own and role == "write"):
            raise Problem(403, "You don't have the required permissions to perform this action")
        return repository

    def check_gate(self, repository: Repository) -> None:
        name, _ = self.user()
        if repository.gated and name != repository.id.split("/")[0]:
            message = f"Access to {repository.kind} {repository.id} is restricted. Please log in."
            raise Problem(401 if name is None else 403, message, "GatedRepo")

    # Users and repositories

    @route("GET", "api/whoami-v2")
    def whoami(self):
        name, role = self.user()
        if name is None:
            raise Problem(401, "Invalid username or password.")
        token = {"displayName": "test", "role": role}
        about = {"type": "user", "id": "0", "name": name, "fullname": name, "orgs": []}
        self.send(200, about | {"auth": {"type": "access_token", "accessToken": token}})

    @route("POST", "api/repos/create")
    def create(self):
        name, role = self.user()
        if name is None:
            raise Problem(401, "Invalid username or password.")
        asked = self.json()
        kind, owner = asked.get("type") or "model", asked.get("organization") or name
        if owner != name or role != "write":
            raise Problem(403, f'You don\'t have the rights to create a {kind} under the namespace "{owner}"')
        id = f"{owner}/{asked['name']}"
        url = f"{self.server_hub.url}/{'' if kind == 'model' else kind + 's/'}{id}"
        if (kind, id) in self.server_hub.repositories:
            raise Problem(409, f"You already created this {kind} repo", url=url)
        private = bool(asked.get("private")) or asked.get("visibility") == "private"
        repository = Repository(id, kind, private, asked.get("sdk"))
        attributes = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE)
        tree = {".gitattributes": self.server_hub.store(attributes.encode(), lfs=False)}
        repository.add(repository.branches, "main", Commit(tree, "initial commit", None))
        self.server_hub.repositories[kind, id] = repository
        self.send(200, {"url": url, "name": id, "id": "0"})

    @route("DELETE", "api/repos/delete")
    def delete(self):
        asked = self.json()
        kind = asked.get("type") or "model"
        id = f"{asked.get('organization') or self.user()[0]}/{asked['name']}"
        self.find(kind, id, write=True)
        del self.server_hub.repositories[kind, id]
        self.send(200, {})

    @route("PUT", f"api/{REPO}/settings")
    def change_settings(self, kind, id):
        repository, asked = self.find(kind, id, write=True), self.json()
        if "private" in asked or "visibility" in asked:
            repository.private = bool(asked.get("private")) or asked.get("visibility") == "private"
        repository.gated = bool(asked.get("gated", repository.gated))
        self.send(200, {"private": repository.private})

    @route("GET", f"api/{REPO}/auth-check(?:/write)?")
    def check(self, kind, id):
        self.check_gate(self.find(kind, id, write=urlsplit(self.path).path.endswith("/write")))
        self.send(200, {})

    @route("GET", f"api/{REPO}(?:/revision/(?P<revision>[^/]+))?")
    def describe(self, kind, id, revision):
        self.send(200, self.find(kind, id).described(revision or "main", "blobs" in self.query))

    @route("GET", f"api/{REPO}/refs")
    def references(self, kind, id):
        repository = self.find(kind, id)

        def listed(names: dict[str, str], prefix: str) -> list[dict]:
            return [{"name": n, "ref": prefix + n, "targetCommit": oid} for n, oid in names.items()]

        found = {"branches": listed(repository.branches, "refs/heads/"), "tags": listed(repository.tags, "refs/tags/")}
        self.send(200, found | {"converts": [], "pullRequests": listed(repository.pull_requests, "")})

    @route("GET", f"api/{REPO}/commits/(?P<revision>[^/]+)")
    def history(self, kind, id, revision):
        repository = self.find(kind, id)
        repository.find(revision)
        found = self.server_hub.commits(id, revision, repository.kind)
        self.send(200, [{"id": c.oid, "title": c.title, "message": "", "authors": [], "date": WHEN} for c in found])

    @route("POST", f"api/{REPO}/tag/(?P<revision>[^/]+)")
    def tag(self, kind, id, revision):
        repository, name = self.find(kind, id, write=True), self.json()["tag"]
        if name in repository.tags:
            raise Problem(409, "Tag reference exists already")
        repository.tags[name] = repository.find(revision)
        self.send(200, {})

    @route("DELETE", f"api/{REPO}/tag/(?P<name>[^/]+)")
    def delete_tag(self, kind, id, name):
        if self.find(kind, id, write=True).tags.pop(name, None) is None:
            raise Problem(404, f"Invalid rev id: {name}", "RevisionNotFound")
        self.send(200, {})

    @route("POST", f"api/{REPO}/branch/(?P<name>[^/]+)")
    def branch(self, kind, id, name):
        repository = self.find(kind, id, write=True)
        if name in repository.branches:
            raise Problem(409, "Reference already exists")
        repository.branches[name] = repository.find(self.json().get("startingPoint", "main"))
        self.send(200, {})

    @route("POST", f"api/{REPO}/super-squash/(?P<name>[^/]+)")
    def squash(self, kind, id, name):
        repository = self.find(kind, id, write=True)
        tree = repository.commits[repository.find(name)].tree
        repository.add(repository.branches, name, Commit(tree, self.json()["message"], None))
        self.send(200, {})

    @route("DELETE", f"api/{REPO}/branch/(?P<name>[^/]+)")
    def delete_branch(self, kind, id, name):
        if self.find(kind, id, write=True).branches.pop(name, None) is None:
            raise Problem(404, f"Invalid rev id: {name}", "RevisionNotFound")
        self.send(200, {})

    @route("GET", f"api/{REPO}/(?P<what>variables|secrets|runtime)")
    def show_setting(self, kind, id, what):
        repository = self.find(kind, id)
        if what == "runtime":
            hardware = repository.settings.get("hardware", {}).get("flavor", "cpu-basic")
            return self.send(200, {"stage": "BUILDING", "hardware": {"current": None, "requested": hardware}})
        shown = {key: {"key": key, "value": value} for key, value in repository.settings.get(what, {}).items()}
        return self.send(200, shown)

    @route("POST", f"api/{REPO}/(?P<what>variables|secrets|hardware)")
    def set_setting(self, kind, id, what):
        repository, asked = self.find(kind, id, write=True), self.json()
        kept = repository.settings.setdefault(what, {})
        kept.update(asked if what == "hardware" else {asked["key"]: asked.get("value")})
        self.send(200, {key: {"key": key, "value": value} for key, value in kept.items()})

    # Writing

    @route("POST", "api/validate-yaml")
    def check_card(self):
        lines = self.json()["content"].replace("\r\n", "\n").split("\n")
        if lines[0] == "---" and "---" not in lines[1:]:
            raise Problem(400, "The metadata do not end.", errors=[{"message": "The metadata do not end."}])
        self.send(200, {"errors": [], "warnings": []})

    @route("POST", f"api/{REPO}/preupload/(?P<revision>[^/]+)")
    def prepare(self, kind, id, revision):
        repository = self.find(kind, id, write=True)
        tree = repository.commits[repository.find(revision)].tree
        files = []
        for file in self.json()["files"]:
            large = file["path"].endswith(LARGE) or b"\0" in base64.b64decode(file["sample"])
            known = tree.get(file["path"])
            mode = "lfs" if large or file["size"] > 10e6 else "regular"
            files.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": known and known.oid})
        self.send(200, {"files": files})

    @route("POST", rf"{FILES}\.git/info/lfs/objects/batch")
    def prepare_large(self, kind, id):
        self.find(kind, id, write=True)
        objects = []
        for wanted in self.json()["objects"]:
            if not (self.server_hub.objects / wanted["oid"]).exists():
                upload = {"href": f"{self.server_hub.url}/objects/{wanted['oid']}", "header": {}}
                wanted["actions"] = {"upload": upload}
            objects.append(wanted)
        self.send(200, {"transfer": "basic", "objects": objects})

    @route("PUT", "objects/(?P<oid>[0-9a-f]{64})")
    def upload(self, oid):
        if hashlib.sha256(self.raw).hexdigest() != oid:
            raise Problem(400, "The content is not what was announced")
        self.server_hub.store(self.raw, lfs=True)
        self.send(200, {})

    @route("POST", f"api/{REPO}/commit/(?P<revision>[^/]+)")
    def commit(self, kind, id, revision):
        repository = self.find(kind, id, write=True)
        header, *changes = [json.loads(line) for line in self.raw.splitlines() if line.strip()]
        names, name = repository.branches, revision
        parent = repository.find(revision)
        wanted = repository.find(header["value"].get("parentCommit", parent))
        answer = {"success": True}
        if self.query.get("create_pr") == "1":
            parent = wanted
            number = len(repository.pull_requests) + 1
            names, name = repository.pull_requests, f"refs/pr/{number}"
            answer["pullRequestUrl"] = f"{self.server_hub.url}/{self.prefix(repository)}{id}/discussions/{number}"
        elif revision in repository.pull_requests:
            names = repository.pull_requests
        elif revision not in repository.branches:
            raise Problem(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        if wanted != parent:
            raise Problem(412, "A commit has happened since. Please refresh and try again.")
        tree = self.changed(repository.commits[parent].tree, changes)
        oid = repository.add(names, name, Commit(tree, header["value"]["summary"], parent))
        url = f"{self.server_hub.url}/{self.prefix(repository)}{id}/commit/{oid}"
        self.send(200, answer | {"commitOid": oid, "commitUrl": url, "hookOutput": ""})

    @staticmethod
    def prefix(repository: Repository) -> str:
        return "" if repository.kind == "model" else f"{repository.kind}s/"

    def changed(self, tree: dict[str, Blob], changes: list[dict]) -> dict[str, Blob]:
        tree = dict(tree)
        for change in changes:
            key, value = change["key"], change["value"]
            path = value["path"]
            if key == "file":
                tree[path] = self.server_hub.store(base64.b64decode(value["content"]), lfs=False)
            elif key == "lfsFile":
                file = self.server_hub.objects / value["oid"]
                if not file.exists():
                    raise Problem(404, f"The content of {path} was not uploaded")
                tree[path] = self.server_hub.store(file.read_bytes(), lfs=True)
            elif key == "deletedFile":
                if tree.pop(path, None) is None:
                    raise Problem(404, "A file with this name doesn't exist", "EntryNotFound")
            elif key == "deletedFolder":
                tree = {p: blob for p, blob in tree.items() if not p.startswith(path.rstrip("/") + "/")}
        return tree

    # Reading

    @route("GET", f"api/{REPO}/tree/(?P<revision>[^/]+)(?:/(?P<path>.+))?")
    def tree(self, kind, id, revision, path):
        repository = self.find(kind, id)
        tree = repository.commits[repository.find(revision)].tree
        start = f"{path.rstrip('/')}/" if path else ""
        recursive, expand = (self.query.get(name, "").lower() in ("1", "true") for name in ("recursive", "expand"))
        found, folders = [], set()
        for name, blob in sorted(tree.items()):
            if not name.startswith(start):
                continue
            inside = name[len(start) :].split("/")
            folders |= {start + "/".join(inside[:depth]) for depth in range(1, len(inside) if recursive else 2)}
            if recursive or len(inside) == 1:
                found.append(blob.entry(name, expand))
                folders.discard(name)
        if start and not found and not folders:
            raise Problem(404, f"{path} does not exist on {revision}", "EntryNotFound")
        self.send(200, [folder_entry(folder, expand) for folder in sorted(folders)] + found)

    @route("POST", f"api/{REPO}/paths-info/(?P<revision>[^/]+)")
    def paths(self, kind, id, revision):
        repository = self.find(kind, id)
        tree = repository.commits[repository.find(revision)].tree
        if "json" in self.headers.get("Content-Type", ""):
            asked = self.json()
            paths, expand = asked["paths"], bool(asked.get("expand"))
        else:
            asked = parse_qs(self.raw.decode())
            paths, expand = asked.get("paths", []), asked.get("expand", ["false"])[0].lower() == "true"
        found = []
        for path in [paths] if isinstance(paths, str) else paths:
            if path in tree:
                found.append(tree[path].entry(path, expand))
            elif any(name.startswith(f"{path.rstrip('/')}/") for name in tree):
                found.append(folder_entry(path.rstrip("/"), expand))
        self.send(200, found)

    @route("GET", f"{FILES}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
    def file(self, kind, id, revision, path):
        repository = self.find(kind, id)
        self.check_gate(repository)
        oid = repository.find(revision)
        blob = repository.commits[oid].tree.get(path)
        if blob is None:
            raise Problem(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": oid})
        content = (self.server_hub.objects / blob.sha256).read_bytes()
        headers = {
            "Content-Type": "application/octet-stream",
            "ETag": f'"{blob.oid}"',
            "X-Repo-Commit": oid,
            "Accept-Ranges": "bytes",
        }
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            return self.send(200, content, headers)
        first, last = wanted.groups()
        start = int(first) if first else max(0, len(content) - int(last))
        stop = min(len(content), int(last) + 1) if first and last else len(content)
        if start >= len(content):
            raise Problem(416, "Range Not Satisfiable", headers={"Content-Range": f"bytes */{len(content)}"})
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
        return self.send(206, content[start:stop], headers)


def folder_entry(path: str, expand: bool) -> dict:
    oid = hashlib.sha1(path.encode()).hexdigest()
    return {"type": "directory", "path": path, "oid": oid, "size": 0} | (LAST_COMMIT if expand else {})


if __name__ == "__main__":  # to try things by hand: python tests/hub_server.py FOLDER
    import sys

    hub = HubServer(Path(sys.argv[1]))
    hub.start()
    print(f"export HF_ENDPOINT={hub.url} HF_TOKEN={TOKEN} HF_HUB_DISABLE_XET=1", flush=True)
    while True:
        time.sleep(60)
