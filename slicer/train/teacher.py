"""What a layer learns from: the model's own features and answers for the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto

from slicer import load
from slicer.cut import Halves, split
from slicer.run import Session, exposing
from slicer.samples import Arrays
from slicer.span import Span
from slicer.train.stages import Floats, Halfs

_FARTHEST = 65504  # that a float16 holds


@dataclass(frozen=True, slots=True)
class Taught:
    """`features` that the encoder takes, `targets` that the decoder is to give: the same array, unless layers go.

    Both N×C×H×W; `answers`: the model's outputs for them, N×..., one array each.
    """

    features: Halfs
    targets: Halfs
    answers: list[Floats]


def taught(whole: ModelProto, found: Span, halves: Halves, samples: Sequence[Arrays]) -> Taught:
    """Sample by sample, as a device gives them. `halves`: those of the span. Raises SlicerError."""
    front = split(whole, found.later).head if found.replaces else halves.head
    names = list(dict.fromkeys((found.cut.tensor.name, found.later.tensor.name)))
    head, tail = Session(exposing(front, names)), Session(halves.tail)
    given = load.inputs(halves.tail)[0].name
    seen: list[list[Halfs]] = []
    answers: list[list[Floats]] = []
    for sample in samples:
        features = [np.asarray(one, np.float32) for one in head(sample).values()]
        seen.append([_half(one) for one in features])
        answers.append([np.asarray(one, np.float32) for one in tail({given: features[-1]}).values()])
    arrays = [np.concatenate(one) for one in zip(*seen, strict=True)]
    return Taught(arrays[0], arrays[-1], [np.concatenate(one) for one in zip(*answers, strict=True)])


def _half(feature: Floats) -> Halfs:
    """Half the memory, and far finer than the noise."""
    half: Halfs = feature.clip(-_FARTHEST, _FARTHEST).astype(np.float16)
    return half
