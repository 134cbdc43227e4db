"""`make demo`: real OCR models served and split on simulated A100 hosts, with faults; exit 1 on a broken promise."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.demo import edge, faults, serve
from bench.demo.link import thin_link
from bench.demo.show import Show
from bench.demo.world import World
from bench.plane import Plane

LINK_MBIT = 2.0
STAGES: tuple[Callable[[World], None], ...] = (
    serve.start,
    serve.models,
    serve.apply,
    serve.load,
    edge.split,
    faults.kill_triton,
    faults.double_rate,
    edge.stop_tail,
)


def _interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _conditions(show: Show, world: World) -> None:
    show.console.print("[bold]Sliceplane demo[/]: OCR of product labels on two simulated A100 hosts of two GPUs each")
    show.say(f"{os.cpu_count()} CPU cores stand in for the GPUs; Triton, Postgres, gRPC, models and images are real")
    show.say(f"edge link of {LINK_MBIT:g} Mbit/s by {world.link.how}")


def _try_it(world: World) -> None:
    show, server = world.show, world.server
    show.console.print("\n[bold]Left running[/]; try:")
    for line in (
        f"export SLICEPLANE_SERVER={server}",
        ".venv/bin/sliceplane get workloads",
        ".venv/bin/sliceplane map",
        ".venv/bin/sliceplane describe workload recognition",
        ".venv/bin/sliceplane events --watch",
        f"export GRPC_XDS_BOOTSTRAP={world.bootstrap()}  # then dial xds:///recognition with tritonclient",
    ):
        show.console.print(f"   {line}", markup=False)
    show.console.print("   Ctrl-C ends everything")
    signal.pause()


def main() -> int:
    """Runs every stage; ends everything that it started, however it ends."""
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--keep", action="store_true", help="leave everything up at the end")
    keep = parser.parse_args().keep
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    show, code = Show(), 1
    with tempfile.TemporaryDirectory(prefix="sliceplane-demo-") as folder:
        Path(folder).chmod(0o755)  # Postgres runs as a user of its own when we are root
        world = World(show, Plane(Path(folder)), thin_link(LINK_MBIT))
        try:
            _conditions(show, world)
            for stage in STAGES:
                stage(world)
            code = 0 if show.summary() else 1
            if keep:
                _try_it(world)
        except KeyboardInterrupt:
            show.console.print("\ninterrupted: ending everything")
            code = 0 if keep and code == 0 else 130
        except Exception as error:
            show.console.print(f"\n[bold red]the demo failed[/]: {error}")
            for name in world.plane.processes:
                show.console.print(f"--- {name}\n{world.plane.tail(name)}", markup=False)
            code = 1
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave anything behind
            world.plane.down()
            world.link.down()
            left = len(world.plane.left())
            show.console.print(f"   ended everything, {left} processes left")
    return code if left == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
