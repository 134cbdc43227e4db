"""The version of this installation, from the package's own metadata."""

from importlib.metadata import version


def installed() -> str:
    """Such as "0.1.0"."""
    return version("sliceplane")
