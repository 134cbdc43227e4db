"""Profiles by product: which folder of files was measured on which."""

from __future__ import annotations

from collections.abc import Iterable

from common.mig import A100_80GB, TABLES, geometry_of
from controller.allocator.profiles_csv import Problem, ProfileFiles, parse_profile_files


def parse_profiles_by_product(
    files: Iterable[tuple[str, str, str]],
) -> tuple[dict[str, ProfileFiles], list[Problem]]:
    """(folder, file name, text) triples to what the files give by product, and everything wrong with them.

    The folder is a product ("A30", "NVIDIA A100-SXM4-80GB"); empty: A100-80GB. A folder that is no product
    is a problem; points of sizes that the product lacks are never used.
    """
    by_product: dict[str, list[tuple[str, str]]] = {}
    problems: list[Problem] = []
    for folder, file, text in files:
        geometry = geometry_of(folder) if folder else A100_80GB
        if geometry is None:
            known = ", ".join(table.product for table in TABLES)
            problems.append(Problem(file, 0, "", f"folder {folder!r} is no product that is known: one of {known}"))
        else:
            by_product.setdefault(geometry.product, []).append((file, text))
    parsed = {product: parse_profile_files(own) for product, own in by_product.items()}
    problems += [problem for files_of in parsed.values() for problem in files_of.problems]
    return parsed, problems
