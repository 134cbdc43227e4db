"""Workload documents: YAML or JSON text to workloads with the place of every fault, and back (pure)."""

from sliceplane.documents.nodes import Problem
from sliceplane.documents.read import Document, read
from sliceplane.documents.write import workload_document

__all__ = ["Document", "Problem", "read", "workload_document"]
