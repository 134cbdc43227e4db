"""What `choose` prints: candidates in order, and why the rest may not be taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from slicer.cost import Goal, Kind, Link, Ranked
from slicer.show import console, grid


def document(found: Sequence[Ranked]) -> list[dict[str, Any]]:
    """All candidates for programs, the best first; ms, bytes, joules."""
    return [
        {
            "kind": one.candidate.kind.value,
            "cut": one.candidate.at or None,
            "level": one.candidate.level or None,
            "latency_ms": one.totals.latency_ms,
            "interval_ms": one.totals.interval_ms,
            "device_ms": one.candidate.device_ms,
            "encode_ms": one.candidate.encode_ms,
            "upload_bytes": one.candidate.upload_bytes,
            "upload_ms": one.upload_ms,
            "delay_ms": one.delay_ms,
            "decode_ms": one.candidate.decode_ms,
            "edge_ms": one.candidate.edge_ms,
            "energy_j": one.totals.energy_j,
            "lossless": one.candidate.lossless,
            "accuracy": one.candidate.accuracy,
            "refused": list(one.refused),
        }
        for one in found
    ]


def choice(found: Sequence[Ranked], link: Link, goal: Goal, top: int, notes: Sequence[str]) -> None:
    """The best `top` admissible candidates with their stages, then as many of the others with the reason."""
    out = console()
    admissible = [one for one in found if not one.refused]
    refused = [one for one in found if one.refused]
    line = f"{link.mbps:g} Mbit/s, {link.rtt_ms:g} ms round trip, {link.loss:.2%} lost"
    out.print(f"{line}: goodput {link.goodput_mbps:.4g} Mbit/s; ranked by {goal.value}", highlight=False)
    table = grid(("#", True), ("RUNS", False), ("CUT", False), ("LEVEL", False), ("TOTAL MS", True), ("FRAMES/S", True),
                 ("DEVICE", True), ("ENCODE", True), ("BYTES", True), ("UPLOAD", True), ("DELAY", True),
                 ("DECODE", True), ("EDGE", True), ("LOSSY", False), ("ACCURACY", True))  # fmt: skip
    for number, one in enumerate(admissible[:top], 1):
        table.add_row(str(number), *_row(one))
    out.print(table)
    if len(admissible) > top:
        out.print(f"and {len(admissible) - top} more", highlight=False)
    for one in refused[:top]:
        out.print(f"refused: {_name(one)}: {'; '.join(one.refused)}", markup=False, highlight=False, soft_wrap=True)
    if len(refused) > top:
        out.print(f"refused: {len(refused) - top} more; -o json has them all", highlight=False)
    for note in notes:
        out.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)


def _row(one: Ranked) -> list[str]:
    candidate, totals = one.candidate, one.totals
    rate = f"{1e3 / totals.interval_ms:.1f}" if totals.interval_ms else "?"
    first = [candidate.kind.value, escape(candidate.at), candidate.level, f"{totals.latency_ms:.2f}", rate]
    if candidate.kind is Kind.LOCAL:
        return [*first, f"{candidate.device_ms:.2f}", *[""] * 6, "", ""]
    accuracy = "?" if candidate.accuracy is None else f"{candidate.accuracy:.1%}"
    times = (candidate.device_ms, candidate.encode_ms)
    after = (one.upload_ms, one.delay_ms, candidate.decode_ms, candidate.edge_ms)
    return [
        *first, *(f"{ms:.2f}" for ms in times), f"{candidate.upload_bytes:,.0f}", *(f"{ms:.2f}" for ms in after),
        "" if candidate.lossless else "yes", accuracy,
    ]  # fmt: skip


def _name(one: Ranked) -> str:
    parts = (one.candidate.kind.value, one.candidate.at, one.candidate.level)
    return " ".join(part for part in parts if part)
