"""`sliceplane plan`: offline from profile files, or against the live fleet; stores nothing either way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from sliceplane.cli import plan_live, plan_offline
from sliceplane.cli.files import files_option
from sliceplane.cli.output import output_option
from sliceplane.cli.plan_options import How, offline_options, refuse_offline_options
from sliceplane.cli.session import LiveCommand, Session, bad_input, pass_session


@click.command(cls=LiveCommand)
@click.option(
    "--profiles", "profiles", multiple=True, type=click.Path(path_type=Path), metavar="DIR|FILE", help="Plan offline."
)
@click.option("--workloads", multiple=True, metavar="FILE|DIR|-", help="What to plan offline for.")
@offline_options
@files_option("Live: as if these were applied.", required=False)
@click.option("--delete", "deleted", multiple=True, metavar="NAME", help="Live: as if this workload were deleted.")
@click.option("--dry-run", is_flag=True, expose_value=False, help="Accepted for clearness: plan never changes a thing.")
@output_option("table", "json", "yaml")
@pass_session
def plan(
    session: Session,
    profiles: tuple[Path, ...],
    workloads: tuple[str, ...],
    how: How,
    files: tuple[str, ...],
    deleted: tuple[str, ...],
    output: str,
) -> None:
    """Plan without changing anything.

    Shows how many GPUs workloads take, and which segment would stand where.

    Offline with --profiles and --workloads; against the live fleet otherwise, where it says what is
    kept, created and removed.

    \b
    Examples:
      sliceplane plan --profiles parvagpu/profiles --workloads services.yaml
      sliceplane plan --profiles parvagpu/profiles --workloads services.yaml --algorithm parvagpu -o json
      sliceplane plan --profiles parvagpu/profiles --workloads services.yaml --slo-model queueing --plot map.png
      sliceplane plan -f workloads.yaml
    """
    if profiles or workloads:
        _refuse_mixture(profiles, workloads, files, deleted)
        plan_offline.show(profiles, workloads, how, output)
    else:
        refuse_offline_options()
        plan_live.show(session.client, files, deleted, output)


def _refuse_mixture(
    profiles: Sequence[Path], workloads: Sequence[str], files: Sequence[str], deleted: Sequence[str]
) -> None:
    if files or deleted:
        raise bad_input("-f and --delete ask the live fleet; offline say --profiles and --workloads")
    if not profiles:
        raise bad_input("--profiles is missing: offline plans need profile files (for the live fleet say -f)")
    if not workloads:
        raise bad_input("--workloads is missing: say what to plan for")
