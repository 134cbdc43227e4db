"""The moves from what runs to a plan, as a table and as JSON."""

from __future__ import annotations

from typing import Any

import click

from common.mig import gpcs_of
from controller.allocator.moves import Replanned, Step
from sliceplane.cli.tables import Column, show_table, tenths

MOVES: tuple[Column[Step], ...] = (
    Column("WAVE", lambda one: str(one.wave), right=True),
    Column("MOVE", lambda one: one.action.value),
    Column("GPU", lambda one: one.gpu, right=True),
    Column("START", lambda one: str(one.start), right=True),
    Column("WORKLOAD", lambda one: one.segment.service),
    Column("PROFILE", lambda one: one.profile),
    Column("SHORT ITEMS/S", lambda one: tenths(one.short) if one.short else "", right=True),
    Column("WHY", lambda one: one.why),
)


def show_moves(made: Replanned) -> None:
    """One line on the price, then every step."""
    again = f"{made.from_scratch} if planned from nothing"
    click.echo(f"moves: {made.moves} segment{'' if made.moves == 1 else 's'} to create ({again})")
    if made.steps:
        click.echo()
        show_table(MOVES, made.steps)


def moves_to_json(made: Replanned) -> dict[str, Any]:
    """`moves`, `moves_from_scratch` and `steps`, to be added to a plan's JSON."""
    return {
        "moves": made.moves,
        "moves_from_scratch": made.from_scratch,
        "steps": [
            {
                "wave": one.wave,
                "move": one.action.value,
                "gpu": int(one.gpu),
                "start": one.start,
                "workload": one.segment.service,
                "profile": one.profile,
                "gpcs": gpcs_of(one.segment.size),
                "batch": one.segment.batch,
                "processes": one.segment.processes,
                "short": one.short,
                "why": one.why,
            }
            for one in made.steps
        ],
    }
