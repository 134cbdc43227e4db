"""Training a Transfer Layer on a small model: what comes out, the same each time, and resumed runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from onnx import ModelProto, checker, save

pytest.importorskip("torch", reason="training needs torch: pip install 'sliceplane[train]'")

import torch

from common.bundle import Bundle
from slicer import main as cli
from slicer.cut import split
from slicer.graph import cut_points, find
from slicer.load import parse, with_shapes
from slicer.model import SlicerError
from slicer.run import Session
from slicer.train.bottleneck import Bottleneck
from slicer.train.settings import Settings
from slicer.train.stages import Run
from slicer.train.tail import TorchTail
from slicer.train.train import train
from tests.unit.slicer import graphs

IMAGES = np.random.default_rng(0).normal(size=(40, 1, 3, 8, 8)).astype(np.float32)
SAMPLES = [{"x": one} for one in IMAGES]
SHORT = Settings(channels=2, epochs=2, batch=8)


def _train(model: ModelProto, **more: object) -> bytes:
    return train(model, "conv2", SAMPLES, SHORT, name="m", level="rans-4", **more)  # type: ignore[arg-type]


def test_a_trained_bundle_has_valid_parts_and_rates() -> None:
    """The smaller tensor travels, the answer has the model's shape, each level has a rate, losses fall."""
    lines: list[str] = []
    longer = Settings(channels=2, epochs=12, batch=8)
    bundle = Bundle.open(train(graphs.chain(), "conv2", SAMPLES, longer, name="m", level="rans-4", say=lines.append))
    assert bundle.manifest.cut.shape[1:] == (2, 3, 3)
    for part in (bundle.head_bytes(), bundle.tail_bytes()):
        checker.check_model(parse(part, "part"), full_check=True)
    sent = next(iter(Session(bundle.head_bytes())(SAMPLES[0]).values()))
    answer = next(iter(Session(bundle.tail_bytes())({bundle.manifest.tail_input: sent}).values()))
    assert answer.shape == (1, 5)
    assert [rate.metric for rate in bundle.manifest.rates] == ["agreement"] * 6
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in lines if line.startswith("stage 1")]
    assert losses[-1] < losses[0]


def test_a_resumed_run_is_the_same_run(tmp_path: Path) -> None:
    """A run stopped after each epoch and taken up again gives the bytes of one that was never stopped."""
    path = tmp_path / "c.pt"

    def stopping(line: str) -> None:
        if line.startswith("stage 2 epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _train(graphs.chain(), checkpoint=path, say=stopping)
    assert _train(graphs.chain(), checkpoint=path) == _train(graphs.chain())
    with pytest.raises(SlicerError, match="other settings"):
        train(graphs.chain(), "conv2", SAMPLES, Settings(channels=3), name="m", level="rans-4", checkpoint=path)


def test_the_published_layer_is_trained_too() -> None:
    """All channels travel on a map of half the sides; the manifest says which layer it is."""
    content = train(graphs.chain(), "conv2", SAMPLES, replace(SHORT, family="strided"), name="m", level="rans-4")
    manifest = Bundle.open(content).manifest
    assert (manifest.transfer_layer, manifest.cut.shape[1:]) == ("strided", (8, 3, 3))


def test_training_ends_within_the_budget() -> None:
    """All may be lost: stage 2 ends after its first epoch and says so. Nothing may be: it goes on to its last."""
    for budget, epochs in ((1.0, 1), (-1.0, 3)):
        lines: list[str] = []
        wanted = Settings(channels=2, epochs=3, batch=8, budget=budget)
        train(graphs.chain(), "conv2", SAMPLES, wanted, name="m", level="rans-4", say=lines.append)
        assert sum(line.startswith("stage 2 epoch") for line in lines) == epochs
        assert any("stage 2 ends here" in line for line in lines) == (epochs == 1)


def test_a_heavier_bit_is_spent_less_often() -> None:
    """The weight of a bit decides between bits and likeness."""
    found = []
    for weight in (0.0, 0.5):
        lines: list[str] = []
        torch.manual_seed(0)
        features = np.random.default_rng(0).normal(size=(64, 4, 16, 16)).astype(np.float16)
        run = Run(features, [], Settings(epochs=6, batch=8, weight=weight), say=lines.append)
        run.match(Bottleneck(4, 4, (16, 16), 1, positive=False))
        found.append(float(lines[-1].split(", ")[1].split()[0]))
    assert found[1] < 0.9 * found[0]


@pytest.mark.parametrize("at", ["0", "1", "2"])
def test_torch_computes_what_onnxruntime_does(at: str) -> None:
    """The tail as a torch module gives the answers of the ONNX tail, but for rounding."""
    whole = graphs.chain()
    halves = split(whole, find(cut_points(with_shapes(whole, {})), at))
    features = next(iter(Session(halves.head)({"x": IMAGES[:, 0]}).values()))
    expected = next(iter(Session(halves.tail)({halves.tail.graph.input[0].name: features}).values()))
    with torch.no_grad():
        found = TorchTail(halves.tail)(torch.from_numpy(features))[0].numpy()
    assert np.allclose(found, expected, atol=1e-5 * expected.std())


def test_the_command_trains_with_labels(tmp_path: Path) -> None:
    """Labels in the .npz are measured against; a name that is not there is one line and exit code 2."""
    save(graphs.chain(), tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", x=IMAGES[:, 0], y=np.zeros(40, np.int64))
    said = [
        "train", str(tmp_path / "m.onnx"), "--at", "conv2", "--data", str(tmp_path / "d.npz"), "--epochs", "1",
        "--channels", "2", "-o", str(tmp_path / "m.bundle"), "--labels",
    ]  # fmt: skip
    done = CliRunner().invoke(cli.main, [*said, "y"])
    assert done.exit_code == 0, done.output
    assert Bundle.open(tmp_path / "m.bundle").manifest.rates[0].metric == "accuracy"
    refused = CliRunner().invoke(cli.main, [*said, "z"])
    assert (refused.exit_code, refused.output.count("\n")) == (2, 1)
