"""Live p99 against the predicted one as a picture."""

from __future__ import annotations

from pathlib import Path

from bench.live.report import WITHIN, Results


def draw(results: Results, path: Path) -> None:
    """One mark a service and traffic; between the dashed lines the prediction holds."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
    top = 0.0
    for number, ((scenario, traffic), of) in enumerate(results.items()):
        predicted = [one.as_routed.p99_of_slo for one in of]
        live = [one.live.p99_of_slo for one in of]
        top = max(top, *predicted, *live)
        axes.scatter(predicted, live, s=28, marker="osD^v<>"[number % 7], label=f"{scenario.name}, {traffic}")
    for slope, style in ((1.0, "-"), (1 + WITHIN, "--"), (1 - WITHIN, "--")):
        axes.plot([0, top], [0, top * slope], style, color="grey", linewidth=0.9)
    axes.set(
        xlabel="predicted p99 ÷ SLO, as routed", ylabel="live p99 ÷ SLO", title=f"Dashed: ±{WITHIN:.0%}", xlim=0, ylim=0
    )
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)
