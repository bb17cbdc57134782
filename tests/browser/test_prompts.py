"""Where worlds start from: the gallery, files, sketches and the camera; bad pictures give one sentence."""

import pytest
from PIL import Image, ImageDraw

pytestmark = pytest.mark.browser

RED, BLUE = (230, 20, 20), (20, 20, 230)
TURNED = 6  # EXIF: the top of the picture is its right side


def two_colours(mode="RGB"):
    """Red above blue."""
    picture = Image.new("RGB", (96, 96), RED)
    ImageDraw.Draw(picture).rectangle((0, 48, 96, 96), fill=BLUE)
    return picture.convert(mode)


def photograph(path):
    exif = Image.Exif()
    exif[0x0112] = TURNED
    two_colours().rotate(90).save(path, exif=exif)  # red on the left, to be turned clockwise


GOOD = {
    "plain.png": lambda path: two_colours().save(path),
    "turned.jpg": photograph,
    "cmyk.jpg": lambda path: two_colours("CMYK").save(path),
    "animated.gif": lambda path: two_colours().save(path, save_all=True, append_images=[Image.new("RGB", (96, 96))]),
    "large.webp": lambda path: two_colours().resize((2000, 2000)).save(path),
}
BAD = {
    "text.png": (
        lambda path: path.write_text("not a picture"),
        "That file is not a picture this browser can read. Use PNG, JPEG or WebP.",
    ),
    "enormous.png": (
        lambda path: Image.new("1", (9000, 9000)).save(path),
        "That picture has 9000 x 9000 pixels, more than 50 megapixels. Use a smaller one.",
    ),
    "tiny.png": (
        lambda path: Image.new("RGB", (1, 1)).save(path),
        "That picture has 1 x 1 pixels. Use one with at least 16 on each side.",
    ),
    "flat.png": (
        lambda path: Image.new("RGB", (99, 99), RED).save(path),
        "That picture is one flat colour, so there is nothing to play with. Add some shapes.",
    ),
}


def looks_like(colour, pixel):
    return max(range(3), key=pixel.__getitem__) == max(range(3), key=colour.__getitem__) and max(pixel) > 100


def assert_red_above_blue(image):
    assert all(looks_like(RED, image.getpixel((x, 10))) for x in (8, 32, 56))
    assert all(looks_like(BLUE, image.getpixel((x, 54))) for x in (8, 32, 56))


def test_a_picture_of_the_gallery_starts_another_world(visit):
    player = visit()
    first = player.picture
    player.press("3")
    player.page.click("[data-gallery=sketch-hills]")
    player.wait_for_frame(0)
    assert player.picture != first
    player.press("3")  # the keys go to the world without a click on it
    assert player.actions == [3]

    # More MaskGIT steps start the same world again.
    with player.page.expect_request(lambda request: '"fn_name":"start"' in (request.post_data or "")) as asked:
        player.page.locator(".steps").fill("2")
    assert asked.value.post_data_json["data"]["gallery"] == "sketch-hills"
    assert asked.value.post_data_json["data"]["steps"] == 2
    player.wait_for_frame(0)


def test_files_of_every_kind_start_worlds(visit, tmp_path):
    player = visit()
    player.tab("Upload")
    for name, save in GOOD.items():
        save(tmp_path / name)
        before = player.picture
        player.page.set_input_files(".file", tmp_path / name)
        player.page.wait_for_function(
            "before => document.querySelector('.view').toDataURL() !== before || "
            "document.querySelector('.status').textContent.startsWith('That ')",
            arg=before,
        )
        assert_red_above_blue(player.image)
        player.page.click("[data-share=link]")
        player.wait_for_words("cannot be in a link")
        player.press("3")

    # One that is dropped, on the page or below it.
    content = list((tmp_path / "plain.png").read_bytes())
    transfer = player.page.evaluate_handle(
        """content => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(content)], "plain.png", { type: "image/png" }));
            return transfer;
        }""",
        content,
    )
    for place in (".stage", "footer"):
        before = player.picture
        player.page.dispatch_event(place, "drop", {"dataTransfer": transfer})
        player.wait_for_another_picture(before)
        assert_red_above_blue(player.image)
        player.press("3")


def test_of_a_long_picture_the_middle_is_played(visit, tmp_path):
    player = visit()
    player.tab("Upload")
    for size in ((4000, 100), (100, 4000)):
        picture = Image.new("RGB", size, "white")
        picture.paste(two_colours(), ((size[0] - 96) // 2, (size[1] - 96) // 2))
        picture.save(tmp_path / "long.png")
        before = player.picture
        player.page.set_input_files(".file", tmp_path / "long.png")
        player.wait_for_another_picture(before)
        assert_red_above_blue(player.image)
        player.press("3")


def test_each_bad_picture_gives_its_sentence_and_the_world_goes_on(visit, tmp_path):
    player = visit()
    player.tab("Upload")
    for name, (save, sentence) in BAD.items():
        save(tmp_path / name)
        player.page.set_input_files(".file", tmp_path / name)
        player.wait_for_words(sentence)
        player.page.focus(".view")
        player.press("3")
    assert player.frame == len(BAD)

    # The same file again, right after a frame.
    player.page.set_input_files(".file", tmp_path / name)
    player.page.wait_for_timeout(700)  # longer than it takes until the number of the frame is said
    player.wait_for_words(sentence)


def test_a_sketch_drawn_with_the_mouse_starts_a_world(visit):
    player = visit()
    before = player.picture
    player.tab("Sketch")
    player.page.click("[data-pad=play]")
    player.wait_for_words("one flat colour")
    assert player.picture == before

    player.page.click("[aria-label='Colour #ef4444']")
    box = player.page.locator(".pad").bounding_box()
    place = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
    player.page.mouse.move(*place(0.1, 0.5))
    player.page.mouse.down()
    player.page.mouse.move(*place(0.9, 0.5), steps=4)
    player.page.mouse.up()
    player.page.mouse.move(*place(0.9, 0.1))  # draws no more
    player.page.click("[data-pad=play]")
    player.wait_for_another_picture(before)
    image = player.image
    assert looks_like(RED, image.getpixel((32, 32)))
    assert min(image.getpixel((57, 16))) > 200
    player.press("3")


def test_the_camera_takes_a_picture(visit):
    player = visit(permissions=["camera"])
    before = player.picture
    player.tab("Camera")
    player.page.wait_for_function("document.querySelector('.camera').videoWidth > 0")
    player.page.click("[data-camera=shoot]")
    player.wait_for_another_picture(before)
    player.press("3")
    player.tab("Gallery")
    ended = "document.querySelector('.camera').srcObject.getTracks().every(track => track.readyState === 'ended')"
    player.page.wait_for_function(ended)


def test_without_a_camera_the_page_says_so(visit):
    player = visit(prepare="navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('none'))")
    player.wait_for_words("At the start.")
    player.tab("Camera")
    player.wait_for_words("There is no camera that this page may use. Upload a picture, or draw one.")
    player.page.click("[data-camera=shoot]")
    player.wait_for_words("The camera shows no picture yet.")
