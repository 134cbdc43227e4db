"""Our codings of the published networks' tensors, from what was measured here, scaled to the published device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import numpy as np

from bench.split_replay.activations import SIZES, CodecCost, Place, levels
from slicer.cost import Block, Coded, Coding
from slicer.measure import Cost


@dataclass(frozen=True, slots=True)
class Measured:
    """What this run measured. `network`: whose activations; `images`: by side of the input, pixels."""

    network: str
    places: Sequence[Place]
    codec: CodecCost
    images: Mapping[int, Sequence[Cost]]


def codings(blocks: Sequence[Block], measured: Measured, way: str, factor: float) -> list[Coding]:
    """One a level, the tensor as it is (`way` plain) or pooled by the paper's Transfer Layer first (pooled).

    `factor`: how many times longer the device takes to encode than this machine does; the edge takes once.
    """
    places = _by_layer(blocks, measured.places)
    return [
        Coding(f"{way} {level.name}", partial(_coded, measured.codec, places, way, level.name, factor), level.lossless)
        for level in levels()
    ]


def uploads(costs: Sequence[Cost], factor: float) -> list[Coding]:
    """The input itself, as uint8 and as compressed images."""
    return [Coding(one.level, partial(_sent, one, factor), one.lossless) for one in costs]


def _sent(cost: Cost, factor: float, _first: Block) -> Coded:
    return Coded(cost.size, factor * cost.encode.median_ms, cost.decode.median_ms)


def place_at(places: Sequence[Place], share: float) -> Place:
    """The measured cut with the nearest share of work before it."""
    return min(places, key=lambda one: abs(one.share - share))


def _by_layer(blocks: Sequence[Block], places: Sequence[Place]) -> dict[int, Place]:
    heads = list(accumulate(block.device_ms for block in blocks))
    return {b.layer: place_at(places, head / heads[-1]) for b, head in zip(blocks, heads, strict=True)}


def _coded(
    codec: CodecCost, places: Mapping[int, Place], way: str, level: str, factor: float, block: Block
) -> Coded | None:
    size = block.out_bytes if way == "plain" else block.pooled_bytes
    if not size:
        return None
    elements = size / 4
    encode = factor * _ms(codec.encode_ms[level], elements)
    decode = _ms(codec.decode_ms[level], elements)
    if way == "pooled":  # the layer's own halves, as published; float32 need not be converted
        encode, decode = encode + block.down_ms, decode + block.up_ms
    return Coded(places[block.layer].bits[way, level] * elements / 8, encode, decode)


def _ms(times: Sequence[float], elements: float) -> float:
    """On straight lines between the measured sizes; beyond the largest in proportion."""
    if elements > SIZES[-1]:
        return times[-1] * elements / SIZES[-1]
    return float(np.interp(elements, SIZES, times))
