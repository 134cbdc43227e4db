"""An explanation as lines of plain text."""

from collections import Counter
from collections.abc import Iterator

from common.mig import gpcs_of
from controller.allocator.explain.types import (
    BetterPoint,
    Explanation,
    GpuNote,
    Points,
    RefusalNote,
    SizeChoice,
    WorkloadNote,
)
from controller.allocator.types import Point


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """One paragraph a workload, then the refusals, then the GPUs."""
    for workload in explanation.workloads:
        yield from _workload(workload)
        yield ""
    for refused in explanation.refused:
        yield from _refused(refused)
        yield ""
    yield from _gpus(explanation)


def _workload(note: WorkloadNote) -> Iterator[str]:
    yield f"{note.name}: {note.model}, {note.rate:g} items/s within {note.slo_ms:g} ms"
    yield f"  points   {_points(note.points)}{_limit(note)}"
    yield f"  optimal  {_point(note.optimal)}: {_per_gpc(note.optimal):.1f} items/s per GPC"
    for choice in note.choices:
        yield f"    {_choice(choice)}"
    if note.better:
        yield f"  better   {_better(note.better, note.optimal)}"
    yield f"  segments {_segments(note)}"
    yield f"  planned  {note.planned:.1f} items/s, slack {note.slack:.1f} ({note.slack_share:.1%})"
    if note.fill_ms is not None:
        late = "" if note.fills_in_time else ": full batches come too late, the batcher must send smaller ones"
        yield f"  batches  fill in {note.fill_ms:.1f} ms at most, SLO {note.slo_ms:g} ms{late}"


def _better(better: BetterPoint, optimal: Point) -> str:
    gain = _per_gpc(better.point) / _per_gpc(optimal) - 1
    return f"slo_ms {better.slo_ms:g} would admit {_point(better.point)}, {gain:+.1%} per GPC"


def _per_gpc(point: Point) -> float:
    return point.throughput / gpcs_of(point.size)


def _points(points: Points) -> str:
    refusals = {
        "size": points.refused_by_size,
        "processes": points.refused_by_processes,
        "batch": points.refused_by_batch,
        "memory": points.refused_by_memory,
        "SLO": points.refused_by_slo,
    }
    refused = ", ".join(f"{count} by {what}" for what, count in refusals.items() if count)
    return f"{points.left} of {points.measured} measured will do" + (f"; refused {refused}" if refused else "")


def _limit(note: WorkloadNote) -> str:
    if note.limit_ms is None:
        return "; throughputs are what the queueing model admits"
    return f"; a batch must take less than {note.limit_ms:g} ms"


def _point(point: Point) -> str:
    processes = "1 process" if point.processes == 1 else f"{point.processes} processes"
    speed = f"{point.throughput:.1f} items/s in {point.latency_ms:.1f} ms"
    return f"{_size(point.size)}, batch {point.batch}, {processes}, {speed}"


def _choice(choice: SizeChoice) -> str:
    alone = f"{choice.segments} × {_size(choice.point.size)} = {choice.gpcs} GPCs alone"
    used = f", {choice.used} in the plan" if choice.used else ""
    return f"{_point(choice.point)}; {choice.per_gpc:.1f} per GPC; {alone}{used}"


def _segments(note: WorkloadNote) -> str:
    alike: Counter[str] = Counter()
    for one in note.segments:
        shared = f" shared with {', '.join(one.shared_with)}" if one.shared_with else ""
        alike[f"{_size(one.size)} batch {one.batch} × {one.processes}{shared}"] += 1
    gpus = sorted({one.gpu for one in note.segments})
    listed = "; ".join(f"{count} of {what}" for what, count in alike.items())
    return f"{listed}; on GPU{'' if len(gpus) == 1 else 's'} {_ranges(gpus)}"


def _size(size: int) -> str:
    """As people call it; of a wide one the memory too."""
    return f"{gpcs_of(size)}g" + (f" of {size // 10} memory slices" if size != gpcs_of(size) else "")


def _ranges(numbers: list[int]) -> str:
    """ "0-3, 7"."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _refused(note: RefusalNote) -> Iterator[str]:
    yield f"{note.name}: not served, {note.reason}"
    yield f"  because  {note.detail}"
    if note.change:
        yield f"  would do {note.change}"


def _gpus(explanation: Explanation) -> Iterator[str]:
    yield (
        f"{explanation.gpus} GPUs, bound {explanation.lower_bound}: {explanation.gpcs} GPCs in use, "
        f"{explanation.free_gpcs} free, {explanation.stranded_gpcs} of them stranded (no set of profiles can use them)"
    )
    for gpu in explanation.gpu_notes:
        yield f"  {_gpu(gpu)}"


def _gpu(note: GpuNote) -> str:
    layout = "+".join(map(_size, note.layout))
    stranded = f" ({note.stranded_gpcs} and {note.stranded_slots} stranded)" if note.free_slots else ""
    fits = f", room for {note.largest_that_fits}g" if note.largest_that_fits else ""
    free = f"{note.free_gpcs} GPCs and {note.free_slots} memory slots free{stranded}"
    return f"gpu {note.gpu}: {layout}; {free}{fits}; slack {note.slack:.1%}"
