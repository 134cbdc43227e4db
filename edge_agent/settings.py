"""What the edge agent is told by flags and environment variables."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from common.errors import InvalidArgument, Violation
from common.names import name_violation
from edge_agent.broker import mqtt_violations
from edge_agent.model import Goal, Mode, Policy
from edge_agent.queue.model import Drop, Limits

F = Callable[..., Any]
WINDOWS = {Policy.ALL: 8, Policy.NEWEST: 2}
"""Frames under way unless said: each is older by those before it, so few where the newest counts."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The flags, as their help says; empty texts and None: not given."""

    controller: str
    xds_server: str
    device: str
    workload: str
    state_dir: Path
    input_dir: Path | None
    results: str
    outputs_dir: Path | None
    resume: bool
    once: bool
    preprocess: str
    listen: str
    deadline_ms: int
    window: int | None
    level: str
    min_level: str
    goal: str
    tail: tuple[str, ...]
    bundle: tuple[Path, ...]
    mode: str
    threads: int
    metrics_listen: str
    log_level: str
    log_format: str
    policy: str = Policy.ALL.value
    queue_dir: Path | None = None
    queue_max_bytes: int = 1 << 30
    queue_max_age: float = 0.0
    queue_drop: str = Drop.OLDEST.value
    canary_agreement: float = 0.0
    mqtt: str = ""
    mqtt_in: str = ""
    mqtt_out: str = ""
    mqtt_user: str = ""
    mqtt_password: str = field(default="", repr=False)

    @property
    def tails(self) -> tuple[str, ...]:
        """The tail of each bundle; "" where there is none."""
        return self.tail or ("",) * max(1, len(self.bundle))

    @property
    def frames(self) -> int:
        """How many frames may be under way."""
        return self.window or WINDOWS[Policy(self.policy)]

    @property
    def queued(self) -> bool:
        """Whether frames go through the queue on disk."""
        return bool(self.queue_dir or self.mqtt)

    @property
    def queue_folder(self) -> Path:
        """Where the queue lies."""
        return self.queue_dir or self.state_dir / "queue"

    @property
    def queue_limits(self) -> Limits:
        """What the queue may hold."""
        return Limits(self.queue_max_bytes, self.queue_max_age, Drop(self.queue_drop))

    def checked(self) -> Settings:
        """Itself. Raises InvalidArgument, naming each flag that is missing or wrong."""
        wrong = []
        if not self.bundle:
            if not self.workload:
                wrong.append(Violation("--workload", "say which tail workload to run, or give a --bundle"))
            elif bad := name_violation("--workload", self.workload):
                wrong.append(bad)
            if bad := name_violation("--device", self.device):
                wrong.append(bad)
        if self.tail and len(self.tail) != max(1, len(self.bundle)):
            wrong.append(Violation("--tail", "give one for each --bundle, in the same order, or none"))
        if self.input_dir is None and not self.listen and not self.mqtt_in:
            why = "give an --input-dir, an --mqtt-in or an address to listen on: there is no input"
            wrong.append(Violation("--listen", why))
        if self.once and self.input_dir is None:
            wrong.append(Violation("--once", "it needs an --input-dir"))
        if self.resume and self.results == "-":
            wrong.append(Violation("--resume", "it needs --results in a file"))
        if self.policy == Policy.NEWEST and self.queue_drop == Drop.NEWEST:
            wrong.append(Violation("--queue-drop", "with --policy newest the newest frame is kept: say oldest"))
        wrong += mqtt_violations(self.mqtt, self.mqtt_in, self.mqtt_out)
        if self.once and self.mqtt_in:
            wrong.append(Violation("--once", "messages of --mqtt-in have no end"))
        if wrong:
            raise InvalidArgument(*wrong)
        return self


def _device() -> str:
    """The host's name as a resource name."""
    label = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().split(".")[0].lower())[:63].strip("-")
    return label or "device"


