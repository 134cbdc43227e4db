"""The bench's tables as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.allocator.fleets import Measured
from bench.allocator.runs import Run
from controller.allocator.suspect import Key, Suspect, detect

Fleets = Mapping[tuple[str, int], Sequence[Run]]  # (rates, services) → one run a seed


def scenario_table(variants: Mapping[str, Sequence[Run]]) -> str:
    """S1 to S6 under each variant: GPUs, bound, ParvaGPU's."""
    rows = []
    for name, runs in variants.items():
        rows.append([name, "ours", *(f"{one.gpus}{_mark(one)}" for one in runs)])
        rows.append(["", "ParvaGPU", *(str(one.parvagpu) for one in runs)])
        rows.append(["", "GPCs, ours", *(str(one.gpcs) for one in runs)])
        rows.append(["", "ms", *(f"{one.seconds * 1000:.0f}" for one in runs)])
    return table(["variant", "", "S1", "S2", "S3", "S4", "S5", "S6"], rows)


def copies_table(copies: Mapping[str, Run]) -> str:
    """Scenarios several times over."""
    rows = [
        [
            name,
            str(one.services),
            f"{one.gpus}{_mark(one)}",
            str(one.bound),
            str(one.parvagpu),
            _saved(one),
            f"{one.seconds * 1000:.0f}",
            f"{one.parvagpu_seconds * 1000:.0f}",
        ]
        for name, one in copies.items()
    ]
    return table(["fleet", "services", "GPUs", "bound", "ParvaGPU", "saved", "ms", "ParvaGPU ms"], rows)


def fleets_table(fleets: Fleets) -> str:
    """Drawn fleets: the worst of the seeds in every column, except GPUs and saving, which are means."""
    rows = []
    for (rates, services), runs in fleets.items():
        proven = sum(one.proven for one in runs)
        rows.append(
            [
                rates,
                f"{services:,}",
                str(len(runs)),
                f"{sum(one.gpus for one in runs) / len(runs):,.0f}",
                f"{proven} of {len(runs)}",
                f"{max(one.gap for one in runs):.4%}",
                f"{max(one.seconds for one in runs):.3f}",
                f"{sum(1 - one.gpus / one.parvagpu for one in runs) / len(runs):.1%}",
                f"{max(one.parvagpu_seconds for one in runs):.2f}",
            ]
        )
    header = ["req/s", "services", "seeds", "GPUs", "proven", "worst gap", "slowest s", "saved", "ParvaGPU s"]
    return table(header, rows)


def suspects_text(measured: Measured) -> str:
    """What detection finds, against the reference list."""
    found: dict[Key, Suspect] = {
        (model, one.point.size, one.point.batch, one.point.processes): one
        for model, measured_table in measured.tables.items()
        for one in detect(measured_table)
    }
    reference = measured.suspects
    rows = []
    for key in sorted(found.keys() | reference.keys()):
        one = found.get(key)
        sign = one.kind.value if one else "not flagged"
        rows.append([*map(str, key), reference.get(key, "not listed"), sign, one.why if one else ""])
    both, ours, theirs = len(found.keys() & reference.keys()), len(found), len(reference)
    said = f"Detection flags {ours} rows, the reference list {theirs}; {both} are the same.\n\n"
    return said + table(["model", "size", "batch", "processes", "tier", "sign", "why"], rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _mark(one: Run) -> str:
    return "" if one.proven else f" (bound {one.bound})"


def _saved(one: Run) -> str:
    return f"{1 - one.gpus / one.parvagpu:.1%}"
