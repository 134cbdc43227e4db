"""What `measure` found, as values and as the JSON file that `choose` reads."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from slicer.cost import Layer
from slicer.measure.spread import Spread
from slicer.model import SlicerError

FORMAT = "sliceplane-measurements/1"


@dataclass(frozen=True, slots=True)
class Cost:
    """A codec level between two pieces: mean and most bytes, and ms to encode and decode, messages included.

    `agreement`: the share of samples whose answer stays the same (best classes equal); None: not looked at.
    """

    level: str
    size: float
    most: int
    encode: Spread
    decode: Spread
    lossless: bool
    agreement: float | None


@dataclass(frozen=True, slots=True)
class Piece:
    """A place to send from: `device` before it, `edge` after it. `depth`: nodes on the device, 0 for the input."""

    id: str
    tensor: str
    depth: int
    raw_bytes: int
    device: Spread
    edge: Spread
    costs: tuple[Cost, ...]


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything that was measured of a model.

    `layers`: the first output of each node in order, so that the n-th is on the device where `depth` is n or more.
    `left_out`: valid cuts that were not measured. `slowdown` is contained in every time of the device. `samples`: how
    many real inputs there were; 0: noise, whose bytes say little and whose answers nothing.
    """

    model: str
    digest: str
    inputs: str
    samples: int
    device_threads: int
    slowdown: float
    edge: str
    layers: tuple[str, ...]
    first_block: Layer | None
    local: Spread
    answer_bytes: float
    pieces: tuple[Piece, ...]
    left_out: int

    def to_json(self) -> bytes:
        """The file."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode() + b"\n"


def read(content: bytes, where: str) -> Measurements:
    """The measurements in a file called `where`. Raises SlicerError, which names the field that is wrong."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SlicerError(f"{where}: no JSON: write it with `sliceplane-slicer measure`") from error
    top = _Reader(document, where)
    if top.text("format") != FORMAT:
        raise SlicerError(
            f'{where}: format is "{top.text("format")[:60]}", this release reads "{FORMAT}": measure again'
        )
    block = top.document.get("first_block")
    return Measurements(
        top.text("model"), top.text("digest"), top.text("inputs"), int(top.number("samples")),
        int(top.number("device_threads")), top.number("slowdown"), top.text("edge"),
        tuple(str(one) for one in top.items("layers")), None if block is None else _layer(top.sub("first_block")),
        _spread(top.sub("local")), top.number("answer_bytes"), tuple(map(_piece, top.subs("pieces"))),
        int(top.number("left_out")),
    )  # fmt: skip


def _piece(reader: _Reader) -> Piece:
    return Piece(
        reader.text("id"), reader.text("tensor"), int(reader.number("depth")), int(reader.number("raw_bytes")),
        _spread(reader.sub("device")), _spread(reader.sub("edge")), tuple(map(_cost, reader.subs("costs"))),
    )  # fmt: skip


def _cost(reader: _Reader) -> Cost:
    agreement = reader.document.get("agreement")
    return Cost(
        reader.text("level"), reader.number("size"), int(reader.number("most")), _spread(reader.sub("encode")),
        _spread(reader.sub("decode")), bool(reader.document.get("lossless")),
        None if agreement is None else reader.number("agreement"),
    )  # fmt: skip


def _spread(reader: _Reader) -> Spread:
    median, p95, mad = (reader.number(name) for name in ("median_ms", "p95_ms", "mad_ms"))
    return Spread(median, p95, mad, int(reader.number("runs")))


def _layer(reader: _Reader) -> Layer:
    return Layer(reader.text("name"), int(reader.number("depth")))


class _Reader:
    """A JSON object whose fields are taken by type; a wrong one is named by its path."""

    def __init__(self, document: Any, path: str) -> None:
        if not isinstance(document, dict):
            raise SlicerError(f"{path}: an object is due: write it with `sliceplane-slicer measure`")
        self.document: Mapping[str, Any] = document
        self.path = path

    def number(self, name: str) -> float:
        value = self.document.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise SlicerError(f"{self.path}: {name}: a number from 0 is due")
        return float(value)

    def text(self, name: str) -> str:
        value = self.document.get(name)
        if not isinstance(value, str):
            raise SlicerError(f"{self.path}: {name}: a text is due")
        return value

    def items(self, name: str) -> list[Any]:
        value = self.document.get(name)
        if not isinstance(value, list):
            raise SlicerError(f"{self.path}: {name}: a list is due")
        return value

    def sub(self, name: str) -> _Reader:
        return _Reader(self.document.get(name), f"{self.path}: {name}")

    def subs(self, name: str) -> list[_Reader]:
        return [_Reader(one, f"{self.path}: {name}[{index}]") for index, one in enumerate(self.items(name))]
