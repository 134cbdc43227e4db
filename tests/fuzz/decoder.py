"""The fuzzer's process: libFuzzer's flags and folders are its arguments, it ends at the first finding."""

from __future__ import annotations

import resource
import sys
import tracemalloc

ROOM = 512 << 20
"""Bytes of address space beyond what is loaded: whatever a library takes for a small payload stays below."""


def main() -> None:
    """Does not return: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["common.codec"]):
        from tests.fuzz.check import check
        from tests.fuzz.mutate import mutate

    def change(data: bytes) -> bytes:
        return bytes(atheris.Mutate(data, len(data) + 64))

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        return mutate(bytes(data), most, seed, change)

    tracemalloc.start()
    atheris.Setup(sys.argv, lambda data: check(bytes(data)), custom_mutator=mutated)
    _confine()
    atheris.Fuzz()


def _confine() -> None:
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        pages = int(statm.read().split()[0])
    most = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
