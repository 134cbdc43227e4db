"""sliceplane-slicer: lists where a model can be cut, cuts it into a bundle, shows and checks bundles."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any

import click
from onnx import ModelProto

from common.bundle import Bundle, BundleError
from common.codec import CodecError
from slicer import bundle, check, load, samples, show
from slicer.calibrate import METHODS
from slicer.listing import listed
from slicer.model import SlicerError

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Failed(click.ClickException):
    """One line on stderr, exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.message}", err=True, file=file)


def _one_line(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except (SlicerError, BundleError, CodecError) as error:
            raise _Failed(str(error)) from error
        except OSError as error:
            raise _Failed(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from error

    return wrapped


def _shapes(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for value in values:
        name, _, sizes = value.rpartition("=")
        if not re.fullmatch(r"[1-9][0-9]*(x[1-9][0-9]*)*", sizes):
            raise click.BadParameter(f'"{value}" is none of NAME=1x3x224x224 and 1x3x224x224')
        found[name] = tuple(int(size) for size in sizes.split("x"))
    return found


def _named(found: dict[str, tuple[int, ...]], model: ModelProto) -> dict[str, tuple[int, ...]]:
    """Shapes by input; one that came without a name belongs to the only input."""
    names = [value.name for value in load.inputs(model)]
    if "" in found and len(names) > 1:
        raise SlicerError(f"the model has several inputs: say --shape NAME=... for {', '.join(names)}")
    return {name or names[0]: shape for name, shape in found.items()}


_SHAPE = click.option(
    "--shape", "shapes", multiple=True, callback=_shapes, metavar="[NAME=]1x3x224x224",
    help="Sizes of an input that the model leaves open; once per input.",
)  # fmt: skip
_OUTPUT = click.option("-o", "--output", "form", type=click.Choice(["table", "json"]), default="table")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Cut ONNX models in two: a head for the device, a tail for the GPU."""


@main.command()
@click.argument("model", type=_FILE)
@_SHAPE
@_OUTPUT
@_one_line
def cuts(model: Path, shapes: dict[str, tuple[int, ...]], form: str) -> None:
    """List every valid cut of MODEL: the tensors that alone are live.

    Bytes are of one float32 activation, MACs what the head computes; both need the input's sizes.
    """
    whole = load.load(model)
    found = listed(whole, _named(shapes, whole))
    if form == "json":
        click.echo(json.dumps([show.cut_document(cut) for cut in found], indent=1))
    else:
        show.cuts(found)


@main.command()
@click.argument("model", type=_FILE)
@click.option("--at", required=True, metavar="TENSOR|INDEX", help="The cut, as `cuts` lists it.")
@click.option("-o", "--output", "target", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--calibrate", "data", type=_FILE, help="Sample inputs, .npz or .npy, to take clip ranges from.")
@click.option("--clip", "method", type=click.Choice(list(METHODS)), default="mse", show_default=True)
@click.option("--samples", "most", type=click.IntRange(1), default=256, show_default=True, help="Use at most so many.")
@click.option("--level", default="rans-4", show_default=True, help="Codec level that devices start with.")
@click.option("--name", help="The model's name; else the file's.")
@_SHAPE
@_one_line
def cut(
    model: Path,
    at: str,
    target: Path,
    data: Path | None,
    method: str,
    most: int,
    level: str,
    name: str | None,
    shapes: dict[str, tuple[int, ...]],
) -> None:
    """Cut MODEL and write a bundle: manifest, head, tail, whole model."""
    whole = load.load(model)
    found = list(samples.cycle(samples.read(data, whole), most)) if data else []
    sizes = _named(shapes, whole)
    content = bundle.make(
        whole, at, name=name or model.stem, level=level, samples=found, method=method, shapes=sizes
    )  # fmt: skip
    fresh = target.with_name(target.name + ".new")
    fresh.write_bytes(content)
    fresh.replace(target)  # whoever reads the old one goes on with it
    show.bundle(Bundle.open(target), target)


@main.command()
@click.argument("path", metavar="BUNDLE", type=_FILE)
@_OUTPUT
@_one_line
def inspect(path: Path, form: str) -> None:
    """Verify BUNDLE and show what is in it."""
    opened = Bundle.open(path)
    if form == "json":
        document = json.loads(opened.manifest.to_json())
        click.echo(json.dumps({"digest": opened.digest, **document}, indent=1))
    else:
        show.bundle(opened, path)


@main.command("check")
@click.argument("path", metavar="BUNDLE", type=_FILE)
@click.option("--samples", "data", required=True, type=_FILE, help="Sample inputs, .npz or .npy.")
@click.option("--tolerance", type=float, default=1e-4, show_default=True, help="Of head and tail against the whole.")
@_OUTPUT
@_one_line
def check_command(path: Path, data: Path, tolerance: float, form: str) -> None:
    """Run samples through BUNDLE: is it the same model, and what does each level cost? Exit 1 if it is not."""
    opened = Bundle.open(path)
    whole = load.parse(opened.model_bytes(), "the bundle's model")
    report = check.check(opened, samples.read(data, whole))
    if form == "json":
        click.echo(json.dumps(asdict(report), indent=1))
    else:
        show.report(report, opened.manifest.default_level)
    if not report.split_error <= tolerance:  # a NaN is no agreement either
        click.echo(
            f"error: head and tail differ from the whole by {report.split_error:.3g}, over {tolerance}", err=True
        )
        raise SystemExit(1)


if __name__ == "__main__":
    main()
