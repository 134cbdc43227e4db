"""The formats of `-o`: table, wide, json, yaml, name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import click
import yaml

FORMATS = ("table", "wide", "json", "yaml", "name")


def output_option(*formats: str) -> Callable[[Any], Any]:
    """-o with these formats, the first of them the default."""
    return click.option(
        "-o",
        "--output",
        "output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How to print it.",
    )


def print_json(value: Any) -> None:
    """Indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def print_json_line(value: Any) -> None:
    """One line of JSON, for streams."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def print_yaml(documents: Sequence[Any]) -> None:
    """One YAML document each, parted by `---`."""
    click.echo("---\n".join(yaml_text(document) for document in documents), nl=False)


def yaml_text(document: Any) -> str:
    """A YAML document with its keys as they stand."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
