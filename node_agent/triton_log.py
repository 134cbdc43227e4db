"""Reads in a Triton's log why it does not serve."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

LINES = 200  # from the end: about what one start writes
LONGEST = 500  # characters of a message
# A row of the table that Triton writes once it has tried to load its models.
_UNLOADED = re.compile(r"\| (?P<model>[^ |]+) +\| [0-9-]+ +\| UNAVAILABLE(: (?P<why>.*?))? *\|")
# What Triton says last, without the model's name: the table before it knows more.
_SUMMARY = "failed to load all models"


def last_error(log: Path) -> str:
    """Triton's last word of an error in its log, with the model's name where it could not be loaded; or nothing."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-LINES:]
    except OSError:
        return ""
    wrong = [line for line in lines if "error" in line.lower() or "UNAVAILABLE" in line]
    if wrong and _SUMMARY in wrong[-1]:
        return _unloaded(wrong) or _short(wrong[-1])
    return _short(wrong[-1]) if wrong else ""


def _unloaded(lines: Sequence[str]) -> str:
    """The models that were not loaded, each with the reason of its last try."""
    rows = [row for line in lines if (row := _UNLOADED.fullmatch(line))]
    why = {row["model"]: row["why"] or "UNAVAILABLE" for row in rows}
    return "; ".join(_short(f'model "{model}": {reason}') for model, reason in why.items())


def _short(text: str) -> str:
    return " ".join(text.split())[:LONGEST]
