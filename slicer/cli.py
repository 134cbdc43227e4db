"""What the commands of sliceplane-slicer share: options, and errors as one line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from onnx import ModelProto

from common.bundle import BundleError
from common.codec import CodecError
from slicer import load
from slicer.model import SlicerError
from slicer.pixels import Scaling

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
POSITIVE = click.FloatRange(0, min_open=True)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)


class _Failed(click.ClickException):
    """One line on stderr, exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.message}", err=True, file=file)


def one_line(command: Callable[..., None]) -> Callable[..., None]:
    """The command, its errors told in one line."""

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


def named(found: dict[str, tuple[int, ...]], model: ModelProto) -> dict[str, tuple[int, ...]]:
    """Shapes by input; one that came without a name belongs to the only input. Raises SlicerError."""
    names = [value.name for value in load.inputs(model)]
    if "" in found and len(names) != 1:
        raise SlicerError(f"the model has {len(names)} inputs: say --shape NAME=... for {', '.join(names)}")
    return {name or names[0]: shape for name, shape in found.items()}


SHAPE = click.option(
    "--shape", "shapes", multiple=True, callback=_shapes, metavar="[NAME=]1x3x224x224",
    help="Sizes of an input that the model leaves open; once per input.",
)  # fmt: skip


def _numbers(_context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    try:
        found = tuple(float(one) for one in value.split(",")) if value else None
    except ValueError as error:
        raise click.BadParameter(f'"{value}" is no number, nor several with commas between') from error
    if found and not all(math.isfinite(one) for one in found):
        raise click.BadParameter(f'"{value}" holds what is no finite number')
    if found and parameter.name == "input_std" and 0 in found:
        raise click.BadParameter("it divides and must not be 0")
    return found


def pixel_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options that say how the input was made of pixels; the command gets `scaling`, None where none is given."""

    @click.option("--input-scale", type=POSITIVE, help="The input is (pixels · scale - mean) / std: scale. Default 1.")
    @click.option("--input-mean", callback=_numbers, metavar="M[,M,M]", help="Mean, one or one a channel. Default 0.")
    @click.option("--input-std", callback=_numbers, metavar="S[,S,S]", help="Divisor, likewise. Default 1.")
    @wraps(command)
    def wrapped(
        *args: Any,
        input_scale: float | None,
        input_mean: tuple[float, ...] | None,
        input_std: tuple[float, ...] | None,
        **kwargs: Any,
    ) -> None:
        said = (input_scale, input_mean, input_std) != (None, None, None)
        scaling = Scaling(input_scale or 1.0, input_mean or (0.0,), input_std or (1.0,)) if said else None
        command(*args, scaling=scaling, **kwargs)

    return wrapped


OUTPUT = click.option("-o", "--output", "form", type=click.Choice(["table", "json"]), default="table")


def write(target: Path, content: bytes) -> None:
    """Puts the file there whole; whoever reads the old one goes on with it."""
    fresh = target.with_name(target.name + ".new")
    fresh.write_bytes(content)
    fresh.replace(target)
