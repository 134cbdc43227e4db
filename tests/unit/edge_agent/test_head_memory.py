"""What a model costs in memory: its weights once, and nothing for good of the activations it had."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WEIGHTS_MB, ACTIVATION_MB = 32, 48
PROGRAM = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from edge_agent.head import Runner

def anonymous_mb():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024

def loaded(path):
    return Runner(Path(path).read_bytes(), 1)

first = loaded(sys.argv[2])  # what any session costs
before = anonymous_mb()
model = loaded(sys.argv[1])
after = anonymous_mb()
frame = {"x": np.zeros((1, 1024), np.float32)}
with ThreadPoolExecutor(1) as pool:
    for _ in range(3):
        pool.submit(model, frame).result()
print(after - before, anonymous_mb() - after)
"""


def _model(rows: int, columns: int, times: int) -> onnx.ModelProto:
    """x (1×rows) times weights, spread to `times` rows in between, summed up again."""
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, rows]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, columns]),
    ]
    weights = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    values = [
        numpy_helper.from_array(weights, "w"),
        numpy_helper.from_array(np.array([times, columns], np.int64), "s"),
        numpy_helper.from_array(np.array([0], np.int64), "axes"),
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Expand", ["a", "s"], ["b"]),
        helper.make_node("ReduceSum", ["b", "axes"], ["y"], keepdims=1),
    ]
    graph = helper.make_graph(nodes, "large", *[[end] for end in ends], values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_weights_are_kept_once_and_activations_not_at_all(tmp_path: Path) -> None:
    """Half as much again as the weights for the session itself; after runs in a thread, next to nothing more."""
    columns = WEIGHTS_MB * 1024 * 1024 // (4 * 1024)
    onnx.save(_model(1024, columns, ACTIVATION_MB * 1024 * 1024 // (4 * columns)), tmp_path / "large.onnx")
    onnx.save(_model(8, 8, 2), tmp_path / "small.onnx")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "large.onnx"), str(tmp_path / "small.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loading, running = map(float, done.stdout.split())
    assert loading < 1.5 * WEIGHTS_MB
    assert running < ACTIVATION_MB / 4
