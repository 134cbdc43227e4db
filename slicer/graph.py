"""Finds where a model can be cut: the tensors that every path from its inputs to its outputs runs through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from onnx import GraphProto, ModelProto, NodeProto

from slicer import load
from slicer.macs import macs
from slicer.model import CutPoint, SlicerError, Tensor


def cut_points(model: ModelProto, seen: Mapping[str, Tensor] | None = None) -> list[CutPoint]:
    """The valid cuts from the input to the output; `model` has its shapes inferred (`load.with_shapes`).

    `seen`: what is known of tensors beyond that, from a run.
    Walks the graph in its order and counts the tensors that are live between two nodes: made before, needed after.
    Constants do not count, both halves may hold them. Where exactly one is live the model can be cut there. A
    model's inputs and its last tensor are no cuts: uploading the input and running all of it locally need none.
    """
    known = {**load.tensors(model), **(seen or {})}
    nodes = live_nodes(model)
    costs = [macs(node, known, model.graph) for node in nodes]
    total = _sum(costs)
    others = _no_tensors(model)
    found: list[CutPoint] = []
    for position, name in _alone(model, nodes):
        if name in others:
            continue
        spent = _sum(costs[: position + 1])
        about = known.get(name, Tensor(name, "", None))
        found.append(CutPoint(len(found), about, nodes[position].op_type, position + 1, spent, total))
    return found


def input_cut(model: ModelProto) -> CutPoint:
    """The cut at the only input, from which the device does nothing but send. Raises SlicerError."""
    values = load.inputs(model)
    if len(values) != 1:
        raise SlicerError(f"the model has {len(values)} inputs and one tensor is sent: cut it at a tensor")
    return CutPoint(-1, load.tensor(values[0]), "Input", 0, 0, None)


def unknown(model: ModelProto) -> list[str]:
    """The tensors between its nodes whose sizes inference left open."""
    known = load.tensors(model)
    others = _no_tensors(model)
    names = (name for node in live_nodes(model) for name in node.output if name and name not in others)
    return [name for name in names if name not in known or known[name].elements is None]


def find(cuts: Sequence[CutPoint], at: str) -> CutPoint:
    """The cut with that index, tensor name or id. Raises SlicerError, which names near ones."""
    for cut in cuts:
        if at in (cut.tensor.name, cut.id) or at == str(cut.index):
            return cut
    if not cuts:
        raise SlicerError("the model has no valid cut: more than one tensor is live everywhere")
    raise SlicerError(
        f'"{at}" is no valid cut: exactly one tensor must be live there; say an index from 0 to '
        f"{len(cuts) - 1} or a tensor as `sliceplane-slicer cuts` lists them"
    )


def reads(node: NodeProto) -> set[str]:
    """The tensors that a node needs, those that its sub-graphs take from outside included."""
    names = {name for name in node.input if name}
    for graph in _subgraphs(node):
        names |= _free(graph)
    return names


def varying(model: ModelProto) -> set[str]:
    """The tensors that depend on an input; the others are constants, whatever computes them."""
    names = {value.name for value in load.inputs(model)}
    for node in model.graph.node:
        if names & reads(node) or _draws(node):
            names.update(name for name in node.output if name)
    return names


def live_nodes(model: ModelProto) -> list[NodeProto]:
    """The nodes, in order, that depend on an input and that some output depends on."""
    moving = varying(model)
    needed = {value.name for value in model.graph.output}
    kept: list[NodeProto] = []
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            needed |= reads(node)
            if moving & set(node.output):
                kept.append(node)
    return kept[::-1]


def _alone(model: ModelProto, nodes: list[NodeProto]) -> Iterator[tuple[int, str]]:
    """Positions after which exactly one tensor is live, and its name."""
    moving = varying(model)
    last = _last_use(model, nodes)
    live = {value.name for value in load.inputs(model) if value.name in last}
    given = set(live)
    for position, node in enumerate(nodes[:-1]):
        live |= {name for name in node.output if name in moving and name in last}
        live -= {name for name in live if last[name] <= position}
        if len(live) == 1 and not live & given:
            yield position, next(iter(live))


def _no_tensors(model: ModelProto) -> set[str]:
    """Sequences, optionals and maps: nothing that can be sent."""
    kinds = {v.name: v.type.WhichOneof("value") for v in (*model.graph.value_info, *model.graph.output)}
    return {name for name, kind in kinds.items() if kind not in (None, "tensor_type")}


def _last_use(model: ModelProto, nodes: list[NodeProto]) -> dict[str, int]:
    """The position of the last node that needs each tensor; an output of the model is needed to the end."""
    last: dict[str, int] = {}
    for position, node in enumerate(nodes):
        last.update(dict.fromkeys(reads(node), position))
    last.update({value.name: len(nodes) for value in model.graph.output})
    return last


def _sum(costs: Iterable[int | None]) -> int | None:
    total = 0
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total


def _subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _free(graph: GraphProto) -> set[str]:
    """The names that a sub-graph uses and does not define."""
    defined = {value.name for value in graph.input} | {i.name for i in graph.initializer}
    used = {value.name for value in graph.output}
    for node in graph.node:
        used |= reads(node)
        defined |= set(node.output)
    return used - defined


_DRAWING = frozenset({"RandomNormal", "RandomUniform"})


def _draws(node: NodeProto) -> bool:
    """Whether it makes something new at each run though it reads nothing, so that no half may repeat it."""
    return node.op_type in _DRAWING
