"""`make bench-codec`: speed, size and losses of every codec level; prints them, writes docs/results/codec.md, .png."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.codec.measure import measure
from bench.codec.plot import draw
from bench.codec.report import text
from bench.codec.tensors import drawn, images, real

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> None:
    """About half a minute."""
    parser = argparse.ArgumentParser(prog="make bench-codec", description=__doc__)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "results", help="default: %(default)s")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    results = {}
    for tensor in (*drawn(), *real(), images()):
        print(tensor.name, file=sys.stderr)
        results[tensor.name] = (tensor, list(measure(tensor)))
    page = text(results)
    (chosen.out / "codec.md").write_text(page)
    draw(results, chosen.out / "codec.png")
    print(page)


if __name__ == "__main__":
    main()
