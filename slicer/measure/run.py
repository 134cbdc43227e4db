"""Measures a model: local run, heads and tails as fused graphs, and every codec level at every cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto

from common.digests import digest_of
from slicer import graph, load
from slicer.cost import Layer
from slicer.cut import EXACT, split
from slicer.examples import Examples
from slicer.listing import listed
from slicer.measure.between import costs, known
from slicer.measure.document import Measurements, Piece
from slicer.measure.edges import Edge
from slicer.measure.first_block import first_block
from slicer.measure.judge import Judge
from slicer.measure.spread import NOTHING, timed
from slicer.measure.subset import pick
from slicer.measure.upload import upload_costs
from slicer.model import INPUT, CutPoint
from slicer.pixels import GUESSED, Scaling
from slicer.run import Session
from slicer.samples import Arrays

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Setup:
    """How to measure. `threads` of the device, 0: one a core; `slowdown`: how many times slower the device is.

    `most`: cuts at most; `wanted`: cuts that must be among them, as `cuts` lists them. `levels`: of the codec; none
    named: all. `scaling`: how the model's input was made of pixels.
    """

    edge: Edge
    threads: int = 0
    slowdown: float = 1.0
    repeats: int = 15
    most: int = 12
    wanted: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    scaling: Scaling = GUESSED


def measure(whole: ModelProto, name: str, given: Examples, setup: Setup, tell: Tell) -> Measurements:
    """Everything about `whole`; `tell` hears of the progress. Raises SlicerError."""
    shapes = {key: value.shape for key, value in given.inputs[0].items()}
    fixed = load.with_shapes(whole, shapes)
    cuts = [cut for cut in listed(whole, shapes) if cut.tensor.dtype in EXACT]
    nodes = graph.live_nodes(whole)
    block = first_block(nodes)
    chosen = pick(cuts, setup.most, _wanted(cuts, setup, block))
    tell(f"{len(chosen)} of {len(cuts)} cuts, {len(given.inputs)} inputs ({given.source})")
    session = Session(fixed, setup.threads)
    answers = [session(one) for one in given.inputs]
    local = timed(lambda run: session(given.inputs[run % len(given.inputs)]), setup.repeats).times(setup.slowdown)
    tell(f"local {local.median_ms:.2f} ms")
    pieces = _pieces(fixed, chosen, given, answers, setup, tell)
    samples = len(given.inputs) if given.real else 0
    return Measurements(
        name, digest_of(load.serialise(whole, "the model")), given.source, samples, setup.threads, setup.slowdown,
        setup.edge.name, tuple(node.output[0] for node in nodes), block, local,
        float(np.mean([sum(value.nbytes for value in one.values()) for one in answers])), tuple(pieces),
        len(cuts) - len(chosen),
    )  # fmt: skip


def _wanted(cuts: Sequence[CutPoint], setup: Setup, block: Layer | None) -> list[CutPoint]:
    """The cuts asked for, and if there is room the first one that the private rule allows."""
    found = {cut.index: cut for cut in (graph.find(cuts, at) for at in setup.wanted)}
    allowed = next((cut for cut in cuts if block and cut.head_nodes >= block.depth), None)
    if allowed and len(found) < setup.most:
        found.setdefault(allowed.index, allowed)
    return list(found.values())


def _pieces(
    fixed: ModelProto, chosen: Sequence[CutPoint], given: Examples, answers: Sequence[Arrays], setup: Setup, tell: Tell
) -> list[Piece]:
    found: list[Piece] = []
    if len(load.inputs(fixed)) == 1:
        found.append(_input_piece(fixed, given, answers, setup))
        tell(f"input: all of it on the edge {found[0].edge.median_ms:.2f} ms")
    for number, cut in enumerate(chosen, 1):
        piece = _piece(fixed, cut, given, answers, setup)
        found.append(piece)
        tell(
            f"{number}/{len(chosen)} {cut.id}: head {piece.device.median_ms:.2f} ms, tail {piece.edge.median_ms:.2f} ms"
        )
    return found


def _piece(fixed: ModelProto, cut: CutPoint, given: Examples, answers: Sequence[Arrays], setup: Setup) -> Piece:
    halves = split(fixed, cut)
    head = Session(halves.head, setup.threads)
    values = [np.asarray(next(iter(head(one).values())), np.float32) for one in given.inputs]
    device = timed(lambda run: head(given.inputs[run % len(given.inputs)]), setup.repeats).times(setup.slowdown)
    name = load.inputs(halves.tail)[0].name
    edge = setup.edge.time(halves.tail, [{name: value} for value in values], setup.repeats)
    judge = Judge(halves.tail, name, answers if given.real else ())
    found = costs(values, judge, setup.slowdown, setup.repeats, known(setup.levels))
    return Piece(cut.id, cut.tensor.name, cut.head_nodes, int(values[0].nbytes), device, edge, found)


def _input_piece(fixed: ModelProto, given: Examples, answers: Sequence[Arrays], setup: Setup) -> Piece:
    """The input itself as the place to send from."""
    name = load.inputs(fixed)[0].name
    inputs = [one[name] for one in given.inputs]
    edge = setup.edge.time(fixed, given.inputs, setup.repeats)
    judge = Judge(fixed, name, answers if given.real else ())
    found = upload_costs(inputs, setup.scaling, judge, setup.slowdown, setup.repeats)
    if inputs[0].dtype.name in EXACT:
        values = [np.asarray(one, np.float32) for one in inputs]
        found = (*found, *costs(values, judge, setup.slowdown, setup.repeats, known(setup.levels)))
    return Piece(INPUT, name, 0, int(inputs[0].nbytes), NOTHING, edge, found)
