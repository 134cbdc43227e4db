"""Turns images into a model's input as a small JSON object says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from common.errors import InvalidArgument, Violation
from edge_agent.model import Array

MAX_PIXELS = 64_000_000
CHANNELS = {"RGB": ("RGB", 1), "BGR": ("RGB", -1), "GRAY": ("L", 1)}
LAYOUTS = ("NCHW", "NHWC")
FITS = ("stretch", "contain", "height")
RESAMPLE = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
FLAG = "--preprocess"


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How an image becomes a tensor: fit it into height × width, then (x·scale − mean) / std per channel.

    `fit`: "stretch" changes the ratio of the sides, "contain" keeps it, "height" scales to the height and, only if
    it is then too wide, squeezes the width. What stays free, right and below, is filled with `pad` (0 to 255).
    """

    height: int
    width: int
    fit: str = "stretch"
    pad: int = 0
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    channels: str = "RGB"
    layout: str = "NCHW"
    resample: str = "bilinear"

    @property
    def plain(self) -> bool:
        """Whether pixels stay the bytes that they are."""
        return self.scale == 1.0 and not any(self.mean) and all(one == 1.0 for one in self.std)

    def tensor(self, image: Image.Image, dtype: str) -> Array:
        """The image as (1, channels, height, width), or with channels last, of `dtype` (numpy's name).

        Raises InvalidArgument if normalised values are to become integers.
        """
        if np.dtype(dtype).kind != "f" and not self.plain:
            raise _bad("scale", f"the model takes {dtype}: leave scale, mean and std out")
        mode, order = CHANNELS[self.channels]
        canvas = self._fitted(image.convert(mode))
        pixels = canvas.reshape(self.height, self.width, -1)[:, :, ::order]
        values = pixels if self.plain else self._normalised(pixels)
        if self.layout == "NCHW":
            values = values.transpose(2, 0, 1)
        return np.ascontiguousarray(values[None]).astype(dtype, copy=False)

    def _fitted(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        width, height = self._size(image.width, image.height)
        scaled = np.asarray(image.resize((width, height), RESAMPLE[self.resample]), np.uint8)
        canvas = np.full((self.height, self.width, *scaled.shape[2:]), self.pad, np.uint8)
        canvas[:height, :width] = scaled
        return canvas

    def _size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that the image is scaled to, pixels."""
        if self.fit == "stretch":
            return self.width, self.height
        ratio = self.height / height
        if self.fit == "contain":
            ratio = min(ratio, self.width / width)
        return min(self.width, max(1, round(width * ratio))), min(self.height, max(1, round(height * ratio)))

    def _normalised(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        values = pixels.astype(np.float32) * np.float32(self.scale)
        if self.mean:
            values -= np.asarray(self.mean, np.float32)
        if self.std:
            values /= np.asarray(self.std, np.float32)
        return values


def read(file: Path | IO[bytes], spec: Preprocess, dtype: str, name: str = "") -> Array:
    """The image as a tensor; `name`: what errors call it. Raises InvalidArgument: unreadable, or too large."""
    name = name or (file.name if isinstance(file, Path) else "image")
    try:
        with Image.open(file) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InvalidArgument(Violation(name, f"it has more than {MAX_PIXELS} pixels"))
            return spec.tensor(image, dtype)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidArgument(Violation(name, f"it is no image that can be read: {error}")) from error


def parse(text: str) -> Preprocess | None:
    """The flag's value: JSON, or "@FILE" that holds it; "" for none. Raises InvalidArgument, naming the key."""
    if not text:
        return None
    try:
        given = json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    except (OSError, ValueError) as error:
        raise InvalidArgument(Violation(FLAG, f"it is no JSON object, nor @FILE with one: {error}")) from error
    if not isinstance(given, dict):
        raise InvalidArgument(Violation(FLAG, 'it must be a JSON object such as {"height": 48, "width": 320}'))
    return _checked(given)


def _checked(given: Mapping[str, Any]) -> Preprocess:
    unknown = set(given) - set(Preprocess.__dataclass_fields__)
    if unknown:
        raise _bad(sorted(unknown)[0], f"it is not one of {', '.join(Preprocess.__dataclass_fields__)}")
    for key in ("height", "width"):
        if not _is_int(given.get(key), 1, 16384):
            raise _bad(key, "a number of pixels from 1 to 16384 is due")
    _choices(given)
    channels = 1 if given.get("channels") == "GRAY" else 3
    lists = {key: _floats(key, given[key], channels) for key in ("mean", "std") if key in given}
    if any(one == 0 for one in lists.get("std", ())):
        raise _bad("std", "it divides and must not be 0")
    return Preprocess(**{**given, **lists})


def _choices(given: Mapping[str, Any]) -> None:
    allowed = {"fit": FITS, "channels": CHANNELS, "layout": LAYOUTS, "resample": RESAMPLE}
    for key, values in allowed.items():
        if key in given and given[key] not in tuple(values):
            raise _bad(key, f"one of {', '.join(values)} is due")
    if not _is_int(given.get("pad", 0), 0, 255):
        raise _bad("pad", "a number from 0 to 255 is due")
    if not _is_number(given.get("scale", 1.0)):
        raise _bad("scale", "a number is due")


def _floats(key: str, value: object, channels: int) -> tuple[float, ...]:
    if not isinstance(value, list) or len(value) != channels or not all(map(_is_number, value)):
        raise _bad(key, f"a list of {channels} numbers is due, one a channel")
    return tuple(float(one) for one in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value).item()


def _is_int(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _bad(key: str, text: str) -> InvalidArgument:
    return InvalidArgument(Violation(f"{FLAG}.{key}", text))
