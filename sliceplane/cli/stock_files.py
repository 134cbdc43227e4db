"""What a plan over unequal GPUs reads: the stocks of `--gpus FILE`, and profiles by product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from controller.allocator import ProfileTable
from controller.allocator.unequal import Stock, parse_profiles_by_product
from sliceplane.cli import implausible_rows
from sliceplane.cli.profile_files import text_of
from sliceplane.cli.session import bad_input
from sliceplane.documents.fleet import GpuGroup, read_fleet


def stocks_of(path: Path) -> list[Stock]:
    """The GPUs of the file that take segments, by product and cost; exit 2 where it cannot be used."""
    groups, problems = read_fleet(str(path), text_of(path))
    if problems:
        raise bad_input(*problems)
    stocks = as_stocks(groups)
    if not stocks:
        raise bad_input(f"{path}: every GPU is cordoned: there is nothing to plan on")
    return stocks


def as_stocks(groups: Sequence[GpuGroup]) -> list[Stock]:
    """Without the cordoned."""
    return [Stock(group.geometry, group.count, group.cost_per_hour) for group in groups if not group.cordoned]


def tables_by_product(paths: Sequence[Path]) -> dict[str, Mapping[str, ProfileTable]]:
    """Tables by product, then by model: folders in a folder are products, other files are of A100-80GB.

    Exit 2 with a line for each fault; what is implausible is said.
    """
    parsed, problems = parse_profiles_by_product(
        [(folder, str(file), text_of(file)) for path in paths for folder, file in _files(path)]
    )
    if problems:
        raise bad_input(*problems)
    for files in parsed.values():
        implausible_rows.warn(files)
    return {product: files.tables for product, files in parsed.items()}


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """(product folder, file); the folder is empty for what lies in no such folder."""
    if not path.exists():
        raise bad_input(f"{path}: there is no such file or folder")
    if not path.is_dir():
        yield "", path
        return
    found = [("", file) for file in _csv(path)]
    found += [(folder.name, file) for folder in sorted(path.iterdir()) if folder.is_dir() for file in _csv(folder)]
    if not found:
        raise bad_input(f"{path}: holds no .csv file, nor do its folders")
    yield from found


def _csv(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == ".csv" and file.is_file())
