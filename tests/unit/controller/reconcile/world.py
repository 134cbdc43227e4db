"""A small simulated plane: turns, hosts and time, all pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from controller import allocator
from controller.allocator.types import QUEUEING
from controller.model import Node
from controller.ports import Decision
from controller.reconcile import Options, capacity, clients_reach, decide
from tests.fakes.plane import FakeHost, FakePlaneStore, advance
from tests.strategies_reconcile import MODELS, PROFILES, gpu, model

OPTIONS = Options(drain_s=2, offline_grace_s=30)
SHARING = replace(OPTIONS, algorithm=allocator.OPTIMAL, planner=allocator.Options(slo_model=QUEUEING), share=True)


@dataclass
class World:
    """A store and its hosts; one `step` is a turn, what the hosts do about it, and a second."""

    store: FakePlaneStore = field(default_factory=FakePlaneStore)
    hosts: list[FakeHost] = field(default_factory=list)
    options: Options = OPTIONS

    def turn(self) -> Decision:
        """One reconcile turn, committed."""
        decision = decide(self.store.state, self.store.now, self.options)
        if decision != Decision():
            self.store.commit_now(decision)
        return decision

    def step(self) -> Decision:
        """A turn, then every host obeys and reports."""
        decision = self.turn()
        for host in self.hosts:
            host.receive(self.store.state)
            host.tick()
            host.report(self.store)
        advance(self.store, 1)
        return decision

    def settle(self, most: int = 300) -> None:
        """Steps until nothing changes any more."""
        quiet = 0
        for _ in range(most):
            before = [(host.generation, tuple(host.running)) for host in self.hosts]
            decision = self.step()
            after = [(host.generation, tuple(host.running)) for host in self.hosts]
            quiet = quiet + 1 if decision == Decision() and before == after else 0
            if quiet > 4:
                return
        raise AssertionError(f"still changing after {most} steps: {decision}")

    def capacity(self, name: str) -> float:
        """What clients of the workload are offered, requests per second."""
        workload = next(w for w in self.store.state.workloads if w.name == name)
        return sum(capacity(segment, name) for segment in clients_reach(workload, self.store.state.segments))

    def disconnect(self, host: FakeHost) -> None:
        """The host's link goes; what runs on it runs on."""
        host.online = False
        node = self.store.node(host.name)
        if node:
            self.store._put_node(replace(node, connected=False))

    def connect(self, host: FakeHost) -> None:
        """The host dials (again)."""
        host.online = True
        node = self.store.node(host.name) or Node(host.name, "127.0.0.1", True, self.store.now)
        self.store._put_node(replace(node, connected=True, last_seen=self.store.now))
        host.report(self.store)

    def health(self, host: FakeHost, index: int, *, healthy: bool) -> None:
        """A GPU is lost, or comes back."""
        host.gpus[index] = replace(host.gpus[index], healthy=healthy, message="" if healthy else "XID 79: lost")
        host.report(self.store)


def world(hosts: int, gpus: int, *, slow: int = 2, options: Options = OPTIONS) -> World:
    """A world of connected hosts with as many GPUs each, and the strategies' profiles."""
    made = World(options=options)
    models = tuple(model(name) for name in MODELS)
    made.store.state = replace(made.store.state, profiles=PROFILES, models=models)
    for number in range(hosts):
        host = FakeHost(f"n{number}", [gpu(f"n{number}", index) for index in range(gpus)], slow=slow)
        made.hosts.append(host)
        made.connect(host)
    return made
