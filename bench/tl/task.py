"""What is compared on: a model, where it is cut, images to train and to test on; and a point of a curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from onnx import ModelProto

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

PAPER, CODED, UNTRAINED, TRAINED = "paper's TL", "paper's TL, our codec", "ours, untrained", "ours, trained"
"""Ways of a cut tensor; `CODED` is what bench/split_replay replays as "ours, with TL"."""


@dataclass(frozen=True, slots=True)
class Task:
    """`images`: N×H×W grey, as a camera gives them; `given` makes the model's input (N×C×H×W) of them.

    `halvings` of the map's sides in the trained layer, `batch` in its training; `about`: what a reader must know.
    """

    name: str
    whole: ModelProto
    cut: str
    train_images: Bytes
    test_images: Bytes
    test_labels: Labels
    given: Callable[[Bytes], Floats]
    halvings: int
    batch: int
    about: str

    @property
    def at_once(self) -> int:
        """How many images the model takes at once: what its input says, many where that is open."""
        return self.whole.graph.input[0].type.tensor_type.shape.dim[0].dim_value or 128


@dataclass(frozen=True, slots=True)
class Point:
    """Mean bytes an image and share of right answers, of one setting of one way."""

    way: str
    setting: str
    bytes: float
    accuracy: float
