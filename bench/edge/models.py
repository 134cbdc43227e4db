"""EfficientNet-Lite0 that takes pixels, and its bundles: cut nowhere, early, late, early with the published layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bench.lite0 import SIDE
from bench.split_replay.network import network
from bench.split_replay.photos import photos
from common.bundle import Bundle
from slicer import bundle
from slicer.check import check
from slicer.pixels import Scaling, from_pixels

CUT = "/_blocks.4/Add_output_0"  # 40×28×28: the last tensor before the third halving
LATE = "/_blocks.7/Add_output_0"  # 80×14×14: half of that to send, for more of the network on the device
SCALING = Scaling(1.0, (127.0,), (128.0,))
DEFAULT = "rans-4"
SMALL = "rans-5"  # of the principal components there
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
        "small": bundle.make(whole, CUT, name="small", level=SMALL, samples=samples, layer="principal"),
        "late": bundle.make(whole, LATE, name="late", level=DEFAULT, samples=samples),
        "pooled": bundle.make(whole, CUT, name="pooled", level="raw", samples=samples, layer="pool"),
    }
    paths = {name: folder / f"{name}.bundle" for name in made}
    for name, content in made.items():
        paths[name].write_bytes(content)
    return paths


def same_answers(paths: Mapping[str, Path], count: int) -> dict[tuple[str, str], float]:
    """The share of `count` frames whose best class is the whole model's, by bundle and level."""
    samples = [{"image": image} for image in frames(count)]
    found = {}
    for name, path in paths.items():
        report = check(Bundle.open(path), samples)
        found.update({(name, one.level): one.agreement for one in report.levels})
    return found
