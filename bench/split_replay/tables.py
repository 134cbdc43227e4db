"""What each network takes by each method: the best candidate of every column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.split_replay.networks import first_block, side_of
from bench.split_replay.ways import Measured, codings, uploads
from slicer.cost import (
    FP32,
    TRANSFER_LAYER,
    Block,
    Candidate,
    Criteria,
    Kind,
    Layer,
    Link,
    Ranked,
    candidates,
    rank,
)

LINK = Link(60, 27.4)
_SPOILT = frozenset(
    {"jpeg-75", "jpeg-50", "webp-75", "webp-50"}
)  # a choice may not be won by spoiling the image so far

COLUMNS: Mapping[str, Callable[[Candidate], bool]] = {
    "local": lambda one: one.kind is Kind.LOCAL,
    "raw uint8": lambda one: one.level == "u8",
    "JPEG 95": lambda one: one.level == "jpeg-95",
    "JPEG 75": lambda one: one.level == "jpeg-75",
    "fp32 split": lambda one: one.level == FP32.level,
    "paper's TL": lambda one: one.level == TRANSFER_LAYER.level,
    "ours, untrained": lambda one: one.level.startswith("plain "),
    "ours, with TL": lambda one: one.level.startswith("pooled "),
    "choice": lambda one: one.level not in _SPOILT,
    "no image codec": lambda one: not one.level.startswith(("jpeg", "webp")),
}
FREE = tuple(COLUMNS)[:-1]
PRIVATE = ("local", "fp32 split", "paper's TL", "ours, untrained", "ours, with TL", "choice")


def ranked(model: str, blocks: Sequence[Block], measured: Measured, factor: float, private: bool) -> list[Ranked]:
    """Every candidate of a network, the best first."""
    ours = [one for way in ("plain", "pooled") for one in codings(blocks, measured, way, factor)]
    found = candidates(blocks, [FP32, TRANSFER_LAYER, *ours], uploads(measured.images[side_of(model)], factor))
    layer = first_block(model)
    return rank(found, LINK, Criteria(private=Layer(f"layer {layer}", layer)) if private else None)


def best(found: Sequence[Ranked], column: str) -> Ranked | None:
    """The column's fastest admissible candidate; None: it has none."""
    mine = COLUMNS[column]
    return next((one for one in found if not one.refused and mine(one.candidate)), None)
