"""The switches of offline plans: one list of options, handed on as one value."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from controller.allocator import OPTIMAL, PARVAGPU, Options
from controller.allocator.types import HALF, SLO_MODELS
from sliceplane.cli.session import bad_input

ALGORITHMS = (OPTIMAL, PARVAGPU)
TIME_LIMIT_S = 60.0
FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True, slots=True)
class How:
    """The planner's switches, named as the options are."""

    algorithm: str = OPTIMAL
    time_limit: float = TIME_LIMIT_S  # s, of the optimal planner
    suspect_rows: str = "drop"
    max_processes: int = 5
    single: bool = False
    no_optimization: bool = False
    slo_model: str = HALF
    latency_share: float = 0.45
    attainment: float = 0.9999
    burstiness: float = 1.25
    share_segments: bool = False
    gpus: Path | None = None
    current: Path | None = None
    move_price: float = 0.05
    explain: bool = False
    plot: Path | None = None

    @property
    def options(self) -> Options:
        """As the allocator takes them; exit 2 if one is out of bounds."""
        try:
            return Options(
                latency_share=self.latency_share,
                max_processes=self.max_processes,
                single=self.single,
                optimize=not self.no_optimization,
                slo_model=self.slo_model,
                attainment=self.attainment,
                burstiness=self.burstiness,
            )
        except ValueError as error:
            field, _, rest = str(error).partition(" ")
            raise bad_input(f"--{field.replace('_', '-')} {rest}") from error


def _option(flag: str, text: str, **kind: Any) -> Callable[[Any], Any]:
    default = getattr(HOW, flag.removeprefix("--").replace("-", "_"))
    return click.option(flag, default=default, show_default=default is not None, help=text, **kind)


HOW = How()
SWITCHES = (
    _option("--algorithm", "How to plan.", type=click.Choice(ALGORITHMS)),
    _option("--time-limit", "Of optimal: the best plan by then.", type=click.FloatRange(min=0), metavar="S"),
    _option("--suspect-rows", "Measurements that look wrong.", metavar="keep|drop|FILE"),
    _option("--max-processes", "Per segment.", type=click.IntRange(1, 48)),
    _option("--single", "One process per segment, no MPS.", is_flag=True),
    _option("--no-optimization", "Without allocation optimization.", is_flag=True),
    _option("--slo-model", "What a plan holds to.", type=click.Choice(SLO_MODELS)),
    _option("--latency-share", "Of half: a batch's share of the SLO.", type=float),
    _option("--attainment", "Of queueing: the share of requests within the SLO.", type=float),
    _option("--burstiness", "Of queueing: peak over mean of the arrival rate.", type=float),
    _option("--share-segments", "Light services share segments.", is_flag=True),
    _option("--gpus", "The GPUs there are: kinds, counts, costs, hosts.", type=FILE, metavar="FILE"),
    _option("--current", "What runs: a former plan -o json; shows the moves.", type=FILE, metavar="FILE"),
    _option("--move-price", "Of --current: GPUs that avoiding a move is worth.", type=click.FloatRange(min=0)),
    _option("--explain", "Say why each workload got what it got.", is_flag=True),
    _option("--plot", "Draw the GPU map.", type=FILE, metavar="FILE.png|svg"),
)


def offline_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the switches to a command, which takes them as `how`."""

    @functools.wraps(command)
    def packed(*args: Any, **given: Any) -> Any:
        how = How(**{field.name: given.pop(field.name) for field in fields(How)})
        return command(*args, how=how, **given)

    for option in reversed(SWITCHES):
        packed = option(packed)
    return packed


def refuse_offline_options() -> None:
    """The live planner's options are the controller's own: silence would promise what is not done."""
    context = click.get_current_context()
    for field in fields(How):
        if context.get_parameter_source(field.name) is click.core.ParameterSource.COMMANDLINE:
            flag = field.name.replace("_", "-")
            raise bad_input(f"--{flag} is for offline plans: say --profiles and --workloads too")
