"""`sliceplane-slicer train`: its options; torch is imported only when it runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from common.bundle import Bundle
from slicer import load, samples, show
from slicer.bundle import CANARIES
from slicer.cli import FILE, NEW_FILE, one_line, write
from slicer.model import SlicerError
from slicer.train.settings import FAMILIES, Settings


@click.command("train")
@click.argument("model", type=FILE)
@click.option("--at", required=True, metavar="TENSOR|INDEX", help="The cut, as `cuts` lists it.")
@click.option(
    "--to", metavar="TENSOR|INDEX",
    help="A later cut at which the tail begins: the bottleneck replaces all that lies between. Its sides must be those "
    "of --at, or these halved, rounded up.",
)  # fmt: skip
@click.option("--data", required=True, type=FILE, help="Inputs, .npz or .npy; labels may be in the .npz, too.")
@click.option("-o", "--output", "target", required=True, type=NEW_FILE)
@click.option(
    "--family", type=click.Choice(FAMILIES), default=FAMILIES[0], show_default=True,
    help="Few channels travel (--channels, --halvings), or all on a map of half the sides, as in the paper.",
)  # fmt: skip
@click.option("--channels", type=click.IntRange(1), default=8, show_default=True, help="Channels that travel.")
@click.option(
    "--halvings", type=click.IntRange(1, 3), default=1, show_default=True, help="How often the map's sides are halved."
)
@click.option(
    "--weight", type=click.FloatRange(0), default=0.005, show_default=True,
    help="What a bit an element is worth beside the distance of the answers: more makes payloads smaller.",
)  # fmt: skip
@click.option(
    "--budget", type=click.FloatRange(0, 1), help="Stop early once held-out samples lose no more than this share."
)
@click.option("--epochs", type=click.IntRange(1), default=8, show_default=True, help="Of each of the two stages.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--labels", metavar="NAME", help="Array of the .npz with each sample's class: accuracy is measured.")
@click.option("--checkpoint", type=NEW_FILE, help="Kept after each epoch; where it exists the run goes on from it.")
@click.option("--level", default="rans-4", show_default=True, help="Codec level that devices start with.")
@click.option("--name", help="The model's name; else the file's.")
@click.option(
    "--canary", type=click.IntRange(0, 16), default=CANARIES, show_default=True,
    help="So many of the inputs go into the bundle, for devices to try it on; 0: none.",
)  # fmt: skip
@one_line
def train_command(
    model: Path,
    at: str,
    to: str | None,
    data: Path,
    target: Path,
    family: str,
    channels: int,
    halvings: int,
    weight: float,
    budget: float | None,
    epochs: int,
    seed: int,
    labels: str | None,
    checkpoint: Path | None,
    level: str,
    name: str | None,
    canary: int,
) -> None:
    """Train a Transfer Layer for MODEL and write the bundle.

    The model itself is the teacher, so data needs no labels. A fifth of it is held out: bytes and accuracy of each
    level are measured there and stand in the manifest.

    With --to the device runs MODEL up to --at and then the encoder; the decoder gives the tensor of --to, with which
    the tail begins. The layers between are in neither half: cut early, where little is computed, and let the bottleneck
    learn what they do. --halvings is raised where they halve more often.
    """
    if importlib.util.find_spec("torch") is None:
        raise SlicerError("training needs torch: pip install 'sliceplane[train]'")
    from slicer.train.train import train

    whole = load.load(model)
    found = samples.read(data, whole)
    wanted = Settings(channels, halvings, weight, budget, epochs, seed, family=family)
    content = train(
        whole, at, found, wanted, name=name or model.stem, level=level, to=to,
        labels=_labels(data, labels), checkpoint=checkpoint, say=click.echo, canary=canary,
    )  # fmt: skip
    write(target, content)
    show.bundle(Bundle.open(target), target)


def _labels(path: Path, name: str | None) -> npt.NDArray[np.int64] | None:
    if name is None:
        return None
    found = np.load(path, allow_pickle=False)
    if isinstance(found, np.ndarray):
        raise SlicerError(f"{path}: an .npy has no labels: give an .npz")
    with found:
        if name not in found.files:
            raise SlicerError(f'{path}: there is no array "{name}" of labels')
        labels: npt.NDArray[np.int64] = found[name].astype(np.int64)
    return labels
