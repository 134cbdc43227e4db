"""`make chaos-edge`: faults on a running edge; writes docs/results/chaos-edge.md, exit 1 on a broken promise."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bench.chaos_edge.check import check
from bench.chaos_edge.faults import FAULTS, Fault, Line, plan, split
from bench.chaos_edge.report import Happened, Run, text
from bench.chaos_edge.sources import Results, Sources
from bench.chaos_edge.world import World, limited, unmount
from bench.plane import REPO, Plane

OUT = REPO / "docs" / "results" / "chaos-edge.md"
RECOVERY_S = 30.0
DRAIN_S = 60.0


def main() -> int:
    """Runs it; nothing is left running, however it ends."""
    parser = argparse.ArgumentParser(prog="make chaos-edge")
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=3.0, help="frames a second and source")
    parser.add_argument("--only", default="", help="faults whose names hold this")
    parser.add_argument("--out", type=Path, default=OUT)
    flags = parser.parse_args()
    console = Console()
    console.print(f"chaos at the edge: {flags.faults} faults, seed {flags.seed}")
    with tempfile.TemporaryDirectory(prefix="sliceplane-chaos-") as folder:
        disk, plane = Path(folder) / "disk", Plane(Path(folder))
        how = limited(disk)
        try:
            world = World(plane, disk)
            try:
                run = _run(world, flags, how, console)
            finally:
                world.down()
        except BaseException:
            console.print(plane.tail("edge"), markup=False)
            raise
        finally:
            unmount(disk)
    flags.out.write_text(text(run))
    console.print(f"wrote {flags.out}; {'every promise kept' if run.kept else 'A PROMISE WAS BROKEN'}")
    return 0 if run.kept else 1


def _run(world: World, flags: argparse.Namespace, disk: str, console: Console) -> Run:
    sources, results, draw = Sources(world, flags.rate), Results(world.results), random.Random(flags.seed)
    world.up()
    world.subscribed()
    sources.start()
    if _until(results, split, 60) is None:
        raise RuntimeError("no frame was answered by the split")
    possible = [f for f in FAULTS if f.name != "clock jump" or "not possible" not in world.how_clocks_jump]
    faults = [fault for fault in possible if flags.only in fault.name]
    begun, happened = time.monotonic(), []
    for number, fault in enumerate(plan(flags.faults, flags.seed, faults), 1):
        one = _strike(world, fault, results, draw)
        happened.append(one)
        took = "NOT RECOVERED" if one.recovered_s is None else f"{one.recovered_s:.2f} s"
        console.print(
            f"{number:4}/{flags.faults} {time.monotonic() - begun:5.0f} s  {fault.name}: {took}", markup=False
        )
    seconds = time.monotonic() - begun
    sources.stop()
    due = sum(map(len, sources.sent.values()))
    _until(results, lambda _line: len(results.lines) >= due, DRAIN_S)
    time.sleep(2)  # what comes twice comes now
    results.look()
    world.plane.stop("edge")
    results.look()
    sources.close()
    lines = Results(world.results).look()  # the file as it is, whatever was seen of it while it grew
    written = [(line["source"], line["frame"]) for line in lines]
    verdict = check(sources.sent, written)
    for wrong in (*verdict.lost, *verdict.twice, *verdict.out_of_order, *verdict.strange)[:20]:
        console.print(f"wrong: {wrong}", markup=False)
    published = {(source, frame) for source, frame, _ in sources.published}
    wanted = {(source, frame) for source, frames in sources.sent.items() for frame in frames}
    log = (world.plane.folder / "logs" / "edge.log").read_text(errors="replace")
    return Run(
        flags.seed, seconds, happened, verdict, due, len(sources.sent),
        dict(Counter(line["answered_by"] for line in lines)),
        sum(count - 1 for count in sources.published.values()), len(wanted - published),
        log.count("the queue is held up") + log.count("results wait"),
        disk, world.how_clocks_jump,
    )  # fmt: skip


def _strike(world: World, fault: Fault, results: Results, draw: random.Random) -> Happened:
    seen = True
    results.look()
    with fault.broken(world, draw):
        if fault.during:
            seen = _until(results, fault.during, fault.hold_s) is not None
        else:
            time.sleep(draw.uniform(0, fault.hold_s))
        results.look()
    recovered = _until(results, fault.after, RECOVERY_S)
    time.sleep(draw.uniform(0, 0.2))
    return Happened(fault.name, recovered, seen)


def _until(results: Results, holds: Callable[[Line], bool], within_s: float) -> float | None:
    """Seconds until a new result for which it holds; None if there is none within that."""
    begun = time.monotonic()
    while (took := time.monotonic() - begun) < within_s:
        if any(holds(line) for line in results.look()):
            return took
        time.sleep(0.02)
    return None


if __name__ == "__main__":
    sys.exit(main())
