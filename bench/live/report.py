"""The live replay's tables as Markdown; every statement is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.allocator.report import table
from bench.live.run import ROUTINGS, Compared, Scenario
from bench.replay.report import percent
from bench.replay.run import Outcome

WITHIN = 0.15  # of the prediction
ENOUGH = 1000  # requests for a p99
Results = Mapping[tuple[Scenario, str], Sequence[Compared]]


def ratio(one: Compared) -> float:
    """Live p99 over the one predicted for the ways that requests took; NaN where too many failed to tell."""
    return _over(one.live, one.as_routed)


def _over(live: Outcome, predicted: Outcome) -> float:
    return live.percentiles_ms[2] / predicted.percentiles_ms[2] if predicted.percentiles_ms[2] else float("nan")


def _far(of: float) -> bool:
    return not abs(of - 1) <= WITHIN  # NaN is far too


def text(results: Results, load: float, seconds: float, slo_model: str) -> str:
    """The whole report."""
    parts = [_section(scenario, traffic, of) for (scenario, traffic), of in results.items()]
    return f"""# Live replay: plans on real Triton

Written by `make bench-live`: each process of each segment is a real Triton whose Python-backend model sleeps as long as
ParvaGPU's tables say an A100 takes for that batch; requests go through unmodified tritonclient at `xds:///NAME`, routed
by the controller's own xDS server with the plan's weights. The Tritons are the bench's own: node agents and artifacts
take no part. Time is dilated, for each service so that at most {load:g} requests/s of all arrive on this machine, for
{seconds:g} s a traffic; services share no segment, so each may have its own clock. Figures are divided by the dilation
again. Latencies count from the instant at which a request was due; one that failed counts as infinite.

The simulator is given the very same arrivals, twice. "Predicted" is before the run: sent {ROUTINGS} random ways, of
which live takes one; the mean, and "by chance", where 95 % of them put the p99. "As routed" is after it: each request
at the process that answered it live, so that what remains is Triton, gRPC and this machine. "Ratio" is live over as
routed. Plans: `--slo-model {slo_model} --burstiness 1`.

![Live p99 against the prediction](live.png)

{_verdict(results)}
{"".join(parts)}"""


def _verdict(results: Results) -> str:
    lines = []
    for (scenario, traffic), of in results.items():
        sent = sum(one.live.sent for one in of)
        met = 1 - sum(one.live.missed for one in of) / sent
        said = 1 - sum(one.predicted.missed for one in of) / sum(one.predicted.sent for one in of)
        routed = [f"{one.service.name} {ratio(one):.2f}" for one in of if _far(ratio(one))]
        before = [(one, _over(one.live, one.predicted)) for one in of]
        drawn = [f"{one.service.name} {over:.2f}{_chance(one)}" for one, over in before if _far(over)]
        lines.append(
            f"- {scenario.name}, {scenario.plan.gpus} GPUs, {traffic}: {sent:,} requests, attainment {percent(met)} % "
            f"live, {percent(said)} % predicted, {sum(one.failed for one in of)} failed. p99 within {WITHIN:.0%} of as "
            f"routed: {_all_but(routed)}; of predicted before the run: {_all_but(drawn)}."
        )
    return "\n".join(lines) + "\n"


def _all_but(names: Sequence[str]) -> str:
    return f"all but {', '.join(names)}" if names else "all"


def _chance(one: Compared) -> str:
    within = one.chance_ms[0] <= one.live.percentiles_ms[2] <= one.chance_ms[1]
    return " (as chance may have it)" if within else " (more than chance)"


def _section(scenario: Scenario, traffic: str, of: Sequence[Compared]) -> str:
    header = ["service", "SLO ms", "dilation", "sent", "% live", "% predicted", "p50 live", "p50 as routed", "p99 live"]
    header += ["p99 as routed", "ratio", "p99 predicted", "by chance", "sent late, p99 ms"]
    return f"\n## {scenario.name}, {traffic}\n\n{table(header, [_row(one) for one in of])}"


def _row(one: Compared) -> list[str]:
    return [
        one.service.name,
        f"{one.service.slo_ms:g}",
        f"{one.dilation:.1f}",
        f"{one.live.sent:,}{'' if one.live.sent >= ENOUGH else ' (few)'}",
        percent(one.live.attainment),
        percent(one.predicted.attainment),
        f"{one.live.percentiles_ms[0]:.1f}",
        f"{one.as_routed.percentiles_ms[0]:.1f}",
        f"{one.live.percentiles_ms[2]:.1f}",
        f"{one.as_routed.percentiles_ms[2]:.1f}",
        f"{ratio(one):.2f}",
        f"{one.predicted.percentiles_ms[2]:.1f}",
        f"{one.chance_ms[0]:.1f}-{one.chance_ms[1]:.1f}",
        f"{one.sent_late_ms:.2f}",
    ]
