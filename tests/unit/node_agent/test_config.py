"""config.pbtxt as Triton's own parser reads it."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from common.onnx_meta import DATATYPES
from node_agent.config import RESOURCE, config_pbtxt


def _parsed(facts: dict[str, object], batch: int = 8, priority: int | None = None) -> model_config_pb2.ModelConfig:
    text = config_pbtxt("w", facts, batch, 2000 if priority is None else 0, priority)
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def _tensor(name: str, shape: list[int], datatype: str = "FP32") -> dict[str, object]:
    return {"name": name, "datatype": datatype, "shape": shape}


def test_batchable_model() -> None:
    """Where axis 0 varies everywhere Triton batches up to the planned size, preferring it, and waits as planned."""
    facts = {"inputs": [_tensor("x", [-1, 3, -1])], "outputs": [_tensor("y/1", [-1, 2])], "batchable": True}
    config = _parsed(facts)
    assert (config.max_batch_size, list(config.dynamic_batching.preferred_batch_size)) == (8, [8])
    assert config.dynamic_batching.max_queue_delay_microseconds == 2000
    assert [(i.name, list(i.dims)) for i in config.input] == [("x", [3, -1])]
    assert [(o.name, list(o.dims)) for o in config.output] == [("y/1", [2])]
    assert [group.count for group in config.instance_group] == [1]
    assert not config.instance_group[0].HasField("rate_limiter")


@pytest.mark.parametrize("priority", [1, 2**32 - 1])
def test_tenant_of_a_shared_segment(priority: int) -> None:
    """Each execution takes the segment's one resource; what waits runs together, up to the planned size, undelayed."""
    facts = {"inputs": [_tensor("x", [-1, 3])], "outputs": [_tensor("y", [-1, 2])], "batchable": True}
    config = _parsed(facts, priority=priority)
    (group,) = config.instance_group
    assert (group.count, group.rate_limiter.priority) == (1, priority)
    assert [(r.name, r.count, getattr(r, "global")) for r in group.rate_limiter.resources] == [(RESOURCE, 1, True)]
    assert config.max_batch_size == 8
    assert config.HasField("dynamic_batching")
    assert not config.dynamic_batching.preferred_batch_size
    assert config.dynamic_batching.max_queue_delay_microseconds == 0


def test_fixed_model_keeps_its_shapes() -> None:
    """Without a batch axis nothing is batched and shapes are whole."""
    facts = {"inputs": [_tensor("x", [1, 3])], "outputs": [_tensor("y", [1, 2])], "batchable": False}
    config = _parsed(facts)
    assert config.max_batch_size == 0
    assert not config.HasField("dynamic_batching")
    assert list(config.input[0].dims) == [1, 3]


def test_batch_of_one_needs_no_batcher() -> None:
    """A planned batch of one keeps the batch axis but waits for nothing."""
    facts = {"inputs": [_tensor("x", [-1, 3])], "outputs": [_tensor("y", [-1, 2])], "batchable": True}
    config = _parsed(facts, batch=1)
    assert config.max_batch_size == 1
    assert not config.HasField("dynamic_batching")


def test_scalar_items_are_reshaped() -> None:
    """Items that are scalars get one dimension towards clients and none towards the model."""
    facts = {"inputs": [_tensor("x", [-1])], "outputs": [_tensor("y", [-1])], "batchable": True}
    config = _parsed(facts)
    assert list(config.input[0].dims) == [1]
    assert config.input[0].HasField("reshape")
    assert list(config.input[0].reshape.shape) == []


@pytest.mark.parametrize("datatype", sorted(set(DATATYPES.values())))
def test_every_datatype_is_one_of_tritons(datatype: str) -> None:
    """Every element type that a model may have is known to Triton's parser."""
    facts = {"inputs": [_tensor("x", [2], datatype)], "outputs": [_tensor("y", [2])], "batchable": False}
    assert _parsed(facts).input[0].data_type != model_config_pb2.TYPE_INVALID


def test_names_cannot_break_out() -> None:
    """A tensor's name with quotes, braces and other letters stays a name."""
    name = 'x" } evil { \\ é'
    facts = {"inputs": [_tensor(name, [2])], "outputs": [_tensor("y", [2])], "batchable": False}
    assert _parsed(facts).input[0].name == name
