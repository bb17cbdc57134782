"""Turns images of any kind into frames of a world's size, and frames into what people look at."""

import io
from pathlib import Path
from typing import TypeAlias

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch
import torch.nn.functional as F
from torch import Tensor

ImageInput: TypeAlias = str | Path | PIL.Image.Image | np.ndarray | Tensor
OUTPUT_TYPES = ("pil", "np", "pt")


def check_output_type(output_type: str, known: tuple[str, ...] = OUTPUT_TYPES) -> None:
    if output_type not in known:
        raise ValueError(f"output_type is {output_type!r}; choose one of {', '.join(known)}.")


def to_output(pixels: Tensor, output_type: str) -> PIL.Image.Image | list | np.ndarray | Tensor:
    """uint8 frames (..., C, H, W) as (lists of) PIL images, or floats in [0, 1]: array (..., H, W, C) or tensor."""
    if output_type == "pt":
        return pixels.float() / 255
    array = pixels.movedim(-3, -1).cpu().numpy()  # (..., C, H, W) -> (..., H, W, C)
    return array.astype(np.float32) / 255 if output_type == "np" else _to_pil(array)


def _to_pil(pixels: np.ndarray) -> PIL.Image.Image | list:
    return PIL.Image.fromarray(pixels) if pixels.ndim == 3 else [_to_pil(part) for part in pixels]


def fit_frames(frames: ImageInput | list, size: tuple[int, int]) -> Tensor:
    """Images of any kind, in lists of any depth, as uint8 RGB of shape (..., 3, height, width).

    The largest centred part of each image with the aspect ratio of `size` is resized (bilinear, antialiased).

    Raises:
        ValueError: for an image that is unreadable, empty, of a wrong shape, or not in [0, 1].
        TypeError: for an image of a wrong type.
    """
    if isinstance(frames, (list, tuple)):
        if not frames:
            raise ValueError("the list of images is empty; give at least one image.")
        fitted = [fit_frames(frame, size) for frame in frames]
        if len({frame.shape for frame in fitted}) > 1:
            counts = [len(frame) if frame.dim() > 3 else 1 for frame in fitted]
            raise ValueError(f"got clips of {counts} frames; all clips of a batch need the same number of frames.")
        return torch.stack(fitted)

    pixels = _image_tensor(frames)
    if pixels.shape[-2:] == tuple(size) and pixels.dtype == torch.uint8:
        return pixels.clone()  # the given one may change
    lead = pixels.shape[:-3]
    pixels = resize(pixels.reshape(-1, *pixels.shape[-3:]), size)
    return _to_uint8(pixels.reshape(*lead, *pixels.shape[-3:]))


def read_image(path: str | Path | io.BytesIO) -> Tensor:
    """An image file as `fit_frames` sees it, in its own size: uint8 RGB of shape (3, height, width).

    Raises:
        ValueError: for a file that is no image, or is damaged.
    """
    return _to_uint8(_image_tensor(path))


def _to_uint8(pixels: Tensor) -> Tensor:
    return pixels if pixels.dtype == torch.uint8 else (pixels.clamp(0, 1) * 255).round().to(torch.uint8)


def resize(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """The largest centred part with the aspect ratio of `size`, resized (bilinear, antialiased).

    Every frame that a model learns from, is measured on or plays from goes through here.

    Args:
        frames: uint8, or floats in [0, 1], of shape (num_frames, 3, h, w).
        size: height and width.

    Returns:
        Of the same type, and shape (num_frames, 3, height, width).
    """
    h, w = frames.shape[-2:]
    height, width = size
    crop_h, crop_w = min(h, max(1, round(w * height / width))), min(w, max(1, round(h * width / height)))
    top, left = (h - crop_h) // 2, (w - crop_w) // 2
    frames = frames[..., top : top + crop_h, left : left + crop_w]
    if (crop_h, crop_w) == (height, width):
        return frames
    if frames.dtype == torch.uint8 and frames.device.type != "cpu":  # accelerators resize floats only
        return resize(frames / 255, size).mul(255).round().to(torch.uint8)
    return F.interpolate(frames, (height, width), mode="bilinear", antialias=True)


def _image_tensor(image: ImageInput | io.BytesIO) -> Tensor:
    """One image, or an array of them, as RGB (..., 3, height, width): uint8, or floats in [0, 1]."""
    if isinstance(image, (str, Path, io.BytesIO)):
        try:
            with PIL.Image.open(image) as file:
                file.load()
                image = file
        except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
            name = "an image" if isinstance(image, io.BytesIO) else repr(str(image))
            raise ValueError(f"{name} cannot be read as an image ({error}); give an image file.") from error
    if isinstance(image, PIL.Image.Image):
        image = _pil_array(image)
    if isinstance(image, np.ndarray):
        array = image[..., None] if image.ndim == 2 else image
        pixels = torch.from_numpy(np.moveaxis(array, -1, -3).copy())  # (..., H, W, C) -> (..., C, H, W)
    elif isinstance(image, Tensor):
        pixels = image[None] if image.dim() == 2 else image
    else:
        raise TypeError(f"an image is a {type(image).__name__}; give a PIL image, an array, a tensor or a path.")

    if pixels.numel() == 0:
        raise ValueError(f"an image of shape {tuple(image.shape)} is empty; give one with pixels.")
    if pixels.dim() not in (3, 4, 5) or pixels.shape[-3] not in (1, 3, 4):
        order = "(height, width, channels)" if isinstance(image, np.ndarray) else "(channels, height, width)"
        raise ValueError(f"an image has the shape {tuple(image.shape)}; give {order} with 1, 3 or 4 channels.")
    if pixels.dtype != torch.uint8:
        if not pixels.is_floating_point():
            raise TypeError(f"an image has the type {pixels.dtype}; give uint8 from 0 to 255 or floats in [0, 1].")
        low, high = pixels.min().item(), pixels.max().item()
        if not (-1e-3 <= low and high <= 1 + 1e-3):  # also where a pixel is NaN
            raise ValueError(f"an image's pixels run from {low:g} to {high:g}; give floats in [0, 1], or uint8.")
        pixels = pixels.float()  # a CPU resizes no half precision
    if pixels.shape[-3] == 4:
        pixels = pixels / 255 if pixels.dtype == torch.uint8 else pixels
        alpha = pixels[..., 3:, :, :]
        return pixels[..., :3, :, :] * alpha + (1 - alpha)  # over white
    return pixels.expand(*pixels.shape[:-3], 3, *pixels.shape[-2:])


def _pil_array(image: PIL.Image.Image) -> np.ndarray:
    """A PIL image of any mode, turned as its EXIF data says, as an array with 1, 3 or 4 channels."""
    if 0 in image.size:
        return np.empty((*image.size[::-1], 3), np.uint8)
    image = PIL.ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.float32) / 65535
    if image.mode == "I":  # 32 bits of which nothing says how many are used
        grey = np.asarray(image).astype(np.float64)
        return ((grey - grey.min()) / max(np.ptp(grey), 1)).astype(np.float32)
    if image.mode == "F":
        return np.asarray(image)
    if image.mode == "La":  # the one mode without a way to RGBA
        image = image.convert("LA")
    return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
