"""The replay's tables as Markdown; every statement is computed from the outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.allocator.report import table
from bench.replay.run import Outcome
from controller.allocator import Plan, Service

TARGETS = {"constant": 0.99995, "poisson": 0.9999, "bursty": 0.999}  # 100.00 % is 99.995 % rounded
QUEUEING = "optimal, queueing"
POISSON = "optimal, queueing, burstiness 1"
PAPER = "ParvaGPU, half"


@dataclass(frozen=True, slots=True)
class Replayed:
    """One plan of a scenario, and what became of its requests under each traffic."""

    plan: Plan
    services: Sequence[Service]
    outcomes: Mapping[str, Sequence[Outcome]]

    def attainment(self, traffic: str) -> float:
        """Of all requests."""
        of = self.outcomes[traffic]
        return 1 - sum(one.missed for one in of) / sum(one.sent for one in of)

    def worst(self, traffic: str) -> float:
        """Of the service that fares worst."""
        return min(one.attainment for one in self.outcomes[traffic])

    def p99_of_slo(self, traffic: str) -> float:
        """The highest of the services."""
        return max(one.p99_of_slo for one in self.outcomes[traffic])

    @property
    def slack(self) -> float:
        """The share of the planned throughput beyond the rates."""
        return 1 - sum(one.rate for one in self.services) / sum(one.segment.throughput for one in self.plan.placed)

    @property
    def fragmentation(self) -> float:
        """The share of the used GPUs' compute slices that no segment holds."""
        return 1 - self.plan.gpcs / (self.plan.gpus * self.plan.geometry.compute_slices)


Results = Mapping[str, Mapping[str, Replayed]]  # scenario → plan → replayed


def cost_table(results: Results) -> str:
    """GPUs of each plan, then what they leave unused."""
    names = list(next(iter(results.values())))
    rows = []
    for name in names:
        rows.append([name, "GPUs", *(str(of[name].plan.gpus) for of in results.values())])
        rows.append(["", "GPCs", *(str(of[name].plan.gpcs) for of in results.values())])
        rows.append(["", "slack", *(f"{of[name].slack:.0%}" for of in results.values())])
        rows.append(["", "fragmentation", *(f"{of[name].fragmentation:.0%}" for of in results.values())])
    return table(["plan", "", *results], rows)


def traffic_table(results: Results, traffic: str) -> str:
    """Attainment of all requests, of the worst service, p99 over the SLO and the busiest service's processes."""
    names = list(next(iter(results.values())))
    rows = []
    for name in names:
        of = [scenario[name] for scenario in results.values()]
        rows.append([name, "attainment %", *(percent(one.attainment(traffic)) for one in of)])
        rows.append(["", "worst service %", *(percent(one.worst(traffic)) for one in of)])
        rows.append(["", "p99 ÷ SLO", *(f"{one.p99_of_slo(traffic):.2f}" for one in of)])
        rows.append(["", "busy, most %", *(f"{max(o.busy for o in one.outcomes[traffic]) * 100:.0f}" for one in of)])
    return table(["plan", "", *results], rows)


def services_table(replayed: Replayed, traffic: str) -> str:
    """Each service of one plan."""
    rows = [
        [
            one.service,
            f"{one.slo_ms:g}",
            f"{one.sent:,}",
            f"{one.missed:,}",
            percent(one.attainment),
            *(f"{mark:.1f}" for mark in one.percentiles_ms),
            f"{one.busy:.0%}",
        ]
        for one in replayed.outcomes[traffic]
    ]
    return table(["service", "SLO ms", "sent", "late", "%", "p50", "p95", "p99", "p99.9", "busy"], rows)


def verdict(results: Results) -> str:
    """Whether the queueing plans reach their targets, and what they cost."""
    lines = []
    for traffic, target in TARGETS.items():
        short = {name: of[QUEUEING].worst(traffic) for name, of in results.items()}
        missing = [f"{name} {percent(worst)}" for name, worst in short.items() if worst < target]
        reached = "reached by every service" if not missing else f"MISSED by a service of {', '.join(missing)}"
        lines.append(f"- {traffic}, at least {target * 100:g} %: {reached}.")
    for name, of in results.items():
        ours, paper = of[QUEUEING].plan.gpus, of[PAPER].plan.gpus
        if ours > paper:
            lines.append(
                f"- {name} takes {ours} GPUs, {ours - paper} more than the paper's rule, which attains "
                f"{percent(of[PAPER].attainment('poisson'))} % under Poisson arrivals."
            )
    calm = {name: of[POISSON] for name, of in results.items()}
    counts = ", ".join(f"{name} {one.plan.gpus}" for name, one in calm.items())
    lines.append(
        f"- Without bursts `--burstiness 1` does: {counts} GPUs attain at least "
        f"{percent(min(one.worst('poisson') for one in calm.values()))} % for every service under Poisson arrivals."
    )
    return "\n".join(lines) + "\n"


def percent(share: float) -> str:
    """Four digits, rounded down: 99.9999 % is not 100 %."""
    return f"{int(share * 1_000_000) / 10_000:.4f}"
