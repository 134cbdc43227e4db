"""Reads rate-accuracy tables: what a trained cut's accuracy is at each codec level."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from common.bundle import Bundle, looks_like_bundle
from slicer.choose import Rates
from slicer.model import SlicerError


def read(path: Path) -> Rates:
    """The table of a bundle, or in a JSON file: a list of objects with level, accuracy, perhaps cut, or "rates" of it.

    Raises SlicerError, which names the entry that is wrong, or BundleError.
    """
    content = Bundle.open(path).manifest.to_json() if looks_like_bundle(path) else path.read_bytes()
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SlicerError(f"{path}: no JSON") from error
    cut = _cut(document)
    rows = document.get("rates") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise SlicerError(f'{path}: no rates: a list of {{"level": ..., "accuracy": ...}} is due')
    return dict(_entry(path, index, row, cut) for index, row in enumerate(rows))


def _cut(document: Any) -> str:
    """The cut that a bundle's manifest is of."""
    inner = document.get("cut") if isinstance(document, dict) else None
    return str(inner.get("id", "")) if isinstance(inner, dict) else ""


def _entry(path: Path, index: int, row: Any, cut: str) -> tuple[tuple[str, str], float]:
    where = f"{path}: rates[{index}]"
    if not isinstance(row, dict) or not isinstance(row.get("level"), str):
        raise SlicerError(f"{where}: level: a text is due")
    accuracy = row.get("accuracy")
    if isinstance(accuracy, bool) or not isinstance(accuracy, int | float):
        raise SlicerError(f"{where}: accuracy: a number is due")
    return (str(row.get("cut", cut)), row["level"]), float(accuracy)
