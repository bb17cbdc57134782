"""Pictures that come from outside, as bytes: each becomes an image a world can start from, or one sentence why not."""

import base64
import io

import numpy as np
from PIL import Image, ImageOps

from refusal import Refusal

FORMATS = ["PNG", "JPEG", "WEBP", "GIF"]
MAX_PIXELS = 25_000_000  # pixels; checked before a picture is decoded
MIN_SIDE = 16  # pixels, on both sides
SHRUNK_SIDE = 512  # pixels on the shorter side; larger pictures are shrunk towards it, as worlds are smaller still
MIN_CONTRAST = 8  # of 255: the least difference between two places that counts as a shape

UNREADABLE = "That file is not a picture that can be read. Use PNG, JPEG or WebP."


def read_picture(content: bytes) -> Image.Image:
    """Reads a PNG, JPEG, WebP or GIF file, of an animation the first frame, turned as its EXIF data says.

    Args:
        content: the content of the file.

    Returns:
        The picture in mode RGB, over white where it was transparent, its shorter side below 1024 pixels.

    Raises:
        Refusal: if it cannot be read, has more than 25 megapixels or a side below 16 pixels, or is one flat colour.
            The message is a sentence for the visitor.
    """
    try:
        picture: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)  # reads the header only
    except Image.DecompressionBombError:
        raise Refusal("That picture has more than 25 megapixels. Use a smaller one.") from None
    except Exception:  # the decoders raise whatever a damaged file makes them trip over, here and below
        raise Refusal(UNREADABLE) from None

    size = f"That picture has {picture.width} x {picture.height} pixels"
    if picture.width * picture.height > MAX_PIXELS:
        raise Refusal(f"{size}, more than 25 megapixels. Use a smaller one.")
    if min(picture.size) < MIN_SIDE:
        raise Refusal(f"{size}. Use one with at least {MIN_SIDE} on each side.")

    try:
        picture.draft(None, (SHRUNK_SIDE, SHRUNK_SIDE))  # JPEG can be decoded at a fraction of its size
        picture = to_rgb(ImageOps.exif_transpose(picture))
    except Exception:
        raise Refusal(UNREADABLE) from None
    picture = picture.reduce(max(1, min(picture.size) // SHRUNK_SIDE))

    # Shrinking first averages the noise of a flat photograph away and leaves a thin line standing.
    small = np.asarray(picture.resize((64, 64), Image.Resampling.BOX))
    if np.ptp(small, axis=(0, 1)).max() < MIN_CONTRAST:
        raise Refusal("That picture is one flat colour, so there is nothing to play with. Add some shapes.")
    return picture


def to_rgb(picture: Image.Image) -> Image.Image:
    """Any mode to RGB: 16-bit grey keeps its upper 8 bits, and what is transparent lies over white."""
    if picture.mode.startswith("I"):
        picture = picture.point(lambda value: value / 256).convert("L")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def to_webp(image: Image.Image) -> bytes:
    """The image as a lossless WebP file."""
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, method=0)
    return file.getvalue()


def data_uri(content: bytes, kind: str) -> str:
    """The content of a file as a `data:` URI. `kind` is a MIME type, such as `"image/webp"`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
