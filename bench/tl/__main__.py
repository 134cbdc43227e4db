"""`make bench-tl`: bytes per image against accuracy, for images, for the paper's Transfer Layer and for ours.

Prints the tables and writes them to docs/results/transfer-layer.md with a plot beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from bench.tl import fashion, solar, splits, uploads
from bench.tl.plot import draw
from bench.tl.report import text
from bench.tl.task import Task

REPOSITORY = Path(__file__).resolve().parents[2]
TASKS: dict[str, Callable[[Path, int], Task]] = {
    "solar": lambda build, _train: solar.task(build / "tl", build / "elpv"),
    "fashion": lambda build, train: fashion.task(build / "tl", train),
}


def main() -> None:
    """Trains what is not in build/tl yet, then measures; about an hour on two cores, most of it for the solar cells."""
    parser = argparse.ArgumentParser(prog="make bench-tl", description=__doc__)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "results", help="default: %(default)s")
    parser.add_argument("--train", type=int, default=60_000, help="images of Fashion-MNIST (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=6, help="of each stage, at most (default: %(default)s)")
    parser.add_argument(
        "--weights", type=float, nargs="+", default=[0.005],
        help="of a bit an element in training, one bundle for each (default: 0.005)",
    )  # fmt: skip
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS), help="default: all")
    chosen = parser.parse_args()
    found = {}
    for name in chosen.tasks:
        task = TASKS[name](REPOSITORY / "build", chosen.train)
        points = [
            *uploads.points(task),
            *splits.points(task, chosen.epochs, chosen.weights, REPOSITORY / "build" / "tl"),
        ]
        found[task.name] = (f"{task.about} {_how(chosen.epochs)}", points)
    page = text(found)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "transfer-layer.md").write_text(page)
    draw({name: points for name, (_, points) in found.items()}, chosen.out / "transfer-layer.png")
    print(page)


def _how(epochs: int) -> str:
    return (
        f"{epochs} epochs each stage; the tail behind the paper's layer is retrained as ours is in stage 2, as long "
        "and with the same loss."
    )


if __name__ == "__main__":
    main()
