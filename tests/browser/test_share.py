"""What a visitor takes along: links that play again, and films."""

import av
import pytest
from PIL import Image, ImageSequence

from genie_hf.data import VideoDataset

pytestmark = pytest.mark.browser


def save(player, kind, folder):
    with player.page.expect_download() as download:
        player.page.click(f"[data-share={kind}]")
    assert download.value.suggested_filename == f"genie.{kind}"
    download.value.save_as(folder / f"genie.{kind}")
    return folder / f"genie.{kind}"


def test_a_link_plays_the_same_frames_again(visit):
    player = visit()
    assert not player.page.is_visible(".give")  # a page that keeps nothing does not ask
    before = player.picture
    player.page.click("[data-gallery=sketch-crayon]")
    player.wait_for_another_picture(before)
    player.press("36")
    player.page.keyboard.press("z")
    player.wait_for_frame(1)
    player.press("6")
    player.page.keyboard.press("x")
    player.wait_for_number(3)
    player.press("17")
    player.page.click("[data-share=link]")
    player.wait_for_words("link")
    link = player.page.input_value(".link")
    assert "a=25.06" in link

    other = visit(address=link, start=False)
    other.wait_for_frame(4)
    assert other.actions == [3, 6, 1, 7]
    assert other.picture == player.picture
    other.assert_rests(300)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?w=nothing&a=123", "The link names a picture that this page does not have. Choose one here."),
        ("?w=cave-20044&a=129", "The link's actions are not of this world, which has 8."),
    ],
)
def test_a_link_that_cannot_be_played_says_so_over_a_world_that_can(visit, query, sentence):
    player = visit(query)
    player.wait_for_words(sentence)
    player.page.wait_for_timeout(700)  # longer than it takes until the number of the frame is said
    assert player.page.inner_text(".status") == sentence
    player.press("3")


def test_films_have_all_frames(visit, tmp_path):
    player = visit()
    player.press("3636")
    player.page.keyboard.press("z")
    player.wait_for_frame(3)
    with Image.open(save(player, "gif", tmp_path)) as gif:
        assert gif.size == (256, 256)
        duration = sum(frame.info["duration"] for frame in ImageSequence.Iterator(gif))  # equal ones are one frame
    assert duration == 4 * 1000 / 5  # the world's pace
    player.wait_for_words("Saved 4 frames as genie.gif.")

    player.page.check(".burn")
    with av.open(save(player, "mp4", tmp_path)) as film:
        frames = [frame.to_image() for frame in film.decode(video=0)]
    assert len(frames) == 4
    assert frames[0].size == (448, 448)

    player.page.focus(".view")
    with player.page.expect_download():
        player.page.keyboard.press("g")


def test_only_what_a_visitor_gives_is_kept_without_what_was_taken_back(visit, collecting):
    url, folder = collecting
    player, other = (visit(address=url) for _ in range(2))
    assert "train worlds with. Nothing about you." in player.page.inner_text(".give")
    other.press("44")
    player.press("12")
    player.tool("undo")
    player.wait_for_frame(1)
    player.page.focus(".view")
    player.press("3")
    assert not any((folder / "data").iterdir())
    player.page.click("[data-share=give]")
    player.wait_for_words("Thank you: 3 frames are kept")
    data = VideoDataset(folder, num_frames=2)
    assert data.lengths.tolist() == [3]
    assert data.read_all()[1][:-1].tolist() == [0, 2]
