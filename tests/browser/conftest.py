"""The page as visitors get it: served by a process of its own, opened in a real browser."""

import base64
import contextlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
WORLD = ROOT / "pipelines" / "coinrun-gpu"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]
CAMERA = "--use-fake-device-for-media-stream"

# One action for each way to be shown and steered by: the two best of a direction have keys, an unsure one has none.
LEGEND = [("none", 0.9), ("right", 0.4), ("right", 0.95), ("left", 0.9), ("up", 0.7), ("up", 0.8), ("down", 0.6)]
LEGEND += [("down", 0.59)]


class Server:
    """`app.py` in a process of its own, with what it prints in a log."""

    def __init__(self, log: Path, *models: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {**os.environ, "GENIE_MODELS": ",".join(map(str, models)), "GRADIO_SERVER_PORT": str(port)}
        environment["GENIE_PROXY_HOPS"] = "1"  # each visitor says its own address
        environment.pop("DISPLAY", None)  # opens no window of its own
        environment.pop("OMP_NUM_THREADS", None)  # has as many threads as on a visitor's machine
        command = [sys.executable, str(ROOT / "spaces_app" / "app.py")]
        self.url, self.log = f"http://127.0.0.1:{port}/", log
        with log.open("w") as output:
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)

    def wait(self) -> str:
        for _ in range(480):
            assert self.process.poll() is None, self.log.read_text()
            try:
                urllib.request.urlopen(self.url + "config")
                return self.url
            except OSError:
                time.sleep(0.25)
        pytest.fail(f"the page did not answer within two minutes:\n{self.log.read_text()}")

    def stop(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    """The page of the bundled world, with a legend of the tests, and one whose world does not exist."""
    pytest.importorskip("gradio", reason="needs gradio: pip install 'genie-hf[play]'")
    folder = tmp_path_factory.mktemp("served")
    world = folder / "world"
    world.mkdir()
    for path in WORLD.iterdir():
        if path.name not in ("action_legend.json", "action_names.json"):
            (world / path.name).symlink_to(path)
    actions = [{"direction": direction, "consistency": share} for direction, share in LEGEND]
    (world / "action_legend.json").write_text(json.dumps({"num_start_frames": 200, "actions": actions}))
    servers = [Server(folder / "world.log", world), Server(folder / "nothing.log", folder / "secret" / "nothing")]
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def url(servers):
    return servers[0].wait()


@pytest.fixture(scope="session")
def url_without_world(servers):
    return servers[1].wait()


@pytest.fixture
def url_of_worlds(tiny_pipeline, tmp_path):
    """A page with two worlds, and one between them that does not exist."""
    pytest.importorskip("gradio", reason="needs gradio: pip install 'genie-hf[play]'")
    for name in ("caves", "hills"):
        tiny_pipeline.save_pretrained(tmp_path / name)
        (tmp_path / name / "examples").mkdir()
        Image.effect_noise((32, 32), 90).save(tmp_path / name / "examples" / f"{name}-1.png")
    server = Server(tmp_path / "log", *(tmp_path / name for name in ("caves", "nothing", "hills")))
    yield server.wait()
    server.stop()


@pytest.fixture
def collecting(tiny_pipeline, tmp_path, monkeypatch):
    """A page that asks players for what they played, and the folder where it keeps that."""
    pytest.importorskip("gradio", reason="needs gradio: pip install 'genie-hf[play]'")
    tiny_pipeline.save_pretrained(tmp_path / "caves")
    monkeypatch.setenv("GENIE_COLLECT", str(tmp_path / "given"))
    server = Server(tmp_path / "log", tmp_path / "caves")
    yield server.wait(), tmp_path / "given" / "caves"
    server.stop()


@pytest.fixture(scope="session")
def url_behind_a_prefix(url):
    """The page behind a proxy that passes on what comes below a path, without this path."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self):
            if not self.path.startswith("/proxy/7860/"):
                return self.send_error(404)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
            request = urllib.request.Request(url + self.path.removeprefix("/proxy/7860/"), body, self.headers)
            try:
                reply = urllib.request.urlopen(request)
            except urllib.error.HTTPError as error:
                reply = error
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # the browser has left
                shutil.copyfileobj(reply, self.wfile)

        do_POST = do_GET
        log_message = staticmethod(lambda *words: None)

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/proxy/7860/"
        server.shutdown()


@pytest.fixture(scope="session")
def ask(url):
    """Sends a message to one of the page's server functions as its script does; gives the status and the text."""
    components = json.load(urllib.request.urlopen(url + "config"))["components"]
    component = next(each["id"] for each in components if each["type"] == "html")

    def ask(function, message):
        body = {"data": message, "component_id": component, "fn_name": function, "session_hash": "test"}
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(
            url + "gradio_api/component_server/", json.dumps(body).encode(), headers=headers
        )
        try:
            with urllib.request.urlopen(request) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    return ask


@pytest.fixture(scope="module")  # no longer: its event loop is in the way of tests that run one
def browser(servers):  # starts while the servers do
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'genie-hf[dev]'")
    if BROWSER is None:
        pytest.skip("no Chromium on the PATH: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=[*FLAGS, CAMERA])
        yield browser
        browser.close()


class Visit:
    """A page in a browser profile of its own, and what its visitor sees."""

    def __init__(self, page):
        self.page = page
        self.errors = []  # of the page's script
        self.strangers = []  # addresses of other hosts that were asked for anything
        self.calls = []  # server functions asked for, in order
        self.requests = {}  # the last for each
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self.note)

    def note(self, request):
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.strangers.append(request.url)
        if "component_server" in request.url:
            function = request.post_data_json["fn_name"]
            self.calls.append(function)
            self.requests[function] = request

    @property
    def frame(self) -> int:
        """Frames from the start to the one on the screen."""
        return int(self.page.get_attribute(".view", "data-frame"))

    @property
    def number(self) -> int:
        """The frame on the screen among all that were made."""
        return int(self.page.get_attribute(".view", "data-number"))

    @property
    def picture(self) -> str:
        return self.page.evaluate("document.querySelector('.view').toDataURL()")

    @property
    def image(self) -> Image.Image:
        return Image.open(io.BytesIO(base64.b64decode(self.picture.partition(",")[2]))).convert("RGB")

    @property
    def actions(self) -> list[int]:
        """The actions on the way to the frame on the screen, from 1, as the filmstrip names them."""
        labels = self.page.eval_on_selector_all(
            ".strip li:not(.ahead) > :first-child", "all => all.map(one => one.getAttribute('aria-label'))"
        )
        return [int(label.partition("action ")[2].partition(",")[0]) for label in labels[1:]]

    def wait_for_frame(self, frame):
        self.page.wait_for_selector(f".view[data-frame='{frame}']")

    def wait_for_number(self, number):
        self.page.wait_for_selector(f".view[data-number='{number}']")

    def wait_for_another_picture(self, before):
        self.page.wait_for_function("before => document.querySelector('.view').toDataURL() !== before", arg=before)

    def wait_for_previews(self):
        self.page.wait_for_selector(".actions.fresh")

    def wait_for_words(self, words):
        self.page.wait_for_function(
            "words => document.querySelector('.status')?.textContent.includes(words)", arg=words
        )

    def press(self, keys):
        """Keys one after the other; each is one frame more."""
        goal = self.frame + len(keys)
        for key in keys:
            self.page.keyboard.press(key)
        self.wait_for_frame(goal)

    def hold(self, key, frames=3):
        """Holds a key until so many frames have come; the key stays down."""
        goal = self.frame + frames
        self.page.keyboard.down(key)
        self.page.wait_for_function("goal => document.querySelector('.view').dataset.frame >= goal", arg=goal)

    def assert_rests(self, milliseconds):
        """No frame is shown and none is asked for from now on."""
        before = self.frame, self.number, self.calls.count("step")
        self.page.wait_for_timeout(milliseconds)
        assert (self.frame, self.number, self.calls.count("step")) == before

    def tool(self, name):
        self.page.click(f"[data-tool={name}]")

    def tab(self, name):
        self.page.click(f"[role=tab] >> text={name}")


@pytest.fixture
def visit(browser, url):
    """Opens the page as a new visitor and waits for the first frame. A script error fails the test, and so does a
    request to another host.

    A key is one frame however long a busy machine takes to release it, unless `motion` is `"no-preference"`.
    """
    visits, visitors = [], count()

    def visit(query="", motion="reduce", address=url, start=True, prepare=None, **options):
        headers = {"X-Forwarded-For": f"visitor-{id(visits)}-{next(visitors)}"}  # starts are limited for each address
        size = {"viewport": {"width": 1200, "height": 1000}}
        context = browser.new_context(**size | options, reduced_motion=motion, extra_http_headers=headers)
        if prepare:
            context.add_init_script(prepare)
        visits.append(Visit(context.new_page()))
        visits[-1].page.goto(address + query)
        if start:
            visits[-1].wait_for_frame(0)
        return visits[-1]

    yield visit
    faults = [fault for each in visits for fault in each.errors + each.strangers]
    for each in visits:
        each.page.context.close()
    assert not faults
