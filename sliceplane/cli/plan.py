"""`sliceplane plan`: offline from profile files, or against the live fleet; stores nothing either way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from controller.allocator import OPTIMAL, PARVAGPU
from sliceplane.cli import plan_live, plan_offline
from sliceplane.cli.files import files_option
from sliceplane.cli.output import output_option
from sliceplane.cli.session import LiveCommand, Session, bad_input, pass_session

ALGORITHMS = (OPTIMAL, PARVAGPU)
SLO_MODELS = ("half",)  # one so far: naming it now keeps scripts valid when others come


@click.command(cls=LiveCommand)
@click.option(
    "--profiles", "profiles", multiple=True, type=click.Path(path_type=Path), metavar="DIR|FILE", help="Plan offline."
)
@click.option("--workloads", multiple=True, metavar="FILE|DIR|-", help="What to plan offline for.")
@click.option("--algorithm", type=click.Choice(ALGORITHMS), default=PARVAGPU, show_default=True, help="How to plan.")
@click.option("--time-limit", type=click.FloatRange(min=0), metavar="S", help="Of optimal: the best plan by then.")
@click.option(
    "--suspect-rows", default="drop", show_default=True, metavar="keep|drop|FILE", help="Measurements that look wrong."
)
@click.option("--max-processes", type=click.IntRange(1, 48), default=5, show_default=True, help="Per segment.")
@click.option("--single", is_flag=True, help="One process per segment, no MPS.")
@click.option("--no-optimization", is_flag=True, help="Without allocation optimization.")
@click.option("--slo-model", type=click.Choice(SLO_MODELS), default="half", show_default=True, expose_value=False)
@click.option("--latency-share", type=float, default=0.45, show_default=True, help="Of the SLO, for one batch.")
@files_option("Live: as if these were applied.", required=False)
@click.option("--delete", "deleted", multiple=True, metavar="NAME", help="Live: as if this workload were deleted.")
@output_option("table", "json", "yaml")
@pass_session
def plan(
    session: Session,
    profiles: tuple[Path, ...],
    workloads: tuple[str, ...],
    algorithm: str,
    time_limit: float | None,
    suspect_rows: str,
    max_processes: int,
    single: bool,
    no_optimization: bool,
    latency_share: float,
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
      sliceplane plan --profiles parvagpu/profiles --workloads services.yaml --algorithm optimal -o json
      sliceplane plan -f workloads.yaml
    """
    if profiles or workloads:
        _refuse_mixture(profiles, workloads, files, deleted)
        how = plan_offline.How(
            max_processes, single, not no_optimization, latency_share, algorithm, suspect_rows, time_limit
        )
        plan_offline.show(profiles, workloads, how, output)
    else:
        _refuse_offline_options()
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


def _refuse_offline_options() -> None:
    """The live planner's options are the controller's own: silence would promise what is not done."""
    context = click.get_current_context()
    offline = ("algorithm", "time_limit", "suspect_rows", "max_processes", "single", "no_optimization", "slo_model")
    for name in (*offline, "latency_share"):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise bad_input(f"--{name.replace('_', '-')} is for offline plans: say --profiles and --workloads too")
