"""Spreads services over hosts: segments change places until each service stands on as many hosts as it asks for.

Exchanges of two segments of one size are always legal, so they are tried beside free slots; what does not run yet
moves first. Each change adds a host to one service and takes none that another needs, so it ends: at a local
optimum, where a second call changes nothing.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from controller.allocator.board import Passing, Shapes, passing_cost
from controller.allocator.stability_types import Gpu, Position, SegmentKey, key_of

Stands = tuple[str, int, SegmentKey]  # GPU, start, what

# Running segments moved; what waits for passing ones; 1 if an empty GPU is taken. Then the new places.
_Cost = tuple[int, int, int]
_NOTHING: _Cost = (0, 0, 0)
_Change = tuple[_Cost, tuple[tuple[int, Position], ...]]


def spread(
    positions: Sequence[Position],
    gpus: Sequence[Gpu],
    shapes: Mapping[str, Shapes],
    min_hosts: Mapping[str, int],
    running: Collection[Stands],
    passing: Mapping[str, Passing],
) -> list[Position]:
    """The same segments, those of `min_hosts` on that many hosts where that can be.

    All other services come to stand on two hosts where nothing that runs is moved and no GPU is added for it.
    """
    board = _Hosts(positions, gpus, shapes, min_hosts, running, passing)
    if len(board.hosts) > 1:
        for service, wanted in min_hosts.items():
            board.improve(service, wanted, free_only=False)
        for service in board.services():
            if service not in min_hosts:
                board.improve(service, 2, free_only=True)
    return board.positions


def hosts_of(positions: Sequence[Position], gpus: Sequence[Gpu]) -> dict[str, int]:
    """By service, how many hosts its segments stand on."""
    host = {gpu.id: gpu.host for gpu in gpus}
    found: dict[str, set[str]] = {}
    for position in positions:
        found.setdefault(position.segment.service, set()).add(host[position.gpu])
    return {service: len(hosts) for service, hosts in found.items()}


class _Hosts:
    """Positions that change places; `free_only` changes cost nothing."""

    def __init__(
        self,
        positions: Sequence[Position],
        gpus: Sequence[Gpu],
        shapes: Mapping[str, Shapes],
        min_hosts: Mapping[str, int],
        running: Collection[Stands],
        passing: Mapping[str, Passing],
    ) -> None:
        self.positions = list(positions)
        self.hosts = {gpu.host for gpu in gpus}
        self._gpus = {gpu.id: gpu for gpu in gpus}
        self._shapes, self._passing = shapes, passing
        self._min_hosts, self._running = min_hosts, frozenset(running)
        self._taken = dict.fromkeys(self._gpus, 0)
        self._of: dict[str, list[int]] = {}
        self._of_size: dict[int, list[int]] = {}
        for index, one in enumerate(self.positions):
            self._taken[one.gpu] |= self._mask(one)
            self._of.setdefault(one.segment.service, []).append(index)
            self._of_size.setdefault(one.segment.size, []).append(index)

    def services(self) -> list[str]:
        """Those with segments, in the order of the positions."""
        return list(self._of)

    def improve(self, service: str, wanted: int, *, free_only: bool) -> None:
        """Changes places until the service stands on `wanted` hosts, or nothing more can be done."""
        while (hosts := self._hosts(service)) and len(hosts) < min(wanted, hosts.total(), len(self.hosts)):
            chosen = _cheapest(self._changes(service, hosts, free_only=free_only))
            if chosen is None:
                return
            self._apply(chosen[1])

    def _hosts(self, service: str) -> Counter[str]:
        return Counter(self._host(index) for index in self._of.get(service, ()))

    def _changes(self, service: str, hosts: Counter[str], *, free_only: bool) -> Iterator[_Change]:
        """All that would give the service one more host."""
        for index in self._of[service]:
            one = self.positions[index]
            if hosts[self._host(index)] < 2 or one.pinned or (free_only and self._runs(one)):
                continue
            for change in (*self._to_free_slots(index, hosts), *self._exchanges(index, hosts, free_only=free_only)):
                if not free_only or change[0] == _NOTHING:
                    yield change

    def _to_free_slots(self, index: int, hosts: Counter[str]) -> Iterator[_Change]:
        one = self.positions[index]
        for gpu in self._gpus.values():
            if gpu.cordoned or gpu.host in hosts:
                continue
            taken = self._taken[gpu.id]
            for start, mask in self._shapes[gpu.id].starts(one.segment.size):
                if not mask & taken:
                    waits = passing_cost(mask, self._passing.get(gpu.id, ()))
                    yield (
                        (self._runs(one), waits, int(not taken)),
                        ((index, replace(one, gpu=gpu.id, start=start)),),
                    )

    def _exchanges(self, index: int, hosts: Counter[str], *, free_only: bool) -> Iterator[_Change]:
        """With a segment of equal size of another service that loses no host that it needs."""
        one = self.positions[index]
        if self._gpus[one.gpu].cordoned:
            return
        for other in self._of_size[one.segment.size]:
            two = self.positions[other]
            gpu = self._gpus[two.gpu]
            if gpu.cordoned or two.pinned or gpu.host in hosts or (free_only and self._runs(two)):
                continue
            if self._fit(one, two) and self._may_leave(two.segment.service, gpu.host, self._host(index)):
                ways = replace(one, gpu=two.gpu, start=two.start), replace(two, gpu=one.gpu, start=one.start)
                yield (self._runs(one) + self._runs(two), 0, 0), ((index, ways[0]), (other, ways[1]))
                if free_only:
                    return

    def _fit(self, one: Position, two: Position) -> bool:
        """Whether the two cover as many slots, at starts that are legal for both."""
        return self._mask(one).bit_count() == self._mask(two).bit_count()

    def _may_leave(self, service: str, left: str, joined: str) -> bool:
        before = self._hosts(service)
        after = len(before) + (joined not in before) - (before[left] == 1)
        return after >= min(len(before), self._min_hosts.get(service, 2))

    def _apply(self, moves: tuple[tuple[int, Position], ...]) -> None:
        for index, _ in moves:
            self._taken[self.positions[index].gpu] &= ~self._mask(self.positions[index])
        for index, position in moves:
            self.positions[index] = position
            self._taken[position.gpu] |= self._mask(position)

    def _host(self, index: int) -> str:
        return self._gpus[self.positions[index].gpu].host

    def _mask(self, one: Position) -> int:
        return self._shapes[one.gpu].mask(one.segment.size, one.start)

    def _runs(self, one: Position) -> int:
        """1 if it stands there already."""
        return int((one.gpu, one.start, key_of(one.segment)) in self._running)


def _cheapest(changes: Iterator[_Change]) -> _Change | None:
    """The first of the least cost; none is sought beyond one that costs nothing."""
    best = None
    for change in changes:
        if best is None or change[0] < best[0]:
            best = change
        if change[0] == _NOTHING:
            break
    return best
