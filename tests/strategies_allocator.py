"""Hypothesis strategies for the allocator: profiles, services, and fleets that run something."""

from math import inf, nextafter

from hypothesis import strategies as st

from common.mig import A100_80GB
from controller.allocator import Gpu, Options, Point, ProfileTable, Running, Segment, Service

SIZES = (1, 2, 3, 4, 7)
MODELS = ("alpha", "beta", "gamma")

throughputs = st.one_of(
    st.integers(1, 2000).map(float),
    st.floats(0.01, 5000, allow_nan=False, allow_infinity=False),
)
latencies = st.floats(0.5, 400, allow_nan=False, allow_infinity=False)


@st.composite
def tables(draw: st.DrawFn, model: str) -> ProfileTable:
    """A table with any subset of triplets, and figures that need not make sense."""
    triplets = st.tuples(st.sampled_from(SIZES), st.sampled_from((1, 4, 16)), st.integers(1, 3))
    chosen = draw(st.sets(triplets, max_size=12))
    points = [Point(*triplet, draw(throughputs), draw(latencies)) for triplet in sorted(chosen)]
    return ProfileTable(model, tuple(points))


@st.composite
def profiles(draw: st.DrawFn) -> dict[str, ProfileTable]:
    """Tables of the three models."""
    return {model: draw(tables(model)) for model in MODELS}


@st.composite
def services(draw: st.DrawFn, most: int = 8) -> list[Service]:
    """Services with distinct names; some models are unknown, some SLOs out of reach."""
    count = draw(st.integers(0, most))
    return [
        Service(
            name=f"service-{index}",
            model=draw(st.sampled_from((*MODELS, "unknown"))),
            rate=draw(st.one_of(st.integers(1, 3000).map(float), st.floats(0.001, 3000))),
            slo_ms=draw(st.floats(1, 2000)),
            max_processes=draw(st.sampled_from((None, 1, 2))),
            max_batch=draw(st.sampled_from((None, None, 4))),
        )
        for index in range(count)
    ]


@st.composite
def options(draw: st.DrawFn) -> Options:
    """Every switch, and at times too few GPUs."""
    return Options(
        latency_share=draw(st.sampled_from((0.45, 0.5, 1.0))),
        max_processes=draw(st.integers(1, 3)),
        single=draw(st.booleans()),
        optimize=draw(st.booleans()),
        max_gpus=draw(st.sampled_from((None, None, 0, 1, 4))),
        max_segments=200,
    )


@st.composite
def nudged(draw: st.DrawFn, value: float, most: int = 2) -> float:
    """The value, or a float a few steps beside it."""
    steps = draw(st.integers(-most, most))
    for _ in range(abs(steps)):
        value = nextafter(value, inf if steps > 0 else 0.0)
    return value


@st.composite
def near_equal(draw: st.DrawFn) -> tuple[list[Service], dict[str, ProfileTable]]:
    """One model, and services whose rates some of its segments sum up to but for a hair, of floats or the tolerance."""
    base = draw(st.sampled_from((1 / 3, 0.1, 0.7, 1e-3, 1 / 7, 2.1, 1.0)))
    sizes = sorted(draw(st.sets(st.sampled_from(SIZES), min_size=1)))
    each = [draw(nudged(base * draw(st.integers(1, 12)))) for _ in sizes]
    count = draw(st.integers(1, 4))
    memory = st.sampled_from((0.0, 9900.0, 15_000.0))
    found = []
    for index in range(count):
        numbers = draw(st.lists(st.integers(0, 4), min_size=len(sizes), max_size=len(sizes)).filter(any))
        total = sum(number * one for number, one in zip(numbers, each, strict=True))
        away = draw(st.sampled_from((0.0, 0.0, 1e-9, -1e-9, 2e-9, 1e-7)))
        rate = draw(nudged(total * (1 + away)))
        found.append(Service(f"s{index}", "near", rate, 1000.0, memory_mb=draw(memory)))
    points = tuple(Point(size, 1, 1, one, 5.0) for size, one in zip(sizes, each, strict=True))
    return found, {"near": ProfileTable("near", points)}


segments = st.builds(
    Segment,
    service=st.sampled_from(("a", "b", "c", "d")),
    size=st.sampled_from(SIZES),
    batch=st.sampled_from((1, 8)),
    processes=st.sampled_from((1, 2)),
    throughput=st.just(100.0),
    latency_ms=st.just(10.0),
    revision=st.sampled_from(("", "sha256:2")),
)


@st.composite
def fleets(draw: st.DrawFn, most: int = 5) -> list[Gpu]:
    """Some GPUs, some of them cordoned."""
    count = draw(st.integers(0, most))
    return [Gpu(f"gpu-{index}", A100_80GB, cordoned=draw(st.booleans())) for index in range(count)]


@st.composite
def running(draw: st.DrawFn, gpus: list[Gpu]) -> list[Running]:
    """What runs: mostly sound, at times on a lost GPU, at an illegal start, over another, or leaving."""
    ids = [gpu.id for gpu in gpus] + ["gpu-lost"]
    count = draw(st.integers(0, 3 * len(ids)))
    return [
        Running(
            id=f"segment-{index}",
            gpu=draw(st.sampled_from(ids)),
            start=draw(st.integers(0, 7)),
            segment=draw(segments),
            leaving=draw(st.sampled_from((False, False, False, True))),
        )
        for index in range(count)
    ]
