"""Encodes what the head gives: level and clip ranges come from the bundle, the wire format from common/codec."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from common import codec
from common.bundle import Bundle
from common.codec import CodecError, CodecParams, Level
from common.errors import InvalidArgument, Violation
from edge_agent.levels import Ladder
from edge_agent.model import Tensors

LEAST_USE = 0.5  # of the default's rate: a level that gives less answers nothing


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded activation: codec id, sizes per axis, payload; and the seconds that it took.

    `work_s`: of those, what the processor spent on it; the rest others had it, or a quota held it back.
    """

    codec: int
    shape: tuple[int, ...]
    payload: bytes
    took_s: float
    work_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """Encodes the cut's tensor, `tensor` among the head's outputs, at one level."""

    cut_id: str
    tensor: str
    quality: Level
    params: CodecParams | None

    @property
    def level(self) -> str:
        """The level's name."""
        return self.quality.name

    def __call__(self, outputs: Tensors) -> Encoded:
        """The encoded activation. Raises InvalidArgument if the tensor does not fit the bundle's clip ranges."""
        begun, worked = time.monotonic(), time.thread_time()
        activation = np.asarray(outputs[self.tensor], np.float32)
        try:
            payload = codec.encode(activation, self.quality, self.params)
        except CodecError as error:
            raise error.as_refusal("activation") from error
        head = codec.peek(payload)  # the encoder may have chosen a smaller form than it was asked for
        took_s, work_s = time.monotonic() - begun, time.thread_time() - worked
        return Encoded(head.codec, head.shape, payload, took_s, min(took_s, work_s))


def encoders_of(bundle: Bundle) -> dict[str, Encoder]:
    """An encoder for each level that the bundle offers and this release knows, by name; what keeps most comes first."""
    known = [codec.ALL_LEVELS[name] for name in bundle.manifest.levels if name in codec.ALL_LEVELS]
    ordered = sorted(known, key=lambda level: -level.kept)
    cut = bundle.manifest.cut.name
    return {level.name: Encoder(bundle.cut_id, cut, level, bundle.codec_params(level)) for level in ordered}


def ladder_of(bundle: Bundle, encoders: Mapping[str, Encoder], level: str, least: str) -> tuple[str, Ladder]:
    """The level to begin with, and the levels to choose from.

    A `level` that is named is held to; "" is the bundle's default, and all that keep as much as it may take its place.
    `least`: the level down to which less may be kept where a deadline would else be missed; "": none below the default.
    Never one that the bundle's rates give less than half of what they give the default. Raises InvalidArgument.
    """
    for field, name in (("level", level), ("min_level", least)):
        if name and name not in encoders:
            offered = ", ".join(encoders)
            raise InvalidArgument(Violation(field, f'the bundle does not offer "{name[:60]}"; it offers {offered}'))
    if level:
        return level, Ladder((level,), 1, 1)
    default = bundle.manifest.default_level
    names = _useful(bundle, encoders, default)
    kept = [encoders[name].quality.kept for name in names]
    enough = sum(one >= encoders[default].quality.kept for one in kept)
    down_to = sum(one >= encoders[least].quality.kept for one in kept) if least else 0
    return default, Ladder(names, enough, max(enough, down_to))


def _useful(bundle: Bundle, encoders: Mapping[str, Encoder], default: str) -> tuple[str, ...]:
    rates = {rate.level: rate for rate in bundle.manifest.rates}
    usual = rates.get(default)
    useless = {
        name
        for name, rate in rates.items()
        if usual and rate.metric == usual.metric and rate.accuracy < LEAST_USE * usual.accuracy
    }
    return tuple(name for name in encoders if name not in useless)
