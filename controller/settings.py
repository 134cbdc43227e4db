"""What the controller can be told, by flag or by environment variable (SLICEPLANE_CONTROLLER_...)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from controller import allocator, reconcile
from controller.allocator.types import QUEUEING, SLO_MODELS

ENVIRONMENT = "SLICEPLANE_CONTROLLER"


@dataclass(frozen=True, slots=True)
class Settings:
    """One controller's settings; addresses are "host:port" with port 0 for any free one.

    Raises click.UsageError naming flags that do not go together.
    """

    state_dir: Path
    database_url: str
    listen: tuple[str, ...]
    xds_listen: tuple[str, ...]
    http_listen: str
    models_url: str
    max_model_bytes: int
    drain_seconds: float
    offline_grace_seconds: float
    turn_seconds: float
    algorithm: str
    plan_seconds: float
    slo_model: str
    attainment: float
    burstiness: float
    share_segments: bool
    keep_changes: int
    log_level: str
    log_format: str
    port_file: Path | None

    def __post_init__(self) -> None:
        needs = (("--algorithm", self.algorithm, allocator.OPTIMAL), ("--slo-model", self.slo_model, QUEUEING))
        for flag, value, needed in needs:
            if self.share_segments and value != needed:
                raise click.UsageError(f"--share-segments needs {flag} {needed}, got {value}")

    @property
    def how(self) -> reconcile.Options:
        """How a turn decides."""
        planner = allocator.Options(slo_model=self.slo_model, attainment=self.attainment, burstiness=self.burstiness)
        return reconcile.Options(
            drain_s=self.drain_seconds,
            offline_grace_s=self.offline_grace_seconds,
            planner=planner,
            algorithm=self.algorithm,
            plan_s=self.plan_seconds,
            share=self.share_segments,
            clock=time.monotonic,
        )

    @property
    def models(self) -> str:
        """URL of the model store."""
        return self.models_url or (self.state_dir / "models").absolute().as_uri()


def default_state_dir() -> Path:
    """$XDG_STATE_HOME/sliceplane, or ~/.local/state/sliceplane."""
    base = os.environ.get("XDG_STATE_HOME")
    return Path(base or Path.home() / ".local" / "state") / "sliceplane"


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=default_state_dir,
        show_default="~/.local/state/sliceplane",
        help="Where the embedded Postgres and the models lie.",
    ),
    click.option(
        "--database-url", default="", help="postgresql://... Empty: a Postgres embedded in the state directory."
    ),
    click.option(
        "--listen",
        multiple=True,
        default=("127.0.0.1:7070",),
        show_default=True,
        help="Public and agents' API; repeatable.",
    ),
    click.option(
        "--xds-listen", multiple=True, default=("127.0.0.1:7071",), show_default=True, help="xDS; repeatable."
    ),
    click.option("--http-listen", default="127.0.0.1:7072", show_default=True, help="/metrics, /healthz, /readyz."),
    click.option(
        "--models-url", default="", help="fsspec URL of the model store. Empty: models/ in the state directory."
    ),
    click.option(
        "--max-model-bytes", type=click.IntRange(min=1), default=2 << 30, show_default=True, help="Largest model taken."
    ),
    click.option(
        "--drain-seconds",
        type=click.FloatRange(min=0),
        default=10.0,
        show_default=True,
        help="Time for requests in flight before a segment is removed.",
    ),
    click.option(
        "--offline-grace-seconds",
        type=click.FloatRange(min=0),
        default=300.0,
        show_default=True,
        help="How long a GPU host that fell silent keeps its share of the plan.",
    ),
    click.option(
        "--turn-seconds",
        type=click.FloatRange(min=0.05),
        default=2.0,
        show_default=True,
        help="Reconcile at least so often; changes are acted on at once.",
    ),
    click.option(
        "--algorithm",
        type=click.Choice(reconcile.ALGORITHMS),
        default=allocator.OPTIMAL,
        show_default=True,
        help="How segments are planned.",
    ),
    click.option(
        "--plan-seconds",
        type=click.FloatRange(min=0),
        default=5.0,
        show_default=True,
        help="Of optimal: the best plan by then.",
    ),
    click.option(
        "--slo-model", type=click.Choice(SLO_MODELS), default=QUEUEING, show_default=True, help="What a plan holds to."
    ),
    click.option(
        "--attainment",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.9999,
        show_default=True,
        help="Of queueing: the share of requests within the SLO.",
    ),
    click.option(
        "--burstiness",
        type=click.FloatRange(min=1),
        default=1.25,
        show_default=True,
        help="Of queueing: peak over mean of the arrival rate.",
    ),
    click.option(
        "--share-segments",
        is_flag=True,
        help="Light workloads share segments. Needs optimal and queueing.",
    ),
    click.option(
        "--keep-changes",
        type=click.IntRange(min=1),
        default=10_000,
        show_default=True,
        help="Changes, and events, that a watch can resume over.",
    ),
    click.option(
        "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
    ),
    click.option("--log-format", type=click.Choice(["auto", "json", "text"]), default="auto", show_default=True),
    click.option(
        "--port-file",
        type=click.Path(dir_okay=False, path_type=Path),
        default=None,
        help="Write the bound ports here as JSON, once serving.",
    ),
)


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds every option to a click command; each may also come from its environment variable."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
