"""Values of the plane's domain for tests: a model version, a host with GPUs, a segment."""

from __future__ import annotations

from dataclasses import replace

from controller.model import Gpu, MigProfile, Node, Segment, Serve, Tensor, Workload, WorkloadSpec
from controller.ports_public import ModelVersion

A100_PROFILES = (
    MigProfile("1g.10gb", 1, 1, (0, 1, 2, 3, 4, 5, 6), 10 << 30),
    MigProfile("3g.40gb", 3, 4, (0, 4), 40 << 30),
    MigProfile("7g.80gb", 7, 8, (0,), 80 << 30),
)


def digest(character: str = "a") -> str:
    """A well-formed digest."""
    return "sha256:" + character * 64


def version(character: str = "a", kind: str = "onnx") -> ModelVersion:
    """One uploaded file."""
    tensor = Tensor("x", "FP32", (-1, 3))
    return ModelVersion(digest(character), 100, kind, (tensor,), (replace(tensor, name="y"),), True)


def workload(name: str = "cat", *, rate: float = 10.0, model: str = "resnet50", serve: Serve = Serve.WHOLE) -> Workload:
    """A workload as an operator would apply it."""
    return Workload(name, WorkloadSpec(model, rate, 50.0, serve=serve))


def node(name: str = "host-a", **more: object) -> Node:
    """A connected host."""
    return replace(Node(name, "10.0.0.1", True, None, "1.0"), **more)  # type: ignore[arg-type]


def gpu(uuid: str = "GPU-0", host: str = "host-a", index: int = 0) -> Gpu:
    """A healthy A100."""
    return Gpu(uuid, host, index, "NVIDIA A100-SXM4-80GB", 80 << 30, True, True, "", A100_PROFILES)


def segment(segment_id: str = "seg-1", *, start: int = 0, slices: int = 1, uuid: str = "GPU-0") -> Segment:
    """A planned segment of workload `cat` on GPU 0 of host-a."""
    figures = {"batch": 4, "processes": 2, "throughput": 20.0, "latency_ms": 10.0}
    place = {"node": "host-a", "gpu_uuid": uuid, "gpu_index": 0, "start": start, "memory_slices": slices}
    return Segment(id=segment_id, workload="cat", gpcs=1, profile="1g.10gb", model_digest=digest(), **place, **figures)  # type: ignore[arg-type]
