"""The page in a real browser: keys and buttons play, bad files give a sentence, visitors stay apart."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genie_hf import GeniePipeline, MaskGITScheduler

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'genie-hf[dev]'")
pytest.importorskip("gradio", reason="needs gradio: pip install 'genie-hf[play]'")

APP = Path(__file__).parents[2] / "spaces_app" / "app.py"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def world_folder(tiny_video_tokenizer, tiny_dynamics, tmp_path_factory):
    """A pipeline with random weights and two start pictures."""
    folder = tmp_path_factory.mktemp("world")
    scheduler = MaskGITScheduler(mask_token_id=tiny_dynamics.config.mask_token_id)
    GeniePipeline(video_tokenizer=tiny_video_tokenizer, dynamics=tiny_dynamics, scheduler=scheduler).save_pretrained(
        folder
    )
    (folder / "examples").mkdir()
    for seed in range(2):
        noise = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "examples" / f"{seed}.png")
    return folder


@pytest.fixture(scope="module")
def url(world_folder):
    """The page, served by a process of its own as `make play` does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GENIE_MODEL": str(world_folder), "GRADIO_SERVER_PORT": str(port)}
    environment.pop("DISPLAY", None)  # opens no window of its own
    log = world_folder / "page.log"
    address = f"http://127.0.0.1:{port}/"
    command = [sys.executable, str(APP)]
    with log.open("w") as output, subprocess.Popen(command, env=environment, stdout=output, stderr=output) as page:
        try:
            for _ in range(240):
                assert page.poll() is None, log.read_text()
                try:
                    urllib.request.urlopen(address + "config")
                    break
                except OSError:
                    time.sleep(0.5)
            else:
                pytest.fail(f"the page did not answer within two minutes:\n{log.read_text()}")
            yield address
        finally:
            page.terminate()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def desktop(browser):
    """One browser profile for all visitors with a keyboard, so that the page's scripts are loaded once."""
    return browser.new_context(viewport={"width": 1200, "height": 900})


@pytest.fixture
def visit(desktop, url):
    """Opens the page as a new visitor and waits for the first frame; a script error fails the test."""
    pages, errors = [], []

    def visit(context=desktop):
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        wait_for_frame(page, 0)
        return page

    yield visit
    for page in pages:
        page.close()
    assert not errors


def wait_for_frame(page, number):
    page.wait_for_selector(f"#screen figure[data-frame='{number}']")


def picture_on_screen(page):
    return page.get_attribute("#screen img", "src")


def upload(page, file):
    with page.expect_file_chooser() as chooser:
        page.click("#upload")
    chooser.value.set_files(file)


def test_ten_keys_are_ten_frames_and_undo_and_reset_take_them_back(visit):
    page = visit()
    first = picture_on_screen(page)
    for key in "1212121212":
        page.keyboard.press(key)
    wait_for_frame(page, 10)
    assert page.inner_text("#screen figcaption").startswith("Frame 10")
    assert picture_on_screen(page) != first

    page.keyboard.press("z")
    wait_for_frame(page, 9)
    page.click("#undo")
    wait_for_frame(page, 8)
    page.keyboard.press("r")
    wait_for_frame(page, 0)
    assert picture_on_screen(page) == first


def test_buttons_play_too(visit):
    page = visit()
    page.click("#action-1")
    wait_for_frame(page, 1)
    page.click("#action-2")
    wait_for_frame(page, 2)


def test_a_held_key_plays_on_until_it_is_let_go(visit):
    page = visit()
    page.keyboard.down("1")
    page.wait_for_function("Number(document.querySelector('#screen figure').dataset.frame) >= 5")
    page.keyboard.up("1")
    page.wait_for_timeout(1000)
    stopped_at = page.get_attribute("#screen figure", "data-frame")
    page.wait_for_timeout(500)
    assert page.get_attribute("#screen figure", "data-frame") == stopped_at


def test_another_start_picture_starts_another_world(visit):
    page = visit()
    first = picture_on_screen(page)
    page.keyboard.press("1")
    wait_for_frame(page, 1)
    page.locator("#starts button").nth(1).click()
    wait_for_frame(page, 0)
    assert picture_on_screen(page) != first


def test_an_uploaded_picture_starts_a_world(visit, tmp_path):
    page = visit()
    first = picture_on_screen(page)
    Image.radial_gradient("L").save(tmp_path / "mine.png")
    upload(page, tmp_path / "mine.png")
    page.wait_for_function("before => document.querySelector('#screen img').src !== before", arg=first)
    page.keyboard.press("1")
    wait_for_frame(page, 1)


def test_a_bad_upload_gives_one_sentence_and_the_world_goes_on(visit, tmp_path):
    page = visit()
    page.keyboard.press("1")
    wait_for_frame(page, 1)
    (tmp_path / "bad.png").write_text("not a picture")
    upload(page, tmp_path / "bad.png")
    message = page.wait_for_selector("#screen .message").inner_text()
    assert message == "That file is not a picture that can be read: use a PNG, JPEG or WebP file."
    page.keyboard.press("1")
    wait_for_frame(page, 2)
    assert page.query_selector("#screen .message") is None


def test_two_visitors_stay_apart(visit):
    mine, yours = visit(), visit()
    for key in "12":
        mine.keyboard.press(key)
    wait_for_frame(mine, 2)
    yours.keyboard.press("1")
    wait_for_frame(yours, 1)
    mine.keyboard.press("3")
    wait_for_frame(mine, 3)


def test_the_session_can_be_saved_as_a_gif(visit):
    page = visit()
    page.keyboard.press("1")
    wait_for_frame(page, 1)
    page.click("#make-gif")
    with page.expect_download() as download:
        page.click("#gif a")
    with Image.open(download.value.path()) as gif:
        assert gif.format == "GIF"


def test_a_phone_shows_the_page_without_sideways_scrolling(visit, browser):
    page = visit(browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True))
    page.tap("#action-1")
    wait_for_frame(page, 1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_page_asks_no_other_host_for_anything(desktop, url):
    page = desktop.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    wait_for_frame(page, 0)
    page.close()
    assert [address for address in asked if not address.startswith((url, "data:", "blob:"))] == []
