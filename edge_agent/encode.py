"""Encodes what the head gives: level and clip ranges come from the bundle, the wire format from common/codec."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from common import codec
from common.bundle import Bundle
from common.codec import CodecError, CodecParams, Level
from common.errors import InvalidArgument, Violation
from edge_agent.model import Tensors


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded activation: codec id, sizes per axis, payload; and the seconds that it took."""

    codec: int
    shape: tuple[int, ...]
    payload: bytes
    took_s: float


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
        begun = time.monotonic()
        activation = np.asarray(outputs[self.tensor], np.float32)
        try:
            payload = codec.encode(activation, self.quality, self.params)
        except CodecError as error:
            raise error.as_refusal("activation") from error
        head = codec.peek(payload)  # the encoder may have chosen a smaller form than it was asked for
        return Encoded(head.codec, head.shape, payload, time.monotonic() - begun)


def encoder_of(bundle: Bundle, level: str) -> Encoder:
    """The encoder for a bundle at `level`, "" meaning the bundle's default. Raises InvalidArgument."""
    manifest = bundle.manifest
    name = level or manifest.default_level
    if name not in manifest.levels or name not in codec.LEVELS:
        offered = ", ".join(known for known in manifest.levels if known in codec.LEVELS)
        raise InvalidArgument(Violation("level", f'the bundle does not offer "{name[:60]}"; it offers {offered}'))
    quality = codec.LEVELS[name]
    return Encoder(bundle.cut_id, manifest.cut.name, quality, bundle.codec_params(quality))
