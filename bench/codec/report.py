"""The codec's figures as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.codec.measure import Measured
from bench.codec.tensors import Tensor

GOAL_MS = 8.0
STATED = "rans-3"

HEAD = """# The tensor codec, level by level

Written by `make bench-codec`: one core, medians of 25. MB are of float32 elements (4 bytes each), whatever the level
makes of them. Clip ranges are calibrated on other tensors of the same kind. "÷ raw" is how many times fewer bytes than
raw float32 travel, "÷ zstd" how many times fewer than zstd makes of the same quantised elements. A level that would
take more than raw falls back by itself.
"""


def text(results: Mapping[str, tuple[Tensor, Sequence[Measured]]]) -> str:
    """The page; the picture is beside it."""
    _, first_rows = next(iter(results.values()))
    stated = next(one for one in first_rows if one.level.name == STATED)
    verdict = "within" if stated.encode_ms <= GOAL_MS else "OVER"
    first = (
        f"{stated.elements:,} elements clipped, quantised to 8 levels and rANS-coded take {stated.encode_ms:.1f} ms"
        f" ({verdict} {GOAL_MS:g} ms), decoding {stated.decode_ms:.1f} ms.\n"
    )
    parts = [HEAD, first, "![Bits per element and speed](codec.png)\n"]
    for name, (tensor, rows) in results.items():
        parts += [f"## {name}: {tensor.values.size:,} elements\n", _table(rows)]
    return "\n".join(parts)


def _table(rows: Sequence[Measured]) -> str:
    zstd = {one.level.bits: one.size for one in rows if "zstd" in one.level.name}
    lines = [
        "| level | bits/element | ÷ raw | ÷ zstd | encode ms | encode MB/s | decode ms | decode MB/s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {one.level.name} | {one.bits:.2f} | {32 / one.bits:.1f} | {zstd[one.level.bits] / one.size:.2f}"
        f" | {one.encode_ms:.2f} | {one.encode_mbs:,.0f} | {one.decode_ms:.2f} | {one.decode_mbs:,.0f} |"
        for one in rows
    ]
    return "\n".join(lines) + "\n"
