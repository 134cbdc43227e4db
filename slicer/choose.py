"""From measurements to candidates, and the layers that a user names; pure."""

from __future__ import annotations

from collections.abc import Mapping

from slicer.cost import Candidate, Kind, Layer
from slicer.measure.document import Cost, Measurements, Piece
from slicer.model import SlicerError

Rates = Mapping[tuple[str, str], float]
"""Accuracy by cut (its id, or "" for any) and level, as measured elsewhere."""


def candidates(found: Measurements, rates: Rates) -> list[Candidate]:
    """The local run, and every level at the input and at each cut; times are medians.

    Accuracy is what `rates` tells, or without any the measured agreement: the two are never mixed.
    """
    local = Candidate(Kind.LOCAL, "", len(found.layers), "", found.local.median_ms)
    return [local, *(_one(found, piece, cost, rates) for piece in found.pieces for cost in piece.costs)]


def layer(found: Measurements, name: str) -> Layer:
    """The layer that makes the tensor `name`, or is its cut's id or index. Raises SlicerError."""
    for piece in found.pieces:
        if name in (piece.id, piece.id.partition(":")[0]) and piece.depth:
            return Layer(piece.tensor, piece.depth)
    if name in found.layers:
        return Layer(name, found.layers.index(name) + 1)
    some = ", ".join(piece.id for piece in found.pieces if piece.depth) or "none"
    raise SlicerError(f'the model has no layer "{name}": say the tensor it makes, or a cut that was measured: {some}')


def private(found: Measurements) -> Layer:
    """The end of the first block. Raises SlicerError for a model where nothing convolves or multiplies."""
    if found.first_block is None:
        raise SlicerError("the model has no first convolution block: say --keep-on-device LAYER instead of --private")
    return found.first_block


def _one(found: Measurements, piece: Piece, cost: Cost, rates: Rates) -> Candidate:
    accuracy = rates.get((piece.id, cost.level), rates.get(("", cost.level))) if rates else cost.agreement
    return Candidate(
        Kind.SPLIT if piece.depth else Kind.UPLOAD,
        piece.id,
        piece.depth,
        cost.level,
        piece.device.median_ms,
        cost.encode.median_ms,
        cost.size,
        cost.decode.median_ms,
        piece.edge.median_ms,
        found.answer_bytes,
        cost.lossless,
        accuracy,
    )
