"""Reads workload documents from files, folders and standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from sliceplane.cli.session import bad_input
from sliceplane.documents import Document, read

ENDINGS = (".yaml", ".yml", ".json")
STDIN = "-"


def files_option(help_text: str, *, required: bool) -> Callable[[Any], Any]:
    """-f, as often as wanted."""
    return click.option(
        "-f", "--filename", "files", multiple=True, required=required, metavar="FILE|DIR|-", help=help_text
    )


def documents_of(paths: Sequence[str], *, any_names: bool = False) -> list[Document]:
    """Every workload in the files; exit 2 with a line for each fault if there is any."""
    texts = [pair for path in paths for pair in _texts(path)]
    documents, problems = read(texts, any_names=any_names)
    if problems:
        raise bad_input(*problems)
    return documents


def _texts(path: str) -> Iterator[tuple[str, str]]:
    if path == STDIN:
        yield "-", _decoded("-", sys.stdin.buffer.read())
        return
    for file in _expanded(Path(path)):
        try:
            content = file.read_bytes()
        except OSError as error:
            raise bad_input(f"{file}: {error.strerror}") from error
        yield str(file), _decoded(str(file), content)


def _expanded(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS and file.is_file())
    if not found:
        raise bad_input(f"{path}: holds no {', '.join(ENDINGS)} file")
    return found


def _decoded(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad_input(f"{name}: byte {error.start + 1} is not UTF-8: save it as UTF-8 text") from error
