"""Finds and parses profile files: ParvaGPU's CSV folders and our own CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from controller.allocator import ProfileFiles, ProfileTable, parse_profile_files
from sliceplane.cli import implausible_rows
from sliceplane.cli.session import bad_input


def tables_of(paths: Sequence[Path]) -> Mapping[str, ProfileTable]:
    """The profile of each model in the files and folders; what is implausible is said, exit 2 with a line a fault."""
    parsed = parsed_of(paths)
    implausible_rows.warn(parsed)
    return parsed.tables


def parsed_of(paths: Sequence[Path]) -> ProfileFiles:
    """All that the files and folders say; exit 2 with a line for each fault."""
    parsed = parse_profile_files([(str(file), text_of(file)) for path in paths for file in _files(path)])
    if parsed.problems:
        raise bad_input(*parsed.problems)
    return parsed


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise bad_input(f"{path}: there is no such file or folder")
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() == ".csv" and file.is_file())
    if not found:
        raise bad_input(f"{path}: holds no .csv file")
    return found


def text_of(file: Path) -> str:
    """The file's text; exit 2 where it is unreadable or not UTF-8."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad_input(f"{file}: byte {error.start + 1} is not UTF-8: save it as UTF-8 text") from error
    except OSError as error:
        raise bad_input(f"{file}: {error.strerror}") from error
