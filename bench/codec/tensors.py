"""What the codec is measured on: drawn tensors of a stated size, a real network's activations, photographs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.lite0 import SIDE
from bench.split_replay import activations
from bench.split_replay.network import network
from bench.split_replay.photos import photos
from common.codec import ALL_LEVELS, LEVELS, Level
from slicer.listing import listed

Floats = npt.NDArray[np.float32]
SHAPE = (1, 24, 128, 130)  # 399,360 elements
SEED = 1


@dataclass(frozen=True, slots=True)
class Tensor:
    """What to encode, each N×C×H×W of one shape, and what its clip ranges are calibrated on.

    `dtype`: of the elements as they come; where it is uint8 the tensors are images.
    """

    name: str
    several: tuple[Floats, ...]
    calibration: tuple[Floats, ...]
    dtype: str = "float32"

    @property
    def elements(self) -> int:
        """Of each."""
        return self.several[0].size

    @property
    def image(self) -> bool:
        """Whether the levels of images are for it."""
        return self.dtype == "uint8"

    @property
    def levels(self) -> Mapping[str, Level]:
        """Those that it can be encoded at, by name."""
        return ALL_LEVELS if self.image else LEVELS


def drawn() -> list[Tensor]:
    """Normal elements, and the same rectified, as after a ReLU."""
    source = np.random.default_rng(SEED)
    normal = [source.normal(size=SHAPE).astype(np.float32) for _ in range(3)]
    rectified = [np.maximum(one, 0) for one in normal]
    return [Tensor(name, (of[0],), tuple(of[1:])) for name, of in (("normal", normal), ("rectified", rectified))]


def real(at: tuple[float, ...] = (0.05, 0.4)) -> list[Tensor]:
    """Activations of a real network at the cuts nearest to these shares of its work, on photographs."""
    whole = network()
    cuts = [cut for cut in listed(whole.model, {}) if cut.head_macs and len(cut.tensor.shape or ()) == 4]
    most = max(cut.head_macs or 0 for cut in cuts)
    chosen = {min(cuts, key=lambda cut: abs((cut.head_macs or 0) / most - share)).tensor.name for share in at}
    taken = activations.activations_of(whole, sorted(chosen), photos(SIDE))
    return [
        Tensor(f"{whole.name}, {'×'.join(map(str, of[0].shape[1:]))}", (of[0],), tuple(of[1:])) for of in taken.values()
    ]


def images() -> Tensor:
    """The photographs themselves; calibrated on the same ones, as whatever a camera sees has their range."""
    seen = tuple(np.ascontiguousarray(one.transpose(2, 0, 1)[None], np.float32) for one in photos(SIDE))
    return Tensor(f"{len(seen)} photographs, 3×{SIDE}×{SIDE}", seen, seen, "uint8")
