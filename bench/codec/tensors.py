"""The tensors that the codec is measured on: drawn ones of a stated size, and a real network's activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.lite0 import SIDE
from bench.split_replay import activations
from bench.split_replay.network import network
from bench.split_replay.photos import photos
from slicer.listing import listed

Floats = npt.NDArray[np.float32]
SHAPE = (1, 24, 128, 130)  # 399,360 elements
SEED = 1


@dataclass(frozen=True, slots=True)
class Tensor:
    """One to encode, N×C×H×W, and others of its kind that its clip ranges are calibrated on."""

    name: str
    values: Floats
    calibration: tuple[Floats, ...]


def drawn() -> list[Tensor]:
    """Normal elements, and the same rectified, as after a ReLU."""
    source = np.random.default_rng(SEED)
    normal = [source.normal(size=SHAPE).astype(np.float32) for _ in range(3)]
    rectified = [np.maximum(one, 0) for one in normal]
    return [Tensor(name, of[0], tuple(of[1:])) for name, of in (("normal", normal), ("rectified", rectified))]


def real(at: tuple[float, ...] = (0.05, 0.4)) -> list[Tensor]:
    """Activations of a real network at the cuts nearest to these shares of its work, on photographs."""
    whole = network()
    cuts = [cut for cut in listed(whole.model, {}) if cut.head_macs and len(cut.tensor.shape or ()) == 4]
    most = max(cut.head_macs or 0 for cut in cuts)
    chosen = {min(cuts, key=lambda cut: abs((cut.head_macs or 0) / most - share)).tensor.name for share in at}
    taken = activations.activations_of(whole, sorted(chosen), photos(SIDE))
    return [
        Tensor(f"{whole.name}, {'×'.join(map(str, of[0].shape[1:]))}", of[0], tuple(of[1:])) for of in taken.values()
    ]
