"""The codec's figures as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.codec.measure import Measured
from bench.codec.tensors import Tensor

GOAL_MS = 8.0
STATED = "rans-3"

HEAD = """# The tensor codec, level by level

Written by `make bench-codec`: one core, medians of at most 25 runs. MB are of float32 elements (4 bytes each), whatever
the level makes of them. Clip ranges are calibrated on other tensors of the same kind. "÷ raw" is how many times fewer
bytes than raw float32 travel, "÷ zstd" how many times fewer than the zstd level of the same bits. A level that would
take more than packed bits or raw falls back by itself: where a zstd level has whole bits per element it is packed, and
its times are those of a try that failed and of packing.
"""


def text(results: Mapping[str, tuple[Tensor, Sequence[Measured]]]) -> str:
    """The page; the picture is beside it."""
    stated = [(name, one) for name, (_, rows) in results.items() for one in rows if one.level.name == STATED]
    first = f"At {STATED} (clipped, 8 levels, rANS), goal {GOAL_MS:g} ms to encode 400,000 elements:\n"
    first += "".join(f"\n- {name}: {_verdict(one)}" for name, one in stated) + "\n"
    parts = [HEAD, first, "![Bits per element and speed](codec.png)\n"]
    for name, (tensor, rows) in results.items():
        parts += [f"## {name}: {tensor.values.size:,} elements\n", _table(rows)]
    return "\n".join(parts)


def _verdict(one: Measured) -> str:
    verdict = "within" if one.encode_ms <= GOAL_MS else "OVER"
    encoded = f"{one.elements:,} elements in {one.encode_ms:.1f} ms ({verdict} {GOAL_MS:g} ms)"
    return f"{encoded}, decoded in {one.decode_ms:.1f} ms"


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
