"""Several worlds on one page: a visitor goes from one to another."""

import pytest

pytestmark = pytest.mark.browser

OTHER = "The link names a world that this page does not have. Choose one here."


@pytest.mark.slow
def test_a_visitor_goes_from_world_to_world(visit, url_of_worlds):
    player = visit("?__theme=dark&w=caves-1&a=12&s=3", address=url_of_worlds, start=False)
    page = player.page
    player.wait_for_frame(2)
    assert page.locator(".worlds a").all_inner_texts() == ["caves", "nothing", "hills"]
    assert page.inner_text(".worlds [aria-current=page]") == "caves"

    page.focus(".worlds a >> text=hills")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-gallery=hills-1]")
    player.wait_for_frame(0)
    assert page.inner_text(".worlds [aria-current=page]") == "hills" and "__theme=dark" in page.url
    assert "World: hills, 5 actions" in page.inner_text(".about")
    page.focus(".view")
    player.press("34")
    page.click("[data-gallery=hills-1]")
    player.wait_for_frame(0)
    page.focus(".view")
    player.press("12")
    page.click("[data-share=link]")
    player.wait_for_words("link")
    shared = page.input_value(".link")
    there = visit(address=shared, start=False)
    there.wait_for_frame(2)
    assert there.picture == player.picture and "World: hills" in there.page.inner_text(".about")

    page.click(".worlds a >> text=nothing")
    player.wait_for_words("The world nothing could not be loaded.")
    page.click(".worlds a >> text=caves")
    player.wait_for_frame(0)
    page.focus(".view")
    player.press("1")


def test_a_link_to_a_world_that_is_not_there_says_so_over_the_first(visit, url_of_worlds):
    player = visit("?world=moon&w=moon-1&a=12", address=url_of_worlds, start=False)
    player.wait_for_words(OTHER)
    player.wait_for_frame(0)
    assert player.page.inner_text(".worlds [aria-current=page]") == "caves"


def test_one_world_has_nothing_to_choose_from(visit):
    assert visit().page.locator(".worlds").is_hidden()
