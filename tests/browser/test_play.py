"""Playing in a real browser: presses, holds, time and branches."""

import base64
import io

import pytest
from PIL import Image, ImageChops

pytestmark = pytest.mark.browser

HIDE = """
    Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
"""
GAMEPAD = """
    const button = () => ({ pressed: false });
    window.pad = { buttons: Array.from({ length: 17 }, button), axes: [0, 0, 0, 0] };
    navigator.getGamepads = () => [window.pad];
"""


def test_a_tap_is_one_frame_and_a_hold_goes_on_until_it_is_released(visit):
    player = visit(motion="no-preference")
    player.press("1")
    player.assert_rests(500)

    player.page.keyboard.down("2")
    player.page.keyboard.down("2")  # as the system repeats a key
    player.hold("2", frames=5)
    player.page.keyboard.up("2")
    player.assert_rests(1000)
    assert player.actions == [1] + [2] * (player.frame - 1)

    player.page.hover("[data-action='2']")
    before = player.frame
    player.page.mouse.down()
    player.page.wait_for_function(f"document.querySelector('.view').dataset.frame >= {before + 3}")
    player.page.mouse.up()
    player.assert_rests(500)


def test_whatever_ends_a_hold_without_a_release_of_the_key_stops(visit):
    player = visit(motion="no-preference")
    for leave in ("window.dispatchEvent(new Event('blur'))", "document.querySelector('footer button').focus()", HIDE):
        player.page.focus(".view")
        player.hold("1")
        player.page.evaluate(leave)
        player.assert_rests(500)
        player.page.keyboard.up("1")

    player.page.focus(".view")
    player.hold("1")
    player.page.keyboard.down("Shift")
    player.page.keyboard.up("!")  # the same key, with another character than it was pressed with
    player.assert_rests(500)


def test_typing_a_name_does_not_play_and_the_name_is_kept(visit):
    player = visit()
    player.tool("rename")
    fields = player.page.locator(".slot input")
    fields.first.press_sequentially("12 wasd zrx")
    fields.nth(1).fill("<b>jump</b>")
    fields.nth(1).press("Enter")
    assert fields.first.is_hidden()
    player.assert_rests(300)
    assert player.frame == 0

    player.page.reload()
    player.wait_for_frame(0)
    assert player.page.locator(".action .name").all_inner_texts()[:2] == ["12 wasd zrx", "<b>jump</b>"]
    assert player.page.get_attribute("[data-action='1']", "aria-label") == "Action 2, <b>jump</b>"


def test_letters_and_arrows_follow_the_legend_where_it_is_sure(visit):
    player = visit()
    for key, action in {"ArrowRight": 3, "d": 3, "a": 4, "w": 6, "ArrowUp": 6, " ": 5, "s": 7, "8": 8}.items():
        player.press([key])
        assert player.actions[-1] == action
    for key in "eq":  # no second action goes left or right for sure
        player.page.keyboard.press(key)
    player.assert_rests(300)

    shown = player.page.locator(".action .name").all_inner_texts()
    assert shown == ["90 %", "varies", "95 %", "90 %", "70 %", "80 %", "60 %", "varies"]
    assert player.page.locator(".action .arrow").all_inner_texts() == ["·", "", "→", "←", "↑", "↑", "↓", ""]
    assert player.page.get_attribute("[data-action='2']", "aria-label") == "Action 3, right"
    assert player.page.get_attribute("[data-action='2']", "title") == "In 95 % of 200 starts: moves right"


LAYOUTS = {  # key, its place, what it does: an action, or the frame that it leads to
    "French": [("&", "Digit1", 1), ("è", "Digit7", 7), ("q", "KeyA", 4), ("w", "KeyZ", 6), ("z", "KeyW", "undo")],
    "Czech": [("+", "Digit1", 1), ("á", "Digit8", 8), ("d", "KeyD", 3), ("z", "KeyY", "undo")],
    "Russian": [("в", "KeyD", 3), ("ц", "KeyW", 6), ("5", "Digit5", 5), ("я", "KeyZ", "undo")],
    "Dvorak": [("a", "KeyA", 4), ("w", "Comma", 6), ("s", "Semicolon", 7), ("p", "KeyR", None), (";", "KeyZ", "undo")],
}


def test_keys_of_any_layout_play(visit):
    player = visit()
    for layout, keys in LAYOUTS.items():
        for key, code, does in keys:
            before = player.frame
            for kind in ("keydown", "keyup"):
                player.page.dispatch_event(".view", kind, {"key": key, "code": code, "bubbles": True})
            if does is None:
                player.assert_rests(300)
            elif does == "undo":
                player.wait_for_frame(before - 1)
            else:
                player.wait_for_frame(before + 1)
                assert player.actions[-1] == does, layout


