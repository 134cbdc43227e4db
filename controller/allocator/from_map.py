"""The plan's own map laid onto the real GPUs, each plan GPU on the one that already holds most of it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from controller.allocator.board import Passing, Shapes, passing_cost
from controller.allocator.stability_types import Gpu, Position, SegmentKey, key_of
from controller.allocator.starts import complete_starts
from controller.allocator.types import Placed, Segment


def positions_from_map(
    placed: Sequence[Placed],
    running: Sequence[Position],
    gpus: Sequence[Gpu],
    shapes: Mapping[str, Shapes],
    passing: Mapping[str, Passing],
) -> list[Position] | None:
    """Every wanted segment's position, or None where the plan has more GPUs than accept segments.

    `running` are those wanted: those pinned or on cordoned GPUs stay, the others stay if their plan GPU lands on
    theirs and the rest of it fits around them. GPUs with fewer `passing` segments, those that will go, are
    preferred, and those whose segments serve still come last.
    """
    cordoned = {gpu.id for gpu in gpus if gpu.cordoned}
    stay = [position for position in running if position.pinned or position.gpu in cordoned]
    open_gpus = [gpu for gpu in gpus if not gpu.cordoned]
    contents = _contents(placed, stay)
    if len(contents) > len(open_gpus):
        return None
    firm = _taken(stay, gpus, shapes)
    on_gpu: dict[str, list[Position]] = {gpu.id: [] for gpu in open_gpus}
    for position in running:
        if position.gpu in on_gpu and not position.pinned:
            on_gpu[position.gpu].append(position)
    calm = sorted(open_gpus, key=lambda gpu: (len(on_gpu[gpu.id]), passing_cost(-1, passing.get(gpu.id, ()))))
    pairs = _pair(contents, calm, on_gpu)
    positions = list(stay)
    for segments, gpu in zip(contents, pairs, strict=True):
        laid = _lay(segments, gpu, on_gpu[gpu.id], shapes[gpu.id], firm[gpu.id])
        if laid is None:
            return None
        positions += laid
    return positions


def _taken(stay: Sequence[Position], gpus: Sequence[Gpu], shapes: Mapping[str, Shapes]) -> dict[str, int]:
    """By GPU, the slots of what stays, as a mask."""
    taken = dict.fromkeys((gpu.id for gpu in gpus), 0)
    for position in stay:
        taken[position.gpu] |= shapes[position.gpu].mask(position.segment.size, position.start)
    return taken


def _contents(placed: Sequence[Placed], stay: Sequence[Position]) -> list[list[Segment]]:
    """What each plan GPU is to hold, largest first, less what stays."""
    staying = Counter(key_of(position.segment) for position in stay)
    by_gpu: dict[int, list[Segment]] = {}
    for one in sorted(placed, key=lambda one: (-one.gpu, -one.segment.size, one.start)):
        if staying[key_of(one.segment)]:
            staying[key_of(one.segment)] -= 1  # taken from the last GPUs, so that they may come free
        else:
            by_gpu.setdefault(one.gpu, []).append(one.segment)
    return [by_gpu[gpu] for gpu in sorted(by_gpu)]


def _pair(
    contents: Sequence[Sequence[Segment]], gpus: Sequence[Gpu], on_gpu: Mapping[str, Sequence[Position]]
) -> list[Gpu]:
    """A real GPU for each plan GPU: the greatest common contents first, then in the GPUs' order."""
    holding: dict[SegmentKey, list[tuple[int, int]]] = {}  # GPUs that hold the key, and how often
    for index, gpu in enumerate(gpus):
        for key, number in Counter(key_of(position.segment) for position in on_gpu[gpu.id]).items():
            holding.setdefault(key, []).append((index, number))
    common = []
    for plan_gpu, segments in enumerate(contents):
        shared = Counter[int]()
        for key, number in Counter(map(key_of, segments)).items():
            for index, held in holding.get(key, ()):
                shared[index] += min(number, held)
        common += [(-total, plan_gpu, index) for index, total in shared.items()]
    paired: dict[int, int] = {}
    used: set[int] = set()
    for _, plan_gpu, index in sorted(common):
        if plan_gpu not in paired and index not in used:
            paired[plan_gpu] = index
            used.add(index)
    spare = (index for index in range(len(gpus)) if index not in used)
    unpaired = (plan_gpu for plan_gpu in range(len(contents)) if plan_gpu not in paired)
    paired.update(zip(unpaired, spare, strict=False))
    return [gpus[paired[plan_gpu]] for plan_gpu in range(len(contents))]


def _lay(
    segments: Sequence[Segment], gpu: Gpu, running: Sequence[Position], shapes: Shapes, firm: int
) -> list[Position] | None:
    """The segments on the GPU beside the firm slots, around those of them that run there if that can be."""
    held, rest = _held(segments, running)
    taken = firm
    for position in held:
        taken |= shapes.mask(position.segment.size, position.start)
    around = _complete(gpu, rest, taken)
    if around is not None:
        return held + around
    return _complete(gpu, segments, firm)


def _held(segments: Sequence[Segment], running: Sequence[Position]) -> tuple[list[Position], list[Segment]]:
    """Positions of the segments that run on the GPU already, and the other segments."""
    held, rest = [], []
    free = list(running)
    for segment in segments:
        same = next((position for position in free if key_of(position.segment) == key_of(segment)), None)
        if same is None:
            rest.append(segment)
        else:
            free.remove(same)
            held.append(Position(same.gpu, same.start, segment))
    return held, rest


def _complete(gpu: Gpu, segments: Sequence[Segment], taken: int) -> list[Position] | None:
    if any(segment.size not in gpu.geometry.sizes for segment in segments):
        return None
    starts = complete_starts(gpu.geometry, tuple(segment.size for segment in segments), taken)
    if starts is None:
        return None
    return [Position(gpu.id, start, segment) for start, segment in zip(starts, segments, strict=True)]
