"""What the page's server answers to others than its script, and what the page does when the server fails."""

import http.client
import json
import re

import pytest

pytestmark = pytest.mark.browser

START = {"gallery": "cave-20044", "seed": 1}
FORGED = "A" * 22


@pytest.mark.parametrize(
    ("function", "message", "sentence"),
    [
        ("step", {"world": FORGED, "action": 0}, "This world has expired. Press Reset to start it again."),
        ("preview", {"world": ["x"]}, "This world has expired. Press Reset to start it again."),
        ("export", {"world": None, "kind": "gif"}, "This world has expired. Press Reset to start it again."),
        ("step", {"action": 8}, "action is 8. Choose a whole number from 0 to 7."),
        ("step", {"action": "0"}, "action is 0. Choose a whole number from 0 to 7."),
        ("step", {"action": 0, "parent": 10**9}, "parent is 1000000000. Choose a whole number from 0 to 1000000."),
        ("step", {"action": 0, "frame": 99}, "Frame 99 is too far ahead. Ask for frame 1 first."),
        ("export", {"kind": "exe"}, "That is no kind of film. Choose gif or mp4."),
        ("start", {"gallery": "../app"}, "There is no such start picture in the gallery. Choose another one."),
        ("start", {"picture": "%%%"}, "That picture is not in base64. Send the file's content in base64."),
        ("start", {"picture": "YWJj"}, "That file is not a picture that can be read. Use PNG, JPEG or WebP."),
        ("start", {"text": "a castle"}, "This page has no model that turns text into pictures. Choose a picture."),
        ("start", {**START, "steps": 10**6}, "steps is 1000000. Choose a whole number from 1 to 25."),
        ("step", "a text", "That request could not be understood. Reload the page."),
        ("start", [1, 2], "That request could not be understood. Reload the page."),
    ],
)
def test_a_message_the_page_would_not_send_gets_one_sentence(ask, function, message, sentence):
    if isinstance(message, dict) and function != "start" and "world" not in message:
        message["world"] = json.loads(ask("start", START)[1])["world"]
    status, text = ask(function, message)
    reply = json.loads(text)
    assert (status, reply["error"]) == (200, sentence)
    assert reply.get("expired", False) == ("expired" in sentence)


@pytest.mark.parametrize("function", ["undo", "session", "__class__", ""])
def test_only_the_functions_of_the_page_can_be_called(ask, function):
    status, text = ask(function, {"world": FORGED})
    assert status >= 400
    assert_tells_nothing(text)


def test_a_large_body_is_refused_before_it_is_sent(url):
    connection = http.client.HTTPConnection(url.split("/")[2])
    connection.putrequest("POST", "/gradio_api/component_server/")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "30000000")
    connection.endheaders()
    reply = connection.getresponse()
    assert (reply.status, reply.read()) == (413, b"The request is larger than 600 kB. Send a smaller picture.")
    connection.close()


def assert_tells_nothing(text):
    assert not re.search(r"Traceback|site-packages|\.py\b|/(work|home|tmp|usr|root)/", text), text


@pytest.fixture
def line(visit):
    """What happens to all that a page asks of the server; `line.fate` may change while it is open."""

    class Line:
        fate = staticmethod(lambda route: route.continue_())

        def open(self):
            player = visit()
            player.page.route("**/component_server/", lambda route: self.fate(route))
            player.press("3")  # a request right after `route` may pass it by
            return player

    return Line()


def forge(route):
    body = route.request.post_data_json
    body["data"]["world"] = FORGED
    route.continue_(post_data=json.dumps(body))


def lose_reply(route):
    route.fetch()
    route.abort()


def test_an_expired_world_says_so_and_reset_starts_it_again(line):
    player = line.open()
    start = player.page.get_attribute(".strip img", "src")
    line.fate = forge
    player.page.keyboard.press("3")
    player.wait_for_words("This world has expired.")
    player.page.wait_for_timeout(700)  # longer than it takes until the number of the frame is said
    assert player.page.inner_text(".status") == "This world has expired. Press Reset to start it again."
    assert player.frame == 1

    line.fate = lambda route: route.continue_()
    player.tool("reset")
    player.wait_for_frame(0)
    assert player.page.get_attribute(".strip img", "src") == start
    player.press("3")


def test_a_step_whose_request_or_reply_is_lost_can_be_taken_again(line):
    player = line.open()
    for lose in (lambda route: route.abort(), lose_reply):
        line.fate = lose
        player.page.keyboard.press("6")
        player.wait_for_words("The server did not answer. Check your connection and try again.")
        line.fate = lambda route: route.continue_()
        player.press("63")
        player.page.wait_for_function("!document.querySelector('.status').textContent.includes('did not answer')")
    assert player.actions == [3, 6, 3, 6, 3]


def test_a_world_that_cannot_be_loaded_is_said_in_one_sentence(visit, url_without_world, servers):
    player = visit(address=url_without_world, start=False)
    player.wait_for_words("The world nothing could not be loaded.")
    assert_tells_nothing(player.page.inner_text(".status"))
    assert "secret" not in player.page.content()
    assert player.page.locator(".genie button:enabled").count() == 0
    assert "Traceback" not in servers[1].log.read_text()


def test_behind_a_proxy_that_cuts_off_a_path_everything_works(visit, url_behind_a_prefix):
    player = visit("?w=cave-20044&a=3&s=1", address=url_behind_a_prefix, start=False)
    asked = []
    player.page.on("response", lambda response: asked.append((response.status, response.url)))
    player.wait_for_frame(1)
    player.press("6")
    player.wait_for_previews()
    player.page.click("[data-share=link]")
    assert player.page.input_value(".link").startswith(url_behind_a_prefix + "?w=cave-20044")
    assert [each for each in asked if each[0] >= 400] == []
