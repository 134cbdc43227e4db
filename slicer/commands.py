"""The commands measure and choose: what the parts of a model take, and which way to run it pays on a link."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from common.codec import LEVELS
from slicer import choose as chooser
from slicer import load, rates, show_choice
from slicer.cli import FILE, NEW_FILE, OUTPUT, POSITIVE, SHAPE, named, one_line, pixel_options, write
from slicer.cost import Criteria, Energy, Goal, Link, rank
from slicer.examples import examples
from slicer.measure import Measurements, Setup, measure, read
from slicer.measure.edges import LocalEdge, TritonEdge
from slicer.pixels import GUESSED, Scaling

_BUDGET = click.FloatRange(0)


@click.command("measure")
@click.argument("model", type=FILE)
@click.option("-o", "--output", "target", required=True, type=NEW_FILE, help="Where the measurements go, JSON.")
@click.option("--samples", "data", type=FILE, help="Inputs, .npz or .npy; without them noise is fed.")
@click.option("--use", type=click.IntRange(1), default=8, show_default=True, help="Use at most so many samples.")
@click.option(
    "--device-threads", type=click.IntRange(0, 256), default=0, show_default=True,
    help="Threads of head and whole model, as the edge agent is told; 0: one a core.",
)  # fmt: skip
@click.option(
    "--device-slowdown", type=POSITIVE, default=1.0, show_default=True,
    help="How many times slower the device is than this machine; multiplies all it does.",
)  # fmt: skip
@click.option(
    "--edge-threads", type=click.IntRange(0, 256), default=0, show_default=True, help="Threads of tails here."
)
@click.option("--edge-triton", metavar="HOST:PORT", help="Time tails in this Triton instead (gRPC, explicit mode).")
@click.option("--at", "wanted", multiple=True, metavar="TENSOR|INDEX", help="A cut that must be measured.")
@click.option("--most", type=click.IntRange(0), default=12, show_default=True, help="Measure at most so many cuts.")
@click.option("--level", "levels", multiple=True, type=click.Choice(list(LEVELS)), metavar="LEVEL",
              help="A codec level to measure; once per level. Default: all.")  # fmt: skip
@click.option("--repeats", type=click.IntRange(3), default=15, show_default=True, help="Runs of each thing timed.")
@pixel_options
@SHAPE
@one_line
def measure_command(
    model: Path,
    target: Path,
    data: Path | None,
    use: int,
    device_threads: int,
    device_slowdown: float,
    edge_threads: int,
    edge_triton: str | None,
    wanted: tuple[str, ...],
    most: int,
    levels: tuple[str, ...],
    repeats: int,
    scaling: Scaling | None,
    shapes: dict[str, tuple[int, ...]],
) -> None:
    """Time MODEL whole, its heads and tails as fused graphs, and every codec level between them.

    Of many cuts those are measured at which the tensor is smaller than at any before, then the smallest of the rest.
    Each time is a median of repeated runs after a warm-up, with 95th percentile and median absolute deviation beside.
    Samples make bytes right, and tell with how many of them each level leaves the answer as it is.
    """
    whole = load.load(model)
    given = examples(whole, data, use, named(shapes, whole))
    edge = TritonEdge(edge_triton) if edge_triton else LocalEdge(edge_threads)
    setup = Setup(edge, device_threads, device_slowdown, repeats, most, wanted, levels, scaling or GUESSED)
    found = measure(whole, model.stem, given, setup, lambda text: click.echo(text, err=True))
    write(target, found.to_json())
    click.echo(f"{target}: local run and {len(found.pieces)} places; {found.left_out} cuts left out (--most, --at)")


@click.command("choose")
@click.argument("path", metavar="MEASUREMENTS", type=FILE)
@click.option("--mbps", type=POSITIVE, required=True, help="The link's bandwidth, Mbit/s.")
@click.option("--rtt-ms", type=_BUDGET, required=True, help="Its round trip, ms.")
@click.option("--loss", type=click.FloatRange(0, 1, max_open=True), default=0.0, help="Share of packets lost.")
@click.option("--answer/--no-answer", "answered", default=True, help="Whether the result comes back to the device.")
@click.option("--goal", type=click.Choice([goal.value for goal in Goal]), default=Goal.LATENCY.value, show_default=True)
@click.option("--private", is_flag=True, help="The input stays on the device, which runs the first convolution block.")
@click.option("--keep-on-device", multiple=True, metavar="LAYER", help="Must run on the device: tensor, cut or index.")
@click.option("--keep-on-edge", multiple=True, metavar="LAYER", help="Must run on the edge.")
@click.option("--max-upload-bytes", type=_BUDGET)
@click.option("--max-latency-ms", type=_BUDGET)
@click.option("--max-interval-ms", type=_BUDGET, help="Of the slowest stage.")
@click.option("--max-device-ms", type=_BUDGET)
@click.option("--max-edge-ms", type=_BUDGET)
@click.option("--max-energy-j", type=_BUDGET, help="Joules an inference may cost the device; needs the next two.")
@click.option("--device-watts", type=_BUDGET, default=0.0, help="What the device draws while it computes, W.")
@click.option("--joules-per-byte", type=_BUDGET, default=0.0, help="What its radio takes for a byte, J.")
@click.option("--lossless", is_flag=True, help="Nothing may be lost between head and tail.")
@click.option("--min-accuracy", type=float, help="Of --rates; without them, the share of samples answered the same.")
@click.option("--rates", "table", type=FILE, help="A trained bundle, or JSON with its rate-accuracy table.")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="How many to show of either kind.")
@OUTPUT
@one_line
def choose_command(path: Path, form: str, top: int, table: Path | None, **options: Any) -> None:
    """Rank every way to run the model of MEASUREMENTS over a link: locally, by uploading the input, by any cut.

    Exit code 1 if no candidate meets all demands.
    """
    found = read(path.read_bytes(), str(path))
    link = Link(options["mbps"], options["rtt_ms"], options["loss"], options["answered"])
    goal = Goal(options["goal"])
    every = chooser.candidates(found, rates.read(table) if table else {})
    ranked = rank(every, link, _criteria(found, options), goal)
    if form == "json":
        click.echo(json.dumps(show_choice.document(ranked), indent=1))
    else:
        show_choice.choice(ranked, link, goal, top, _notes(found, table))
    if all(one.refused for one in ranked):
        click.echo("error: no candidate meets all demands", err=True)
        raise SystemExit(1)


def _criteria(found: Measurements, options: dict[str, Any]) -> Criteria:
    budgets = {name: value for name, value in options.items() if name.startswith("max_")}
    return Criteria(
        on_device=tuple(chooser.layer(found, name) for name in options["keep_on_device"]),
        on_edge=tuple(chooser.layer(found, name) for name in options["keep_on_edge"]),
        private=chooser.private(found) if options["private"] else None,
        min_accuracy=options["min_accuracy"],
        lossless=options["lossless"],
        energy=Energy(options["device_watts"], options["joules_per_byte"]),
        **budgets,
    )


def _notes(found: Measurements, table: Path | None) -> list[str]:
    notes = [f"{found.model}: device {found.device_threads or 'all'} threads × {found.slowdown:g}, edge {found.edge}"]
    if table:
        notes.append(f"accuracy: as {table} has it")
    elif found.samples:
        notes.append(f"accuracy: the share of {found.samples} samples ({found.inputs}) whose answer stays the same")
    if not found.samples:
        notes.append("measured on noise: bytes are too many, and answers were not compared; measure with --samples")
    if found.left_out:
        notes.append(f"{found.left_out} valid cuts were not measured")
    return notes
