"""`make bench-split-replay`: published timings of 18 networks, our codec as measured in this run.

Prints the tables and writes them to docs/results/split-replay.md with a plot beside it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.lite0 import SIDE
from bench.split_replay import activations, published
from bench.split_replay.network import network
from bench.split_replay.networks import side_of
from bench.split_replay.photos import photos
from bench.split_replay.plot import draw
from bench.split_replay.report import text
from bench.split_replay.tables import ranked
from bench.split_replay.ways import Measured
from slicer.measure import Cost
from slicer.measure.upload import upload_costs
from slicer.pixels import GUESSED

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data" / "scissionlite"
FACTORS = (1.0, 2.0, 3.0, 4.0, 6.0)
FACTOR = 3.0
REPEATS = 9


def main() -> None:
    """Measures, then replays; about a minute."""
    parser = argparse.ArgumentParser(prog="make bench-split-replay", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the published timings (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "results", help="default: %(default)s")
    parser.add_argument(
        "--device-factor", type=float, default=FACTOR,
        help="how many times longer the device takes for a codec than this machine (default: %(default)s)",
    )  # fmt: skip
    chosen = parser.parse_args()
    if not chosen.device_factor > 0:
        raise SystemExit("error: --device-factor must be above 0")
    if not (chosen.data / "layers.csv").exists():
        raise SystemExit(f"error: {chosen.data} has no layers.csv: say --data FOLDER with the published timings")
    chosen.out.mkdir(parents=True, exist_ok=True)
    measured = _measured(published.networks(chosen.data))
    page = _replay(chosen.data, measured, chosen.device_factor, chosen.out)
    print(page)


def _measured(networks: dict[str, list[published.Block]]) -> Measured:
    print("activations and codec", file=sys.stderr)
    measured = network()
    places, codec = activations.measure(measured, photos(SIDE))
    print("images", file=sys.stderr)
    sides = sorted({side_of(name) for name in networks})
    return Measured(measured.name, places, codec, {side: _images(side) for side in sides})


def _images(side: int) -> tuple[Cost, ...]:
    return upload_costs([one[None] for one in photos(side)], GUESSED, None, 1.0, REPEATS)


def _replay(data: Path, measured: Measured, factor: float, out: Path) -> str:
    networks = published.networks(data)
    free, private = (
        {name: ranked(name, blocks, measured, factor, hidden) for name, blocks in networks.items()}
        for hidden in (False, True)
    )
    factors = sorted({*FACTORS, factor})
    triton = {
        (device, hidden): {
            one: ranked("densenet169", published.triton(data, device), measured, one, hidden) for one in factors
        }
        for device in published.TX2
        for hidden in (False, True)
    }
    page = text(free, private, triton, measured, factor)
    (out / "split-replay.md").write_text(page)
    draw(free, private, out / "split-replay.png")
    return page


if __name__ == "__main__":
    main()
