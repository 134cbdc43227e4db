"""Candidates from the times of a network's blocks, as ScissionTL publishes them: sums of what lies before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from slicer.cost.model import Candidate, Kind


@dataclass(frozen=True, slots=True)
class Block:
    """The layers between two cuts: times (ms) on either side, and bytes of the tensor after them.

    `layer`: the number of the last one. `pooled_bytes`, `down_ms`, `convert_ms`, `up_ms`: the published Transfer Layer
    there, and what it takes; None: there is none. `tail_ms`: what the edge takes for all that follows where that was
    measured whole; None: the sum of the blocks.
    """

    layer: int
    device_ms: float
    edge_ms: float
    out_bytes: int
    pooled_bytes: int | None = None
    down_ms: float = 0.0
    convert_ms: float = 0.0
    up_ms: float = 0.0
    tail_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Coded:
    """What a coding makes of a block's tensor: bytes, and ms on the device and on the edge."""

    size: float
    encode_ms: float = 0.0
    decode_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Coding:
    """A way to send what a block gives, or the input of the first block; `of` is None where it cannot be used."""

    level: str
    of: Callable[[Block], Coded | None]
    lossless: bool = False


@dataclass(frozen=True, slots=True)
class Defects:
    """What the published planner gets wrong, to replay it: candidates it leaves out, and stages it counts twice.

    Its third mistake, the round trip taken as the delay of one way, is `Link.rtt_each_way`.
    """

    no_local: bool = False
    no_upload: bool = False
    coding_twice: bool = False


PUBLISHED = Defects(no_local=True, no_upload=True, coding_twice=True)


def _pooled(block: Block) -> Coded | None:
    if not block.pooled_bytes:
        return None
    return Coded(block.pooled_bytes, block.down_ms + block.convert_ms, block.up_ms)


FP32 = Coding("fp32", lambda block: Coded(block.out_bytes), lossless=True)
"""The tensor as it is, as Scission sends it."""
TRANSFER_LAYER = Coding("paper-tl", _pooled)
"""Pooled 2×2 on the device, float32 on the wire, repeated on the edge."""


def candidates(
    blocks: Sequence[Block],
    codings: Iterable[Coding],
    uploads: Iterable[Coding] = (),
    defects: Defects | None = None,
) -> list[Candidate]:
    """The local run, each of `uploads` of the input, and each of `codings` after each block.

    After the last block there is nothing left to send: that is the local run. Layers count as depth.
    """
    wrong = defects or Defects()
    found = [] if wrong.no_local else [local(blocks)]
    if not wrong.no_upload:
        found += [one for coding in uploads for one in _uploads(blocks, coding)]
    for coding in codings:
        found += _splits(blocks, coding, 2 if wrong.coding_twice else 1)
    return found


def local(blocks: Sequence[Block]) -> Candidate:
    """All of the network on the device."""
    return Candidate(Kind.LOCAL, "", blocks[-1].layer, "", sum(block.device_ms for block in blocks))


def _uploads(blocks: Sequence[Block], coding: Coding) -> Iterator[Candidate]:
    first = blocks[0]
    whole = sum(block.edge_ms for block in blocks) if first.tail_ms is None else first.edge_ms + first.tail_ms
    coded = coding.of(first)
    if coded is not None:
        yield Candidate(
            Kind.UPLOAD, "input", 0, coding.level, 0.0, coded.encode_ms, coded.size, coded.decode_ms, whole,
            lossless=coding.lossless,
        )  # fmt: skip


def _splits(blocks: Sequence[Block], coding: Coding, times: int) -> Iterator[Candidate]:
    heads = list(accumulate(block.device_ms for block in blocks))
    rest = sum(block.edge_ms for block in blocks)
    for block, head in zip(blocks[:-1], heads, strict=False):
        rest -= block.edge_ms
        coded = coding.of(block)
        if coded is not None:
            tail = rest if block.tail_ms is None else block.tail_ms
            yield Candidate(
                Kind.SPLIT, str(block.layer), block.layer, coding.level, head, times * coded.encode_ms, coded.size,
                coded.decode_ms, tail, lossless=coding.lossless,
            )  # fmt: skip
