"""On any graph: exactly the valid cuts are listed, and at each of them head and tail are the whole."""

import numpy as np
from hypothesis import given, settings
from onnx import ModelProto

from slicer import load
from slicer.cut import split
from slicer.examples import noise
from slicer.listing import listed
from slicer.run import Session
from tests.strategies_slicer import networks


def _needed(made: ModelProto) -> list[str]:
    """The tensors, in order of their nodes, that some output depends on and that depend on an input."""
    wanted = {value.name for value in made.graph.output}
    for one in reversed(made.graph.node):
        if wanted & set(one.output):
            wanted |= set(one.input)
    return [one.output[0] for one in made.graph.node if one.output[0] in wanted]


def _avoids(made: ModelProto, without: str) -> bool:
    """Whether a path leads from an input to an output around a tensor."""
    seen = {value.name for value in made.graph.input}
    for one in made.graph.node:
        if seen & set(one.input) and one.output[0] != without:
            seen.add(one.output[0])
    return bool(seen & {value.name for value in made.graph.output})


@given(networks())
@settings(max_examples=300)
def test_cuts_are_what_every_path_runs_through(made: ModelProto) -> None:
    """A tensor is listed exactly if no output can be reached from an input around it; the last one is no cut."""
    order = _needed(made)
    want = [name for name in order[:-1] if not _avoids(made, name)]
    assert [cut.tensor.name for cut in listed(made, {})] == want


@given(networks())
@settings(max_examples=40, deadline=None)
def test_head_and_tail_are_the_whole(made: ModelProto) -> None:
    """At every cut, on noise, to 1e-4: the two halves may be optimised differently."""
    values = noise(made, {})
    whole = Session(made, threads=1)(values)
    for cut in listed(made, {}):
        halves = split(made, cut)
        (activation,) = Session(halves.head, threads=1)(values).values()
        got = Session(halves.tail, threads=1)({load.inputs(halves.tail)[0].name: activation})
        assert got.keys() == whole.keys()
        for name, value in whole.items():
            np.testing.assert_allclose(got[name].astype(np.float64), value.astype(np.float64), rtol=1e-4, atol=1e-4)
