"""Reads the published timings where they lie beside the repository."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from slicer.cost import Block

__all__ = ["TX2", "Block", "golden", "networks", "triton"]

Row = Mapping[str, str]
TX2 = ("cpu", "gpu")


def networks(folder: Path) -> dict[str, list[Block]]:
    """The 18 networks, TX2 GPU before Ampere, blocks in order."""
    found: dict[str, list[Block]] = {}
    for row in _rows(folder / "layers.csv"):
        found.setdefault(row["model"], []).append(_block(row))
    return found


def triton(folder: Path, device: str) -> list[Block]:
    """DenseNet169 on a TX2's `device` (cpu or gpu) before a Triton edge; tails were measured whole.

    What the edge takes for the first block alone, which the Triton variant leaves out, is the other variant's.
    """
    blocks = [_triton_block(row, device) for row in _rows(folder / "densenet169_triton.csv")]
    first = networks(folder)["densenet169"][0]
    return [replace(blocks[0], edge_ms=first.edge_ms), *blocks[1:]]


def golden(folder: Path) -> dict[str, Any]:
    """The published predictions, seconds."""
    document: dict[str, Any] = json.loads((folder / "golden.json").read_text())
    return document


def _rows(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _block(row: Row) -> Block:
    return Block(
        layer=int(row["last"]),
        device_ms=float(row["tx2gpu_ms"]),
        edge_ms=float(row["ampere_ms"]),
        out_bytes=int(row["out_npy_bytes"]),
        pooled_bytes=int(row["tl_npy_bytes"] or 0) or None,
        down_ms=_number(row, "tx2_down_ms"),
        convert_ms=_number(row, "tx2_conv_ms"),
        up_ms=_number(row, "ampere_up_ms"),
    )


def _triton_block(row: Row, device: str) -> Block:
    return Block(
        layer=int(row["last_layer"]),
        device_ms=float(row[f"tx2{device}_block_ms"]),
        edge_ms=0.0,
        out_bytes=int(row["out_bytes"]),
        pooled_bytes=int(row["tl_bytes"] or 0) or None,
        down_ms=_number(row, f"tx2{device}_down_ms"),
        convert_ms=_number(row, f"tx2{device}_convert_ms"),
        tail_ms=_number(row, "ampere_triton_tail_ms"),
    )


def _number(row: Row, column: str) -> float:
    return float(row[column] or 0)