def test_undo_redo_and_reset_ask_the_server_for_nothing(visit):
    player = visit()
    pictures = [player.picture]
    for key in "365":
        player.press(key)
        pictures.append(player.picture)
    asked = player.calls.count("step")

    player.page.keyboard.press("z")
    player.wait_for_frame(2)
    player.tool("undo")
    player.wait_for_frame(1)
    assert player.picture == pictures[1]
    player.page.keyboard.press("y")
    player.wait_for_frame(2)
    player.press("5")  # the action that was taken from here before
    assert (player.number, player.picture) == (3, pictures[3])
    player.page.keyboard.press("r")
    player.wait_for_frame(0)
    assert player.picture == pictures[0]
    player.page.keyboard.press("z")  # there is nothing before
    for frame in (1, 2, 3):
        player.tool("redo")
        player.wait_for_frame(frame)
    assert player.picture == pictures[3]
    assert player.calls.count("step") == asked


def test_reroll_gives_another_sample_of_the_frame(visit):
    player = visit()
    player.press("36")
    first = player.picture
    for number in range(3, 8):
        player.page.keyboard.press("x")
        player.wait_for_number(number)
        assert player.frame == 2
        if player.picture != first:
            return
    pytest.fail("five rolls were all the same")


def test_a_step_from_an_older_frame_is_a_branch_to_come_back_from(visit):
    player = visit()
    player.press("33")
    old = player.picture
    player.page.keyboard.press("b")
    player.wait_for_words("Frame 2 is marked")
    player.page.keyboard.press("z")
    player.wait_for_frame(1)
    player.press("6")
    new = player.picture
    assert player.actions == [3, 6]
    assert new != old

    player.page.click(".strip li:nth-child(2) .fork")
    player.wait_for_number(2)
    assert (player.picture, player.actions) == (old, [3, 3])
    player.page.click(".strip li:nth-child(2) .fork")
    player.wait_for_number(3)
    assert player.picture == new
    player.page.click(".chip")
    player.wait_for_number(2)
    assert player.picture == old
    player.tool("mark")
    player.page.wait_for_selector(".chip", state="detached")


def test_frames_that_were_never_shown_are_no_branch(visit):
    player = visit(motion="no-preference")
    player.hold("3")
    player.page.keyboard.up("3")
    player.wait_for_previews()  # all steps on their way have come
    player.press("6")
    assert player.page.locator(".fork").count() == 0


def test_the_filmstrip_marks_what_the_model_sees_and_jumps(visit):
    player = visit()
    player.press("3333666633338")
    seen = "all => all.map(one => one.classList.contains('seen'))"
    assert player.page.eval_on_selector_all(".strip li", seen) == [False] * 3 + [True] * 11
    player.page.click(".strip li:nth-child(3) button")
    player.wait_for_frame(2)
    assert player.page.eval_on_selector_all(".strip li", seen) == [True] * 3 + [False] * 11
    assert player.page.locator(".strip .ahead").count() == 11
    assert player.page.get_attribute(".strip .here button", "aria-label") == "Frame 2, action 3"
    player.page.keyboard.press("z")  # keys still play
    player.wait_for_frame(1)


def test_previews_show_what_the_actions_lead_to_and_are_not_made_while_a_key_is_held(visit):
    player = visit(motion="no-preference")
    player.wait_for_previews()
    player.hold("3", frames=4)
    assert player.calls[player.calls.index("step") :].count("preview") == 0
    player.page.keyboard.up("3")
    player.wait_for_previews()
    drawn = "all => new Set(all.map(one => one.toDataURL())).size"
    assert player.page.eval_on_selector_all(".action canvas", drawn) > 1

    content = player.requests["preview"].response().json()["sheet"].partition(",")[2]
    sheet = Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB")
    player.press("6")
    image = player.image
    preview = sheet.crop((5 * image.width, 0, 6 * image.width, image.height))
    assert ImageChops.difference(image, preview).getbbox() is None


def test_two_players_stay_apart(visit):
    mine, yours = visit("?w=cave-20044&s=1"), visit("?w=clearing-20079&s=1")
    start = yours.picture
    assert mine.picture != start
    for key in "3366":
        mine.page.keyboard.press(key)
        yours.page.keyboard.press("1")
    mine.wait_for_frame(4)
    yours.wait_for_frame(4)
    assert (mine.actions, yours.actions) == ([3, 3, 6, 6], [1, 1, 1, 1])
    yours.page.keyboard.press("r")
    yours.wait_for_frame(0)
    assert (yours.picture, mine.frame) == (start, 4)


