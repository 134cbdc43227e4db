"""What the slicer prints: tables of cuts, bundles and checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from common.bundle import Bundle, Manifest
from slicer.check import Report
from slicer.level_bytes import ByLevel
from slicer.load import show as shape_text
from slicer.model import CutPoint


def cut_document(cut: CutPoint, coded: Mapping[str, float]) -> dict[str, Any]:
    """A cut for programs; sizes in bytes, multiply-accumulates and operations (two each), null where they are open."""
    return {
        "index": cut.index,
        "id": cut.id,
        "tensor": cut.tensor.name,
        "operator": cut.operator,
        "dtype": cut.tensor.dtype,
        "shape": None if cut.tensor.shape is None else list(cut.tensor.shape),
        "raw_bytes": cut.raw_bytes,
        "level_bytes": {level: round(size) for level, size in coded.items()},
        "head_nodes": cut.head_nodes,
        "head_macs": cut.head_macs,
        "head_flops": None if cut.head_macs is None else 2 * cut.head_macs,
        "total_macs": cut.total_macs,
    }


def cuts(found: list[CutPoint], coded: ByLevel, levels: Sequence[str], note: str) -> None:
    """A line per cut; `coded`: bytes by cut and level, `note`: where they are from."""
    shown = levels if coded else ()
    table = grid(("#", True), ("TENSOR", False), ("MADE BY", False), ("SHAPE", False), ("BYTES", True),
                   *((level.upper(), True) for level in shown), ("NODES", True), ("HEAD MACS", True),
                   ("SHARE", True))  # fmt: skip
    for cut in found:
        share = f"{cut.head_macs / cut.total_macs:.0%}" if cut.head_macs is not None and cut.total_macs else "?"
        sizes = coded.get(cut.index, {})
        table.add_row(
            str(cut.index), escape(cut.tensor.name), cut.operator, shape_text(cut.tensor.shape), _count(cut.raw_bytes),
            *(f"{sizes[level]:,.0f}" if level in sizes else "-" for level in shown),
            str(cut.head_nodes), _count(cut.head_macs), share,
        )  # fmt: skip
    out = console()
    out.print(table)
    said = f"; bytes at levels {note}" if note else ""
    out.print(f"{len(found)} valid cuts{said}", markup=False, highlight=False, soft_wrap=True)


def bundle(opened: Bundle, path: Path) -> None:
    """What a bundle is."""
    manifest = opened.manifest
    out = console()
    sizes = ", ".join(f"{name} {part.size:,} B" for name, part in manifest.parts.items())
    clips = ", ".join(str(bits) for bits in sorted(manifest.clips, reverse=True)) or "none: measured per activation"
    for label, text in (
        ("bundle", f"{path} ({opened.digest})"),
        ("model", f"{manifest.model}: {_ends(manifest.inputs)} -> {_ends(manifest.outputs)}"),
        ("cut", f"{manifest.cut_id} {shape_text(manifest.cut.shape)}"),
        ("parts", sizes),
        ("levels", f"{', '.join(manifest.levels)}; starts with {manifest.default_level}"),
        ("canary", _canary(manifest)),
        ("clip ranges", f"calibrated for bits: {clips}" if manifest.clips else clips),
    ):
        out.print(f"{label + ':':13}{text}", markup=False, highlight=False, soft_wrap=True)


def _canary(manifest: Manifest) -> str:
    if manifest.canary is None:
        return "none"
    return f"{len(manifest.canary.samples)} samples, {manifest.canary.part.size:,} B"


def report(found: Report, default: str) -> None:
    """What a check found."""
    out = console()
    text = f"{found.samples} samples; head and tail against the whole model: largest difference {found.split_error:.2g}"
    out.print(text, highlight=False)
    table = grid(("LEVEL", False), ("BYTES", True), ("MOST", True), ("OF FP32", True), ("ACTIVATION ERROR", True),
                   ("OUTPUT ERROR", True), ("SAME ANSWER", True))  # fmt: skip
    for one in found.levels:
        table.add_row(
            one.level + (" *" if one.level == default else ""), f"{one.mean_bytes:,.0f}", f"{one.most_bytes:,}",
            f"{one.mean_bytes / found.raw_bytes:.1%}", f"{one.activation_error:.3g}", f"{one.output_error:.3g}",
            f"{one.agreement:.1%}",
        )  # fmt: skip
    out.print(table)


def console() -> Console:
    """The terminal; piped tables are not folded."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=200)


def grid(*columns: tuple[str, bool]) -> Table:
    """An empty table; each column has a name, and whether it is set to the right."""
    table = Table(box=None, pad_edge=False)
    for name, right in columns:
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    return table


def _ends(tensors: Any) -> str:
    return ", ".join(f"{t.name} {t.dtype} {shape_text(t.shape)}" for t in tensors)


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"
