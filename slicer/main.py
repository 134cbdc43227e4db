"""sliceplane-slicer: lists where a model can be cut, measures and chooses, cuts it into a bundle, checks bundles."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from common.bundle import Bundle
from common.codec import LEVELS
from slicer import bundle, check, load, samples, show
from slicer.calibrate import METHODS
from slicer.cli import FILE, NEW_FILE, OUTPUT, SHAPE, named, one_line, pixel_options, write
from slicer.commands import choose_command, measure_command
from slicer.examples import examples
from slicer.level_bytes import SHOWN, level_bytes
from slicer.listing import listed
from slicer.model import SlicerError
from slicer.pixels import Scaling, from_pixels
from slicer.train.command import train_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Cut ONNX models in two: a head for the device, a tail for the GPU."""


@main.command()
@click.argument("model", type=FILE)
@click.option("--samples", "data", type=FILE, help="Inputs, .npz or .npy, to take bytes per level from; else noise.")
@click.option(
    "--level", "levels", multiple=True, type=click.Choice(list(LEVELS)), metavar="LEVEL",
    help=f"A codec level to tell the bytes of; once per level. Default: {', '.join(SHOWN)}.",
)  # fmt: skip
@SHAPE
@OUTPUT
@one_line
def cuts(
    model: Path, data: Path | None, levels: tuple[str, ...], shapes: dict[str, tuple[int, ...]], form: str
) -> None:
    """List every valid cut of MODEL: the tensors that alone are live.

    Bytes are of one activation, float32 and at codec levels as a run gives it; MACs what the head computes. All need
    the input's sizes. Activations of noise compress worse than those of real inputs: give --samples to be sure.
    """
    whole = load.load(model)
    sizes = named(shapes, whole)
    given = examples(whole, data, 4, sizes) if data else None
    if given:
        sizes = {name: value.shape for name, value in given.inputs[0].items()}
    found = listed(whole, sizes)
    coded, note = {}, ""
    if found and all(cut.raw_bytes is not None for cut in found):
        given = given or examples(whole, None, 1, sizes)
        try:
            coded, note = level_bytes(whole, found, given.inputs, levels or SHOWN), f"on {given.source} inputs"
        except SlicerError as error:  # a graph can be listed that does not run here
            note = f"not measured: {error}"
    if form == "json":
        click.echo(json.dumps([show.cut_document(cut, coded.get(cut.index, {})) for cut in found], indent=1))
    else:
        show.cuts(found, coded, levels or SHOWN, note)


@main.command()
@click.argument("model", type=FILE)
@click.option("--at", required=True, metavar="TENSOR|INDEX", help="The cut, as `cuts` lists it, or input.")
@click.option("-o", "--output", "target", required=True, type=NEW_FILE)
@click.option("--calibrate", "data", type=FILE, help="Sample inputs, .npz or .npy, to take clip ranges from.")
@click.option("--clip", "method", type=click.Choice(list(METHODS)), default="mse", show_default=True)
@click.option("--samples", "most", type=click.IntRange(1), default=256, show_default=True, help="Use at most so many.")
@click.option("--level", default="rans-4", show_default=True, help="Codec level that devices start with.")
@click.option("--name", help="The model's name; else the file's.")
@click.option(
    "--transfer-layer", "layer", type=click.Choice(["none", *bundle.FAMILIES]), default="none", show_default=True,
    help="What shrinks the tensor between the halves, untrained; `train` trains one.",
)  # fmt: skip
@click.option(
    "--canary", type=click.IntRange(0, 16), default=bundle.CANARIES, show_default=True,
    help="So many of the samples go into the bundle with the model's answers, 8 MiB at most: devices try it on them "
    "before it runs. Without samples noise does. 0: none, for agents of older releases.",
)  # fmt: skip
@pixel_options
@SHAPE
@one_line
def cut(
    model: Path,
    at: str,
    target: Path,
    data: Path | None,
    method: str,
    most: int,
    level: str,
    name: str | None,
    layer: str,
    canary: int,
    scaling: Scaling | None,
    shapes: dict[str, tuple[int, ...]],
) -> None:
    """Cut MODEL and write a bundle: manifest, head, tail, whole model.

    At "input" the device does nothing but send: the bundle uploads what it is given. With --input-scale, -mean or -std
    the model takes the bytes of an image, scaled by itself, and so do samples and devices: give the edge agent
    images without scale, mean and std. Such bundles also offer u8, a byte an element, and JPEG and WebP: u8-zstd,
    jpeg-95, -85, -75, -50, webp-90, -75, -50; so do those whose --calibrate are whole numbers from 0 to 255.
    """
    whole = load.load(model)
    if scaling:
        whole = from_pixels(whole, scaling)
    found = list(samples.cycle(samples.read(data, whole), most)) if data else []
    sizes = named(shapes, whole)
    content = bundle.make(
        whole, at, name=name or model.stem, level=level, samples=found, method=method, shapes=sizes, layer=layer,
        canary=canary,
    )  # fmt: skip
    write(target, content)
    show.bundle(Bundle.open(target), target)


@main.command()
@click.argument("path", metavar="BUNDLE", type=FILE)
@OUTPUT
@one_line
def inspect(path: Path, form: str) -> None:
    """Verify BUNDLE and show what is in it."""
    opened = Bundle.open(path)
    if form == "json":
        document = json.loads(opened.manifest.to_json())
        click.echo(json.dumps({"digest": opened.digest, **document}, indent=1))
    else:
        show.bundle(opened, path)


@main.command("check")
@click.argument("path", metavar="BUNDLE", type=FILE)
@click.option("--samples", "data", required=True, type=FILE, help="Sample inputs, .npz or .npy.")
@click.option("--tolerance", type=float, default=1e-4, show_default=True, help="Of head and tail against the whole.")
@click.option(
    "--agreement", type=click.FloatRange(0, 1),
    help="Samples that the default level must answer as the whole model does. Default with a Transfer Layer: what the "
    "bundle's own table says, less what chance allows.",
)  # fmt: skip
@OUTPUT
@one_line
def check_command(path: Path, data: Path, tolerance: float, agreement: float | None, form: str) -> None:
    """Run samples through BUNDLE: is it the same model, and what does each level cost? Exit 1 if it is not.

    With a Transfer Layer between them head and tail are not meant to keep every value: they are held to --agreement.
    """
    opened = Bundle.open(path)
    whole = load.parse(opened.model_bytes(), "the bundle's model")
    report = check.check(opened, samples.read(data, whole))
    if form == "json":
        click.echo(json.dumps(asdict(report), indent=1))
    else:
        show.report(report, opened.manifest.default_level)
    layered = bool(opened.manifest.transfer_layer)
    least = check.promised(opened, report.samples) if layered and agreement is None else agreement
    same = next(one.agreement for one in report.levels if one.level == opened.manifest.default_level)
    if least is not None and same < least:
        click.echo(
            f"error: {same:.1%} of the samples are answered as the whole model does, under {least:.1%}", err=True
        )
        raise SystemExit(1)
    if layered:
        return
    if not report.split_error <= tolerance:  # a NaN is no agreement either
        click.echo(
            f"error: head and tail differ from the whole by {report.split_error:.3g}, over {tolerance}", err=True
        )
        raise SystemExit(1)


main.add_command(measure_command)
main.add_command(choose_command)
main.add_command(train_command)


if __name__ == "__main__":
    main()
