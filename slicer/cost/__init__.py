"""What an inference takes, and who may do what of it: the pure cost model of cuts, uploads and local runs."""

from slicer.cost.blocks import FP32, PUBLISHED, TRANSFER_LAYER, Block, Coded, Coding, Defects, candidates
from slicer.cost.criteria import Criteria, Layer
from slicer.cost.link import Link
from slicer.cost.model import Candidate, Energy, Goal, Kind
from slicer.cost.rank import Ranked, rank

__all__ = [
    "FP32",
    "PUBLISHED",
    "TRANSFER_LAYER",
    "Block",
    "Candidate",
    "Coded",
    "Coding",
    "Criteria",
    "Defects",
    "Energy",
    "Goal",
    "Kind",
    "Layer",
    "Link",
    "Ranked",
    "candidates",
    "rank",
]
