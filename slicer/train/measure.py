"""What levels cost and give on held-out samples: bytes, and how often the answer is right or the whole model's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from common.bundle import Bundle
from common.bundle_manifest import Rate
from common.codec import LEVELS, Limits, decode, encode
from slicer.run import Session

Floats = npt.NDArray[np.float32]
RANS = tuple(name for name in LEVELS if name.startswith("rans-"))


def rates(bundle: Bundle, sent: Floats, told: npt.NDArray[np.int64], metric: str, levels: Sequence[str]) -> list[Rate]:
    """One rate a level. `sent`: what the head gave (N×k×H×W); `told`: the class that each answer is to have."""
    tail = Session(bundle.tail_bytes())
    return [_rate(bundle, tail, sent, told, metric, level) for level in levels]


def classes(answer: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """The best class of each sample, where there are several answers a sample of each answer: N×..."""
    found: npt.NDArray[np.int64] = np.argmax(answer, axis=-1)
    return found


def _rate(bundle: Bundle, tail: Session, sent: Floats, told: npt.NDArray[np.int64], metric: str, name: str) -> Rate:
    level = LEVELS[name]
    params = bundle.codec_params(level)
    payloads = [encode(one[None], level, params) for one in sent]
    right = []
    for payload, one, answer in zip(payloads, sent, told, strict=True):
        back = decode(payload, Limits(one.size, (1, *one.shape)))
        first = next(iter(tail({bundle.manifest.tail_input: back}).values()))
        right.append(np.mean(classes(first)[0] == answer))
    return Rate(name, round(float(np.mean([len(p) for p in payloads])), 2), round(float(np.mean(right)), 5), metric)