_PATH = click.Path(path_type=Path)
_OPTIONS: tuple[Callable[[F], F], ...] = (
    click.option("--controller", default="127.0.0.1:7070", help="HOST:PORT of the controller's API."),
    click.option("--xds-server", default="127.0.0.1:7071", help="HOST:PORT of the controller's xDS server."),
    click.option("--device", default=_device, show_default="host name", help="Name of this device."),
    click.option("--workload", default="", help="Tail workload that this device belongs to."),
    click.option(
        "--state-dir", type=_PATH, default=Path("sliceplane-edge-agent"), help="Bundles and the last assignment."
    ),
    click.option(
        "--input-dir",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="Answer every .npy, .png, .jpg, .jpeg and .bmp file that appears in this folder.",
    ),
    click.option("--results", default="-", help="Where answers to --input-dir go, a JSON line each; -: stdout."),
    click.option("--outputs-dir", type=_PATH, help="Write each output tensor there, as .npy."),
    click.option("--resume", is_flag=True, help="Leave out files that --results has an answer for."),
    click.option("--once", is_flag=True, help="Stop when the files that are there are answered."),
    click.option(
        "--preprocess",
        default="",
        help='How images become the input: JSON or @FILE, such as {"height": 48, "width": 320, "fit": "height", '
        '"pad": 128, "channels": "BGR", "scale": 0.00784, "mean": [1, 1, 1]}. Keys: height, width, fit (stretch, '
        "contain, height), pad, scale, mean, std, channels (RGB, BGR, GRAY), layout (NCHW, NHWC), resample.",
    ),
    click.option("--listen", default="127.0.0.1:7080", help="HOST:PORT for local gRPC calls; empty: none."),
    click.option(
        "--deadline-ms", type=click.IntRange(1, 3_600_000), default=1000, help="Answer each frame within this."
    ),
    click.option(
        "--policy",
        type=click.Choice([policy.value for policy in Policy]),
        default=Policy.ALL.value,
        help="Frames that wait: all: each is answered, in order; newest: of each source the newest goes first, and "
        'those before it get the result "skipped".',
    ),
    click.option(
        "--window",
        type=click.IntRange(1, 4096),
        help="Frames under way at most, which are never skipped; 8, or 2 with --policy newest, unless given.",
    ),
    click.option(
        "--level",
        default="",
        help='Codec level to hold to, such as "rans-4"; empty: the fastest of those as good as the bundle\'s default.',
    ),
    click.option("--min-level", default="", help="Keep less, down to this level, where a deadline would be missed."),
    click.option(
        "--goal",
        type=click.Choice([goal.value for goal in Goal]),
        default=Goal.LATENCY.value,
        help="Of mode auto: latency: locally too where that is faster; offload: split while deadlines hold.",
    ),
    click.option(
        "--tail", multiple=True, help="Dial the tail at HOST:PORT instead of by xDS; one for each --bundle, in order."
    ),
    click.option(
        "--bundle",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        multiple=True,
        help="Run this bundle, without any controller. Give several cuts of one model, and frames take the one that is "
        "fastest over the link as it is.",
    ),
    click.option(
        "--mode",
        type=click.Choice([mode.value for mode in Mode]),
        default=Mode.AUTO.value,
        help="auto: split, locally if that is not there in time; split: or fail; local: never split.",
    ),
    click.option("--threads", type=click.IntRange(0, 256), default=0, help="Threads per model; 0: one a core."),
    click.option(
        "--queue-dir",
        type=_PATH,
        help="Keep frames and results there until they are delivered, each exactly once over crashes and power losses. "
        "With --mqtt it is STATE_DIR/queue unless given.",
    ),
    click.option(
        "--queue-max-bytes", type=click.IntRange(0), default=1 << 30, help="Inputs kept at most; 0: no limit."
    ),
    click.option(
        "--queue-max-age",
        type=click.FloatRange(0),
        default=0,
        help="Drop frames that waited so many seconds; 0: never.",
    ),
    click.option(
        "--queue-drop",
        type=click.Choice([drop.value for drop in Drop]),
        default=Drop.OLDEST.value,
        help="Who gives way when the queue is full; a dropped frame's result says so.",
    ),
    click.option(
        "--canary-agreement",
        type=click.FloatRange(0, 1),
        default=0,
        help="A new bundle runs only if it names so large a share of classes as the old one does, on the last frames. "
        "Its head and tail must always give what its whole model gives.",
    ),
    click.option("--mqtt", default="", help="Broker, as mqtt://HOST:PORT or mqtts:// for TLS."),
    click.option(
        "--mqtt-in",
        default="",
        help='Answer messages of this topic (wildcards + and # allowed): an image, .npy or .npz each. A user property "'
        'frame" names it; send with QoS 1.',
    ),
    click.option(
        "--mqtt-out", default="", help="Publish results to this topic; {source} in it: where the frame came from."
    ),
    click.option("--mqtt-user", default="", help="User at the broker."),
    click.option("--mqtt-password", default="", help="Better by the environment: SLICEPLANE_EDGE_AGENT_MQTT_PASSWORD."),
    click.option("--metrics-listen", default="", help="HOST:PORT for Prometheus; none unless given."),
    click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info"),
    click.option("--log-format", type=click.Choice(["auto", "json", "text"]), default="auto"),
)


def options(command: F) -> F:
    """Adds every flag to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
