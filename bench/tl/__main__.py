"""`make bench-tl`: bytes per image against accuracy, for images, for the paper's Transfer Layer and for ours.

Prints the tables and writes them to docs/results/transfer-layer.md with a plot beside it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.tl import fashion, splits, uploads
from bench.tl.plot import draw
from bench.tl.report import text

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> None:
    """Trains what is not in build/tl yet, then measures; some minutes."""
    parser = argparse.ArgumentParser(prog="make bench-tl", description=__doc__)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "results", help="default: %(default)s")
    parser.add_argument("--train", type=int, default=5_000, help="images for the layers (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=4, help="of each stage (default: %(default)s)")
    parser.add_argument(
        "--channels", type=int, nargs="+", default=[4], help="that travel, one bundle for each (default: 4)"
    )
    chosen = parser.parse_args()
    task = fashion.task(REPOSITORY / "build" / "tl", chosen.train)
    points = [*uploads.points(task), *splits.points(task, chosen.epochs, chosen.channels)]
    about = (
        f"10,000 test images, small CNN (three convolutions), cut behind the first one (16×28×28). "
        f"Layers and tails are distilled on {chosen.train:,} training images without labels, {chosen.epochs} epochs "
        f"each stage; the tail behind the paper's layer is retrained as ours is in stage 2."
    )
    page = text({task.name: (about, points)})
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "transfer-layer.md").write_text(page)
    draw({task.name: points}, chosen.out / "transfer-layer.png")
    print(page)


if __name__ == "__main__":
    main()
