"""Prints the folder that holds this Python's shared library, which Triton's Python stub links to."""

import ctypes.util
import sys
import sysconfig
from pathlib import Path


def folder() -> str | None:
    """The folder, or None if this Python has no shared library on this machine."""
    name = f"libpython{sys.version_info.major}.{sys.version_info.minor}.so.1.0"
    places = [
        sysconfig.get_config_var("LIBDIR") or "",
        str(Path(sys.base_prefix) / "lib"),
        f"/usr/lib/{sysconfig.get_config_var('MULTIARCH') or 'x86_64-linux-gnu'}",
        "/usr/lib64",
    ]
    found = next((place for place in places if place and (Path(place) / name).exists()), None)
    if found is None and ctypes.util.find_library(name.removeprefix("lib").split(".so")[0]):
        return "/usr/lib"  # the loader knows it anyway
    return found


if __name__ == "__main__":
    answer = folder()
    if answer is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        print(f"error: libpython{version}.so is missing: apt-get install libpython{version}", file=sys.stderr)
        sys.exit(1)
    print(answer)
