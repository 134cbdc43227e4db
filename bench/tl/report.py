"""The page: what was measured, the ratios asked for, every point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.tl.ratios import BUDGET, least, of
from bench.tl.splits import PAPER, TRAINED, UNTRAINED
from bench.tl.task import Point

WAYS = ("raw uint8", "JPEG", "WebP", "fp32 split", PAPER, UNTRAINED, TRAINED)
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
        f"The paper's TL sends {paper.bytes:,.0f} bytes and loses {100 * (whole - paper.accuracy):.2f} points.",
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


def _table(points: Sequence[Point]) -> list[str]:
    rows = ["| way | setting | bytes | accuracy |", "| --- | --- | --- | --- |"]
    for way in WAYS:
        rows += [f"| {p.way} | {p.setting} | {p.bytes:,.0f} | {p.accuracy:.2%} |" for p in of(points, way)]
    return rows