def test_the_keyboard_alone_plays_and_everything_has_a_name(visit):
    player = visit()
    player.page.focus(".view")
    player.page.keyboard.press("Tab")
    assert player.page.evaluate("document.activeElement.dataset.action") == "0"
    player.page.keyboard.press("Enter")
    player.wait_for_frame(1)
    player.page.keyboard.press(" ")
    player.wait_for_frame(2)
    player.page.keyboard.press("Tab")
    player.page.keyboard.press("Enter")
    player.wait_for_frame(3)
    assert player.actions == [1, 1, 2]
    player.wait_for_words("At frame 3.")  # for screen readers
    for _ in range(4):
        player.page.keyboard.down("Enter")  # as the system repeats a key
    player.page.keyboard.up("Enter")
    player.wait_for_frame(4)
    player.assert_rests(300)

    controls = player.page.locator(".genie").get_by_role("button", include_hidden=True)
    unnamed = player.page.locator(".genie").get_by_role("button", name="", exact=True, include_hidden=True)
    assert controls.count() > 20
    assert [each.evaluate("one => one.outerHTML") for each in unnamed.all() if not each.aria_snapshot()] == []


def test_a_phone_plays_by_touch_and_does_not_scroll_sideways(visit):
    size = {"width": 390, "height": 844}
    player = visit(viewport=size, has_touch=True, is_mobile=True)
    player.page.tap("[data-action='4']")
    player.wait_for_frame(1)
    player.assert_rests(300)
    assert player.page.evaluate("document.documentElement.scrollWidth") <= 390

    devtools = player.page.context.new_cdp_session(player.page)
    box = player.page.locator(".view").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 40

    def touch(kind, *points):
        points = [{"x": x, "y": y} for x, y in points]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (x, y))
    touch("touchMove", (x + 20, y))
    touch("touchMove", (x + 60, y + 10))
    player.wait_for_frame(2)
    touch("touchMove", (x - 60, y))
    player.wait_for_frame(3)
    touch("touchEnd")
    player.assert_rests(300)
    assert player.actions == [5, 3, 4]


WINDOWS = [(844, 390), (640, 450), (568, 320), (1024, 560), (1366, 657), (1280, 900), (768, 1024), (390, 844)]


def test_in_every_window_the_picture_and_its_actions_are_on_show_together(visit):
    player = visit()
    for width, height in WINDOWS:
        player.page.set_viewport_size({"width": width, "height": height})
        view, actions = (player.page.locator(name).bounding_box() for name in (".view", ".actions"))
        assert max(box["y"] + box["height"] for box in (view, actions)) <= height, (width, height)
        assert view["height"] == view["width"] >= min(240, width / 2)
        assert player.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_box_for_actions_in_films_shows_its_tick_and_never_vanishes(visit, theme):
    player = visit(f"?__theme={theme}")
    box = player.page.locator(".burn")
    looks = [box.screenshot()]
    for _ in range(2):
        box.click()
        assert Image.open(io.BytesIO(box.screenshot())).convert("RGB").getcolors(1) is None  # more than one colour
        player.page.focus(".view")
        player.page.mouse.move(0, 0)
        looks.append(box.screenshot())
    assert looks[0] == looks[2] != looks[1]


@pytest.mark.parametrize(("motion", "verb"), [("reduce", "press"), ("no-preference", "hold")])
def test_the_page_asks_to_hold_keys_only_where_that_does_something(visit, motion, verb):
    player = visit(motion=motion)
    assert player.page.text_content(".hint") == f"Click here, then {verb} a key"
    asks = player.page.locator(".genie").text_content().lower()
    assert ("hold a key" in asks, "held down" in asks, "hold an action" in asks) == (motion != "reduce",) * 3


def test_a_gamepad_steers_and_does_not_go_on_when_it_is_unplugged(visit):
    player = visit(motion="no-preference", prepare=GAMEPAD)
    player.page.evaluate("window.dispatchEvent(new Event('gamepadconnected'))")
    player.page.evaluate("pad.buttons[15].pressed = true")
    player.page.wait_for_function("document.querySelector('.view').dataset.frame >= 3")
    player.page.evaluate("navigator.getGamepads = () => [null]")
    player.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    player.assert_rests(500)
    assert set(player.actions) == {3}
