"""Hypothesis strategies and builders for reconcile turns: profiles, workloads, hosts."""

from __future__ import annotations

from hypothesis import strategies as st

from controller.model import Gpu, Model, Point, Profile, Serve, Workload, WorkloadSpec, WorkloadStatus

PRODUCT = "NVIDIA A100-SXM4-80GB"
MODELS = ("small", "large")


def digest(number: int) -> str:
    """A well-formed digest."""
    return f"sha256:{number:064x}"


def profile(name: str, per_gpc: float, *, smallest: int = 1, product: str = "A100-SXM4-80GB") -> Profile:
    """Throughput grows a little less than with the size; two processes give a third more."""
    points = tuple(
        Point(size, batch, processes, per_gpc * size**0.95 * batch**0.3 * (1 + (processes - 1) / 3), 4.0 * batch)
        for size in (1, 2, 3, 4, 7)
        if size >= smallest
        for batch in (1, 4)
        for processes in (1, 2)
    )
    return Profile(name, product, points)


PROFILES = (profile("small", 50.0), profile("large", 20.0, smallest=2))


def workload(
    name: str,
    rate: float,
    *,
    model: str = "small",
    slo_ms: float = 100.0,
    version: int = 1,
    serve: Serve = Serve.WHOLE,
) -> Workload:
    """A workload as the API would store it."""
    return Workload(
        name, WorkloadSpec(model, rate, slo_ms, serve=serve), status=WorkloadStatus(model_digest=digest(version))
    )


def model(name: str, *, batchable: bool = True) -> Model:
    """A stored model."""
    return Model(name, digest(1), 1000, "onnx", (), (), batchable, (digest(1),))


def gpu(node: str, index: int, *, product: str = PRODUCT, healthy: bool = True) -> Gpu:
    """A GPU as its host reports it."""
    return Gpu(f"GPU-{node}-{index}", node, index, product, 80 << 30, mig_enabled=True, healthy=healthy)


names = st.sampled_from(("a", "b", "c", "d"))
workloads = st.builds(
    workload,
    names,
    st.floats(1, 900),
    model=st.sampled_from(MODELS),
    slo_ms=st.sampled_from((10.0, 100.0, 100.0, 400.0)),
    version=st.integers(1, 2),
    serve=st.sampled_from(Serve),
)
light_workloads = st.builds(
    workload,
    st.sampled_from(("a", "b", "c", "d", "e", "f")),
    st.floats(0.5, 60),
    model=st.just("small"),
    slo_ms=st.sampled_from((50.0, 100.0, 400.0)),
    version=st.integers(1, 2),
)
