"""The live replay's tables as Markdown; every statement is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.allocator.report import table
from bench.live.run import ROUTINGS, Compared, Scenario
from bench.replay.report import percent

WITHIN = 0.15  # of the prediction
ENOUGH = 1000  # requests for a p99
Results = Mapping[tuple[Scenario, str], Sequence[Compared]]


def ratio(one: Compared) -> float:
    """Live p99 over the predicted one."""
    return one.live.percentiles_ms[2] / one.predicted.percentiles_ms[2]


def text(results: Results, load: float, seconds: float) -> str:
    """The whole report."""
    parts = [_section(scenario, traffic, of) for (scenario, traffic), of in results.items()]
    return f"""# Live replay: plans on real Triton

Written by `make bench-live`: each process of each segment is a real Triton whose Python-backend model sleeps as long as
ParvaGPU's tables say an A100 takes for that batch; requests go through unmodified tritonclient at `xds:///NAME`, routed
by the controller's own xDS server with the plan's weights. Time is dilated so that about {load:g} requests/s arrive on
this machine, for {seconds:g} s a traffic; all figures are divided by the dilation again. The simulator is given the
very same arrivals and sends them {ROUTINGS} random ways, of which live takes one; "by chance" is where 95 % of them put
the p99. Latencies count from the instant at which a request was due. Plans: `--slo-model queueing --burstiness 1`.

![Live p99 against the prediction](live.png)

{_verdict(results)}
{"".join(parts)}"""


def _verdict(results: Results) -> str:
    lines = []
    for (scenario, traffic), of in results.items():
        sent = sum(one.live.sent for one in of)
        met = 1 - sum(one.live.missed for one in of) / sent
        said = 1 - sum(one.predicted.missed for one in of) / sum(one.predicted.sent for one in of)
        far = [f"{one.service.name} {ratio(one):.2f}{_chance(one)}" for one in of if abs(ratio(one) - 1) > WITHIN]
        near = f"every p99 within {WITHIN:.0%}" if not far else f"p99 beyond {WITHIN:.0%}: {', '.join(far)}"
        lines.append(
            f"- {scenario.name}, {scenario.plan.gpus} GPUs, {traffic}: {sent:,} requests, attainment {percent(met)} % "
            f"live, {percent(said)} % predicted, {sum(one.failed for one in of)} failed; {near}."
        )
    return "\n".join(lines) + "\n"


def _chance(one: Compared) -> str:
    within = one.chance_ms[0] <= one.live.percentiles_ms[2] <= one.chance_ms[1]
    return " (as chance may have it)" if within else " (more than chance)"


def _section(scenario: Scenario, traffic: str, of: Sequence[Compared]) -> str:
    rows = [
        [
            one.service.name,
            f"{one.service.slo_ms:g}",
            f"{one.live.sent:,}{'' if one.live.sent >= ENOUGH else ' (few)'}",
            percent(one.live.attainment),
            percent(one.predicted.attainment),
            f"{one.live.percentiles_ms[0]:.1f}",
            f"{one.predicted.percentiles_ms[0]:.1f}",
            f"{one.live.percentiles_ms[2]:.1f}",
            f"{one.predicted.percentiles_ms[2]:.1f}",
            f"{one.chance_ms[0]:.1f}-{one.chance_ms[1]:.1f}",
            f"{ratio(one):.2f}",
            f"{one.sent_late_ms:.2f}",
        ]
        for one in of
    ]
    header = ["service", "SLO ms", "sent", "% live", "% predicted", "p50 live", "p50 predicted", "p99 live"]
    header += ["p99 predicted", "by chance", "ratio", "sent late, p99 ms"]
    return f"\n## {scenario.name}, {traffic}, {scenario.dilation:.1f} times slower\n\n{table(header, rows)}"
