"""Measures what a model's parts take on a device and an edge, and what every codec level takes between them."""

from slicer.measure.document import Cost, Measurements, Piece, read
from slicer.measure.run import Setup, measure

__all__ = ["Cost", "Measurements", "Piece", "Setup", "measure", "read"]
