"""The page learns from the browser at which address it is."""

import urllib.request

import pytest

from own_address import SCRIPT

app = pytest.importorskip("app", reason="the page needs Gradio: pip install 'genie-hf[play]'")


def test_the_script_comes_before_gradios_own_and_other_answers_are_left_alone():
    page = app.build_page(app.Worlds({"no/world": "/no/world"}, app.load_world))
    _, url, _ = app.serve(page, 0, prevent_thread_lock=True, quiet=True, inbrowser=False)
    try:
        with urllib.request.urlopen(url) as reply:
            html = reply.read()
            assert int(reply.headers["content-length"]) == len(html)
        assert html.count(SCRIPT) == 1
        assert html.index(b"window.gradio_config = ") < html.index(SCRIPT) < html.index(b"gradio_config?.is_colab")
        with urllib.request.urlopen(url + "config") as reply:
            assert b"no/world" in reply.read()
    finally:
        page.close()
