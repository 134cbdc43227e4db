"""EfficientNet-Lite0 that takes pixels, and its bundles: cut nowhere, early, late, early with the published layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.lite0 import SIDE
from bench.split_replay.network import network
from bench.split_replay.photos import photos
from slicer import bundle
from slicer.pixels import Scaling, from_pixels

CUT = "/_blocks.4/Add_output_0"  # 40×28×28: the last tensor before the third halving
LATE = "/_blocks.7/Add_output_0"  # 80×14×14: half of that to send, for more of the network on the device
SCALING = Scaling(1.0, (127.0,), (128.0,))
DEFAULT = "rans-4"
JPEG = "jpeg-85"  # keeps about as much of an image as DEFAULT: where devices with the upload start


def frames(count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Photographs, moved a little from one frame to the next as a camera's are."""
    base = photos(SIDE)
    return [np.ascontiguousarray(np.roll(base[n % len(base)], 3 * n, 1).transpose(2, 0, 1)[None]) for n in range(count)]


def bundles(folder: Path) -> dict[str, Path]:
    """Writes the bundles; by name."""
    whole = from_pixels(network().model, SCALING)
    samples = [{"image": image} for image in frames(18)]
    made = {
        "upload": bundle.make(whole, "input", name="upload", level=JPEG, samples=samples),
        "cut": bundle.make(whole, CUT, name="cut", level=DEFAULT, samples=samples),
        "late": bundle.make(whole, LATE, name="late", level=DEFAULT, samples=samples),
        "pooled": bundle.make(whole, CUT, name="pooled", level="raw", samples=samples, layer="pool"),
    }
    paths = {name: folder / f"{name}.bundle" for name in made}
    for name, content in made.items():
        paths[name].write_bytes(content)
    return paths
