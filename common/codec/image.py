"""Codes images as JPEG and WebP; the one file that knows Pillow. Images are height×width×channels, 1 or 3 of these."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.WebPImagePlugin import WebPImageFile

from common.codec import containers
from common.codec.containers import Size
from common.codec.errors import CodecError, Fault

Pixels = npt.NDArray[np.uint8]

_WIDEST = {"JPEG": 65_500, "WEBP": 16_383}
_FILES: dict[str, Callable[[io.BytesIO], ImageFile]] = {"JPEG": JpegImageFile, "WEBP": WebPImageFile}
_SIZES: dict[str, Callable[[memoryview], Size]] = {"JPEG": containers.jpeg, "WEBP": containers.webp}


def pack(form: str, pixels: Pixels, quality: int) -> bytes | None:
    """The file of an image, `form` JPEG or WEBP; None: the form has no images this large."""
    if max(pixels.shape) > _WIDEST[form]:
        return None
    buffer = io.BytesIO()
    plain = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    Image.fromarray(np.ascontiguousarray(plain)).save(buffer, form, quality=quality)
    return buffer.getvalue()


def unpack(form: str, body: memoryview, size: Size) -> Pixels:
    """The image, which must have that size. Raises CodecError, before memory is taken for any other size."""
    height, width, channels = _SIZES[form](body)
    grey = form == "WEBP" and size[2] == 1  # WebP has no grey images
    if (height, width, 1 if grey else channels) != size:
        raise CodecError(Fault.SHAPE_MISMATCH, f"an image of {height}×{width}×{channels} is in the body")
    pixels = np.atleast_3d(_decoded(form, body))
    if pixels.shape != (height, width, channels):
        raise CodecError(Fault.CORRUPT, f"an image of {pixels.shape} came out of the body")
    return pixels[:, :, :1] if grey else pixels


def _decoded(form: str, body: memoryview) -> Pixels:
    try:
        with _FILES[form](io.BytesIO(body)) as image:  # not Image.open, which loads and asks all of its plugins
            return np.asarray(image)
    except Exception as error:  # Pillow raises whatever its parsers meet
        raise CodecError(Fault.CORRUPT, f"the {form} image in the body is damaged") from error
