"""What the commands of sliceplane-slicer share: options, and errors as one line."""

from __future__ import annotations

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

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
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
OUTPUT = click.option("-o", "--output", "form", type=click.Choice(["table", "json"]), default="table")


def write(target: Path, content: bytes) -> None:
    """Puts the file there whole; whoever reads the old one goes on with it."""
    fresh = target.with_name(target.name + ".new")
    fresh.write_bytes(content)
    fresh.replace(target)
