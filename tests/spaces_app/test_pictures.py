"""Pictures from outside: whatever comes, an image that a world can start from, or one sentence."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pictures import data_uri, read_picture, to_webp
from refusal import Refusal


def noise(size=(60, 40)):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def file_of(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_with_header(width, height):
    """A few hundred bytes that claim a size."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10_000)))


def two_colours(size=(60, 40)):
    """Red above, blue below."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (0, size[1] // 2, *size))
    return image


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x89PNG\r\n\x1a\n" + bytes(40),
        file_of(noise(), "BMP"),
        file_of(noise())[:1000],
        file_of(noise(), "JPEG")[:700],
        file_of(noise(), "WEBP")[:700],
        file_of(noise(), "GIF")[:900],
        png_with_header(4000, 4000),
    ],
)
def test_what_cannot_be_read_is_refused(content):
    with pytest.raises(Refusal, match="^That file is not a picture that can be read. Use PNG, JPEG or WebP.$"):
        read_picture(content)


@pytest.mark.parametrize(
    "content",
    [
        file_of(Image.new("1", (9000, 9000))),  # 10 kB that would decode to 81 megapixels
        png_with_header(60_000, 60_000),
        png_with_header(5001, 5000),
    ],
)
def test_an_enormous_picture_is_refused_before_it_is_decoded(content, monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda image: pytest.fail("it was decoded"))
    with pytest.raises(Refusal, match="more than 25 megapixels. Use a smaller one."):
        read_picture(content)


@pytest.mark.parametrize("size", [(1, 1), (15, 300)])
def test_a_tiny_picture_is_refused(size):
    with pytest.raises(Refusal, match=f"{size[0]} x {size[1]} pixels. Use one with at least 16 on each side."):
        read_picture(file_of(noise(size)))


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (300, 200), "white"),
        Image.new("RGBA", (300, 200), (200, 10, 10, 0)),
        Image.fromarray(np.random.default_rng(0).integers(100, 112, (300, 400, 3), dtype=np.uint8)),  # a lens cap
    ],
)
def test_one_flat_colour_is_refused(image):
    with pytest.raises(Refusal, match="one flat colour, so there is nothing to play with. Add some shapes."):
        read_picture(file_of(image))


def test_a_sketch_of_a_few_thin_lines_passes():
    sketch = Image.new("L", (1600, 1200), "white")
    ImageDraw.Draw(sketch).line((200, 900, 700, 910, 1500, 880), fill="black", width=2)
    assert read_picture(file_of(sketch)).size == (800, 600)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_each_format_is_read_in_its_colours(kind):
    picture = read_picture(file_of(two_colours(), kind))
    assert (picture.mode, picture.size) == ("RGB", (60, 40))
    assert np.allclose(np.asarray(picture)[[5, 35]], np.asarray(two_colours())[[5, 35]], atol=3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(kind):
    others = [noise(), noise()]
    picture = read_picture(file_of(two_colours(), kind, save_all=True, append_images=others))
    assert np.allclose(np.asarray(picture)[[5, 35]], np.asarray(two_colours())[[5, 35]], atol=3)


def test_a_photograph_is_turned_as_its_exif_says():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held with its right side down
    picture = read_picture(file_of(two_colours((4000, 2000)), "JPEG", exif=exif))
    assert picture.size == (1000, 2000)
    assert picture.getpixel((100, 500))[2] > 250 and picture.getpixel((900, 500))[0] > 250


def test_cmyk_keeps_its_colours():
    picture = read_picture(file_of(two_colours().convert("CMYK"), "JPEG"))
    assert np.allclose(picture.getpixel((10, 5)), (255, 0, 0), atol=5)


def test_transparency_lies_over_white():
    image = two_colours().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size).point(lambda alpha: 255 * (alpha > 127)))
    picture = read_picture(file_of(image))
    assert (picture.getpixel((10, 5)), picture.getpixel((10, 35))) == ((255, 255, 255), (0, 0, 255))


def test_a_palette_with_a_transparent_colour_lies_over_white():
    palette = two_colours().quantize(2)
    picture = read_picture(file_of(palette, transparency=palette.getpixel((10, 5))))
    assert (picture.getpixel((10, 5)), picture.getpixel((10, 35))) == ((255, 255, 255), (0, 0, 255))


def test_16_bit_grey_keeps_its_shades():
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16)
    picture = read_picture(file_of(Image.fromarray(np.tile(ramp, (64, 1)))))
    assert np.allclose(np.asarray(picture)[0, :, 0], ramp / 257, atol=1.1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_other_modes_become_rgb(mode):
    assert read_picture(file_of(noise().convert(mode))).mode == "RGB"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_damaged_file_is_a_picture_or_a_sentence(kind):
    intact, chance = file_of(noise(), kind), random.Random(0)
    for _ in range(200):
        damaged = bytearray(intact)
        for _ in range(chance.randrange(1, 20)):
            damaged[chance.randrange(min(len(damaged), 400))] = chance.randrange(256)
        try:
            assert read_picture(bytes(damaged)).mode == "RGB"
        except Refusal as refusal:
            assert str(refusal).startswith("That ")


def test_webp_is_lossless_and_fits_a_data_uri():
    content = to_webp(noise())
    assert np.array_equal(Image.open(io.BytesIO(content)), noise())
    assert data_uri(b"\0\1\2", "image/webp") == "data:image/webp;base64,AAEC"
