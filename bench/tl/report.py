"""The page: what was measured, the ratios asked for, every point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.tl.ratios import BUDGET, least, of
from bench.tl.task import CODED, PAPER, TRAINED, UNTRAINED, Point

WAYS = ("raw uint8", "JPEG", "WebP", "fp32 split", PAPER, CODED, UNTRAINED, TRAINED)
EIGHT_VALUES = ("rans-3", "zstd-3")
"""The levels with 8 values an element, which `make bench-split-replay` puts behind the paper's pooling."""
_WANTED = {UNTRAINED: 8, TRAINED: 32}


def text(found: Mapping[str, tuple[str, Sequence[Point]]]) -> str:
    """The page of all tasks: by name, what it is and its points."""
    parts = ["# Transfer Layers: bytes per image against accuracy", ""]
    parts += ["Written by `make bench-tl`. Bytes are whole payloads, headers of codecs and images included."]
    for name, (about, points) in found.items():
        parts += ["", f"## {name}", "", about, "", *_summary(points), "", *_table(points)]
    return "\n".join(parts) + "\n"


def _summary(points: Sequence[Point]) -> list[str]:
    whole = of(points, "raw uint8")[0].accuracy
    paper = of(points, PAPER)[0]
    rows = [
        f"Whole model: {whole:.2%}. Budget: {100 * BUDGET:g} points lost. "
        f"The paper's TL sends {paper.bytes:,.0f} bytes and loses {100 * (whole - paper.accuracy):.2f} points."
        + _eight_values(points, whole),
        "",
        "| way | fewest bytes within the budget | setting | points lost | of the paper's TL | wanted "
        "| JPEG that is as accurate |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for way in WAYS:
        best = least(points, way, whole - BUDGET)
        if best is None:
            rows.append(f"| {way} | none |  |  |  |  |  |")
            continue
        wanted = f"≤ 1/{_WANTED[way]}" if way in _WANTED else ""
        jpeg = least(points, "JPEG", best.accuracy)
        other = f"{jpeg.bytes:,.0f} bytes" if jpeg else "none"
        rows.append(
            f"| {way} | {best.bytes:,.0f} | {best.setting} | {100 * (whole - best.accuracy):.2f} "
            f"| 1/{paper.bytes / best.bytes:.1f} | {wanted} | {other} |"
        )
    return rows


def _eight_values(points: Sequence[Point], whole: float) -> str:
    found = {p.setting: p for p in of(points, CODED) if p.setting in EIGHT_VALUES}
    if not found:
        return ""
    said = (f"{p.bytes:,.0f} bytes and {100 * (whole - p.accuracy):.2f} points at {at}" for at, p in found.items())
    return f" Through our codec with 8 values an element, its tail not trained for that: {', '.join(said)}."


def _table(points: Sequence[Point]) -> list[str]:
    rows = ["| way | setting | bytes | accuracy |", "| --- | --- | --- | --- |"]
    for way in WAYS:
        rows += [f"| {p.way} | {p.setting} | {p.bytes:,.0f} | {p.accuracy:.2%} |" for p in of(points, way)]
    return rows
