"""What lies between head and tail: coding an activation, putting it into a message, and both undone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from common.codec import LEVELS, CodecParams, Level, Limits, decode, encode, peek
from protos.sliceplane.tail.v1 import tail_pb2
from slicer.calibrate import clips
from slicer.measure.document import Cost
from slicer.measure.judge import Judge
from slicer.measure.spread import timed
from slicer.model import SlicerError

Floats = npt.NDArray[np.float32]


def costs(
    values: Sequence[Floats], judge: Judge, slowdown: float, repeats: int, levels: Sequence[str]
) -> tuple[Cost, ...]:
    """One cost a level (all where none is named), clip ranges calibrated on these same values. Raises SlicerError."""
    ranges = clips(values)
    return tuple(
        _cost(values, LEVELS[name], ranges.get(LEVELS[name].bits), judge, slowdown, repeats) for name in levels
    )


def message(payload: bytes) -> bytes:
    """The frame that carries a payload, as it travels."""
    head = peek(payload)
    frame = tail_pb2.Activation(sequence=1, codec=head.codec, shape=head.shape, payload=payload)
    return frame.SerializeToString()


def received(sent: bytes, value: Floats) -> Floats:
    """What comes out of a frame that carries `value`."""
    payload = tail_pb2.Activation.FromString(sent).payload
    return decode(payload, Limits(value.size, value.shape))


def _cost(
    values: Sequence[Floats], level: Level, params: CodecParams | None, judge: Judge, slowdown: float, repeats: int
) -> Cost:
    sent = [message(encode(one, level, params)) for one in values]
    back = [received(one, value) for one, value in zip(sent, values, strict=True)]
    count = len(values)
    sizes = [len(one) for one in sent]
    return Cost(
        level.name,
        float(np.mean(sizes)),
        max(sizes),
        timed(lambda run: message(encode(values[run % count], level, params)), repeats).times(slowdown),
        timed(lambda run: received(sent[run % count], values[run % count]), repeats),
        level.lossless,
        1.0 if level.lossless else judge.agreement(back),
    )


def known(levels: Sequence[str]) -> tuple[str, ...]:
    """The levels asked for, all where none is. Raises SlicerError for one that does not exist."""
    unknown = [name for name in levels if name not in LEVELS]
    if unknown:
        raise SlicerError(f'there is no level "{unknown[0]}"; levels are {", ".join(LEVELS)}')
    return tuple(levels) or tuple(LEVELS)
